import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '../../protocol/messages/consumer-group-records.ts'
import type { Input, Message } from '../../protocol/schema.ts'
import { decodeVersioned, encodeVersioned } from '../../protocol/versioned.ts'
import { listOf, type PartitionEpochs, type Partitions, setsOf } from '../partitions.ts'
import { type CurrentAssignment, MemberState, type MemberMetadata, type MemberStateCode, type ResolvedRegex } from './state.ts'

/** What is kept of a group of the new protocol in __consumer_offsets; a null value is a tombstone. */
export type ConsumerRecord =
  | { kind: 'consumer group'; group: string; value: { epoch: number; metadataHash: bigint } | null }
  | { kind: 'partition metadata'; group: string; value: null }
  | { kind: 'member'; group: string; member: string; value: MemberMetadata | null }
  | { kind: 'target'; group: string; value: { epoch: number; timestamp: number } | null }
  | { kind: 'member target'; group: string; member: string; value: Partitions | null }
  | { kind: 'current'; group: string; member: string; value: CurrentAssignment | null }
  | { kind: 'regex'; group: string; regex: string; value: ResolvedRegex | null }

/** Numbers of the types, in front of the keys. */
const TYPES = {
  'consumer group': 3,
  'partition metadata': 4,
  member: 5,
  target: 6,
  'member target': 7,
  current: 8,
  regex: 16,
} as const

export function encodeConsumerRecord(record: ConsumerRecord): { key: Buffer; value: Buffer | null } {
  const type = TYPES[record.kind]
  const groupId = record.group
  switch (record.kind) {
    case 'consumer group':
      return {
        key: encodeVersioned(ConsumerGroupMetadataKey, type, { groupId }),
        value: record.value && encodeVersioned(ConsumerGroupMetadataValue, 0, record.value),
      }
    case 'partition metadata':
      return { key: encodeVersioned(ConsumerGroupPartitionMetadataKey, type, { groupId }), value: null }
    case 'member':
      return {
        key: encodeVersioned(ConsumerGroupMemberMetadataKey, type, { groupId, memberId: record.member }),
        value: record.value && encodeVersioned(ConsumerGroupMemberMetadataValue, 0, memberFields(record.value)),
      }
    case 'target': {
      const fields = record.value && { assignmentEpoch: record.value.epoch, assignmentTimestamp: record.value.timestamp }
      return {
        key: encodeVersioned(ConsumerGroupTargetAssignmentMetadataKey, type, { groupId }),
        value: fields && encodeVersioned(ConsumerGroupTargetAssignmentMetadataValue, 0, fields),
      }
    }
    case 'member target':
      return {
        key: encodeVersioned(ConsumerGroupTargetAssignmentMemberKey, type, { groupId, memberId: record.member }),
        value: record.value && encodeVersioned(ConsumerGroupTargetAssignmentMemberValue, 0, { topicPartitions: listOf(record.value) }),
      }
    case 'current':
      return {
        key: encodeVersioned(ConsumerGroupCurrentMemberAssignmentKey, type, { groupId, memberId: record.member }),
        value: record.value && encodeVersioned(ConsumerGroupCurrentMemberAssignmentValue, 0, currentFields(record.value)),
      }
    case 'regex':
      return {
        key: encodeVersioned(ConsumerGroupRegularExpressionKey, type, { groupId, regularExpression: record.regex }),
        value:
          record.value && encodeVersioned(ConsumerGroupRegularExpressionValue, 0, { ...record.value, topics: [...record.value.topics] }),
      }
  }
}

function memberFields(member: MemberMetadata): Input<typeof ConsumerGroupMemberMetadataValue> {
  const { topicNames, topicRegex, classic, ...rest } = member
  return {
    ...rest,
    subscribedTopicNames: [...topicNames],
    subscribedTopicRegex: topicRegex,
    classicMemberMetadata: classic && { sessionTimeoutMs: classic.sessionTimeoutMs, supportedProtocols: [...classic.protocols] },
  }
}

function currentFields(current: CurrentAssignment): Input<typeof ConsumerGroupCurrentMemberAssignmentValue> {
  return {
    memberEpoch: current.epoch,
    previousMemberEpoch: current.previousEpoch,
    state: current.state,
    assignedPartitions: withEpochs(current.assigned),
    partitionsPendingRevocation: withEpochs(current.revoking),
  }
}

function withEpochs(partitions: PartitionEpochs) {
  return listOf(partitions).map(({ topicId, partitions: ids }) => {
    const epochs = partitions.get(topicId)!
    return { topicId, partitions: ids, assignmentEpochs: ids.map((id) => epochs.get(id)!) }
  })
}

/** The record with this number in front of its key; undefined for types that are not of this protocol. */
export function decodeConsumerRecord(type: number, key: Buffer, value: Buffer | null): ConsumerRecord | undefined {
  switch (type) {
    case TYPES['consumer group']: {
      const { groupId } = decodeVersioned(ConsumerGroupMetadataKey, key)
      return { kind: 'consumer group', group: groupId, value: read(ConsumerGroupMetadataValue, value, (fields) => fields) }
    }
    case TYPES['partition metadata']: {
      const { groupId } = decodeVersioned(ConsumerGroupPartitionMetadataKey, key)
      return { kind: 'partition metadata', group: groupId, value: null }
    }
    case TYPES.member: {
      const { groupId, memberId } = decodeVersioned(ConsumerGroupMemberMetadataKey, key)
      return { kind: 'member', group: groupId, member: memberId, value: read(ConsumerGroupMemberMetadataValue, value, memberOf) }
    }
    case TYPES.target: {
      const { groupId } = decodeVersioned(ConsumerGroupTargetAssignmentMetadataKey, key)
      const target = read(ConsumerGroupTargetAssignmentMetadataValue, value, ({ assignmentEpoch, assignmentTimestamp }) => {
        return { epoch: assignmentEpoch, timestamp: assignmentTimestamp }
      })
      return { kind: 'target', group: groupId, value: target }
    }
    case TYPES['member target']: {
      const { groupId, memberId } = decodeVersioned(ConsumerGroupTargetAssignmentMemberKey, key)
      const target = read(ConsumerGroupTargetAssignmentMemberValue, value, ({ topicPartitions }) => setsOf(topicPartitions))
      return { kind: 'member target', group: groupId, member: memberId, value: target }
    }
    case TYPES.current: {
      const { groupId, memberId } = decodeVersioned(ConsumerGroupCurrentMemberAssignmentKey, key)
      return { kind: 'current', group: groupId, member: memberId, value: read(ConsumerGroupCurrentMemberAssignmentValue, value, currentOf) }
    }
    case TYPES.regex: {
      const { groupId, regularExpression } = decodeVersioned(ConsumerGroupRegularExpressionKey, key)
      const resolved = read(ConsumerGroupRegularExpressionValue, value, ({ topics, version, timestamp }) => {
        return { topics: new Set(topics), version, timestamp }
      })
      return { kind: 'regex', group: groupId, regex: regularExpression, value: resolved }
    }
    default:
      return undefined
  }
}

function read<Out, Result>(message: Message<Out>, value: Buffer | null, make: (fields: Out) => Result): Result | null {
  return value === null ? null : make(decodeVersioned(message, value) as Out)
}

function memberOf(fields: ConsumerGroupMemberMetadataValue): MemberMetadata {
  const { subscribedTopicNames, subscribedTopicRegex, classicMemberMetadata: classic, ...rest } = fields
  return {
    ...rest,
    topicNames: new Set(subscribedTopicNames),
    topicRegex: subscribedTopicRegex ?? '',
    classic: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      // Copies: a slice would keep the whole log segment that was read in memory.
      protocols: classic.supportedProtocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    },
  }
}

function currentOf(fields: ConsumerGroupCurrentMemberAssignmentValue): CurrentAssignment {
  const { memberEpoch, previousMemberEpoch, state, assignedPartitions, partitionsPendingRevocation } = fields
  return {
    epoch: memberEpoch,
    previousEpoch: previousMemberEpoch,
    state: isKnown(state) ? state : MemberState.stable,
    assigned: epochsOf(assignedPartitions, Math.max(memberEpoch, 0)),
    revoking: epochsOf(partitionsPendingRevocation, Math.max(memberEpoch, 0)),
  }
}

function isKnown(state: number): state is MemberStateCode {
  return state >= MemberState.stable && state <= MemberState.unreleasedPartitions
}

/** Before Kafka 4.3 there were no epochs of single partitions: the member's own is the newest that any of them can have. */
function epochsOf(list: ConsumerGroupCurrentMemberAssignmentValue['assignedPartitions'], memberEpoch: number): PartitionEpochs {
  const partitions = new Map<string, Map<number, number>>()
  for (const { topicId, partitions: ids, assignmentEpochs } of list) {
    const epochs = new Map<number, number>()
    for (const [i, id] of ids.entries()) epochs.set(id, assignmentEpochs?.[i] ?? memberEpoch)
    if (epochs.size > 0) partitions.set(topicId, epochs)
  }
  return partitions
}
