import test from 'ava'
import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { endTxnMarker, readControl, readCoordinatorEpoch } from '../../core/record/control.ts'
import { batches } from '../../core/record/records.ts'

/** Made by hand from the description of the format; the checksum is that of Java's client for the same bytes. */
const golden = [
  '0000000000000005', // base offset 5
  '00000042', // length 66
  '00000003', // leader epoch
  '02', // magic
  'e314eb36', // checksum
  '0030', // attributes: transactional, control
  '00000000', // last offset delta
  '0000018bcfe56800', // base timestamp
  '0000018bcfe56800', // max timestamp
  '0000000000001092', // producer id 4242
  '0007', // producer epoch
  'ffffffff', // base sequence
  '00000001', // records
  '20', // record of 16 bytes
  '00', // attributes
  '00', // timestamp delta
  '00', // offset delta
  '08', // key of 4 bytes
  '00000001', // version 0, type 1: commit
  '0c', // value of 6 bytes
  '000000000009', // version 0, coordinator epoch 9
  '00', // no headers
].join('')

const marker = endTxnMarker({ producerId: 4242, producerEpoch: 7, coordinatorEpoch: 9, commit: true, timestamp: 1_700_000_000_000 })

test('a commit marker is written byte by byte as the format says', (t) => {
  const copy = Buffer.from(marker)
  batch.setBaseOffset(copy, 0, 5)
  batch.setLeaderEpoch(copy, 0, 3)
  t.is(copy.toString('hex'), golden)
})

test('every field of the header is read where it stands, at any position', (t) => {
  const buf = Buffer.concat([Buffer.alloc(7), Buffer.from(golden, 'hex')])
  t.is(batch.baseOffset(buf, 7), 5)
  t.is(batch.sizeInBytes(buf, 7), 78)
  t.is(batch.leaderEpoch(buf, 7), 3)
  t.is(batch.magic(buf, 7), 2)
  t.is(batch.crcOf(buf, 7), 0xe314eb36)
  t.is(batch.attributes(buf, 7), 0x30)
  t.is(batch.lastOffset(buf, 7), 5)
  t.is(batch.nextOffset(buf, 7), 6)
  t.is(batch.baseTimestamp(buf, 7), 1_700_000_000_000)
  t.is(batch.maxTimestamp(buf, 7), 1_700_000_000_000)
  t.is(batch.producerId(buf, 7), 4242)
  t.is(batch.producerEpoch(buf, 7), 7)
  t.is(batch.baseSequence(buf, 7), -1)
  t.is(batch.lastSequence(buf, 7), -1)
  t.is(batch.recordCount(buf, 7), 1)
  t.true(batch.isTransactional(buf, 7))
  t.true(batch.isControl(buf, 7))
  t.false(batch.hasDeleteHorizon(buf, 7))
  t.is(batch.compressionOf(buf, 7), 'none')
  t.is(batch.timestampType(buf, 7), 'CreateTime')
})

test('control records say what they decide and who decided', (t) => {
  t.is(readControl(decodeBatch(marker, 0)), 'commit')
  t.is(readCoordinatorEpoch(decodeBatch(marker, 0)), 9)
  const abort = endTxnMarker({ producerId: 1, producerEpoch: 0, coordinatorEpoch: 70_000, commit: false, timestamp: -1 })
  t.is(readControl(decodeBatch(abort, 0)), 'abort')
  t.is(readCoordinatorEpoch(decodeBatch(abort, 0)), 70_000)
  t.is(readControl(decodeBatch(simple(1), 0)), 'other')
})

test('offset and leader epoch can be set without touching the checksum, the append time cannot', (t) => {
  const buf = simple(3)
  const before = batch.crcOf(buf, 0)
  batch.setBaseOffset(buf, 0, 2 ** 53 - 10)
  batch.setLeaderEpoch(buf, 0, 41)
  t.is(batch.crcOf(buf, 0), before)
  t.is(batch.checkBatch(buf, 0, buf.length), 'ok')
  t.is(batch.lastOffset(buf, 0), 2 ** 53 - 8)
  t.is(batch.leaderEpoch(buf, 0), 41)

  batch.setTimes(buf, 0, batch.attributes(buf, 0) | batch.Attribute.logAppendTime, 99)
  t.not(batch.crcOf(buf, 0), before)
  t.is(batch.checkBatch(buf, 0, buf.length), 'ok')
  t.is(batch.timestampType(buf, 0), 'LogAppendTime')
  t.deepEqual([...decodeBatch(buf, 0).timestamps], [99, 99, 99])
})

test('sequences begin again after 2^31 - 1', (t) => {
  t.is(batch.addSequence(0x7fffffff, 1), 0)
  t.is(batch.addSequence(0x7ffffffe, 4), 2)
  t.is(batch.addSequence(5, 0), 5)
  const builder = new BatchBuilder()
  for (let i = 0; i < 5; i++) builder.append(0, null, null)
  t.is(batch.lastSequence(builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 0x7ffffffe }), 0), 2)
})

test('an offset beyond 2^53 is an error, not a wrong number', (t) => {
  const buf = simple(1)
  buf.writeBigInt64BE(2n ** 60n, 0)
  t.throws(() => batch.baseOffset(buf, 0), { code: 'CORRUPT_BATCH' })
})

test('whole batches are found one after another, a cut one at the end is left out', (t) => {
  const both = Buffer.concat([simple(1), simple(20), simple(3)])
  const second = simple(1).length
  const third = second + simple(20).length
  t.deepEqual([...batches(both)], [0, second, third])
  t.deepEqual([...batches(both.subarray(0, both.length - 1))], [0, second])
  t.deepEqual([...batches(both.subarray(0, third + 5))], [0, second])
  t.deepEqual([...batches(Buffer.alloc(0))], [])
  t.throws(() => [...batches(Buffer.alloc(30))], { code: 'CORRUPT_BATCH' })
})

test('a batch that is not all there is truncated at every length, one that is, is ok', (t) => {
  const buf = simple(4)
  for (let end = 0; end < buf.length; end++) t.is(batch.checkBatch(buf, 0, end), 'truncated', `${end}`)
  t.is(batch.checkBatch(buf, 0, buf.length), 'ok')
})

function simple(count: number): Buffer {
  const builder = new BatchBuilder()
  for (let i = 0; i < count; i++) builder.append(1000 + i, null, Buffer.from(`value ${i}`))
  return builder.build()
}
