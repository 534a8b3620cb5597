import test, { type ExecutionContext } from 'ava'
import { join } from 'node:path'
import { hdfs, verify } from '../../connectors/hdfs/index.ts'
import { readAvroFile } from '../../connectors/avro/index.ts'
import type { KafkaPosition, PartitionSink, Sink, SinkBatch, Source } from '../../connectors/types.ts'
import { avro, type Client, connect, int32, string } from '../../core/index.ts'
import { filter, map, mapValues, pipeline, run, topic, tumbling } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'
import { tempDir } from '../support/start-broker.ts'
import { readdir } from 'node:fs/promises'

const PARTITIONS = 3
const numbers = topic('numbers', { key: string, value: int32 })
const events = topic('events', {
  key: string,
  value: avro({
    type: 'record',
    name: 'Event',
    fields: [
      { name: 'n', type: 'int' },
      { name: 'at', type: 'long' },
    ],
  }),
})

interface Row {
  key: string
  value: number
  timestamp: number
}

/** A bounded source of numbered rows, read from any row on. */
function rows(count: number, { replayable = true, perRead = 37 } = {}): Source<Row, { row: number }> {
  let row = 0
  return {
    name: 'rows',
    flags: { bounded: true, replayable },
    open: (position) => {
      row = position?.row ?? 0
      return Promise.resolve()
    },
    read: async () => {
      if (row >= count) return undefined
      await new Promise(setImmediate)
      const end = Math.min(row + perRead, count)
      const records = Array.from({ length: end - row }, (_, i) => ({
        key: `k${(row + i) % 10}`,
        value: row + i,
        timestamp: 1000 + (row + i) * 10,
      }))
      row = end
      return { records, position: { row }, progress: row / count }
    },
    close: () => Promise.resolve(),
  }
}

async function setUp(t: ExecutionContext) {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['numbers', 'events', 'out'].map((name) => ({ name, partitions: PARTITIONS })))
  return { broker, client }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const int = (b: Buffer) => b.readInt32BE()

async function produceEvents(client: Client, from: number, to: number): Promise<void> {
  const producer = client.producer()
  await producer.partitions('events')
  for (let n = from; n < to; n++) {
    const key = `k${n % 10}`
    const at = Date.UTC(2001, 0, 1) + n * 60_000
    producer.append('events', producer.partitionFor('events', key), Buffer.from(key), events.value.serialize({ n, at }), at)
  }
  await producer.close()
}

test('a bounded source is replayed exactly once and in order, killed as often as you like, and ends by itself', async (t) => {
  const { broker, client } = await setUp(t)
  const count = 5000
  const replay = () => pipeline('replay').from(rows(count)).to(numbers)
  for (let round = 0; round < 6; round++) {
    const { kill } = await start(t, broker, [replay()])
    await wait(Math.random() * 60)
    kill()
  }
  const { job } = await start(t, broker, [replay()])
  const progress: (number | undefined)[] = []
  job.metrics$.subscribe(([m]) => progress.push(m!.progress))
  await job.drained()
  const written = await readAll(client, 'numbers', int)
  t.is(written.length, count)
  t.is(new Set(written.map((r) => r.value)).size, count)
  for (let k = 0; k < 10; k++) {
    const own = written.filter((r) => r.key === `k${k}`).map((r) => r.value)
    t.deepEqual(
      own,
      Array.from({ length: count / 10 }, (_, i) => i * 10 + k),
    )
  }
  t.is(progress.at(-1), 1)
  const again = await start(t, broker, [replay()])
  await again.job.drained()
  t.is((await readAll(client, 'numbers', int)).length, count, 'nothing is left to do')
})

test('a source goes through operators, a repartition and windows to an end by itself', async (t) => {
  const { broker, client } = await setUp(t)
  const counted = pipeline('counted')
    .from(rows(1000))
    .pipe(filter((r) => r.value % 2 === 0))
    .keyBy((r) => (r.value % 4 === 0 ? 'four' : 'two'), { key: string, value: int32 })
    .window(tumbling('1s'))
    .count()
    .pipe(map((w) => ({ key: w.key, value: w.value })))
    .to(topic('out', { key: string, value: int32 }))
  const { job } = await start(t, broker, [counted])
  await job.drained()
  const results = await readAll(client, 'out', int)
  t.is(results.length, 20)
  t.is(
    results.reduce((sum, r) => sum + r.value, 0),
    500,
  )
})

test('a pipeline that feeds another ends first when the job is drained', async (t) => {
  const { broker, client } = await setUp(t)
  const feeding = pipeline('feeding').from(rows(2000)).to(numbers)
  const counting = pipeline('counting')
    .from(numbers)
    .groupByKey()
    .count()
    .to(topic('out', { key: string, value: int32 }))
  const { job } = await start(t, broker, [counting, feeding])
  await job.drain()
  t.is((await readAll(client, 'out', int)).length, 2000)
})

test('an archive has every offset in the lake exactly once, killed as often as you like', async (t) => {
  const { broker, client } = await setUp(t)
  const url = join(await tempDir(t), 'lake')
  const archive = () =>
    pipeline('archive')
      .from(events)
      .to(hdfs({ url, format: 'avro', partitionBy: { time: "'dt='yyyy-MM-dd" }, rotate: { records: 200, openMs: 60_000, idleMs: 60_000 } }))
  let n = 0
  for (let round = 0; round < 6; round++) {
    await produceEvents(client, n, (n += 1000))
    const { kill } = await start(t, broker, [archive()])
    await wait(Math.random() * 120)
    kill()
  }
  const { job } = await start(t, broker, [archive()])
  const commits: number[] = []
  job.metrics$.subscribe(([m]) => commits.push(m!.commits))
  await job.drain()
  t.true(commits.at(-1)! > 0)
  const report = await verify({ url, topic: 'events' })
  t.true(report.ok, JSON.stringify(report.problems))
  t.is(await inLake(url).then((values) => new Set(values).size), n)
  t.is((await inLake(url)).length, n)
  const reported = await client.admin.listConsumerGroupOffsets('moldau-archive')
  t.is(
    reported.reduce((sum, { offset }) => sum + offset, 0),
    n,
    'the group shows no lag',
  )
})

test('an archive behind filter and mapValues keeps what is kept, and accounts for the rest', async (t) => {
  const { broker, client } = await setUp(t)
  const url = join(await tempDir(t), 'lake')
  await produceEvents(client, 0, 1000)
  const archive = pipeline('even')
    .from(events)
    .pipe(
      filter((r) => r.value.n % 2 === 0),
      mapValues((event) => ({ ...event, n: -event.n })),
    )
    .to(hdfs({ url, format: 'avro', rotate: { records: 100, openMs: 60_000, idleMs: 60_000 } }))
  const { job } = await start(t, broker, [archive])
  await job.drain()
  const report = await verify({ url, topic: 'events' })
  t.true(report.ok, JSON.stringify(report.problems))
  const values = await inLake(url)
  t.is(values.length, 500)
  t.true(values.every((n) => n <= 0 && n % 2 === 0))
})

async function inLake(url: string): Promise<number[]> {
  const values: number[] = []
  for (const path of await readdir(url, { recursive: true })) {
    if (!path.endsWith('.avro') || path.startsWith('_moldau')) continue
    for await (const event of readAvroFile(join(url, path))) values.push((event as { n: number }).n)
  }
  return values
}

/** Keeps what it gets in memory; can fail, and can say that another instance was faster. */
function memorySink(ownsPosition: boolean) {
  const kept: number[] = []
  const state = { positions: new Map<number, number>(), failNext: undefined as Error | undefined }
  const sink: Sink = {
    name: 'memory',
    flags: { ownsPosition, writesDuringCommit: false },
    open: () =>
      Promise.resolve({
        partition: (_topic, partition): PartitionSink => {
          let pending: number[] = []
          const written = (batch: SinkBatch) => {
            for (let i = batch.from; i < batch.from + batch.count; i++) pending.push(int(batch.columns.value(i)!))
          }
          const commit = (position: KafkaPosition) => {
            const { failNext } = state
            state.failNext = undefined
            if (failNext !== undefined) return Promise.reject(failNext)
            kept.push(...pending)
            state.positions.set(partition, position.offset)
            const committed = { position, records: pending.length, files: 0, bytes: 0 }
            pending = []
            return Promise.resolve(committed)
          }
          const recover = () => {
            pending = []
            return Promise.resolve({ offset: state.positions.get(partition) ?? 0, leaderEpoch: -1 })
          }
          const close = () => Promise.resolve()
          return { write: written, commit, close, due: () => pending.length >= 50, ...(ownsPosition ? { recover } : {}) }
        },
        close: () => Promise.resolve(),
      }),
  }
  return { sink, kept, state }
}

test('a sink whose attempt is dead is recovered and gets its records again, each once', async (t) => {
  const { broker } = await setUp(t)
  const { MoldauError } = await import('../../core/index.ts')
  const { sink, kept, state } = memorySink(true)
  await (await start(t, broker, [pipeline('fill').from(rows(2000)).to(numbers)])).job.drained()
  state.failNext = new MoldauError('ATTEMPT_DEAD', 'another instance committed', { retriable: true })
  const { job } = await start(t, broker, [pipeline('keep').from(numbers).to(sink)], { retryMs: 10_000 })
  await job.drain()
  t.is(kept.length, 2000)
  t.is(new Set(kept).size, 2000)
})

test('a sink that keeps no position is at least once, and refused for exactly-once; so is a source that cannot go back', async (t) => {
  const { broker, client } = await setUp(t)
  const { sink, kept } = memorySink(false)
  const keep = pipeline('keep').from(numbers).to(sink)
  await t.throwsAsync(run([keep], { client }), { code: 'PIPELINE_INVALID', message: /'memory' keeps no position.*at-least-once/ })
  const once = pipeline('once')
    .from(rows(100, { replayable: false }))
    .to(numbers)
  await t.throwsAsync(run([once], { client }), { code: 'PIPELINE_INVALID', message: /'rows' cannot go back/ })
  await (await start(t, broker, [once], { guarantee: 'at-least-once' })).job.drained()
  const first = await start(t, broker, [keep], { guarantee: 'at-least-once' })
  await first.job.drain()
  const second = await start(t, broker, [keep], { guarantee: 'at-least-once' })
  await second.job.drain()
  t.is(kept.length, 100, 'the group knows where to go on')
})

test('a failing sink ends the job with its own words, and the others are stopped', async (t) => {
  const { broker } = await setUp(t)
  const { sink, state } = memorySink(true)
  await (await start(t, broker, [pipeline('fill').from(rows(500)).to(numbers)])).job.drained()
  state.failNext = new Error('the disk is full')
  const { job } = await start(t, broker, [
    pipeline('keep').from(numbers).to(sink),
    pipeline('counting')
      .from(numbers)
      .groupByKey()
      .count()
      .to(topic('out', { key: string, value: int32 })),
  ])
  await t.throwsAsync(job.done, { message: 'the disk is full' })
})
