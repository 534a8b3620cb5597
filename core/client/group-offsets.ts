import { MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { Connections } from '../cluster/connections.ts'
import { noSuchPartition } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { KafkaError } from '../protocol/errors.ts'
import { fencedInstance } from './group-join.ts'
import type { Membership } from './membership.ts'
import { commitGroupOffsets, fetchGroupOffsets } from './offset-requests.ts'
import type { GroupOffset, OffsetOfTopic } from './offset-requests.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

/** What a coordinator says of a topic that it does not know. */
const unknown: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'])

export interface GroupOffsetsOptions {
  cluster: Cluster
  watcher: ConnectionsWatcher
  groupId: string
  groupInstanceId: string | null
  member: Membership
  /** Whether the member has held the partition all the while since it was `group`. */
  holdsSince: (tp: TopicPartition, group: GroupMetadata) => boolean
  /** Of a partition that the member holds, where the group tells it. */
  topicIdOf: (tp: TopicPartition) => string | undefined
}

/** Reads and writes the positions of a group. */
export class GroupOffsets {
  readonly #options: GroupOffsetsOptions
  readonly #connections: Connections
  #closed: boolean

  constructor(options: GroupOffsetsOptions) {
    this.#options = options
    this.#connections = options.cluster.connections(options.watcher)
    this.#closed = false
  }

  /**
   * As whom positions that were read as `group` may be committed: as the member is now when it has held the partitions all the while, else as
   * it was then, which the coordinator refuses when others have had them since (KIP-447).
   */
  authority(partitions: readonly TopicPartition[], group: GroupMetadata): GroupMetadata {
    return this.#heldSince(partitions, group) ? this.#options.member.metadata : group
  }

  /**
   * @throws KafkaError ILLEGAL_GENERATION, STALE_MEMBER_EPOCH and their like when the partitions are no longer ours; MoldauError FENCED, and
   *   UNKNOWN_TOPIC when a topic was deleted or never existed, INVALID_ARGUMENT when there is no such partition
   */
  async commit(offsets: readonly OffsetToCommit[], group: GroupMetadata, timeoutMs: number): Promise<void> {
    const { groupId, groupInstanceId, cluster, member, topicIdOf } = this.#options
    const ofTopics = offsets.map((offset) => ({ ...offset, topicId: isKnown(offset.topicId) ? offset.topicId : topicIdOf(offset) }))
    let used = group
    const retriable = (error: unknown): boolean =>
      error instanceof KafkaError && member.refused(error, used) && this.#heldSince(offsets, group)
    const call = { what: `commit offsets of group '${groupId}'`, timeoutMs, stopped: () => this.#stopped(), retriable }
    try {
      await cluster.coordinators.run('group', groupId, this.#connections, call, async (connection) => {
        used = this.authority(offsets, group)
        try {
          await commitGroupOffsets(connection, used, ofTopics)
        } catch (error) {
          throw (await this.#absence(error, ofTopics)) ?? error
        }
      })
    } catch (error) {
      throw error instanceof KafkaError && error.kafkaCode === 'FENCED_INSTANCE_ID' ? fencedInstance(groupId, groupInstanceId) : error
    }
  }

  committed(partitions: readonly TopicPartition[] | null, timeoutMs: number): Promise<GroupOffset[]> {
    const { groupId, cluster } = this.#options
    const call = { what: `read offsets of group '${groupId}'`, timeoutMs, stopped: () => this.#stopped() }
    return cluster.coordinators.run('group', groupId, this.#connections, call, (connection) =>
      fetchGroupOffsets(connection, groupId, partitions),
    )
  }

  close(): void {
    this.#closed = true
    this.#options.cluster.release(this.#connections)
  }

  /**
   * A coordinator that does not know a topic or partition may lag behind; but where the others do not know it either no further attempt will
   * help. A partition that the member holds exists: they have yet to hear of it.
   */
  async #absence(error: unknown, offsets: readonly OffsetOfTopic[]): Promise<MoldauError | undefined> {
    if (!(error instanceof KafkaError) || !unknown.has(error.kafkaCode)) return undefined
    const { groupId, cluster } = this.#options
    await cluster.refresh(offsets.map(({ topic }) => topic)).catch(() => {})
    const { errors, topics } = cluster.image
    const isGone = ({ topic, topicId }: OffsetOfTopic): boolean => {
      const is = topics.get(topic)?.topicId
      return errors.get(topic) === 'UNKNOWN_TOPIC_OR_PARTITION' || (topicId !== undefined && is !== undefined && topicId !== is)
    }
    const call = `commit offsets of group '${groupId}'`
    const rest = 'the positions in other topics are committed'
    const gone = offsets.find(isGone)
    if (gone !== undefined) {
      const what = gone.topicId !== undefined || this.#isHeld(gone) ? 'was deleted' : 'does not exist'
      return new MoldauError('UNKNOWN_TOPIC', `${call}: topic '${gone.topic}' ${what}; ${rest}`, { cause: error })
    }
    for (const tp of offsets) {
      const wrong = noSuchPartition(tp, topics.get(tp.topic)?.partitions.length ?? Infinity)
      if (wrong !== undefined && !this.#isHeld(tp))
        return new MoldauError(wrong.code, `${call}: ${wrong.message}; ${rest}`, { cause: error })
    }
    return undefined
  }

  #isHeld(tp: TopicPartition): boolean {
    return this.#options.holdsSince(tp, this.#options.member.metadata)
  }

  #heldSince(partitions: readonly TopicPartition[], group: GroupMetadata): boolean {
    return partitions.every((tp) => this.#options.holdsSince(tp, group))
  }

  #stopped(): Error | undefined {
    return this.#closed ? new MoldauError('CLOSED', 'the consumer was closed') : undefined
  }
}

/** Brokers that are too old to tell give the zero UUID. */
function isKnown(topicId: string | undefined): boolean {
  return topicId !== undefined && topicId !== ZERO_UUID
}
