import { readdirSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync, copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { formatVerify, lakeInfo, verify, type HdfsOptions } from '../../connectors/hdfs/index.ts'
import type { PartitionSink } from '../../connectors/types.ts'
import { numberedBatch, sinkContext, type KitContext } from '../support/ledger-kit.ts'
import { dataFiles, lakeDirectory } from '../support/ledger-lake.ts'
import { at, byDay, entriesOf, lake, written } from '../support/hdfs-lake.ts'
import type { Lake } from '../support/hdfs-lake.ts'

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
