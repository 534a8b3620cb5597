import test, { type ExecutionContext } from 'ava'
import { type Client, connect, int32, json, string } from '../../core/index.ts'
import { type Job, pipeline, type PipelineMetrics, topic } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'
import { until } from '../support/until.ts'

const KEYS = 500
const PARTITIONS = 4
const input = topic('in', { key: string, value: int32 })
const updates = topic('updates', { key: string, value: json<{ n: number; total: number }>() })

const totals = pipeline('totals')
  .from(input)
  .keyBy((r) => r.key, { key: string })
  .aggregate({
    init: () => ({ n: 0, total: 0 }),
    add: (s: { n: number; total: number }, r) => ({ n: s.n + 1, total: s.total + r.value }),
    name: 'totals',
  })
  .to(updates)

async function setUp(t: ExecutionContext) {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['in', 'updates'].map((name) => ({ name, partitions: PARTITIONS })))
  return { broker, client }
}

async function produce(client: Client, from: number, to: number): Promise<void> {
  const producer = client.producer()
  await producer.partitions('in')
  for (let i = from; i < to; i++) {
    const key = `k${i % KEYS}`
    producer.append('in', producer.partitionFor('in', key), Buffer.from(key), int32.serialize(i), 1_000_000 + i)
  }
  await producer.close()
}

/** What the job says now. */
function metricsOf(job: Job): () => PipelineMetrics {
  let last: PipelineMetrics | undefined
  job.metrics$.subscribe(([first]) => (last = first))
  return () => last ?? ({ recordsIn: 0, tasks: 0, standbyTasks: 0, standbyLag: Infinity, restored: 0 } as PipelineMetrics)
}

/** Every record has updated its key once, in order. */
async function audit(t: ExecutionContext, client: Client, n: number): Promise<void> {
  const results = await readAll(client, 'updates', (b) => JSON.parse(b.toString()) as { n: number; total: number })
  t.is(results.length, n)
  const last = new Map<string, { n: number; total: number }>()
  for (const { key, value } of results) {
    t.is(value.n, (last.get(key)?.n ?? 0) + 1, `${key} counts on without a gap or a double`)
    last.set(key, value)
  }
  t.is(
    [...last.values()].reduce((sum, { total }) => sum + total, 0),
    (n * (n - 1)) / 2,
  )
}

async function takeover(t: ExecutionContext, standbys: number): Promise<{ restored: number; state: number }> {
  const { broker, client } = await setUp(t)
  const options = { standbys, sessionTimeoutMs: 1000, retryMs: 60_000 }
  const a = await start(t, broker, [totals], { ...options, instanceId: 'a' })
  const b = await start(t, broker, [totals], { ...options, instanceId: 'b' })
  const [ofA, ofB] = [metricsOf(a.job), metricsOf(b.job)]
  await until('each has its share', () => ofA().tasks === PARTITIONS && ofB().tasks === PARTITIONS)
  let n = 0
  await produce(client, n, (n += 6000))
  // Both parts count what they read.
  await until('everything is counted', () => ofA().recordsIn + ofB().recordsIn === 2 * n)
  const isCopied = (of: () => PipelineMetrics) => of().standbyTasks === PARTITIONS / 2 && of().standbyLag === 0
  if (standbys > 0) await until('copies are complete', () => isCopied(ofA) && isCopied(ofB), { details: () => [ofA(), ofB()] })
  const before = ofB().restored
  a.kill()
  await produce(client, n, (n += 2000))
  await until('the other has everything', () => ofB().tasks === 2 * PARTITIONS)
  const { restored } = ofB()
  await b.job.drain()
  await audit(t, client, n)
  return { restored: restored - before, state: KEYS }
}

test('a worker that is killed is replaced by one with a copy of its state, which has next to nothing to read', async (t) => {
  const { restored } = await takeover(t, 1)
  t.is(restored, 0)
})

test('without a copy all of the state of the tasks is read', async (t) => {
  const { restored, state } = await takeover(t, 0)
  // Half of the tasks have moved, more or less half of the keys.
  t.true(restored > state / 4, `${restored} records`)
})

test('a process that comes copies the state of tasks before they move to it, and leaves them with the state to who has it when it goes', async (t) => {
  const { broker, client } = await setUp(t)
  const options = { acceptableRecoveryLag: 20, retryMs: 60_000 }
  const a = await start(t, broker, [totals], { ...options, instanceId: 'a' })
  const ofA = metricsOf(a.job)
  let n = 0
  await produce(client, n, (n += 6000))
  await until('everything is counted', () => ofA().recordsIn === 2 * n)
  const b = await start(t, broker, [totals], { ...options, instanceId: 'b' })
  const ofB = metricsOf(b.job)
  await produce(client, n, (n += 3000))
  // Tasks of the first part, without state, come at once; those of the second two by two, when they are copied.
  await until('each has its share', () => ofA().tasks === PARTITIONS && ofB().tasks === PARTITIONS, { details: () => [ofA(), ofB()] })
  t.true(ofB().restored < 20 * PARTITIONS, `${ofB().restored} of ${KEYS} records were read while the tasks stood still`)
  await produce(client, n, (n += 3000))
  await b.job.stop({ leave: true })
  await until('the first has everything', () => ofA().tasks === 2 * PARTITIONS, { details: () => ofA() })
  await produce(client, n, (n += 1000))
  await a.job.drain()
  await audit(t, client, n)
})
