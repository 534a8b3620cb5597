import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  TransactionLogKey,
  TransactionLogValue,
} from '../protocol/messages/coordinator-records.ts'
import type { Input } from '../protocol/schema.ts'
import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/versioned.ts'
import { type ConsumerRecord, decodeConsumerRecord, encodeConsumerRecord } from './consumer/records.ts'
import type { GroupSnapshot } from './group-state.ts'
import type { OffsetValue } from './offsets-state.ts'
import { TopicMap } from './topic-map.ts'
import { type TransactionSnapshot, txnStates } from './transaction-state.ts'

/** What the coordinators write into __consumer_offsets and __transaction_state; a null value is a tombstone. */
export type CoordinatorRecord =
  | { kind: 'offset'; group: string; topic: string; partition: number; value: OffsetValue | null }
  | { kind: 'group'; group: string; value: GroupSnapshot | null }
  | { kind: 'transaction'; id: string; value: TransactionSnapshot | null }
  | ConsumerRecord

/** The bytes of a record as Kafka's brokers write them: a version of two bytes, then the message. */
export interface EncodedRecord {
  key: Buffer
  value: Buffer | null
}

/** Versions that Kafka 2.1 and later read, so that a log can be moved to an older or newer broker. */
const OFFSET_KEY = 1
const GROUP_KEY = 2
const TRANSACTION_KEY = 0
const OFFSET_VALUE = 3
/** The only version that has a time of expiry. */
const EXPIRING_OFFSET_VALUE = 1
const GROUP_VALUE = 3
/** v1 of Kafka 4.0: keeps the ids before and after, which transactions v2 need. */
const TRANSACTION_VALUE = 1

export function encodeRecord(record: CoordinatorRecord): EncodedRecord {
  switch (record.kind) {
    case 'offset':
      return {
        key: encodeVersioned(OffsetCommitKey, OFFSET_KEY, { group: record.group, topic: record.topic, partition: record.partition }),
        value: record.value && encodeOffset(record.value),
      }
    case 'group':
      return {
        key: encodeVersioned(GroupMetadataKey, GROUP_KEY, { group: record.group }),
        value: record.value && encodeVersioned(GroupMetadataValue, GROUP_VALUE, groupFields(record.value)),
      }
    case 'transaction':
      return {
        key: encodeVersioned(TransactionLogKey, TRANSACTION_KEY, { transactionalId: record.id }),
        value: record.value && encodeVersioned(TransactionLogValue, TRANSACTION_VALUE, transactionFields(record.value)),
      }
    default:
      return encodeConsumerRecord(record)
  }
}

function encodeOffset(value: OffsetValue): Buffer {
  return encodeVersioned(OffsetCommitValue, value.expireTimestamp < 0 ? OFFSET_VALUE : EXPIRING_OFFSET_VALUE, value)
}

function groupFields(group: GroupSnapshot): Input<typeof GroupMetadataValue> {
  return {
    protocolType: group.protocolType,
    generation: group.generation,
    protocol: group.protocolName,
    leader: group.leader,
    currentStateTimestamp: group.stateSince,
    members: group.members.map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  }
}

function transactionFields(txn: TransactionSnapshot): Input<typeof TransactionLogValue> {
  const topics = new TopicMap<true>()
  for (const { topic, partition } of txn.partitions) topics.set(topic, partition, true)
  return {
    producerId: txn.producerId,
    previousProducerId: txn.previousProducerId,
    nextProducerId: txn.nextProducerId,
    producerEpoch: txn.epoch,
    transactionTimeoutMs: txn.timeoutMs,
    transactionStatus: txnStates.indexOf(txn.state),
    // Null, not empty, is what Kafka writes while there is no transaction.
    transactionPartitions: topics.isEmpty ? null : [...topics.topics()].map(([topic, ids]) => ({ topic, partitionIds: [...ids.keys()] })),
    transactionLastUpdateTimestampMs: txn.updatedAt,
    transactionStartTimestampMs: txn.startedAt,
    clientTransactionVersion: txn.version,
  }
}

/** The record, or undefined when it is of a kind that this broker does not know: it is skipped, as Kafka does. */
export function decodeRecord(topic: 'groups' | 'transactions', key: Buffer | null, value: Buffer | null): CoordinatorRecord | undefined {
  if (key === null || key.length < 2) return undefined
  const version = versionOf(key)
  if (topic === 'transactions') return version === TRANSACTION_KEY ? decodeTransaction(key, value) : undefined
  if (version <= OFFSET_KEY) return decodeOffset(key, value)
  return version === GROUP_KEY ? decodeGroup(key, value) : decodeConsumerRecord(version, key, value)
}

function decodeOffset(key: Buffer, value: Buffer | null): CoordinatorRecord {
  const { group, topic, partition } = decodeVersioned(OffsetCommitKey, key)
  if (value === null) return { kind: 'offset', group, topic, partition, value: null }
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp } = decodeVersioned(OffsetCommitValue, value)
  return { kind: 'offset', group, topic, partition, value: { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp } }
}

function decodeGroup(key: Buffer, value: Buffer | null): CoordinatorRecord {
  const { group } = decodeVersioned(GroupMetadataKey, key)
  if (value === null) return { kind: 'group', group, value: null }
  const fields = decodeVersioned(GroupMetadataValue, value)
  const members = fields.members.map((member) => ({
    id: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    sessionTimeoutMs: member.sessionTimeout,
    rebalanceTimeoutMs: member.rebalanceTimeout < 0 ? member.sessionTimeout : member.rebalanceTimeout,
    // Copies: a slice would keep the whole log segment that was read in memory.
    subscription: Buffer.from(member.subscription),
    assignment: Buffer.from(member.assignment),
  }))
  const { protocolType, generation, protocol, leader, currentStateTimestamp } = fields
  return {
    kind: 'group',
    group,
    value: { protocolType, generation, protocolName: protocol, leader, stateSince: currentStateTimestamp, members },
  }
}

function decodeTransaction(key: Buffer, value: Buffer | null): CoordinatorRecord {
  const { transactionalId: id } = decodeVersioned(TransactionLogKey, key)
  if (value === null) return { kind: 'transaction', id, value: null }
  const fields = decodeVersioned(TransactionLogValue, value)
  const partitions = (fields.transactionPartitions ?? []).flatMap(({ topic, partitionIds }) =>
    partitionIds.map((partition) => ({ topic, partition })),
  )
  const snapshot: TransactionSnapshot = {
    producerId: fields.producerId,
    previousProducerId: fields.previousProducerId,
    nextProducerId: fields.nextProducerId,
    epoch: fields.producerEpoch,
    timeoutMs: fields.transactionTimeoutMs,
    state: txnStates[fields.transactionStatus] ?? 'Empty',
    partitions,
    startedAt: fields.transactionStartTimestampMs,
    updatedAt: fields.transactionLastUpdateTimestampMs,
    version: fields.clientTransactionVersion >= 2 ? 2 : 0,
  }
  return { kind: 'transaction', id, value: snapshot }
}
