import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import test from 'ava'
import fc from 'fast-check'

import { string } from '../../core/serde/index.ts'
import { formatVerify, hdfs, verify, type HdfsOptions } from '../../connectors/hdfs/index.ts'
import { timePattern } from '../../connectors/hdfs/partitioner.ts'
import { OffsetsSum } from '../../connectors/hdfs/ledger/offsets-sum.ts'
import type { PartitionSink } from '../../connectors/types.ts'
import { batchOf, numberedBatch, numberedRecord, sinkContext, START, type KitContext } from '../support/ledger-kit.ts'
import { dataFiles, lakeDirectory, numbersIn } from '../support/ledger-lake.ts'
import { sinkContract } from '../support/sink-contract.ts'
import { at, byDay, entriesOf, lake, written } from '../support/hdfs-lake.ts'

sinkContract(test, 'hdfs on file:', (t) => {
  const directory = lakeDirectory(t)
  const stored = async (): Promise<number[]> => {
    const numbers = await numbersIn(directory)
    if (numbers.length > 0) t.true((await verify({ url: directory })).ok)
    return numbers
  }
  return Promise.resolve({ sink: () => hdfs({ url: `file:${directory}`, ...byDay }), context: sinkContext(), stored })
})

test('records go into a directory for their day, in files named by their offsets', async (t) => {
  const { directory } = await written(t)
  const files = dataFiles(directory)
  t.deepEqual(
    files.map((path) => path.replace(/-[0-9a-f]{16}-\d+\.avro$/, '')),
    ['dt=2001-01-01/flights-0-0-239', 'dt=2001-01-02/flights-0-240-249'],
  )
})

test('a commit cuts all open files of the partition at one offset', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  // Two days in turn.
  await sink.write(
    batchOf(
      'flights',
      0,
      [0, 1, 2, 3].map((offset) => ({ ...numberedRecord(offset), timestamp: START + (offset % 2) * 86_400_000 })),
    ),
  )
  await sink.commit(at(4))
  const [entry] = entriesOf(directory)
  t.is(entry!.files.length, 2)
  t.is(entry!.next, '4')
})

test('every entry begins where the one before it ended: under holes, markers at the end, a filtered slice, an empty cut', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  // Compaction has left holes at 1, 2 and 4, and a marker ends the batch at 6.
  await sink.write(batchOf('flights', 0, [numberedRecord(0), numberedRecord(3), numberedRecord(5)], 7))
  await sink.commit(at(7))
  // All filtered.
  await sink.write({ ...numberedBatch('flights', 0, 7, 12), selected: [] })
  await sink.commit(at(12))
  // Markers only.
  await sink.commit(at(15))
  // Nothing at all: no entry.
  await sink.commit(at(15))
  // Some kept, one a dead letter.
  await sink.write({ ...numberedBatch('flights', 0, 15, 20), selected: [0, 2], deadLettered: 1 })
  await sink.commit(at(20))
  const entries = entriesOf(directory)
  t.deepEqual(
    entries.map(({ from, next, records, filtered, files }) => [from, next, records, filtered, files.length]),
    [
      ['0', '7', 3, 0, 1],
      ['7', '12', 0, 5, 0],
      ['12', '15', 0, 0, 0],
      ['15', '20', 2, 2, 1],
    ],
  )
  const report = await verify({ url: directory })
  t.like(report, { ok: true, topics: [{ offsets: 20, records: 5, filtered: 7, deadLettered: 1, holes: 7, files: 2 }] })
  t.is(
    formatVerify(report),
    'verified: topic flights, 1 partition, 20 offsets: 5 records in 2 files + 7 control, aborted or compacted records + 7 filtered + 1 in dead letters, ' +
      'each offset exactly once',
  )
})

test('values that came out of operators go through the serde', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  await sink.write({
    ...numberedBatch('flights', 0, 0, 3),
    selected: [0, 2],
    values: [
      { n: 100, text: 'a' },
      { n: 102, text: 'b' },
    ],
  })
  await sink.commit(at(3))
  t.deepEqual(await numbersIn(directory), [100, 102])
  t.throws(() => sink.write({ ...numberedBatch('flights', 0, 3, 4), values: [{ n: 'no number', text: 'a' }] }), {
    code: 'SERDE_FAILED',
    message: /flights-0@3/,
  })
})

test('rotation falls due by records, bytes, open time and idle time', async (t) => {
  const due = async (rotate: HdfsOptions['rotate']): Promise<PartitionSink & { clock: KitContext['clock'] }> => {
    const { sink, context } = await lake(t, { rotate: rotate! })
    await sink.recover!()
    t.is(sink.nextDue!(), undefined)
    await sink.write(numberedBatch('flights', 0, 0, 10))
    return Object.assign(sink, { clock: context.clock })
  }
  t.true((await due({ records: 10 })).due!(0))
  t.false((await due({ records: 11 })).due!(0))
  t.true((await due({ bytes: 100 })).due!(0))
  const timed = await due({ openMs: 60_000, idleMs: 10_000 })
  const start = timed.clock.now()
  t.is(timed.nextDue!(), start + 10_000)
  t.false(timed.due!(start + 9_999))
  t.true(timed.due!(start + 10_000))
  timed.clock.advance(55_000)
  await timed.write(numberedBatch('flights', 0, 10, 20))
  t.is(timed.nextDue!(), start + 60_000)
  await timed.commit(at(20))
  t.is(timed.nextDue!(), undefined)
})

test('no more files are open than allowed: the one unused longest is closed early', async (t) => {
  const { sink, directory } = await lake(t, { ...byDay, openFiles: 2 })
  await sink.recover!()
  const days = [0, 1, 2, 0, 1, 2]
  await sink.write(
    batchOf(
      'flights',
      0,
      days.map((day, offset) => ({ ...numberedRecord(offset), timestamp: START + day * 86_400_000 })),
    ),
  )
  await sink.commit(at(6))
  t.is(dataFiles(directory).length, 6)
  t.deepEqual(await numbersIn(directory), [0, 1, 2, 3, 4, 5])
})

test('what is written while a commit is under way belongs to the next one', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  await sink.write(numberedBatch('flights', 0, 0, 10))
  const committing = sink.commit(at(10))
  await sink.write(numberedBatch('flights', 0, 10, 20))
  await committing
  t.deepEqual(await numbersIn(directory), [...Array(10).keys()])
  await sink.commit(at(20))
  t.deepEqual(
    entriesOf(directory).map(({ next }) => next),
    ['10', '20'],
  )
})

test('a value that is not Avro of the schema is refused, by topic, partition and offset', async (t) => {
  const refused = async (value: Buffer | null): Promise<string> => {
    const { sink } = await lake(t)
    await sink.recover!()
    const error = t.throws(() => sink.write(batchOf('flights', 0, [numberedRecord(0), { ...numberedRecord(1), value }])), {
      code: 'SERDE_FAILED',
    })
    await t.throwsAsync(async () => await sink.commit(at(2)), { code: 'CLOSED' })
    return error.message
  }
  t.regex(await refused(Buffer.from('{"n":1}')), /flights-0@1: .*Numbered/)
  t.regex(await refused(Buffer.concat([numberedRecord(1).value!, Buffer.alloc(1)])), /flights-0@1: .*1 bytes/)
  t.regex(await refused(null), /flights-0@1: .*tombstone/)
})

test('a topic whose values are not Avro is refused with the remedy', async (t) => {
  await t.throwsAsync(lake(t, byDay, sinkContext({ serde: string as never })), {
    code: 'INVALID_CONFIG',
    message: /declare topic\('flights', \{ value: avro/,
  })
})

test('settings are checked by name', (t) => {
  const refused = (options: object, message: RegExp): void => {
    t.throws(() => hdfs({ url: 'file:./lake', ...options } as HdfsOptions), { code: 'INVALID_CONFIG', message })
  }
  refused({ partitionby: 'topic' }, /partitionby is not a setting/)
  refused({ rotate: { record: 1 } }, /rotate\.record is not a setting/)
  refused({ rotate: { records: 0 } }, /rotate\.records/)
  refused({ format: 'parquet' }, /parquet/)
  refused({ name: '../x' }, /name/)
  refused({ partitionBy: { time: 'yyyy-MM-QQ' } }, /Q in yyyy-MM-QQ/)
  refused({ url: 'hdfs://namenode:8020/lake' }, /webhdfs:\/\/namenode:9870\/lake/)
  refused({ url: 's3://bucket' }, /s3: is not a file system known here/)
})

test('a partitioning function stays inside the lake', async (t) => {
  for (const bad of ['../up', '/abs', 'a//b', '_moldau', 'a/./b']) {
    const { sink } = await lake(t, { partitionBy: () => bad })
    await sink.recover!()
    t.throws(() => sink.write(numberedBatch('flights', 0, 0, 1)), { code: 'OPERATOR_FAILED' }, bad)
  }
  const { sink, directory } = await lake(t, { partitionBy: ['topic', ({ value }) => `n=${(value as { n: number }).n % 2}`] })
  await sink.recover!()
  await sink.write(numberedBatch('flights', 0, 0, 4))
  await sink.commit(at(4))
  t.deepEqual(
    dataFiles(directory).map((path) => dirname(path)),
    ['flights/n=0', 'flights/n=1'],
  )
})

test('time patterns are formatted in UTC', (t) => {
  const time = Date.UTC(2001, 1, 3, 4, 5, 6)
  const formatted = (pattern: string): string => timePattern(pattern).format(time)
  t.is(formatted("'dt='yyyy-MM-dd"), 'dt=2001-02-03')
  t.is(formatted("yyyy/MM/dd/HH'h'mm''ss"), "2001/02/03/04h05'06")
  t.is(timePattern("'dt='yyyy-MM-dd-HH").periodMs, 3_600_000)
})

test('a directory that is a file, or cannot be written, is named', async (t) => {
  const directory = lakeDirectory(t)
  writeFileSync(join(directory, 'file'), '')
  const { sink } = await lake(t, byDay, sinkContext(), join(directory, 'file'))
  const error = await t.throwsAsync(sink.recover!())
  t.true(error!.message.includes(join(directory, 'file')))
})

test('a directory that the system will never make is refused, not tried for ever', async (t) => {
  const open = await hdfs({ url: '/proc/nowhere/lake' }).open(sinkContext())
  await t.throwsAsync(open.partition('flights', 0).recover!(), { code: 'DIRECTORY_UNUSABLE', message: /\/proc\/nowhere/ })
  await open.close()
})

test('sums of offsets add up, and are splitmix64', (t) => {
  const splitmix = (n: bigint): bigint => {
    const mask = (1n << 64n) - 1n
    let z = (n + 0x9e3779b97f4a7c15n) & mask
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
    return z ^ (z >> 31n)
  }
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat(), { maxLength: 20 }), (offsets) => {
      const sum = new OffsetsSum()
      for (const offset of offsets) sum.add(offset)
      const expected = offsets.reduce((total, offset) => (total + splitmix(BigInt(offset))) & ((1n << 64n) - 1n), 0n)
      t.is(sum.hex, expected.toString(16).padStart(16, '0'))
      const parts = new OffsetsSum()
      parts.addSum(sum.hex)
      parts.addRange(3, 5)
      const range = new OffsetsSum()
      range.addSum(sum.hex)
      range.add(3)
      range.add(4)
      t.is(parts.hex, range.hex)
    }),
  )
})
