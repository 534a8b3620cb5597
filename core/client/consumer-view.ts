import { messageOf } from '../base/errors.ts'
import { EventHub } from '../base/event-hub.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { ConsumerEvents } from './client-events.ts'
import { ConsumerStats } from './metrics/consumer-stats.ts'
import type { ConsumerMetricName } from './metrics/consumer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import type { PartitionState } from './partition-state.ts'
import { RebalanceWatch } from './rebalance-watch.ts'
import type { GroupMetadata, Isolation, RebalanceListener } from './types.ts'

/** What a consumer shows of itself: metrics, events, lines in the log. */
export class ConsumerView {
  readonly events: EventHub<ConsumerEvents>
  readonly stats: ConsumerStats
  readonly #name: string
  readonly #watch: RebalanceWatch

  /** @param name the `client-id` of its metrics */
  constructor({ clock, logger }: Cluster, name: string, isolation: Isolation) {
    this.events = new EventHub()
    this.stats = new ConsumerStats(clock, isolation)
    this.#name = name
    this.#watch = new RebalanceWatch({ clock, logger, stats: this.stats.group, events: this.events })
  }

  /** For the connections of the consumer. */
  get watcher(): ConnectionsWatcher {
    return this.stats.connections
  }

  /** The listener of a member, watched. */
  over(listener: RebalanceListener, member: { readonly metadata: GroupMetadata }): RebalanceListener {
    return this.#watch.over(listener, member)
  }

  /** Another listener; returns the way to take it away. */
  add(listener: RebalanceListener): () => void {
    return this.#watch.add(listener)
  }

  /** The program itself has said what is read. */
  reassigned(before: readonly TopicPartition[], now: readonly TopicPartition[]): void {
    const gone = without(before, now)
    const come = without(now, before)
    if (gone.length > 0) this.events.emit('revoked', { partitions: gone })
    if (come.length > 0) this.events.emit('assigned', { partitions: come })
  }

  metrics(partitions: Iterable<PartitionState>): MetricsSnapshot<ConsumerMetricName> {
    return this.stats.snapshot(this.#name, partitions)
  }

  /** Tells whoever looks on what went wrong, and hands it back to be thrown. */
  told(what: string, cause: unknown): unknown {
    this.events.emit('error', { message: `consumer: ${what}: ${messageOf(cause)}`, cause })
    return cause
  }
}

function without(all: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const keys = new Set(others.map(tpKey))
  return all.filter((tp) => !keys.has(tpKey(tp)))
}
