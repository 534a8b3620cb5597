import { TopicMap } from './topic-map.ts'

/** A committed offset as __consumer_offsets keeps it. */
export interface OffsetValue {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestamp: number
  /** When the one who committed wants it forgotten (OffsetCommit 2 to 4); -1 when the settings of the broker count. */
  readonly expireTimestamp: number
}

interface Committed extends OffsetValue {
  /** Position in the order of commits: a transaction that commits late does not undo a later plain commit. */
  readonly order: number
}

/** Offsets of all groups of one partition of __consumer_offsets. */
export interface OffsetsState {
  readonly groups: Map<string, TopicMap<Committed>>
  /** Offsets of open transactions: producer id -> group -> offsets. */
  readonly pending: Map<number, Map<string, TopicMap<Committed>>>
  order: number
}

export function newOffsetsState(): OffsetsState {
  return { groups: new Map(), pending: new Map(), order: 0 }
}

/** Applies a record of __consumer_offsets. Null removes; `producerId` is that of an open transaction, -1 outside one. */
export function applyOffset(
  state: OffsetsState,
  groupId: string,
  topic: string,
  partition: number,
  value: OffsetValue | null,
  producerId: number,
): void {
  const order = ++state.order
  if (value === null) return remove(state, groupId, topic, partition)
  let groups = state.groups
  if (producerId >= 0) {
    groups = state.pending.get(producerId) ?? new Map()
    state.pending.set(producerId, groups)
  }
  const offsets = groups.get(groupId) ?? new TopicMap<Committed>()
  groups.set(groupId, offsets)
  offsets.set(topic, partition, { ...value, order })
}

function remove(state: OffsetsState, groupId: string, topic: string, partition: number): void {
  const offsets = state.groups.get(groupId)
  offsets?.delete(topic, partition)
  if (offsets?.isEmpty === true) state.groups.delete(groupId)
  for (const groups of state.pending.values()) {
    const pending = groups.get(groupId)
    pending?.delete(topic, partition)
    if (pending?.isEmpty === true) groups.delete(groupId)
  }
}

/** The marker of a transaction arrived: its offsets become visible, or are dropped. Answers the groups that have some of them now. */
export function endPending(state: OffsetsState, producerId: number, commit: boolean): string[] {
  const groups = state.pending.get(producerId)
  state.pending.delete(producerId)
  if (groups === undefined || !commit) return []
  for (const [groupId, pending] of groups) {
    const offsets = state.groups.get(groupId) ?? new TopicMap<Committed>()
    for (const { topic, partition, value } of pending.entries()) {
      const current = offsets.get(topic, partition)
      if (current === undefined || current.order < value.order) offsets.set(topic, partition, value)
    }
    if (!offsets.isEmpty) state.groups.set(groupId, offsets)
  }
  return [...groups.keys()].filter((groupId) => state.groups.has(groupId))
}

/** True when an open transaction holds an offset for the partition. */
export function pendingOf(state: OffsetsState, groupId: string, topic: string, partition: number): boolean {
  for (const groups of state.pending.values()) {
    if (groups.get(groupId)?.has(topic, partition) === true) return true
  }
  return false
}

/** True when an open transaction holds any offset for the group. */
export function hasPending(state: OffsetsState, groupId: string): boolean {
  for (const groups of state.pending.values()) if (groups.has(groupId)) return true
  return false
}
