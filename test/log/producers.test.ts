import test from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import { decodeSnapshot, encodeSnapshot } from '../../core/log/producer-snapshot.ts'
import type { AppendInfo, PartitionLog } from '../../core/log/partition-log.ts'
import { type KafkaErrorName, KafkaError } from '../../core/protocol/errors.ts'
import { BatchBuilder, type BatchIdentity } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { BatchField, compressionOf, sealBatch } from '../../core/record/batch.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { type LogFixture, batchOf, marker, openLog, readAll } from '../support/logs.ts'

interface Send {
  epoch?: number
  sequence: number
  records?: number
  transactional?: boolean
  /** Of the transaction: 2 for Produce 12 and later. Default 0. */
  version?: 0 | 2
  /** What it answers: the base offset, `again` + the first one for a repetition, or the error. */
  answer: number | `again ${number}` | KafkaErrorName
}

const last = 2 ** 31 - 1

const idempotence: Record<string, Send[]> = {
  'sequences follow each other': [
    { sequence: 0, records: 3, answer: 0 },
    { sequence: 3, answer: 3 },
    { sequence: 4, answer: 4 },
  ],
  'a gap is refused and may be filled': [
    { sequence: 0, answer: 0 },
    { sequence: 2, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 1, answer: 1 },
    { sequence: 2, answer: 2 },
  ],
  'a repetition of one of the last five batches answers its first offset': [
    ...[0, 1, 2, 3, 4, 5].map((sequence) => ({ sequence, answer: sequence })),
    ...[1, 2, 3, 4, 5].map((sequence) => ({ sequence, answer: `again ${sequence}` as const })),
    { sequence: 0, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 6, answer: 6 },
  ],
  'a batch that repeats the sequence with another count is no repetition': [
    { sequence: 0, records: 2, answer: 0 },
    { sequence: 0, records: 1, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
  ],
  'an unknown producer begins anywhere': [
    { sequence: 17, answer: 0 },
    { sequence: 18, answer: 1 },
  ],
  'sequences begin again after 2^31 - 1': [
    { sequence: last - 1, records: 2, answer: 0 },
    { sequence: 0, answer: 2 },
    { sequence: 1, answer: 3 },
  ],
  'a batch may reach over the end of the sequences': [
    { sequence: last, records: 3, answer: 0 },
    { sequence: last, records: 3, answer: 'again 0' },
    { sequence: 2, answer: 3 },
  ],
  'a new epoch begins with 0 and fences the old one': [
    { epoch: 0, sequence: 0, answer: 0 },
    { epoch: 1, sequence: 1, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { epoch: 1, sequence: 0, answer: 1 },
    { epoch: 0, sequence: 1, answer: 'INVALID_PRODUCER_EPOCH' },
  ],
  'a batch outside the open transaction is refused': [
    { sequence: 0, transactional: true, answer: 0 },
    { sequence: 1, answer: 'INVALID_TXN_STATE' },
    { sequence: 1, transactional: true, answer: 1 },
  ],
  'an unknown producer begins a transaction of v2 with 0, whatever its epoch': [
    { sequence: 3, transactional: true, version: 2, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { epoch: 7, sequence: 1, transactional: true, version: 2, answer: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    { sequence: 0, transactional: true, version: 2, answer: 0 },
    { sequence: 1, transactional: true, version: 2, answer: 1 },
  ],
  'an unknown producer begins a transaction of v1 anywhere': [
    { sequence: 3, transactional: true, answer: 0 },
    { sequence: 4, transactional: true, answer: 1 },
  ],
  'an unknown producer without a transaction begins anywhere in Produce 12, too': [
    { sequence: 3, version: 2, answer: 0 },
    { sequence: 4, version: 2, answer: 1 },
  ],
}

for (const [title, sends] of Object.entries(idempotence)) {
  for (const restart of ['no restart', 'a crash', 'a clean stop'] as const) {
    test(`${title}, with ${restart} after each send`, async (t) => {
      const fixture: LogFixture = { files: new FaultyFiles(), clock: new ManualClock() }
      let log = openLog(fixture)
      for (const { epoch = 0, sequence, records = 1, transactional = false, version = 0, answer } of sends) {
        const identity = { producerId: 5, producerEpoch: epoch, baseSequence: sequence, transactional }
        t.is(
          outcome(() => log.append(batchOf(Array(records).fill('v'), identity), { leaderEpoch: 0, transactionVersion: version })),
          answer,
        )
        if (restart === 'a crash') log.abandon()
        if (restart === 'a clean stop') await log.close()
        if (restart !== 'no restart') log = openLog({ ...fixture, clean: restart === 'a clean stop', recoveryPoint: log.flushedOffset })
      }
    })
  }
}

function outcome(append: () => AppendInfo): Send['answer'] {
  try {
    const { baseOffset, duplicate } = append()
    return duplicate ? `again ${baseOffset}` : baseOffset
  } catch (error) {
    if (error instanceof KafkaError) return error.kafkaCode
    throw error
  }
}

function transactional(log: PartitionLog, producerId: number, sequence: number, epoch = 0): number {
  const identity = { producerId, producerEpoch: epoch, baseSequence: sequence, transactional: true }
  return log.append(batchOf([`${producerId}/${sequence}`], identity), { leaderEpoch: 0 }).baseOffset
}

test('the last stable offset stands at the first open transaction and moves on with its marker', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  log.append(batchOf(['plain']), { leaderEpoch: 0 })
  transactional(log, 1, 0)
  transactional(log, 2, 0)
  transactional(log, 1, 1)
  t.is(log.lastStableOffset, 1)
  t.deepEqual(
    log.ongoingTransactions.map(({ producerId, transactionStart }) => [producerId, transactionStart]),
    [
      [1, 1],
      [2, 2],
    ],
  )
  log.appendMarker(marker(1, 0, true))
  t.is(log.lastStableOffset, 2)
  log.appendMarker(marker(2, 0, false))
  t.is(log.lastStableOffset, log.logEndOffset)
  t.deepEqual(log.abortedTransactions(0, log.logEndOffset), [{ producerId: 2, firstOffset: 2 }])
  t.deepEqual(log.abortedTransactions(0, 2), [])
  t.deepEqual(log.abortedTransactions(6, 7), [])
})

test('the last stable offset waits for the high watermark to pass the marker', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  log.highWatermark = 0
  transactional(log, 1, 0)
  log.appendMarker(marker(1, 0, true))
  log.highWatermark = 1
  t.is(log.lastStableOffset, 0)
  log.highWatermark = 2
  t.is(log.lastStableOffset, 2)
})

test('a marker of an old epoch or an old coordinator is fenced, and one without a transaction changes nothing', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  transactional(log, 1, 0, 3)
  const mark = (epoch: number, coordinatorEpoch: number) => outcome(() => log.appendMarker(marker(1, epoch, true, coordinatorEpoch)))
  t.is(mark(2, 0), 'INVALID_PRODUCER_EPOCH')
  t.is(mark(3, 5), 1)
  t.is(mark(3, 4), 'TRANSACTION_COORDINATOR_FENCED')
  t.is(mark(4, 5), 2)
  t.is(
    outcome(() =>
      log.append(batchOf(['v'], { producerId: 1, producerEpoch: 3, baseSequence: 1, transactional: true }), { leaderEpoch: 0 }),
    ),
    'INVALID_PRODUCER_EPOCH',
  )
  t.is(log.lastStableOffset, 3)
})

test('a marker of v2 is of a higher epoch than the records it ends, or late', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  const mark = (epoch: number, version: number) => outcome(() => log.appendMarker(marker(1, epoch, true), 0, version))
  transactional(log, 1, 0, 3)
  t.is(mark(3, 2), 'INVALID_PRODUCER_EPOCH', 'of the transaction before')
  t.is(log.lastStableOffset, 0)
  t.is(mark(4, 2), 1)
  t.is(log.lastStableOffset, 2)
  t.is(mark(4, 2), 2, 'a repetition, when nothing is open, does no harm')
  t.is(mark(3, 2), 'INVALID_PRODUCER_EPOCH')
  transactional(log, 1, 0, 4)
  t.is(mark(4, 2), 'INVALID_PRODUCER_EPOCH', 'the same again would end the next transaction')
  t.is(log.lastStableOffset, 3)
  t.is(mark(4, 0), 4, 'with v1 nobody can tell')
  transactional(log, 2, 0, 0x7fff)
  t.is(
    outcome(() => log.appendMarker(marker(2, 0x7fff, false), 0, 2)),
    6,
    'above the last epoch there is none',
  )
  t.is(log.lastStableOffset, 7)
})

test('what was refused before the log saw it is not overtaken by the batches behind it', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  const batch = (sequence: number, epoch = 0) =>
    batchOf(['v'], { producerId: 1, producerEpoch: epoch, baseSequence: sequence, transactional: true })
  const send = (sequence: number, epoch = 0) => outcome(() => log.append(batch(sequence, epoch), { leaderEpoch: 0 }))
  log.refused(batch(7))
  log.refused(batch(6))
  t.is(send(7), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  t.is(send(6), 0)
  t.is(send(7), 1)
  log.refused(batch(9))
  t.is(send(8), 2, 'what is known of the producer counts')
  const other = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  other.refused(batch(-1, 2))
  other.refused(batch(3, 1))
  other.refused(batch(0, 0))
  t.is(
    outcome(() => other.append(batch(4, 1), { leaderEpoch: 0 })),
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
  )
  t.is(
    outcome(() => other.append(batch(4, 2), { leaderEpoch: 0 })),
    0,
    'a new epoch begins anew',
  )
})

test('a repetition is answered the offsets and the time of the batch in the log, whoever set it, also after a restart', async (t) => {
  for (const messageTimestampType of ['CreateTime', 'LogAppendTime'] as const) {
    for (const restart of ['none', 'a crash', 'a clean stop'] as const) {
      const clock = new ManualClock(now)
      const fixture: LogFixture = { files: new FaultyFiles(), clock, config: { messageTimestampType } }
      let log = openLog(fixture)
      const send = (sequence: number): AppendInfo =>
        log.append(batchOf(['a', 'b'], { producerId: 9, producerEpoch: 0, baseSequence: sequence, timestamp: now - 1000 + sequence }), {
          leaderEpoch: 0,
        })
      const first: AppendInfo[] = []
      for (let i = 0; i < 5; i++) {
        first.push(send(2 * i))
        clock.advance(10)
      }
      clock.advance(500)
      if (restart === 'a crash') log.abandon()
      if (restart === 'a clean stop') await log.close()
      if (restart !== 'none') log = openLog({ ...fixture, clean: restart === 'a clean stop', recoveryPoint: log.flushedOffset })
      const appended = messageTimestampType === 'LogAppendTime'
      for (const [i, { baseOffset, lastOffset, logAppendTime }] of first.entries()) {
        t.is(logAppendTime, appended ? now + 10 * i : -1)
        const time = appended ? now + 10 * i : now - 1000 + 2 * i + 1
        t.deepEqual(send(2 * i), { baseOffset, lastOffset, logAppendTime: time, duplicate: true }, `${messageTimestampType}, ${restart}`)
      }
      log.abandon()
    }
  }
})

test('open and aborted transactions survive a crash and a clean stop, over segments', async (t) => {
  for (const clean of [true, false]) {
    const fixture: LogFixture = { files: new FaultyFiles(), clock: new ManualClock(), config: { segmentBytes: 200 } }
    let log = openLog(fixture)
    transactional(log, 1, 0)
    for (let i = 0; i < 8; i++) {
      transactional(log, 2, i)
      log.appendMarker(marker(2, 0, i % 2 === 0))
    }
    const expected = [3, 7, 11, 15].map((firstOffset) => ({ producerId: 2, firstOffset }))
    t.true(log.segmentCount > 3)
    if (clean) await log.close()
    else log.abandon()
    log = openLog({ ...fixture, clean, recoveryPoint: clean ? log.flushedOffset : 0 })
    t.is(log.lastStableOffset, 0)
    t.deepEqual(log.abortedTransactions(0, 17), expected)
    log.appendMarker(marker(1, 0, false))
    t.is(log.lastStableOffset, 18)
    t.deepEqual(log.abortedTransactions(0, 18), [...expected, { producerId: 1, firstOffset: 0 }])
    t.deepEqual(log.abortedTransactions(17, 18), [{ producerId: 1, firstOffset: 0 }])
  }
})

test('an idle producer is forgotten after producer.id.expiration.ms, one with an open transaction is not', (t) => {
  const clock = new ManualClock()
  const log = openLog({ files: new FaultyFiles(), clock, config: { producerIdExpirationMs: 1000 } })
  log.append(batchOf(['v'], { producerId: 1, producerEpoch: 4, baseSequence: 0 }), { leaderEpoch: 0 })
  transactional(log, 2, 0)
  clock.advance(2000)
  log.applyRetention(clock.now())
  t.deepEqual(
    [...log.producers].map(({ producerId }) => producerId),
    [2],
  )
  const send = (identity: BatchIdentity, transactionVersion = 0) =>
    outcome(() => log.append(batchOf(['v'], { producerId: 1, ...identity }), { leaderEpoch: 0, transactionVersion }))
  const sequel = { producerEpoch: 4, baseSequence: 9, transactional: true }
  t.is(send(sequel, 2), 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'with transactions v2 a gap is a gap')
  t.is(send({ producerEpoch: 0, baseSequence: 9 }), 2, 'who is unknown may begin anywhere, with any epoch')
  t.is(send({ producerEpoch: 0, baseSequence: 8 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'and is known from there on')
  t.is(send({ producerEpoch: 0, baseSequence: 9 }), 'again 2')
})

test('a producer snapshot is read as it was written, and never when a bit of it has changed', (t) => {
  const entry = { producerId: 2 ** 40, epoch: 7, coordinatorEpoch: 3, transactionStart: 12, lastTimestamp: 1_700_000_000_000 }
  // Of the time of the batch the snapshot knows no more than of that of the producer.
  const wrapped = { firstSequence: last, lastSequence: 1, lastOffset: 50, offsetDelta: 2, timestamp: entry.lastTimestamp }
  const entries = [
    { ...entry, batches: [wrapped] },
    { ...entry, producerId: 1, transactionStart: -1, batches: [] },
  ]
  const content = encodeSnapshot(entries)
  t.deepEqual(decodeSnapshot(content), entries)
  for (let bit = 0; bit < content.length * 8; bit++) {
    const damaged = Buffer.from(content)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    if (decodeSnapshot(damaged) !== undefined) t.fail(`bit ${bit}`)
  }
})

const now = 1_700_000_000_000

function damaged(change: (batch: Buffer) => void, sealed = true, identity: BatchIdentity = {}): Buffer {
  const batch = batchOf(['a', 'b'], { timestamp: now, ...identity })
  change(batch)
  if (sealed) sealBatch(batch, 0)
  return batch
}

function keyless(): Buffer {
  const builder = new BatchBuilder()
  builder.append(now, null, Buffer.from('v'))
  return builder.build()
}

const refused: [string, KafkaErrorName, () => Buffer, LogFixture['config']?][] = [
  ['nothing', 'INVALID_RECORD', () => Buffer.alloc(0)],
  ['a wrong checksum', 'CORRUPT_MESSAGE', () => damaged((batch) => (batch[70]! ^= 1), false)],
  ['half a batch', 'CORRUPT_MESSAGE', () => batchOf(['a']).subarray(0, 65)],
  ['a batch with a tail', 'CORRUPT_MESSAGE', () => Buffer.concat([batchOf(['a']), Buffer.alloc(7)])],
  ['message format 1', 'INVALID_RECORD', () => damaged((batch) => (batch[BatchField.magic] = 1), false)],
  ['more than max.message.bytes', 'MESSAGE_TOO_LARGE', () => batchOf(['x'.repeat(200)]), { maxMessageBytes: 200 }],
  ['more than segment.bytes', 'RECORD_LIST_TOO_LARGE', () => batchOf(['x'.repeat(200)]), { segmentBytes: 200 }],
  ['a count that does not fit', 'INVALID_RECORD', () => damaged((batch) => batch.writeInt32BE(5, BatchField.recordCount))],
  ['a last offset that does not fit', 'INVALID_RECORD', () => damaged((batch) => batch.writeInt32BE(9, BatchField.lastOffsetDelta))],
  ['a base offset', 'INVALID_RECORD', () => batchOf(['a'], { baseOffset: 3 })],
  ['a control batch of a client', 'INVALID_RECORD', () => marker(1, 0, true)],
  ['a transaction without a producer', 'INVALID_RECORD', () => batchOf(['a'], { transactional: true })],
  ['a producer without a sequence', 'INVALID_RECORD', () => batchOf(['a'], { producerId: 1, producerEpoch: 0 })],
  [
    'two batches of a producer',
    'INVALID_RECORD',
    () => Buffer.concat([batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }), batchOf(['b'])]),
  ],
  ['a time too far ahead', 'INVALID_TIMESTAMP', () => batchOf(['a'], { timestamp: now + 3_600_001 })],
  ['a time too far back', 'INVALID_TIMESTAMP', () => batchOf(['a'], { timestamp: now - 101 }), { messageTimestampBeforeMaxMs: 100 }],
  ['a record without a key on a compacted topic', 'INVALID_RECORD', keyless, { cleanupPolicy: 'compact' }],
]

for (const [title, code, make, config = {}] of refused) {
  test(`${title} is refused with ${code} and changes nothing`, (t) => {
    const files = new FaultyFiles()
    const log = openLog({ files, clock: new ManualClock(now), config })
    t.is(
      outcome(() => log.append(make(), { leaderEpoch: 0 })),
      code,
    )
    t.is(log.logEndOffset, 0)
    t.is(log.sizeInBytes, 0)
  })
}

test('a keyless record is welcome where nothing is compacted, and several batches may come at once', (t) => {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock(now) })
  const { baseOffset, lastOffset } = log.append(Buffer.concat([keyless(), batchOf(['a', 'b'], { timestamp: now })]), { leaderEpoch: 0 })
  t.deepEqual([baseOffset, lastOffset], [0, 2])
  t.deepEqual(
    readAll(log).map(({ offset, value }) => [offset, value]),
    [
      [0, 'v'],
      [1, 'a'],
      [2, 'b'],
    ],
  )
})

test('message.timestamp.type=LogAppendTime gives all records the time of the broker, with a checksum that holds', (t) => {
  const files = new FaultyFiles()
  const fixture = { files, clock: new ManualClock(now), config: { messageTimestampType: 'LogAppendTime' } } as const
  const log = openLog(fixture)
  t.is(log.append(batchOf(['a', 'b'], { timestamp: 5 }), { leaderEpoch: 0 }).logAppendTime, now)
  log.abandon()
  t.deepEqual(
    readAll(openLog(fixture)).map(({ timestamp }) => timestamp),
    [now, now],
  )
})

test('compression.type stores batches in its compression, with the same records and the same producer', (t) => {
  for (const compressionType of ['gzip', 'zstd', 'uncompressed', 'producer'] as const) {
    const files = new FaultyFiles()
    const log = openLog({ files, clock: new ManualClock(now), config: { compressionType } })
    const builder = new BatchBuilder({ compression: 'lz4' })
    builder.append(now, Buffer.from('k'), Buffer.from('v'), [{ key: 'h', value: Buffer.from('x') }])
    const sent = builder.build({ producerId: 3, producerEpoch: 1, baseSequence: 0 })
    t.is(
      outcome(() => log.append(Buffer.from(sent), { leaderEpoch: 0 })),
      0,
    )
    t.is(
      outcome(() => log.append(Buffer.from(sent), { leaderEpoch: 0 })),
      'again 0',
    )
    const { records } = log.read(0, 1e6)
    t.is(compressionOf(records, 0), compressionType === 'producer' ? 'lz4' : compressionType === 'uncompressed' ? 'none' : compressionType)
    t.deepEqual(decodeBatch(records, 0).headers(0), [{ key: 'h', value: Buffer.from('x') }])
  }
})
