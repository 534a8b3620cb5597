import test, { type ExecutionContext } from 'ava'
import type { Broker } from '../../core/broker/broker.ts'
import { type Client, connect, int32, json, string } from '../../core/index.ts'
import { map, pipeline, run, tap, topic, tumbling } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

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

/** The same windows behind a repartition: late would be what a slow or dead task's records were, did its time not travel along. */
const regrouped = pipeline('regrouped')
  .from(input)
  .keyBy((r) => r.key, { key: string })
  .window(tumbling('1s', { grace: '100ms' }))
  .aggregate(sum)
  .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, ...w.value } })))
  .to(windowed)

async function setUp(t: ExecutionContext): Promise<{ broker: Broker; client: Client }> {
  const broker = await startSmallBroker(t)
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

const parse = <V>(b: Buffer): V => JSON.parse(b.toString()) as V
const sumTo = (n: number) => (n * (n - 1)) / 2

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
  for (const { topic: name, partition, offset } of await client.admin.listConsumerGroupOffsets('moldau-windows')) {
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

test('a second process takes its share with the state, and nothing is counted twice or lost on the way', async (t) => {
  const { broker, client } = await setUp(t)
  let n = 0
  await produce(client, n, (n += 3000))
  const a = await start(t, broker, [windows, running], { instanceId: 'a' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  const b = await start(t, broker, [windows, running], { instanceId: 'b' })
  await produce(client, n, (n += 6000))
  await Promise.all([a.job.drain(), b.job.drain()])
  auditWindows(t, await readAll(client, 'windowed', parse<{ start: number } & Sum>), n)
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
})

test('a process with the identity of a living one takes over, and the older one ends with FENCED and the remedy', async (t) => {
  const { broker, client } = await setUp(t)
  let n = 0
  await produce(client, n, (n += 2000))
  const older = await start(t, broker, [running], { retryMs: 5000 })
  const ended = t.throwsAsync(older.job.done, { code: 'FENCED' })
  // Once it has written something it is the older one.
  while ((await readAll(client, 'updates', parse<Sum>)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const newer = await start(t, broker, [running])
  await produce(client, n, (n += 2000))
  t.regex((await ended)!.message, /pipeline "running": another process runs it with the same applicationId 'moldau' and instanceId 'one'/)
  await newer.job.drain()
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
})

test('an operator that throws ends the job with the record named; nothing is lost, and a corrected pipeline goes on there', async (t) => {
  const { broker, client } = await setUp(t)
  const n = 1000
  await produce(client, 0, n)
  const checked = (poison: number) =>
    pipeline('checked')
      .from(input)
      .pipe(
        tap((r) => {
          if (r.value === poison) throw new RangeError(`${r.value} is poison`)
        }),
      )
      .groupByKey()
      .aggregate(sum)
      .to(updates)
  const broken = await start(t, broker, [checked(777)], { epoch: { records: 100 } })
  const error = await t.throwsAsync(broken.job.done, { code: 'OPERATOR_FAILED' })
  t.regex(error!.message, /pipeline "checked", tap \(operator 1\): 777 is poison \(at in-\d@\d+\)/)
  const corrected = await start(t, broker, [checked(-1)])
  await corrected.job.drain()
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
})

test('at-least-once loses nothing, whatever is killed', async (t) => {
  const { broker, client } = await setUp(t)
  const plain = pipeline('plain')
    .from(input)
    .pipe(map((r) => ({ key: r.key, value: { n: r.value, total: 0 } })))
    .to(updates)
  let n = 0
  for (let round = 0; round < 3; round++) {
    await produce(client, n, (n += 1000))
    const { kill } = await start(t, broker, [plain], { guarantee: 'at-least-once' })
    await new Promise((resolve) => setTimeout(resolve, 60))
    kill()
  }
  const { job } = await start(t, broker, [plain], { guarantee: 'at-least-once' })
  await job.drain()
  t.is(new Set((await readAll(client, 'updates', parse<Sum>)).map((r) => r.value.n)).size, n)
})

test('a stopped job has committed what it had read, and goes on from there', async (t) => {
  const { broker, client } = await setUp(t)
  let n = 0
  for (let round = 0; round < 3; round++) {
    await produce(client, n, (n += 500))
    const { job } = await start(t, broker, [windows])
    await job.stop()
  }
  const { job } = await start(t, broker, [windows])
  await job.drain()
  auditWindows(t, await readAll(client, 'windowed', parse<{ start: number } & Sum>), n)
})

test('options that do not exist or cannot be are refused by name, and so are two pipelines of one name', async (t) => {
  const { client } = await setUp(t)
  await t.throwsAsync(run([running], { client, guarantee: 'maybe' as never }), { code: 'INVALID_CONFIG', message: /guarantee.*'maybe'/ })
  await t.throwsAsync(run([running], { client, epoch: { records: 0 } }), { code: 'INVALID_CONFIG', message: /epoch\.records/ })
  await t.throwsAsync(run([running], { client, instanceID: 'x' } as never), { code: 'INVALID_CONFIG', message: /instanceID/ })
  await t.throwsAsync(run([running, running], { client }), { code: 'PIPELINE_INVALID', message: /two pipelines are called "running"/ })
  await t.throwsAsync(run([], { client }), { code: 'PIPELINE_INVALID' })
})

test('processes that come, go, die and freeze at random leave every record counted once, and none late', async (t) => {
  const { broker, client } = await setUp(t)
  const rounds = Number(process.env['MOLDAU_ROUNDS'] ?? 8)
  const ids = ['a', 'b', 'c']
  const live = new Map<string, Awaited<ReturnType<typeof start>>>()
  let late = 0
  const begin = async (instanceId: string) => {
    // A partition that was silent and gets records while its process is dead may be late; here none counts as silent.
    const options = { instanceId, sessionTimeoutMs: 800, retryMs: 60_000, idleMs: 600_000 }
    const one = await start(t, broker, [regrouped, running], options)
    one.job.done.catch(() => undefined)
    one.job.metrics$.subscribe((all) => all.forEach((m) => (late = Math.max(late, m.late))))
    live.set(instanceId, one)
  }
  let n = 0
  for (let round = 0; round < rounds; round++) {
    await produce(client, n, (n += 1200))
    const id = ids[Math.floor(Math.random() * ids.length)]!
    const one = live.get(id)
    const chance = Math.random()
    if (one === undefined) await begin(id)
    else if (chance < 0.4) {
      // Longer than its session: others have its partitions when it goes on.
      one.line.freeze()
      setTimeout(() => one.line.thaw(), 300 + Math.random() * 1200)
    } else {
      one.line.thaw()
      if (chance < 0.8) one.kill()
      else await one.job.stop().catch(() => undefined)
      live.delete(id)
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
  }
  for (const one of live.values()) one.kill()
  // Each takes its identity back, so that nothing of the dead is left open.
  await Promise.all(ids.map(begin))
  await Promise.all([...live.values()].map((one) => one.job.drain()))
  t.is(late, 0)
  auditWindows(t, await readAll(client, 'windowed', parse<{ start: number } & Sum>), n)
  auditUpdates(t, await readAll(client, 'updates', parse<Sum>), n)
})
