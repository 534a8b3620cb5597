import { readFile, writeFile } from 'node:fs/promises'
import { connect as dial, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { hdfs, verify } from '../connectors/hdfs/index.ts'
import { avro, Broker, connect, json, string, type Client } from '../core/index.ts'
import { Produce, type ProduceRequest } from '../core/protocol/messages/produce.ts'
import { encodeRequest } from '../core/protocol/header.ts'
import type { Input } from '../core/protocol/schema.ts'
import { map, mapValues, pipeline, run, topic } from '../pipelines/index.ts'
import { FaultyFiles } from './support/faulty-files.ts'
import { readAll, start, startSmallBroker } from './support/run-pipelines.ts'
import { startBroker, tempDir } from './support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce } from './support/wire.ts'

/**
 * What the outside world may do to a whole system: each time the error names the thing and the remedy, and nothing acknowledged is lost.
 * The parts have more of it in their own tests: broker/produce-fetch, broker/lifecycle, log/recovery, record/corrupt, serde/avro,
 * pipelines/guards, connectors/hdfs-sink, cli.
 */

const num = avro({ type: 'record', name: 'Num', fields: [{ name: 'n', type: 'int' }] })
const raw = topic('raw', { key: string, value: json<{ n: unknown }>() })
const nums = topic('nums', { key: string, value: num })

async function clientOf(t: ExecutionContext, broker: Broker): Promise<Client> {
  const client = await connect(broker)
  t.teardown(() => client.close())
  return client
}

/** The `n` of all that is committed. */
async function committed(client: Client): Promise<number[]> {
  return (await readAll(client, 'nums', (bytes) => num.deserialize(bytes, 0, bytes.length))).map(({ value }) => value.n)
}

test('a request that ends in the middle of its frame, or says that it is longer than it is, keeps nothing and costs nobody else', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const body: Input<typeof ProduceRequest> = {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'a', partitionData: [{ index: 0, records: batch(['half']) }] }],
  }
  const frame = Buffer.concat(encodeRequest(Produce, 11, 1, 'cut', body))
  for (let bytes = 1; bytes < frame.length; bytes += 7) {
    const cut = Buffer.from(frame.subarray(0, bytes))
    // Half of them pretend to be whole: the frame is there, what it says is not.
    if (bytes % 2 === 0 && bytes > 4) cut.writeInt32BE(bytes - 4)
    await new Promise<void>((resolve, reject) => {
      const socket = dial(broker.port!, '127.0.0.1', () => socket.end(cut))
      socket.on('data', () => {})
      socket.on('close', () => resolve())
      socket.on('error', reject)
    })
  }
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), [])
  t.is((await produce(channel, 'a', batch(['whole']))).baseOffset, 0)
})

test('an answer that ends in the middle of its frame is an error that names the address', async (t) => {
  const server = createServer((socket) => socket.end(Buffer.from([0, 0, 0, 100, 0, 0])))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await t.throwsAsync(connect(address, { bootstrapTimeoutMs: 100 }), {
    code: 'CONNECTION_REFUSED',
    message: new RegExp(`no broker answers at ${address} \\(.* ended before .*\\): start one there .*, or correct the address`),
  })
})

test('a batch that is damaged on disk is never handed out, is told with file and position, and the others are read', async (t) => {
  const dir = await tempDir(t)
  const first = await Broker.start({ dir, port: null })
  const channel = await open(t, first, 'in-process')
  await createTopic(channel, 'a')
  for (const value of ['zero', 'one', 'two']) await produce(channel, 'a', batch([value]))
  await first.close()
  const log = join(dir, 'a-0', '00000000000000000000.log')
  const bytes = await readFile(log)
  const position = bytes.indexOf('one')
  bytes[position]! ^= 1
  await writeFile(log, bytes)

  const told: string[] = []
  const say = (_: object, message: string) => void told.push(message)
  const logger = { trace() {}, debug() {}, info() {}, warn: say, error: say }
  const client = await clientOf(t, await startBroker(t, { dir, port: null, logger }))
  const consumer = client.consumer()
  consumer.assign([{ topic: 'a', partition: 0, offset: 0 }])
  const values = async (): Promise<(string | undefined)[]> =>
    (await consumer.poll(30_000)).map(({ columns, from }) => columns.value(from)?.toString())
  t.deepEqual(await values(), ['zero'])
  await t.throwsAsync(consumer.poll(30_000), {
    code: 'CORRUPT_BATCH',
    message: /batch at offset 1 of a-0 is damaged on the broker's disk: its log names the file; restore it, or seek\(\) past it/,
  })
  t.true(told.some((line) => new RegExp(`${log} is damaged at byte \\d+: restore the file from a copy, or read on behind it`).test(line)))
  consumer.seek({ topic: 'a', partition: 0 }, 2)
  t.deepEqual(await values(), ['two'])
})

test('a disk that is full stops writing and nothing else: what was acknowledged is there, and with room it goes on', async (t) => {
  const files = new FaultyFiles()
  const dir = await tempDir(t)
  const broker = await startBroker(t, { dir, port: null, files })
  const client = await clientOf(t, broker)
  await client.admin.createTopics([{ name: 'a' }])
  const [producer, hasty] = [client.producer(), client.producer({ lingerMs: 0, requestTimeoutMs: 300, deliveryTimeoutMs: 300 })]
  for (let i = 0; i < 5; i++) await producer.send({ topic: 'a', value: `before ${i}` })
  files.fault = (operation) => (operation === 'write' ? 'ENOSPC' : undefined)
  await t.throwsAsync(hasty.send({ topic: 'a', value: 'too much' }), {
    code: 'TIMEOUT',
    message: /a-0 were not acknowledged .*, the last one with KAFKA_STORAGE_ERROR: .*ENOSPC/,
  })
  // The broker answers all the same, and says to whoever asks directly what is the matter.
  const channel = await open(t, broker, 'in-process')
  const refused = await produce(channel, 'a', batch(['full']))
  t.is(refused.error, 'KAFKA_STORAGE_ERROR')
  t.regex(refused.message!, /a-0.*ENOSPC/)
  const patient = producer.send({ topic: 'a', value: 'after' })
  files.fault = () => undefined
  await patient
  const kept = (await readAll(client, 'a', String)).map(({ value }) => value)
  t.deepEqual(kept.slice(0, 5), ['before 0', 'before 1', 'before 2', 'before 3', 'before 4'])
  t.is(kept.at(-1), 'after')
  t.is(new Set(kept).size, kept.length)
})

test('a disk that is full under a pipeline loses and doubles nothing: the job goes on when there is room', async (t) => {
  const files = new FaultyFiles()
  const config = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1, 'group.min.session.timeout.ms': 500 }
  const broker = await startBroker(t, { port: null, files, config })
  const client = await clientOf(t, broker)
  await client.admin.createTopics(['raw', 'nums'].map((name) => ({ name })))
  const producer = client.producer()
  for (let n = 0; n < 200; n++) await producer.send({ topic: 'raw', key: 'k', value: JSON.stringify({ n }) })
  const copy = pipeline('copy')
    .from(raw)
    .pipe(mapValues((value) => ({ n: Number(value.n) })))
    .to(nums)
  let refused = 0
  files.fault = (operation, path) => {
    const full = operation === 'write' && path.includes('nums-0') && refused < 4
    if (full) refused++
    return full ? 'ENOSPC' : undefined
  }
  const { job } = await start(t, broker, [copy], { epoch: { records: 20 }, retryMs: 30_000 })
  await job.drain()
  t.is(refused, 4)
  t.deepEqual(
    await committed(client),
    Array.from({ length: 200 }, (_, n) => n),
  )
})

test('a pipeline on a topic that does not exist ends by naming it and the remedy', async (t) => {
  const broker = await startBroker(t, { port: null, config: { 'auto.create.topics.enable': false } })
  const client = await connect(broker, { unknownTopicTimeoutMs: 50 })
  t.teardown(() => client.close())
  const copy = pipeline('copy')
    .from(raw)
    .to(topic('copies', { key: string, value: raw.value }))
  await t.throwsAsync(run(copy, { client, retryMs: 0 }), { code: 'UNKNOWN_TOPIC', message: /topic 'raw' does not exist: create it/ })
})

test('a result that does not fit the schema of its topic is named by pipeline, field and record, and nothing of its epoch is committed', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await clientOf(t, broker)
  await client.admin.createTopics(['raw', 'nums'].map((name) => ({ name })))
  const producer = client.producer()
  for (const n of [1, 2, 'three', 4]) await producer.send({ topic: 'raw', key: 'k', value: JSON.stringify({ n }) })
  const unfit = pipeline('copy')
    .from(raw)
    .pipe(map((r) => ({ key: r.key, value: r.value as { n: number } })))
    .to(nums)
  const { job, kill } = await start(t, broker, [unfit])
  await t.throwsAsync(job.drain(), {
    code: 'OPERATOR_FAILED',
    message:
      /^pipeline "copy", to 'nums': avro Num: field n is "three", it must be int \(at raw-0@2\); nothing of this epoch was committed\. .*filter/,
  })
  kill()
  t.deepEqual(await committed(client), [])
  const corrected = pipeline('copy')
    .from(raw)
    .pipe(mapValues(({ n }) => ({ n: n === 'three' ? 3 : (n as number) })))
    .to(nums)
  await (await start(t, broker, [corrected])).job.drain()
  t.deepEqual(await committed(client), [1, 2, 3, 4])
})

test('a value in a topic that is not what its schema says stops the archive before it, by topic, partition and offset', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await clientOf(t, broker)
  await client.admin.createTopics([{ name: 'nums' }])
  const producer = client.producer()
  const url = join(await tempDir(t), 'lake')
  const archive = () => [
    pipeline('archive')
      .from(nums)
      .to(hdfs({ url, partitionBy: { time: "'dt='yyyy" } })),
  ]
  for (const n of [0, 1]) await producer.send({ topic: 'nums', key: 'k', value: num.serialize({ n }) })
  await (await start(t, broker, archive())).job.drain()
  await producer.send({ topic: 'nums', key: 'k', value: num.serialize({ n: 2 }) })
  await producer.send({ topic: 'nums', key: 'k', value: 'not Avro' })
  const { job, kill } = await start(t, broker, archive())
  await t.throwsAsync(job.drain(), {
    code: 'SERDE_FAILED',
    message: /nums-0@3: avro Num: .*do not fit the schema.*another schema or serde/,
  })
  kill()
  t.like(await verify({ url }), { ok: true, topics: [{ topic: 'nums', offsets: 2, records: 2 }] })
})

test('a lake in a directory that cannot be made ends its pipeline by naming it', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await clientOf(t, broker)
  await client.admin.createTopics([{ name: 'nums' }])
  const { job } = await start(t, broker, [
    pipeline('archive')
      .from(nums)
      .to(hdfs({ url: '/dev/null/lake' })),
  ])
  await t.throwsAsync(job.drain(), { code: 'DIRECTORY_UNUSABLE', message: /\/dev\/null\/lake/ })
})
