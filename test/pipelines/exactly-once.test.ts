import test, { type ExecutionContext } from 'ava'
import type { Broker } from '../../core/broker/broker.ts'
import { type Client, connect, int32, json, string } from '../../core/index.ts'
import { type Job, map, type Pipeline, pipeline, run, type RunOptions, topic, tumbling } from '../../pipelines/index.ts'
import { CutOff } from '../support/cut-off.ts'
import { startBroker } from '../support/start-broker.ts'

const KEYS = 20
const input = topic('in', { key: string, value: int32 })
const windowed = topic('windowed', { key: string, value: json<{ start: number; n: number; total: number }>() })
const updates = topic('updates', { key: string, value: json<{ n: number; total: number }>() })

interface Sum {
  n: number
  total: number
}
const sum = {
  init: (): Sum => ({ n: 0, total: 0 }),
  add: (s: Sum, r: { value: number }): Sum => ({ n: s.n + 1, total: s.total + r.value }),
}

/** Every record is in exactly one window result. */
const windows = pipeline('windows')
  .from(input)
  .groupByKey()
  .window(tumbling('1s', { grace: '100ms' }))
  .aggregate(sum)
  .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, ...w.value } })))
  .to(windowed)

/** Every record is one update; behind a repartition, so two parts and a topic in between. */
const running = pipeline('running')
  .from(input)
  .keyBy((r) => `all-${Number(r.key.slice(1)) % 4}`, { key: string })
  .aggregate(sum)
  .to(updates)

async function setUp(t: ExecutionContext): Promise<{ broker: Broker; client: Client }> {
  const broker = await startBroker(t, { port: null })
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['in', 'windowed', 'updates'].map((name) => ({ name, partitions: 3 })))
  return { broker, client }
}

/** Numbered records: the value is the number, the time rises. */
async function produce(client: Client, from: number, to: number): Promise<void> {
  const producer = client.producer()
  await producer.partitions('in')
  for (let i = from; i < to; i++) {
    const key = `k${i % KEYS}`
    producer.append('in', producer.partitionFor('in', key), Buffer.from(key), int32.serialize(i), 1_000_000 + i * 3)
  }
  await producer.close()
}

async function readAll<V>(client: Client, name: string, deserialize: (b: Buffer) => V): Promise<{ key: string; value: V }[]> {
  const consumer = client.consumer({ isolation: 'read_committed', autoOffsetReset: 'earliest' })
  const [topicInfo] = await client.admin.describeTopics([name])
  const partitions = topicInfo!.partitions.map(({ partition }) => ({ topic: name, partition }))
  const ends = await consumer.endOffsets(partitions)
  consumer.assign(partitions.map((p) => ({ ...p, offset: 0 })))
  const records: { key: string; value: V }[] = []
  while (partitions.some((p) => (consumer.position(p) ?? 0) < ends.get(`${p.topic}-${p.partition}`)!)) {
    for (const { columns, from, count } of await consumer.poll(50)) {
      for (let i = from; i < from + count; i++) records.push({ key: String(columns.key(i)), value: deserialize(columns.value(i)!) })
    }
  }
  await consumer.close()
  return records
}

const parse = <V>(b: Buffer): V => JSON.parse(b.toString()) as V
const sumTo = (n: number) => (n * (n - 1)) / 2

/** Runs pipelines on a connection of their own, which a kill takes away. */
async function start(
  t: ExecutionContext,
  broker: Broker,
  pipelines: Pipeline[],
  options: Partial<RunOptions> = {},
): Promise<{ job: Job; kill: () => void }> {
  const line = new CutOff(broker)
  const client = await connect(line)
  const job = await run(pipelines, { client, instanceId: 'one', epoch: { records: 500, ms: 5 }, retryMs: 0, ...options })
  // As after kill -9, nothing more is heard of it; what is left of it in this process finds the line cut.
  const kill = () => {
    line.cut()
    job.done.catch(() => undefined)
    void client.close()
  }
  t.teardown(kill)
  return { job, kill }
}

function auditWindows(
  t: ExecutionContext,
  results: { key: string; value: { start: number; n: number; total: number } }[],
  n: number,
): void {
  const names = results.map(({ key, value }) => `${key} ${value.start}`)
  t.is(new Set(names).size, names.length, 'no window speaks twice')
  t.is(
    results.reduce((all, { value }) => all + value.n, 0),
    n,
  )
  t.is(
    results.reduce((all, { value }) => all + value.total, 0),
    sumTo(n),
  )
}

function auditUpdates(t: ExecutionContext, results: { key: string; value: Sum }[], n: number): void {
  t.is(results.length, n, 'one update per record')
  const last = new Map<string, Sum>()
  for (const { key, value } of results) {
    t.is(value.n, (last.get(key)?.n ?? 0) + 1, `${key} counts on without a gap or a double`)
    last.set(key, value)
  }
  t.is(
    [...last.values()].reduce((all, value) => all + value.total, 0),
    sumTo(n),
  )
}

test('a bounded run counts every record once, closes the last windows, and leaves no lag', async (t) => {
  const { broker, client } = await setUp(t)
  const n = 3000
  await produce(client, 0, n)
  const { job } = await start(t, broker, [windows, running])
  const metrics: number[] = []
  job.metrics$.subscribe((all) => metrics.push(...all.map((m) => m.recordsIn)))
  await job.drain()
  auditWindows(t, await readAll(client, 'windowed', parse<{ start: number } & Sum>), n)
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
  t.deepEqual(metrics.slice(-2), [n, 2 * n])
  for (const { topic: name, partition, offset } of await client.admin.groupOffsets('moldau-windows')) {
    const [end] = await client.admin.listOffsets([{ topic: name, partition, at: 'latest' }])
    t.is(offset, end!.offset)
  }
})

test('killed at any moment and started again, everything is counted exactly once', async (t) => {
  const { broker, client } = await setUp(t)
  let n = 0
  for (let round = 0; round < 8; round++) {
    await produce(client, n, (n += 1500))
    const { kill } = await start(t, broker, [windows, running])
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
    kill()
  }
  const { job } = await start(t, broker, [windows, running])
  await job.drain()
  auditWindows(t, await readAll(client, 'windowed', parse<{ start: number } & Sum>), n)
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
})
