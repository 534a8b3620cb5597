import type { KafkaErrorName } from '../../protocol/errors.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import type { ConsumerGroup, ConsumerMember } from './state.ts'

export interface EpochedCommit {
  readonly memberId: string
  readonly instanceId: string | null
  /** The member's epoch, its generation when it speaks the classic protocol, or -1. */
  readonly generation: number
}

/** Says for the partition of a topic whether the commit is taken. */
export type PartitionCheck = (topic: string, partition: number) => KafkaErrorName

const TAKEN: PartitionCheck = () => 'NONE'

/**
 * Who may commit: anybody while the group is empty, else a member. One that is not yet at its newest epoch may still commit what it has had
 * since before the epoch it names (KIP-1251): nobody else can have committed there in the meantime.
 */
export function checkConsumerCommit(
  group: ConsumerGroup,
  request: EpochedCommit,
  options: { transactional: boolean; knowsEpochs: boolean },
  topics: TopicCatalog,
): KafkaErrorName | PartitionCheck {
  const { memberId, instanceId, generation } = request
  if (generation < 0 && group.members.size === 0) return TAKEN
  // A producer that names no member is trusted, as one of before KIP-447 has to be.
  if (options.transactional && generation === -1 && memberId === '' && instanceId === null) return TAKEN
  const member = group.members.get(memberId)
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  const stale = staleError(member)
  if (!options.transactional && member.metadata.classic === null && !options.knowsEpochs) return 'UNSUPPORTED_VERSION'
  if (generation === member.current.epoch) return TAKEN
  if (generation > member.current.epoch) return stale
  return (topic, partition) => {
    const topicId = topics.get(topic)?.id ?? ''
    const { assigned, revoking } = member.current
    const since = assigned.get(topicId)?.get(partition) ?? revoking.get(topicId)?.get(partition)
    return since === undefined || generation < since ? stale : 'NONE'
  }
}

/** OffsetFetch from version 9 on: a member that names its epoch must be up to date, lest it reads what its successor has moved on from. */
export function checkConsumerFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): KafkaErrorName {
  if (memberId === null && memberEpoch < 0) return 'NONE'
  const member = group.members.get(memberId ?? '')
  if (member === undefined) return 'UNKNOWN_MEMBER_ID'
  return memberEpoch === member.current.epoch ? 'NONE' : staleError(member)
}

function staleError({ metadata }: ConsumerMember): KafkaErrorName {
  return metadata.classic === null ? 'STALE_MEMBER_EPOCH' : 'ILLEGAL_GENERATION'
}
