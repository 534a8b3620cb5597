import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import test from 'ava'

import { connect } from '../../core/index.ts'
import { numbers, readAll } from '../support/client-kit.ts'
import { partitionFiles } from '../support/dump-log-segments.ts'
import { goldenMessages, goldenSets } from '../support/golden-sets.ts'
import { hasJava, javaClasses } from '../support/java-app.ts'
import { decodeMetrics } from '../support/protobuf-decode.ts'
import { formatKafka } from '../support/start-kafka.ts'
import { tempDir } from '../support/start-broker.ts'
import { toolRunner, type ToolRunner } from '../support/tool-runner.ts'
import { until } from '../support/until.ts'

/** What needs a node of Apache Kafka with classes of ours, and whose folder we may write to. */

const PATIENT = { bootstrapTimeoutMs: 30_000, unknownTopicTimeoutMs: 30_000 }

const TOPIC = 'counted'

interface Push {
  clientId: string
  clientInstanceId: string
  contentType: string
  terminating: boolean
  payload: Buffer
}

/** What TelemetryFile.java has written. */
async function pushesIn(file: string): Promise<Push[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [clientId, clientInstanceId, contentType, terminating, payload] = line.split('\t') as [string, string, string, string, string]
      return { clientId, clientInstanceId, contentType, terminating: terminating === 'true', payload: Buffer.from(payload, 'base64') }
    })
}

/** The growth of a sum in all pushes, for the whole of `topic`. */
function sumOf(pushes: readonly Push[], name: string, topic: string): number {
  return pushes
    .flatMap(({ payload }) => (payload.length === 0 ? [] : decodeMetrics(payload).points))
    .filter((point) => point.name === name && point.attributes['topic'] === topic && point.attributes['partition'] === undefined)
    .reduce((sum, { value }) => sum + value, 0)
}

const namesIn = (pushes: readonly Push[]): Set<string> =>
  new Set(pushes.flatMap(({ payload }) => (payload.length === 0 ? [] : decodeMetrics(payload).points.map(({ name }) => name))))

/** What Java's own producer and consumer push. */
async function javaNames(tools: ToolRunner, bootstrap: string, topic: string, file: string): Promise<Set<string>> {
  const producing = ['--topic', topic, '--num-records', '300', '--record-size', '10', '--throughput', '300']
  const props = ['--producer-props', `bootstrap.servers=${bootstrap}`, 'client.id=java']
  const consuming = ['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', '600', '--timeout', '30000']
  for (const [tool, args] of [
    ['ProducerPerformance', [...producing, ...props]],
    ['ConsumerPerformance', consuming],
  ] as const) {
    const { code, output } = await tools.run(tool, args)
    if (code !== 0) throw new Error(`${tool}: ${output}`)
  }
  return namesIn((await pushesIn(file)).filter(({ clientId }) => clientId !== 'ours'))
}

/** A segment as it lay there since before 0.11. */
async function replaceLog(directory: string, messages: Buffer): Promise<void> {
  const [log] = await partitionFiles(directory, '.log')
  for (const suffix of ['.index', '.timeindex', '.snapshot', 'leader-epoch-checkpoint'])
    for (const path of await partitionFiles(directory, suffix)) await rm(path)
  await writeFile(log!, messages)
}

const oldTopic = (i: number): string => `old-${i}`

test('Apache Kafka gets the metrics it asks for, under the names of its own clients; messages of before 0.11 are read from it', async (t) => {
  if (!(await hasJava(t))) return
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const file = join(await tempDir(t), 'telemetry')
  const config = { 'metric.reporters': 'TelemetryFile', 'telemetry.file': file }
  const node = await formatKafka({ classes: await javaClasses('TelemetryFile'), config })
  let kafka = node.start()
  t.teardown(async () => {
    await kafka.kill()
    await node.remove()
  })
  await kafka.ready
  const admin = await connect(node.bootstrap, { ...PATIENT, enableMetricsPush: false })
  const resource = { type: 'clientMetrics', name: 'all' } as const
  await admin.admin.incrementalAlterConfigs([{ ...resource, set: { metrics: '*', 'interval.ms': '100' } }])
  // A client that asks before the broker has heard of it asks again five minutes later.
  await until('the broker knows what is wanted', async () => {
    const [described] = await admin.admin.describeConfigs([resource])
    return described!.entries.some(({ name, value }) => name === 'metrics' && value === '*')
  })
  await admin.admin.createTopics([{ name: TOPIC }, ...goldenSets.map((_, i) => ({ name: oldTopic(i) }))])

  const client = await connect(node.bootstrap, { ...PATIENT, clientId: 'ours' })
  const id = await client.clientInstanceId()
  const producer = client.producer()
  await Promise.all(numbers(300).map((value) => producer.send({ topic: TOPIC, value })))
  const ours = async (): Promise<Push[]> => (await pushesIn(file)).filter(({ clientId }) => clientId === 'ours')
  await until('the client has pushed', async () => (await ours()).length > 0)
  await producer.close()
  await readAll(client, TOPIC)
  await client.close()
  await until('it has said goodbye', async () => (await ours()).some(({ terminating }) => terminating))
  const pushes = await ours()
  for (const push of pushes) t.deepEqual([push.clientInstanceId, push.contentType], [id, 'OTLP'])
  t.deepEqual(
    pushes.map(({ terminating }) => terminating),
    pushes.map((_, i) => i === pushes.length - 1),
  )
  t.is(sumOf(pushes, 'org.apache.kafka.producer.topic.record.send.total', TOPIC), 300)
  t.is(sumOf(pushes, 'org.apache.kafka.consumer.fetch.manager.records.consumed.total', TOPIC), 300)
  const java = await javaNames(tools, node.bootstrap, TOPIC, file)
  const mine = [...namesIn(pushes)].filter((name) => /^org\.apache\.kafka\.(producer|consumer)\./.test(name))
  t.true(mine.length > 50, `${mine.length} metrics`)
  t.deepEqual(
    mine.filter((name) => !java.has(name)),
    [],
  )

  await admin.close()
  await kafka.kill()
  for (const [i, { hex }] of goldenSets.entries()) await replaceLog(join(node.dir, 'data', `${oldTopic(i)}-0`), Buffer.from(hex, 'hex'))
  kafka = node.start()
  await kafka.ready
  const reader = await connect(node.bootstrap, PATIENT)
  t.teardown(() => reader.close())
  for (const [i, set] of goldenSets.entries()) {
    const newest = await reader.producer().send({ topic: oldTopic(i), key: 'new', value: 'new' })
    t.is(newest.offset, 46)
    const seen = await readAll(reader, oldTopic(i))
    const old = goldenMessages(set).map(({ offset, key, value }) => ({
      offset,
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
    }))
    t.deepEqual(
      seen.map(({ offset, key, value }) => ({ offset, key, value })),
      [...old, { offset: 46, key: 'new', value: 'new' }],
      `format ${set.format} ${set.codec} ${set.time}`,
    )
  }
})
