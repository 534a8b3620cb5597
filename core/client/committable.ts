import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

/** What was read, all of which is done: a batch or a record that a consumer handed out. */
export interface Done extends TopicPartition {
  /** The offset behind it. */
  readonly nextOffset: number
  readonly topicId: string
  readonly leaderEpoch: number
  /** Who the consumer was when it handed it out. */
  readonly group: GroupMetadata | null
}

/** A position, or what has been read up to it. */
export type Committable = OffsetToCommit | Done

/** The positions, by who is to commit them: null where that is not said. Of several in one partition the furthest counts. */
export function positionsByGroup(committables: readonly Committable[]): Map<GroupMetadata | null, OffsetToCommit[]> {
  const groups = new Map<GroupMetadata | null, Map<string, OffsetToCommit>>()
  for (const item of committables) {
    const isDone = 'nextOffset' in item
    const group = isDone ? item.group : null
    let positions = groups.get(group)
    if (positions === undefined) groups.set(group, (positions = new Map()))
    const { topic, topicId, partition, leaderEpoch } = item
    const position = isDone ? { topic, topicId: topicId!, partition, offset: item.nextOffset, leaderEpoch: leaderEpoch! } : item
    const known = positions.get(tpKey(item))
    if (known === undefined || known.offset <= position.offset) positions.set(tpKey(item), position)
  }
  return new Map([...groups].map(([group, positions]) => [group, [...positions.values()]]))
}
