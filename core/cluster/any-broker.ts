import { messageOf, MoldauError } from '../base/errors.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { addressText } from './address.ts'
import type { Address } from './address.ts'
import type { BrokerConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { ClusterImage } from './metadata.ts'
import type { Reconnects } from './reconnects.ts'

export interface AnyBrokerOptions {
  image: () => ClusterImage
  /** Where to begin, and to begin again. */
  bootstrap: readonly Address[]
  /** Kafka's `metadata.recovery.strategy`: whether the bootstrap addresses are tried again when no known broker answers. */
  strategy: 'rebootstrap' | 'none'
  control: Connections
  reconnects: Reconnects
  random: RandomBytes
  dial: (address: Address) => Promise<BrokerConnection>
  isClosed: () => boolean
}

interface Candidate {
  address: Address
  text: string
  connect: () => Promise<BrokerConnection>
}

/** Chooses whom to ask what any broker can answer. */
export class AnyBroker {
  readonly #options: AnyBrokerOptions
  /** Made to a bootstrap address, before or beside what metadata says. */
  #seed: BrokerConnection | undefined
  #dialing: Promise<BrokerConnection> | undefined
  #fromBootstrap: boolean

  constructor(options: AnyBrokerOptions) {
    this.#options = options
    this.#seed = undefined
    this.#dialing = undefined
    this.#fromBootstrap = false
  }

  /**
   * The open connection with the least under way, or a new one: to a known broker, or else to a bootstrap address.
   *
   * @param asked connections that should not be used where there are others
   * @throws MoldauError CONNECTION_REFUSED naming every address that was tried
   */
  async connection(asked: ReadonlySet<BrokerConnection> = new Set()): Promise<BrokerConnection> {
    const open = this.#open()
    const best = leastLoaded(open.filter((each) => !asked.has(each)))
    if (best !== undefined) return best
    const remotes = new Set([...asked].map((each) => each.remote))
    if (remotes.size === 0) return (this.#dialing ??= this.#dial(remotes).finally(() => (this.#dialing = undefined)))
    return this.#dial(remotes)
  }

  /** Whether a connection was made to a bootstrap address: whoever answers there is the cluster, whatever was known before. */
  isSeed(connection: BrokerConnection): boolean {
    return connection === this.#seed
  }

  /** Nothing that is known of the brokers counts any more: the next connection is to a bootstrap address (KIP-1102). */
  rebootstrap(): void {
    if (this.#options.strategy === 'none') return
    this.#seed?.close()
    this.#seed = undefined
    this.#fromBootstrap = true
  }

  close(): void {
    this.#seed?.close()
  }

  /** Closes what was not used for so long. */
  closeIdle(maxIdleMs: number): void {
    if (this.#seed !== undefined && this.#seed.idleMs > maxIdleMs) this.#seed.close()
  }

  #open(): BrokerConnection[] {
    if (this.#fromBootstrap) return []
    const { image, control } = this.#options
    const known = [...image().brokers.keys()].map((node) => control.peek(node))
    return [this.#seed, ...known].filter((each) => each !== undefined).filter((each) => !each.closed)
  }

  async #dial(asked: ReadonlySet<string>): Promise<BrokerConnection> {
    const { isClosed, reconnects } = this.#options
    const candidates = this.#candidates().filter(({ text }) => !asked.has(text))
    let last: unknown
    // Who has just failed comes last: waiting for the end of that pause is worth it only when nobody else answers.
    for (const { connect } of candidates.toSorted((a, b) => reconnects.pauseMs(a.text) - reconnects.pauseMs(b.text))) {
      try {
        return await connect()
      } catch (error) {
        if (isRefusal(error) || isClosed()) throw error
        last = error
      }
    }
    throw nobodyAnswers(candidates, last)
  }

  #candidates(): Candidate[] {
    const { image, control, bootstrap, strategy } = this.#options
    const known = this.#fromBootstrap ? [] : [...image().brokers.values()]
    const candidates: Candidate[] = this.#shuffled(known).map((broker) => ({
      address: broker,
      text: addressText(broker),
      connect: () => control.get(broker.nodeId),
    }))
    if (known.length > 0 && strategy === 'none') return candidates
    const texts = new Set(candidates.map(({ text }) => text))
    for (const address of this.#shuffled(bootstrap)) {
      const text = addressText(address)
      if (!texts.has(text)) candidates.push({ address, text, connect: () => this.#connectSeed(address) })
      texts.add(text)
    }
    return candidates
  }

  async #connectSeed(address: Address): Promise<BrokerConnection> {
    const connection = await this.#options.dial(address)
    this.#seed?.close()
    this.#seed = connection
    this.#fromBootstrap = false
    return connection
  }

  /** So that a thousand clients do not all ask the first. */
  #shuffled<T>(items: readonly T[]): T[] {
    const left = [...items]
    const bytes = this.#options.random(Buffer.alloc(4 * left.length))
    return items.map((_, i) => left.splice(bytes.readUInt32BE(4 * i) % left.length, 1)[0]!)
  }
}

function leastLoaded(connections: readonly BrokerConnection[]): BrokerConnection | undefined {
  let best: BrokerConnection | undefined
  for (const each of connections) if (best === undefined || each.inFlight < best.inFlight) best = each
  return best
}

function nobodyAnswers(candidates: readonly Candidate[], last: unknown): MoldauError {
  const tried = candidates.map(({ text }) => text).join(', ')
  const message = `no broker answers at ${tried} (${messageOf(last)})${remedy(last)}`
  return new MoldauError('CONNECTION_REFUSED', message, { cause: last, retriable: true })
}

function remedy(last: unknown): string {
  const code = last instanceof MoldauError ? last.code : ''
  // That says itself what to do.
  if (code === 'TLS_FAILED') return ''
  const start = ': start one there (moldau broker), or correct the address'
  // It was there and hung up: that is what TLS does with plain text.
  if (code !== 'CONNECTION_LOST') return start
  return `${start}; if it speaks TLS say so: ssl or security.protocol of connect(), or in the file of --command-config`
}

/** Asking again, or somebody else, would not help: who we are or what we trust must change first. */
function isRefusal(error: unknown): boolean {
  return error instanceof MoldauError && !error.retriable && ['AUTHENTICATION_FAILED', 'TLS_FAILED', 'INVALID_CONFIG'].includes(error.code)
}
