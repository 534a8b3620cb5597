import test, { type ExecutionContext } from 'ava'
import { type Client, connect, int32, json, type Serde, string } from '../../core/index.ts'
import { map, type Pipeline, pipeline, topic, tumbling } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'
import { until } from '../support/until.ts'

/** Event time across partitions, repartitions and restarts, on the real broker. */
const left = topic('left', { key: string, value: int32 })
const right = topic('right', { key: string, value: int32 })
const out = topic('out', { key: string, value: json<{ start: number; n: number }>() })

const windowed = (name: string, all = true): Pipeline => {
  const stream = pipeline(name).from(left)
  const keyed = all ? stream.keyBy(() => 'all', { key: string }) : stream.groupByKey()
  return keyed
    .window(tumbling('1s'))
    .count()
    .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, n: w.value } })))
    .to(out)
}

async function setUp(t: ExecutionContext, rightPartitions = 2) {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics([
    { name: 'left', partitions: 2 },
    { name: 'right', partitions: rightPartitions },
    { name: 'out', partitions: 1 },
  ])
  return { broker, client }
}

async function produce(client: Client, name: string, partition: number, times: readonly number[]): Promise<void> {
  const producer = client.producer()
  await producer.partitions(name)
  for (const time of times) producer.append(name, partition, Buffer.from('k'), int32.serialize(1), time)
  await producer.close()
}

const results = async (client: Client) =>
  (await readAll(client, 'out', (b) => JSON.parse(b.toString()) as { start: number; n: number })).map(({ value }) => value)

const seconds = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (from + i) * 1000)

test('a partition that is at its end and silent does not hold up windows behind a repartition', async (t) => {
  const { broker, client } = await setUp(t)
  await produce(client, 'left', 0, seconds(0, 10))
  const { job } = await start(t, broker, [windowed('idle')], { idleMs: 100 })
  await until('the windows are there', async () => (await results(client)).length >= 9)
  await job.stop()
  t.deepEqual(
    (await results(client)).map(({ start }) => start),
    seconds(0, 9),
  )
})

test('a partition that is far behind is waited for: with a repartition nothing of it is late', async (t) => {
  const { broker, client } = await setUp(t)
  await produce(client, 'left', 0, seconds(100, 300))
  await produce(client, 'left', 1, seconds(0, 300))
  const late: number[] = []
  const { job } = await start(t, broker, [windowed('behind')], { epoch: { records: 20, ms: 1 } })
  job.metrics$.subscribe(([m]) => late.push(m!.late))
  await job.drain()
  const all = await results(client)
  t.is(all.length, 300)
  t.is(
    all.reduce((sum, { n }) => sum + n, 0),
    500,
  )
  t.is(late.at(-1), 0)
})

test('how late a record is does not depend on a restart: event time is committed with the positions', async (t) => {
  const { broker, client } = await setUp(t)
  await produce(client, 'left', 0, [5000, 500])
  const first = await start(t, broker, [windowed('restarted', false)])
  await until('it has committed', async () =>
    (await client.admin.listConsumerGroupOffsets('moldau-restarted')).some(({ offset }) => offset === 2),
  )
  await first.job.stop()
  await produce(client, 'left', 0, [600, 4500, 9000])
  const second = await start(t, broker, [windowed('restarted', false)])
  const late: number[] = []
  second.job.metrics$.subscribe(([m]) => late.push(m!.late))
  await second.job.drain()
  t.deepEqual(await results(client), [
    { start: 5000, n: 1 },
    { start: 9000, n: 1 },
  ])
  t.is(late.at(-1), 2, 'those at 600 and 4500 came after 5000 had been seen')
})

test('topics read together share tasks and watermark: the slower one is waited for', async (t) => {
  const { broker, client } = await setUp(t)
  await produce(client, 'left', 0, seconds(50, 100))
  await produce(client, 'right', 0, seconds(0, 100))
  const merged = pipeline('merged')
    .from(left, right)
    .groupByKey()
    .window(tumbling('1s'))
    .count()
    .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, n: w.value } })))
    .to(out)
  const { job } = await start(t, broker, [merged], { epoch: { records: 10, ms: 1 } })
  await job.drain()
  const all = await results(client)
  t.is(all.length, 100)
  t.is(
    all.reduce((sum, { n }) => sum + n, 0),
    150,
  )
})

test('topics read together need the same number of partitions, and state that of its input', async (t) => {
  const { broker, client } = await setUp(t, 3)
  const merged = pipeline('merged')
    .from(left, right)
    .to(topic('elsewhere', { key: string, value: int32 }))
  await t.throwsAsync(start(t, broker, [merged]), { code: 'PIPELINE_INVALID', message: /same number of partitions, not left 2, right 3/ })
  await (await start(t, broker, [windowed('grown', false)])).job.drain()
  await client.admin.createPartitions([{ topic: 'left', count: 4 }])
  const error = await t.throwsAsync(start(t, broker, [windowed('grown', false)]), { code: 'PIPELINE_INVALID' })
  t.regex(error!.message, /'moldau-grown-1-count-tumbling-changelog' has 2 partitions and needs 4/)
})

test('a job that was drained goes on with what comes later', async (t) => {
  const { broker, client } = await setUp(t)
  for (const from of [0, 10, 20]) {
    await produce(client, 'left', 0, seconds(from, from + 10))
    await (await start(t, broker, [windowed('again')])).job.drain()
  }
  t.deepEqual(
    (await results(client)).map(({ start, n }) => [start, n]),
    seconds(0, 30).map((start) => [start, 1]),
  )
  for (const partition of [0, 1]) {
    const where = { topic: 'moldau-again-1-keyBy-repartition', partition }
    const [begin, end] = await client.admin.listOffsets([
      { ...where, at: 'earliest' },
      { ...where, at: 'latest' },
    ])
    t.true(end!.offset > 0)
    t.is(begin!.offset, end!.offset, 'nothing that was read is kept in between')
  }
})

test('low latency commits a record without waiting for others', async (t) => {
  const { broker, client } = await setUp(t)
  const copy = pipeline('copy')
    .from(left)
    .to(topic('out', { key: string, value: int32 }))
  const { job } = await start(t, broker, [copy], { latency: 'low', epoch: {} })
  const delays: number[] = []
  for (let i = 0; i < 5; i++) {
    const sent = performance.now()
    await produce(client, 'left', 0, [i])
    await until('the next one is there', async () => (await readAll(client, 'out', (b) => b)).length === i + 1)
    delays.push(performance.now() - sent)
  }
  t.log(delays.map((ms) => `${Math.round(ms)} ms`).join(', '))
  await job.stop()
  t.pass()
})

test('state that another serde has written is refused by name, with the remedy', async (t) => {
  const { broker, client } = await setUp(t)
  await produce(client, 'left', 0, [1])
  const counting = (state: Serde<string>, add: string) =>
    pipeline('typed')
      .from(left)
      .groupByKey()
      .aggregate({ init: () => add, add: () => add, state })
      .pipe(map((r) => ({ key: r.key, value: { start: 0, n: Number(r.value) } })))
      .to(out)
  await (await start(t, broker, [counting(string, 'not json')])).job.drain()
  const { job } = await start(t, broker, [counting(json(), '1')])
  const error = await t.throwsAsync(job.done, { code: 'SERDE_FAILED' })
  t.regex(error!.message, /pipeline "typed" cannot restore the store 'typed-1-aggregate' from moldau-typed-1-aggregate-changelog-0@0/)
})
