import test from 'ava'
import { ConsumerProtocolSubscription } from '../../core/protocol/messages/consumer-protocol.ts'
import {
  GroupMetadataKey,
  OffsetCommitKey,
  OffsetCommitValue,
  TransactionLogKey,
  TransactionLogValue,
} from '../../core/protocol/messages/coordinator-records.ts'
import { decodeVersioned, encodeVersioned, versionOf } from '../../core/protocol/versioned.ts'

test('the version in front of a key tells what kind of record it is', (t) => {
  const offset = encodeVersioned(OffsetCommitKey, 1, { group: 'g', topic: 't', partition: 3 })
  const group = encodeVersioned(GroupMetadataKey, 2, { group: 'g' })
  t.is(offset.toString('hex'), '0001' + '000167' + '000174' + '00000003')
  t.is(group.toString('hex'), '0002' + '000167')
  t.is(versionOf(offset), 1)
  t.is(versionOf(group), 2)
  t.deepEqual(decodeVersioned(OffsetCommitKey, offset), { group: 'g', topic: 't', partition: 3 })
  t.is(encodeVersioned(TransactionLogKey, 0, { transactionalId: 'x' }).toString('hex'), '0000' + '000178')
})

test('values are read in the version they were written with', (t) => {
  const body = { offset: 5, leaderEpoch: 2, metadata: 'm', commitTimestamp: 1000, expireTimestamp: 2000 }
  t.like(decodeVersioned(OffsetCommitValue, encodeVersioned(OffsetCommitValue, 1, body)), { leaderEpoch: -1, expireTimestamp: 2000 })
  t.like(decodeVersioned(OffsetCommitValue, encodeVersioned(OffsetCommitValue, 3, body)), { leaderEpoch: 2, expireTimestamp: -1 })
  const transaction = {
    producerId: 1,
    producerEpoch: 0,
    transactionTimeoutMs: 60_000,
    transactionStatus: 0,
    transactionPartitions: null,
    transactionLastUpdateTimestampMs: 7,
    transactionStartTimestampMs: -1,
  }
  t.like(decodeVersioned(TransactionLogValue, encodeVersioned(TransactionLogValue, 1, transaction)), {
    ...transaction,
    nextProducerEpoch: -1,
  })
})

test('a version above ours is refused, or read as our newest where Kafka promises that fields are only added', (t) => {
  const newer = encodeVersioned(ConsumerProtocolSubscription, 3, { topics: ['t'] })
  newer.writeInt16BE(9, 0)
  t.throws(() => decodeVersioned(ConsumerProtocolSubscription, newer), { code: 'UNSUPPORTED_VERSION' })
  t.deepEqual(decodeVersioned(ConsumerProtocolSubscription, Buffer.concat([newer, Buffer.from('future')]), 'as newest').topics, ['t'])
})

test('a negative version and a cut off message are CORRUPT_FRAME', (t) => {
  t.throws(() => decodeVersioned(OffsetCommitKey, Buffer.from('ffff', 'hex')), { code: 'CORRUPT_FRAME' })
  t.throws(() => decodeVersioned(OffsetCommitKey, Buffer.from('00', 'hex')), { code: 'CORRUPT_FRAME' })
  t.throws(() => decodeVersioned(OffsetCommitKey, Buffer.from('00010001', 'hex')), {
    code: 'CORRUPT_FRAME',
    message: /^OffsetCommitKey\.group: /,
  })
})
