import { messageOf } from '../base/errors.ts'
import { EventHub } from '../base/event-hub.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
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

  metrics(partitions: Iterable<PartitionState>): MetricsSnapshot<ConsumerMetricName> {
    return this.stats.snapshot(this.#name, partitions)
  }

  /** Tells whoever looks on what a call is about to throw, and hands it back. */
  told(call: string, cause: unknown): unknown {
    this.events.emit('error', { message: `consumer: ${call}(): ${messageOf(cause)}`, cause })
    return cause
  }
}
