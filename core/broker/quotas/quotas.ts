import type { Clock } from '../../base/clock.ts'
import type { LocalMetadata, StoredQuotas } from '../../coordination/local.ts'
import { entityKey, findQuota, ipQuotaKey, sorted } from './entity.ts'
import type { ClientQuotaKey, Entity, FoundQuota } from './entity.ts'
import { Rate, TokenBucket } from './rate.ts'
import type { RateWindow } from './rate.ts'

/** Users, clients and addresses whose rates are remembered; beyond it those that were first seen longest ago begin anew. */
export const METERS_MAX = 10_000

/** No throttling is longer than this, in milliseconds: a client with a tiny quota shall still be heard from. */
const REQUEST_THROTTLE_MAX_SAMPLES = 1

/** Whose quota is asked for. */
export interface QuotaClient {
  /** Name of the principal, without its type; 'ANONYMOUS' who has not logged in. */
  readonly user: string
  readonly clientId: string
}

/** What becomes of an answer to a fetch. */
export interface FetchVerdict {
  /** Otherwise one without records takes its place. */
  readonly mayLeave: boolean
  /** How long the client has to be silent, in milliseconds. */
  readonly silenceMs: number
}

export interface QuotasOptions {
  metadata: LocalMetadata
  clock: Clock
  /** For rates of bytes, requests and connections. */
  window: RateWindow
  /** For mutations of the controller. */
  mutationWindow: RateWindow
  /** Told when somebody's quotas have changed: for observers. */
  onChange?: () => void
}

/** What users, clients and addresses may use of the broker, and what they have used of late. */
export class Quotas {
  readonly #metadata: LocalMetadata
  readonly #clock: Clock
  readonly #window: RateWindow
  readonly #mutationWindow: RateWindow
  readonly #onChange: () => void
  #limits: Map<string, StoredQuotas['values']>
  /** What was found for a kind of quota, a user and a client id: looked for once, not with every request. */
  readonly #found: Map<string, FoundQuota | undefined>
  readonly #rates: Map<string, Rate>
  readonly #buckets: Map<string, TokenBucket>

  constructor(options: QuotasOptions) {
    this.#metadata = options.metadata
    this.#clock = options.clock
    this.#window = options.window
    this.#mutationWindow = options.mutationWindow
    this.#onChange = options.onChange ?? (() => {})
    this.#found = new Map()
    this.#rates = new Map()
    this.#buckets = new Map()
    this.#limits = limitsOf(options.metadata)
  }

  /** False as long as nobody has a quota: then nothing needs to be measured. */
  get isActive(): boolean {
    return this.#limits.size > 0
  }

  list(): readonly StoredQuotas[] {
    return this.#metadata.quotas()
  }

  /**
   * Changes the quotas of an entity, durably; without any it is forgotten.
   *
   * @param change what becomes of those that it has; what it throws changes nothing
   */
  async change(entity: Entity, change: (values: StoredQuotas['values']) => StoredQuotas['values']): Promise<void> {
    const key = entityKey(entity)
    await this.#metadata.changeQuotas((quotas) => {
      const all = new Map(quotas.map((known) => [entityKey(known.entity), known]))
      const values = change(all.get(key)?.values ?? {})
      if (Object.keys(values).length === 0) all.delete(key)
      else all.set(key, { entity: sorted(entity), values })
      return [...all.values()]
    })
    this.#limits = limitsOf(this.#metadata)
    this.#found.clear()
    this.#onChange()
  }

  of(entity: Entity): StoredQuotas['values'] {
    return this.#limits.get(entityKey(entity)) ?? {}
  }

  /** The limit that counts for a client; undefined when it has none. */
  limit(key: ClientQuotaKey, { user, clientId }: QuotaClient): number | undefined {
    return this.#find(key, { user, clientId })?.limit
  }

  /**
   * Takes note of bytes, or of milliseconds spent on a request.
   * @returns how long the client has to be silent, in milliseconds
   */
  use(key: 'producer_byte_rate' | 'request_percentage', client: QuotaClient, amount: number): number {
    const found = this.#find(key, client)
    if (found === undefined) return 0
    const now = this.#clock.monotonic()
    const rate = this.#rate(`${key} ${found.scope}`)
    // A thousand milliseconds of one second are the hundred percent of one thread.
    const isTime = key === 'request_percentage'
    rate.record(isTime ? amount / 10 : amount, now)
    const excess = rate.excessMs(found.limit, now)
    return isTime ? Math.min(excess, this.#window.sampleMs * REQUEST_THROTTLE_MAX_SAMPLES) : excess
  }

  /**
   * Takes note of an answer to a fetch, if it may leave: one over the quota does not, and does not count. One that is larger than a whole window
   * allows leaves when no other has of late, and then the client is silent for long (Kafka never sends it).
   *
   * @param isHeld it stays here whatever its size is
   */
  fetch(client: QuotaClient, bytes: number, isHeld: boolean): FetchVerdict {
    const found = this.#find('consumer_byte_rate', client)
    if (found === undefined) return { mayLeave: !isHeld, silenceMs: 0 }
    const now = this.#clock.monotonic()
    const rate = this.#rate(`consumer_byte_rate ${found.scope}`)
    const isAlone = rate.at(now) === 0
    rate.record(bytes, now)
    const silenceMs = rate.excessMs(found.limit, now)
    const mayLeave = !isHeld && (silenceMs === 0 || isAlone)
    if (!mayLeave) rate.record(-bytes, now)
    return { mayLeave, silenceMs }
  }

  /** How many bytes a fetch may bring without being more than a whole window allows, when there was no other. */
  fetchBytesMax(client: QuotaClient): number {
    const limit = this.limit('consumer_byte_rate', client)
    // The newest sample has only begun.
    return limit === undefined ? Infinity : Math.ceil((limit * (this.#window.samples - 1) * this.#window.sampleMs) / 1000)
  }

  /** The mutations that a request may still make; undefined when the client has no quota for them. */
  mutations(client: QuotaClient): MutationQuota | undefined {
    const found = this.#find('controller_mutation_rate', client)
    if (found === undefined) return undefined
    const bucket = remembered(this.#buckets, found.scope, () => new TokenBucket(this.#mutationWindow))
    const now = (): number => this.#clock.monotonic()
    return {
      isEmpty: () => bucket.isEmpty(found.limit, now()),
      take: (count) => bucket.take(count, found.limit, now()),
      excessMs: () => bucket.excessMs(found.limit, now()),
    }
  }

  /**
   * Takes note of a connection.
   * @returns 0 when it may come in; otherwise how long its address has to be silent, in milliseconds
   */
  connect(address: string): number {
    const limit = (this.#limits.get(entityKey([['ip', address]])) ?? this.#limits.get(entityKey([['ip', null]])))?.[ipQuotaKey]
    if (limit === undefined) return 0
    const now = this.#clock.monotonic()
    const rate = this.#rate(`${ipQuotaKey} ${address}`)
    rate.record(1, now)
    const excess = rate.excessMs(limit, now)
    // It does not come in, so it does not count.
    if (excess > 0) rate.record(-1, now)
    return excess
  }

  #find(key: ClientQuotaKey, { user, clientId }: QuotaClient): FoundQuota | undefined {
    // No principal has a zero byte in its name.
    const asked = `${key}\0${user}\0${clientId}`
    if (this.#found.has(asked)) return this.#found.get(asked)
    if (this.#found.size >= METERS_MAX) this.#found.clear()
    const found = findQuota(this.#limits, key, user, clientId)
    this.#found.set(asked, found)
    return found
  }

  #rate(scope: string): Rate {
    return remembered(this.#rates, scope, () => new Rate(this.#window))
  }
}

/** What a client may still change in the cluster: partitions made or taken away (KIP-599). */
export interface MutationQuota {
  isEmpty(): boolean
  take(count: number): void
  /** How long the client has to be silent, in milliseconds. */
  excessMs(): number
}

function limitsOf(metadata: LocalMetadata): Map<string, StoredQuotas['values']> {
  return new Map(metadata.quotas().map(({ entity, values }) => [entityKey(entity), values]))
}

function remembered<T>(known: Map<string, T>, scope: string, make: () => T): T {
  let meter = known.get(scope)
  if (meter !== undefined) return meter
  if (known.size >= METERS_MAX) known.delete(known.keys().next().value!)
  known.set(scope, (meter = make()))
  return meter
}
