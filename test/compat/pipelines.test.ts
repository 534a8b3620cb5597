import test from 'ava'
import { tcpDialer } from '../../core/net/dialer.ts'
import { connect, int32, json, string } from '../../core/index.ts'
import { map, pipeline, topic, tumbling } from '../../pipelines/index.ts'
import { readAll, start } from '../support/run-pipelines.ts'
import { startKafka } from '../support/start-kafka.ts'

/** What test/pipelines/exactly-once.test.ts shows on our broker holds on Apache Kafka. */
const input = topic('in', { key: string, value: int32 })
const windowed = topic('windowed', { key: string, value: json<{ start: number; n: number }>() })
const updates = topic('updates', { key: string, value: int32 })

const windows = pipeline('windows')
  .from(input)
  .groupByKey()
  .window(tumbling('1s', { grace: '100ms' }))
  .count()
  .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, n: w.value } })))
  .to(windowed)

const running = pipeline('running')
  .from(input)
  .keyBy((r) => `all-${r.value % 4}`, { key: string })
  .count()
  .to(updates)

test('on Apache Kafka: killed at any moment and started again, everything is counted exactly once', async (t) => {
  t.timeout(180_000)
  const kafka = await startKafka(t)
  if (kafka === undefined) return
  const broker = { bootstrap: kafka.bootstrap, dialer: tcpDialer() }
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['in', 'windowed', 'updates'].map((name) => ({ name, partitions: 3 })))
  const producer = client.producer()
  await producer.partitions('in')
  let n = 0
  for (let round = 0; round < 4; round++) {
    for (const end = n + 3000; n < end; n++) {
      const key = `k${n % 20}`
      producer.append('in', producer.partitionFor('in', key), Buffer.from(key), int32.serialize(n), 1_000_000 + n * 3)
    }
    await producer.flush()
    const { kill } = await start(t, broker, [windows, running], { sessionTimeoutMs: 6000 })
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1500))
    kill()
  }
  const started = performance.now()
  const { job } = await start(t, broker, [windows, running], { sessionTimeoutMs: 6000, retryMs: 30_000 })
  await job.drain()
  t.log(`drained ${Math.round(performance.now() - started)} ms after the last kill`)
  const results = await readAll(client, 'windowed', (b) => JSON.parse(b.toString()) as { start: number; n: number })
  t.is(new Set(results.map(({ key, value }) => `${key} ${value.start}`)).size, results.length)
  t.is(
    results.reduce((sum, { value }) => sum + value.n, 0),
    n,
  )
  const counts = await readAll(client, 'updates', (b) => b.readInt32BE())
  t.is(counts.length, n)
  for (const key of ['all-0', 'all-1', 'all-2', 'all-3']) {
    const own = counts.filter((r) => r.key === key).map((r) => r.value)
    t.deepEqual(
      own,
      Array.from({ length: n / 4 }, (_, i) => i + 1),
    )
  }
})
