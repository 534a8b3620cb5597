import { ZERO_UUID } from '../base/uuid.ts'
import type { ClusterImage } from '../cluster/metadata.ts'
import type { PartitionState } from './partition-state.ts'

/**
 * What a partition needs before more of it can be fetched:
 * - `idle`: nothing, until somebody gives it a position
 * - `later`: time, see {@link PartitionState.retryAt}
 * - `topic`: nothing is known of its topic
 * - `leader`: nobody is known to lead it
 * - `other topic`: the group means a topic that was created before or after the one that is known; one of both is yet to be heard of
 * - `new topic`: its topic was deleted and created again: other records stand under the same offsets
 * - `validation`: it has a new leader, which may lack what was read (KIP-320)
 * - `nothing`: fetch
 */
export type FetchStep = 'idle' | 'later' | 'topic' | 'leader' | 'other topic' | 'new topic' | 'validation' | 'nothing'

/** Without effects. @param now monotonic milliseconds */
export function fetchStep(state: PartitionState, image: ClusterImage, now: number): FetchStep {
  if (state.position === undefined || state.outOfRange) return 'idle'
  if (state.retryAt > now) return 'later'
  const topic = image.topics.get(state.topic)
  if (topic === undefined) return 'topic'
  const partition = topic.partitions[state.partition]
  if (partition === undefined || partition.leader < 0) return 'leader'
  const { topicId } = topic
  if (isOther(state.meantTopicId ?? ZERO_UUID, topicId)) return 'other topic'
  if (isOther(state.topicId, topicId)) return 'new topic'
  return partition.leaderEpoch > state.leaderEpoch ? 'validation' : 'nothing'
}

function isOther(a: string, b: string): boolean {
  return a !== ZERO_UUID && b !== ZERO_UUID && a !== b
}
