import { readdirSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync, copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { formatVerify, hdfs, lakeInfo, verify, type HdfsOptions } from '../../connectors/hdfs/index.ts'
import { timePattern } from '../../connectors/hdfs/partitioner.ts'
import { OffsetsSum } from '../../connectors/hdfs/ledger/offsets-sum.ts'
import type { KafkaPosition, PartitionSink } from '../../connectors/types.ts'
import { string } from '../../core/serde/index.ts'
import { batchOf, numberedBatch, numberedRecord, sinkContext, START, type KitContext } from '../support/ledger-kit.ts'
import { dataFiles, lakeDirectory, numbersIn } from '../support/ledger-lake.ts'
import { sinkContract } from '../support/sink-contract.ts'

const byDay: Partial<HdfsOptions> = { partitionBy: { time: "'dt='yyyy-MM-dd" } }

sinkContract(test, 'hdfs on file:', (t) => {
  const directory = lakeDirectory(t)
  const stored = async (): Promise<number[]> => {
    const numbers = await numbersIn(directory)
    if (numbers.length > 0) t.true((await verify({ url: directory })).ok)
    return numbers
  }
  return Promise.resolve({ sink: () => hdfs({ url: `file:${directory}`, ...byDay }), context: sinkContext(), stored })
})

interface Lake {
  readonly directory: string
  readonly context: KitContext
  readonly sink: PartitionSink
}

async function lake(
  t: ExecutionContext,
  options: Partial<HdfsOptions> = byDay,
  context = sinkContext(),
  directory = lakeDirectory(t),
): Promise<Lake> {
  const open = await hdfs({ url: directory, ...options }).open(context)
  return { directory, context, sink: open.partition('flights', 0) }
}

/** A lake of two commits of ten records, over two days. */
async function written(t: ExecutionContext): Promise<Lake> {
  const made = await lake(t)
  await made.sink.recover!()
  for (const from of [230, 240]) {
    if (from === 230) await made.sink.write(numberedBatch('flights', 0, 0, 230))
    await made.sink.write(numberedBatch('flights', 0, from, from + 10))
    await made.sink.commit(at(from + 10))
  }
  await made.sink.close()
  return made
}

function at(offset: number): KafkaPosition {
  return { offset, leaderEpoch: 0 }
}

function entriesOf(
  directory: string,
): { from: string; next: string; kind: string; records: number; filtered: number; gaps: unknown[]; files: unknown[] }[] {
  const ledger = join(directory, '_moldau/archive/flights/0/ledger')
  return readdirSync(ledger)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(ledger, name), 'utf8')) as never)
}

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
  refused({ url: 'webhdfs://namenode:9870/lake' }, /webhdfs: is not there yet/)
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

test('the first commit of a topic that has lost its beginning records the gap', async (t) => {
  const context = sinkContext()
  context.source = { ...context.source, logStartOffset: 5 }
  const { sink, directory } = await lake(t, byDay, context)
  t.is((await sink.recover!()).offset, 5)
  await sink.write(numberedBatch('flights', 0, 5, 10))
  await sink.commit(at(10))
  t.deepEqual(entriesOf(directory)[0]!.gaps, [{ from: '0', next: '5', why: 'start' }])
  t.like(await verify({ url: directory }), { ok: true, topics: [{ records: 5, gapped: 5, holes: 0 }] })
})

/** A new instance on the same lake, with the topic changed. */
async function again(
  t: ExecutionContext,
  { directory, context }: Lake,
  source: Partial<KitContext['source']>,
  options: Partial<HdfsOptions> = {},
): Promise<PartitionSink> {
  context.source = { ...context.source, ...source }
  return (await lake(t, { ...byDay, ...options }, context, directory)).sink
}

test('retention that overtook the sink stops it, or is recorded', async (t) => {
  const made = await written(t)
  const stopped = await again(t, made, { logStartOffset: 260 })
  await t.throwsAsync(stopped.recover!(), {
    code: 'LEDGER_MISMATCH',
    message: /entry 2 ends at offset 250.*begins at 260.*250 to 259.*gap: 'record'/,
  })
  const sink = await again(t, made, {}, { gap: 'record' })
  t.is((await sink.recover!()).offset, 260)
  await sink.commit(at(260))
  t.like(entriesOf(made.directory)[2], { kind: 'gap', gaps: [{ from: '250', next: '260', why: 'retention' }] })
})

test('a topic that was made anew stops the sink; reset starts again, adopt goes on', async (t) => {
  const made = await written(t)
  await t.throwsAsync((await again(t, made, { topicId: 'topic-id-000000000000B' })).recover!(), {
    code: 'LEDGER_MISMATCH',
    message: /flights-0.*entry 2 ends at offset 250.*adopt: true.*reset: true/,
  })
  t.is((await (await again(t, made, {}, { adopt: true })).recover!()).offset, 250)
  const sink = await again(t, made, {}, { reset: true })
  t.is((await sink.recover!()).offset, 0)
  await sink.write(numberedBatch('flights', 0, 0, 5))
  await sink.commit(at(5))
  t.deepEqual(
    entriesOf(made.directory).map(({ kind }) => kind),
    ['data', 'data', 'reset', 'data'],
  )
  t.like(await verify({ url: made.directory }), { ok: true, topics: [{ records: 255, resets: 1 }] })
})

test('a topic that was cut stops the sink: by the end of its leader epoch, or of the log', async (t) => {
  const made = await written(t)
  const cut = { code: 'LEDGER_MISMATCH', message: /ends at offset 250, and the topic ends at 240.*reset: true/ } as const
  await t.throwsAsync((await again(t, made, { logEndOffset: 240 })).recover!(), cut)
  await t.throwsAsync((await again(t, made, { logEndOffset: 300, endOffsetForEpoch: () => Promise.resolve(240) })).recover!(), cut)
})

test('another directory than the group was told of stops the sink: moved, mistyped, or an older copy', async (t) => {
  const made = await written(t)
  t.is(made.context.reports.get('flights-0')!.offset, 250)
  const empty = await lake(t, byDay, made.context)
  await t.throwsAsync(empty.sink.recover!(), {
    code: 'LEDGER_MISMATCH',
    message: /was the directory moved, or the path mistyped.*adopt: true/,
  })
  t.deepEqual(readdirSync(empty.directory), [], 'nothing was made in the wrong place')
  const foreign = await written(t)
  const mixed = await lake(t, byDay, made.context, foreign.directory)
  await t.throwsAsync(mixed.sink.recover!(), { code: 'LEDGER_MISMATCH', message: /was it moved or mistyped/ })
  unlinkSync(join(made.directory, '_moldau/archive/flights/0/ledger/00000000000000000002.json'))
  await t.throwsAsync((await again(t, made, {})).recover!(), { code: 'LEDGER_MISMATCH', message: /ends at entry 1.*told of entry 2/ })
})

test('two sinks share a directory by name; the same name from elsewhere is refused', async (t) => {
  const made = await written(t)
  const other = await lake(t, { ...byDay, name: 'second' }, sinkContext({ pipeline: 'other' }), made.directory)
  await other.sink.recover!()
  await other.sink.write(numberedBatch('flights', 0, 0, 5))
  await other.sink.commit(at(5))
  t.is((await verify({ url: made.directory })).topics.length, 2)
  for (const context of [sinkContext({ pipeline: 'other' }), sinkContext({ clusterId: 'cluster-b' })]) {
    const same = await lake(t, { ...byDay, name: 'archive' }, context, made.directory)
    await t.throwsAsync(same.sink.recover!(), { code: 'LEDGER_MISMATCH', message: /belongs to pipeline archive on cluster cluster-a/ })
  }
})

test('a damaged, empty or missing entry stops the sink and names the file', async (t) => {
  const harm: Record<string, (path: string) => void> = {
    damaged: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"records":240', '"records":241')),
    empty: (path) => truncateSync(path, 0),
    missing: (path) => unlinkSync(path),
  }
  for (const [name, damage] of Object.entries(harm)) {
    const made = await written(t)
    const path = '_moldau/archive/flights/0/ledger/00000000000000000001.json'
    damage(join(made.directory, path))
    const error = await t.throwsAsync((await again(t, made, {})).recover!(), { code: 'LEDGER_DAMAGED' }, name)
    t.true(error!.message.includes(path), name)
    t.like(await verify({ url: made.directory }), { ok: false, problems: [{ kind: 'ledger' }] })
  }
})

test('after hundreds of commits and checkpoints the ledger is small, and whole', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  for (let offset = 0; offset < 205; offset++) {
    await sink.commit(at(offset + 1))
  }
  await sink.write(numberedBatch('flights', 0, 205, 210))
  await sink.commit(at(210))
  const chain = join(directory, '_moldau/archive/flights/0')
  t.deepEqual(readdirSync(join(chain, 'checkpoint')), ['200.json'])
  t.is(readdirSync(join(chain, 'ledger')).length, 6)
  t.like((await lakeInfo(directory))[0], { topic: 'flights', partition: 0, next: 210, entries: 206, files: 1, records: 5 })
  t.true((await verify({ url: directory })).ok)
})

test('verify finds and names a removed, truncated, changed, swapped and foreign file', async (t) => {
  const problems = async (damage: (files: string[], directory: string) => void): Promise<string[]> => {
    const { directory } = await written(t)
    damage(
      dataFiles(directory).map((path) => join(directory, path)),
      directory,
    )
    const report = await verify({ url: directory })
    t.is(report.ok, report.problems.length === 0)
    t.regex(formatVerify(report), /^checked: topic flights[^]*problem/)
    return report.problems.map(({ kind, message }) => `${kind} ${message}`)
  }
  const removed = await problems(([first]) => unlinkSync(first!))
  t.is(removed.length, 1)
  t.regex(removed[0]!, /^missing dt=2001-01-01\/flights-0-0-239.*entry 1 of flights-0, offsets 0 to 239/)
  t.regex((await problems(([first]) => truncateSync(first!, statSync(first!).size - 1)))[0]!, /^truncated .*bytes of/)
  const flipped = await problems(([first]) => {
    const bytes = readFileSync(first!)
    bytes[bytes.length - 30]! ^= 1
    writeFileSync(first!, bytes)
  })
  t.regex(flipped[0]!, /^damaged .*changed or swapped/)
  const swapped = await problems(([first, second]) => {
    renameSync(first!, `${first}.x`)
    renameSync(second!, first!)
    renameSync(`${first}.x`, second!)
  })
  t.is(swapped.length, 2)
  const doubled = await problems(([first], directory) => {
    mkdirSync(join(directory, 'dt=2001-01-03'))
    copyFileSync(first!, join(directory, 'dt=2001-01-03/copy.avro'))
  })
  t.regex(doubled[0]!, /^orphan dt=2001-01-03\/copy\.avro/)
})

test('verify and lakeInfo see one moment of a lake that is being written, through commits and checkpoints', async (t) => {
  const { sink, directory } = await lake(t)
  await sink.recover!()
  const write = async (from: number, next: number): Promise<void> => {
    for (let offset = from; offset < next; offset++) {
      if (offset % 10 === 0) await sink.write(numberedBatch('flights', 0, offset, offset + 1))
      await sink.commit(at(offset + 1))
    }
  }
  // The hundredth commit makes a checkpoint.
  await write(0, 90)
  let writing = true
  const writer = write(90, 120).finally(() => (writing = false))
  let before = 0
  while (writing) {
    t.deepEqual((await verify({ url: directory })).problems, [])
    const [info] = await lakeInfo(directory)
    t.true(info!.next >= before)
    before = info!.next
  }
  await writer
  t.like((await verify({ url: directory })).topics[0], { offsets: 120, records: 12 })
})

test('verify says when there is no lake', async (t) => {
  await t.throwsAsync(verify({ url: lakeDirectory(t) }), { code: 'INPUT_MISSING', message: /no ledger/ })
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
