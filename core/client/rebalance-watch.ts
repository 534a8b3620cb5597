import type { Clock } from '../base/clock.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { Logger } from '../base/logger.ts'
import type { Sensor } from '../base/sensor.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { ConsumerEvents } from './client-events.ts'
import type { GroupStats } from './metrics/group-stats.ts'
import type { GroupMetadata, RebalanceListener } from './types.ts'

/** Partitions named in one line of the log. */
const NAMES_MAX = 20

export interface RebalanceWatchOptions {
  clock: Clock
  logger: Logger
  stats: GroupStats
  events: EventHub<ConsumerEvents>
}

const sentences = {
  assigned: 'consumer: partitions were assigned',
  revoked: 'consumer: partitions were given up',
  lost: 'consumer: partitions were lost to somebody else',
} as const
type Change = keyof typeof sentences

interface Watched {
  readonly listener: RebalanceListener
  readonly member: { readonly metadata: GroupMetadata }
}

/** Stands between rebalances and those who are told of them: measures how long they take, logs, and tells those who only look on. */
export class RebalanceWatch {
  readonly #options: RebalanceWatchOptions
  readonly #more: Set<RebalanceListener>

  constructor(options: RebalanceWatchOptions) {
    this.#options = options
    this.#more = new Set()
  }

  /** Another listener, told after the one that is watched. Returns the way to stop that. */
  add(listener: RebalanceListener): () => void {
    this.#more.add(listener)
    return () => void this.#more.delete(listener)
  }

  /** The same listener, watched. */
  over(listener: RebalanceListener, member: { readonly metadata: GroupMetadata }): Required<RebalanceListener> {
    const watch = { listener, member }
    return {
      onAssigned: (partitions) => this.#tell('assigned', watch, partitions, (one) => one.onAssigned?.(partitions)),
      onRevoked: (partitions) => this.#tell('revoked', watch, partitions, (one) => one.onRevoked?.(partitions)),
      onLost: (partitions) =>
        this.#tell('lost', watch, partitions, (one) => (one.onLost === undefined ? one.onRevoked?.(partitions) : one.onLost(partitions))),
    }
  }

  async #tell(
    change: Change,
    { listener, member }: Watched,
    partitions: TopicPartition[],
    call: (one: RebalanceListener) => void | Promise<void>,
  ): Promise<void> {
    const { clock, logger, stats, events } = this.#options
    const from = clock.monotonic()
    if (change !== 'assigned') stats.begins(from)
    try {
      await call(listener)
      for (const one of this.#more) await call(one)
    } finally {
      const now = clock.monotonic()
      const sensor: Sensor = stats[change]
      sensor.record(now - from, now)
      if (change === 'assigned') stats.ends(now)
      const { groupId, memberId, generation } = member.metadata
      const fields = {
        groupId,
        memberId,
        generation,
        count: partitions.length,
        partitions: namesOf(partitions),
        tookMs: Math.round(now - from),
      }
      if (change === 'lost') logger.warn(fields, sentences[change])
      else logger.info(fields, sentences[change])
      events.emit(change, { partitions })
    }
  }
}

function namesOf(partitions: readonly TopicPartition[]): string[] {
  const names = partitions.slice(0, NAMES_MAX).map(tpKey)
  return partitions.length > NAMES_MAX ? [...names, '...'] : names
}
