import { array, bytes, int16, int32, int64, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/**
 * Keys and values of the records in `__consumer_offsets` and `__transaction_state`, written with a version in front (see
 * versioned.ts). The version of a key in `__consumer_offsets` tells its type: 0 and 1 an offset, 2 a group.
 */

export const OffsetCommitKey = message('OffsetCommitKey', '0-1', 'none', {
  group: string(),
  topic: string(),
  partition: int32(),
})
export type OffsetCommitKey = Infer<typeof OffsetCommitKey>

export const OffsetCommitValue = message('OffsetCommitValue', '0-4', '4+', {
  offset: int64(),
  leaderEpoch: int32('3+', { default: -1, ignorable: true }),
  metadata: string(),
  commitTimestamp: int64(),
  expireTimestamp: int64('1', { default: -1, ignorable: true }),
  topicId: uuid('4+', { ignorable: true, tag: 0 }),
})
export type OffsetCommitValue = Infer<typeof OffsetCommitValue>

export const GroupMetadataKey = message('GroupMetadataKey', '2', 'none', {
  group: string(),
})
export type GroupMetadataKey = Infer<typeof GroupMetadataKey>

export const GroupMetadataValue = message('GroupMetadataValue', '0-4', '4+', {
  protocolType: string(),
  generation: int32(),
  protocol: string({ nullable: true }),
  leader: string({ nullable: true }),
  currentStateTimestamp: int64('2+', { default: -1, ignorable: true }),
  members: array({
    memberId: string(),
    groupInstanceId: string('3+', { nullable: true, default: null, ignorable: true }),
    clientId: string(),
    clientHost: string(),
    rebalanceTimeout: int32('1+', { default: -1, ignorable: true }),
    sessionTimeout: int32(),
    subscription: bytes(),
    assignment: bytes(),
  }),
})
export type GroupMetadataValue = Infer<typeof GroupMetadataValue>

export const TransactionLogKey = message('TransactionLogKey', '0', 'none', {
  transactionalId: string(),
})
export type TransactionLogKey = Infer<typeof TransactionLogKey>

export const TransactionLogValue = message('TransactionLogValue', '0-1', '1+', {
  producerId: int64(),
  previousProducerId: int64('1+', { default: -1, tag: 0 }),
  nextProducerId: int64('1+', { default: -1, tag: 1 }),
  producerEpoch: int16(),
  nextProducerEpoch: int16('1+', { default: -1, tag: 3 }),
  transactionTimeoutMs: int32(),
  transactionStatus: int8(),
  transactionPartitions: array({ topic: string(), partitionIds: array(int32()) }, { nullable: true }),
  transactionLastUpdateTimestampMs: int64(),
  transactionStartTimestampMs: int64(),
  clientTransactionVersion: int16('1+', { default: 0, tag: 2 }),
})
export type TransactionLogValue = Infer<typeof TransactionLogValue>
