import type { Clock } from '../base/clock.ts'
import { crc32c } from '../base/crc32c.ts'
import { randomUuid } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { LocalMetadata } from '../coordination/local.ts'
import { kafkaError } from '../protocol/errors.ts'
import { configResourceTypes } from '../protocol/config-codes.ts'
import { splitList } from './config-type.ts'
import { parseMatch } from './telemetry-match.ts'
import type { MatchName } from './telemetry-match.ts'

/** Clients whose subscription is remembered; beyond it those that asked longest ago ask again. */
export const TELEMETRY_CLIENTS_MAX = 10_000

/** How often a client asks again when nothing is wanted of it, in milliseconds. */
const PUSH_INTERVAL_MS = 300_000

/** What a subscription can look at. */
export type ClientTraits = Readonly<Record<MatchName, string>>

/** What a client is asked to send. */
export interface Subscription {
  readonly id: number
  readonly pushIntervalMs: number
  /** Prefixes of names; `*` alone asks for all. */
  readonly metrics: readonly string[]
}

interface Instance {
  readonly subscription: Subscription
  readonly version: number
  askedAt: number
  pushedAt: number
  terminated: boolean
}

/** The metrics that clients are asked for (KIP-714): which, how often, and what became of it. Kafka's `ClientMetricsManager`. */
export class Telemetry {
  readonly #metadata: LocalMetadata
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #instances: Map<string, Instance>

  constructor(metadata: LocalMetadata, clock: Clock, random: RandomBytes) {
    this.#metadata = metadata
    this.#clock = clock
    this.#random = random
    this.#instances = new Map()
  }

  newInstanceId(): string {
    return randomUuid(this.#random)
  }

  /**
   * GetTelemetrySubscriptions.
   * @throws KafkaError THROTTLING_QUOTA_EXCEEDED when the client asks again too soon
   */
  subscribe(instanceId: string, traits: ClientTraits): Subscription {
    const now = this.#clock.monotonic()
    const known = this.#instances.get(instanceId)
    const isCurrent = known !== undefined && known.version === this.#metadata.version
    if (
      isCurrent &&
      !known.terminated &&
      known.askedAt >= 0 &&
      now - known.askedAt < known.subscription.pushIntervalMs &&
      known.pushedAt < known.askedAt
    )
      throw kafkaError('THROTTLING_QUOTA_EXCEEDED', 'the subscription was asked for a moment ago')
    const subscription = this.#match(instanceId, traits)
    if (!this.#instances.has(instanceId) && this.#instances.size >= TELEMETRY_CLIENTS_MAX)
      this.#instances.delete(this.#instances.keys().next().value!)
    this.#instances.delete(instanceId)
    this.#instances.set(instanceId, { subscription, version: this.#metadata.version, askedAt: now, pushedAt: -1, terminated: false })
    return subscription
  }

  /**
   * PushTelemetry: whether what was sent may be taken.
   * @throws KafkaError UNKNOWN_SUBSCRIPTION_ID, THROTTLING_QUOTA_EXCEEDED, INVALID_REQUEST
   */
  push(instanceId: string, traits: ClientTraits, subscriptionId: number, terminating: boolean): void {
    const now = this.#clock.monotonic()
    const known = this.#instances.get(instanceId)
    if (known === undefined || known.subscription.id !== subscriptionId || this.#match(instanceId, traits).id !== subscriptionId)
      throw kafkaError('UNKNOWN_SUBSCRIPTION_ID', `subscription ${subscriptionId} is not the one of this client: ask for it again`)
    if (known.terminated) throw kafkaError('INVALID_REQUEST', 'the client has said before that it ends')
    if (!terminating && known.pushedAt >= 0 && now - known.pushedAt < known.subscription.pushIntervalMs)
      throw kafkaError('THROTTLING_QUOTA_EXCEEDED', 'metrics were sent a moment ago')
    known.pushedAt = now
    known.terminated = terminating
  }

  #match(instanceId: string, traits: ClientTraits): Subscription {
    const metrics = new Set<string>()
    let pushIntervalMs = Infinity
    const matched: string[] = []
    for (const name of this.#metadata.configured(configResourceTypes.clientMetrics)) {
      const configs = this.#metadata.configs(configResourceTypes.clientMetrics, name)
      const selectors = splitList(configs.get('match') ?? '').map(parseMatch)
      if (!selectors.every(({ name: trait, pattern }) => pattern.test(traits[trait]))) continue
      for (const metric of splitList(configs.get('metrics') ?? '')) metrics.add(metric)
      pushIntervalMs = Math.min(pushIntervalMs, Number(configs.get('interval.ms') ?? PUSH_INTERVAL_MS))
      matched.push(name, ...configs.values())
    }
    const wanted = metrics.has('*') ? ['*'] : [...metrics]
    // Another instance, other metrics or another interval: another number.
    const id = crc32c(Buffer.from(JSON.stringify([instanceId, matched]))) | 0
    return { id, pushIntervalMs: pushIntervalMs === Infinity ? PUSH_INTERVAL_MS : pushIntervalMs, metrics: wanted }
  }
}
