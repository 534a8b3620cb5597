import { createServer } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

import test from 'ava'

import { Broker, connect, MoldauError, tpKey } from '../../core/index.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import {
  clientFor,
  newTopic,
  numbers,
  partitionsOf,
  pollSome,
  readAll,
  readToEnd,
  sharedBroker,
  uniqueName,
  valuesOf,
} from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

const broker = sharedBroker(test)
const env = (): Env => ({ connect: (options) => connect(broker(), options), dialer: broker().dialer })

test('an address where nobody answers is named, with the remedy', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  const error = await t.throwsAsync(connect(`127.0.0.1:${port}`, { bootstrapTimeoutMs: 50 }), {
    instanceOf: MoldauError,
    code: 'CONNECTION_REFUSED',
  })
  t.regex(error!.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
  t.regex(error!.message, /start one/)
})

test('one address of several that answers is enough', async (t) => {
  const client = await connect(['127.0.0.1:1', broker().bootstrap])
  t.is((await client.admin.describeCluster()).brokers.length, 1)
  await client.close()
})

test('what is no address is refused as such', async (t) => {
  await t.throwsAsync(connect('http://localhost:9092'), { code: 'INVALID_CONFIG', message: /'http:\/\/localhost:9092'.*host:port/ })
  await t.throwsAsync(connect(''), { code: 'INVALID_CONFIG' })
})

test('a topic that does not exist is named, by send, by append, by poll', async (t) => {
  const strict = await Broker.start({
    dir: await tempDir(t),
    port: null,
    config: { 'auto.create.topics.enable': false, durability: 'page-cache' },
  })
  t.teardown(() => strict.close())
  const client = await clientFor(
    t,
    { connect: (options) => connect(strict, options), dialer: strict.dialer },
    { unknownTopicTimeoutMs: 50 },
  )
  const producer = client.producer()
  await t.throwsAsync(producer.send({ topic: 'nowhere', value: 'x' }), { code: 'UNKNOWN_TOPIC', message: /'nowhere'.*create it/ })
  t.throws(() => producer.append('nowhere', 0, null, null, 0), { code: 'UNKNOWN_TOPIC', message: /'nowhere'/ })
  await t.throwsAsync(producer.partitions('nowhere'), { code: 'UNKNOWN_TOPIC' })
  const consumer = client.consumer()
  consumer.assign([{ topic: 'nowhere', partition: 0 }])
  await t.throwsAsync(consumer.poll(), { code: 'UNKNOWN_TOPIC', message: /'nowhere'/ })
  await t.throwsAsync(client.admin.describeTopics(['nowhere']), { code: 'UNKNOWN_TOPIC' })
})

test('a partition that does not exist is refused at once', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 2)
  const producer = client.producer()
  await t.throwsAsync(producer.send({ topic, partition: 2, value: 'x' }), { code: 'INVALID_ARGUMENT', message: /2 partitions \(0 to 1\)/ })
})

test('a record larger than a request is refused before it is sent', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer = client.producer({ maxRequestSize: 1000, batchSize: 500 })
  await t.throwsAsync(producer.send({ topic, value: 'x'.repeat(2000) }), { code: 'RECORD_TOO_LARGE', message: new RegExp(`${topic}-0`) })
  await producer.send({ topic, value: 'x'.repeat(700) })
})

test('memory is bounded: ready() waits, and who does not wait is stopped at twice the bound', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer = client.producer({ bufferMemory: 20_000, batchSize: 1000 })
  await producer.partitions(topic)
  let most = 0
  for (const value of numbers(5000)) {
    producer.append(topic, 0, null, Buffer.from(value.padStart(50)), 1)
    most = Math.max(most, producer.bufferedBytes)
    await producer.ready()
  }
  t.true(most < 21_000, `${most} bytes`)
  t.throws(
    () => {
      for (;;) producer.append(topic, 0, null, Buffer.alloc(50), 1)
    },
    { code: 'BUFFER_FULL', message: /ready\(\)/ },
  )
  await producer.flush()
  t.is(producer.bufferedBytes, 0)
  const flood = numbers(2000).map((value) =>
    producer.send({ topic, value: value.padStart(50) }).then(
      () => 'ok',
      (error: MoldauError) => error.code,
    ),
  )
  const results = await Promise.all(flood)
  t.deepEqual([...new Set(results)].toSorted(), ['BUFFER_FULL', 'ok'])
  // Those that were taken are the first ones, in order.
  t.deepEqual(results.slice(results.indexOf('BUFFER_FULL')), results.slice(results.indexOf('BUFFER_FULL')).fill('BUFFER_FULL'))
})

test('sends of one turn share a batch; those to an unknown topic keep their order', async (t) => {
  const client = await clientFor(t, env())
  const topic = uniqueName('auto')
  const producer = client.producer({ lingerMs: 0 })
  const places = await Promise.all(numbers(50).map((value) => producer.send({ topic, partition: 0, value })))
  t.deepEqual(
    places.map((place) => place.offset),
    numbers(50).map(Number),
  )
  const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 100 })
  consumer.assign([{ topic, partition: 0 }])
  t.true((await pollSome(consumer))[0]!.count > 1)
})

test('acks 0 and 1 write as well', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  t.is((await client.producer({ acks: 0 }).send({ topic, value: 'zero' })).offset, -1)
  t.true((await client.producer({ acks: 1 }).send({ topic, value: 'one' })).offset >= 0)
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([{ topic, partition: 0 }])
  let seen = 0
  while (seen < 2) for (const batch of await consumer.poll()) seen += batch.count
  t.is(seen, 2)
})

test('nothing acknowledged is lost and nothing doubled when the broker restarts under load', async (t) => {
  const dir = await tempDir(t)
  const options = { dir, config: { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 } }
  let server = await Broker.start({ ...options, port: 0 })
  const { port } = server
  const client = await connect(server.bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 50 })
  t.teardown(() => client.close())
  const topic = await newTopic(client, 3)
  const producer = client.producer({ batchSize: 500, lingerMs: 1 })
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 50 })
  consumer.assign(partitionsOf(topic, 3))
  const seen: string[] = []
  const reading = (async () => {
    while (seen.length < 3000) {
      for (const { columns, from, count } of await consumer.poll(50))
        for (let i = from; i < from + count; i++) seen.push(columns.value(i)!.toString())
    }
  })()
  const sends: Promise<unknown>[] = []
  for (const value of numbers(3000)) {
    sends.push(producer.send({ topic, partition: Number(value) % 3, value }))
    if (Number(value) % 20 === 0) await turn()
    if (Number(value) % 1000 === 500) {
      await server.close()
      server = await Broker.start({ ...options, port: port! })
    }
  }
  await Promise.all(sends)
  await reading
  t.teardown(() => server.close())
  for (const partition of [0, 1, 2]) {
    t.deepEqual(
      seen.filter((value) => Number(value) % 3 === partition),
      numbers(3000).filter((value) => Number(value) % 3 === partition),
    )
  }
})

test('a member that does not poll in time leaves; it is told that its partitions are lost, and joins again', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 2)
  const groupId = uniqueName('group')
  const lost: number[] = []
  let revoked = 0
  // Long enough that a machine with much to do is not taken for a program that has.
  const busy = client.consumer({ groupId, heartbeatIntervalMs: 20, maxPollIntervalMs: 1500, fetchMaxWaitMs: 20 })
  busy.subscribe([topic], { onLost: (tps) => void lost.push(tps.length), onRevoked: () => void revoked++ })
  while (busy.assignment().length < 2) await busy.poll(20)
  const other = client.consumer({ groupId, heartbeatIntervalMs: 20, fetchMaxWaitMs: 20 })
  while (broker().group(groupId)!.members > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  other.subscribe([topic])
  while (other.assignment().length < 2) await other.poll(20)
  t.deepEqual(lost, [])
  await t.throwsAsync(busy.commit([{ topic, partition: 0, offset: 1 }]))
  while (busy.assignment().length !== 1 || other.assignment().length !== 1) await Promise.all([busy.poll(20), other.poll(20)])
  t.deepEqual([lost, revoked], [[2], 0])
})

test('a group goes on after its coordinator has restarted, and a topic that grows is shared out again', async (t) => {
  const options = { dir: await tempDir(t), config: { 'offsets.topic.num.partitions': 2, 'group.initial.rebalance.delay.ms': 0 } }
  let server = await Broker.start({ ...options, port: 0 })
  t.teardown(() => server.close())
  const { port } = server
  const client = await connect(server.bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 50 })
  t.teardown(() => client.close())
  const topic = await newTopic(client, 1)
  const consumer = client.consumer({ groupId: 'g', autoOffsetReset: 'earliest', heartbeatIntervalMs: 20, fetchMaxWaitMs: 20 })
  consumer.subscribe([topic])
  const producer = client.producer({ lingerMs: 0 })
  await producer.send({ topic, value: '0' })
  while (consumer.assignment().length === 0 || consumer.position({ topic, partition: 0 }) !== 1) await consumer.poll(20)
  await consumer.commit()
  await server.close()
  server = await Broker.start({ ...options, port: port! })
  await producer.send({ topic, value: '1' })
  while (consumer.assignment().length === 0 || consumer.position({ topic, partition: 0 }) !== 2) await consumer.poll(20)
  await consumer.commit()
  t.is((await client.admin.listConsumerGroupOffsets('g'))[0]!.offset, 2)
  await client.admin.createPartitions([{ topic, count: 3 }])
  while (consumer.assignment().length !== 3) await consumer.poll(20)
})

test('a program that was told of a lost commit may abort and write it again (pipelined commits included)', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 1, { 'max.message.bytes': '500' })
  const producer = client.producer({ transactionalId: uniqueName('again'), batchSize: 2000, lingerMs: 0 })
  await producer.init()
  await producer.partitions(topic)
  producer.begin()
  producer.append(topic, 0, null, Buffer.alloc(1000), 1)
  const ending = producer.commit()
  producer.begin()
  producer.append(topic, 0, null, Buffer.from('never'), 1)
  await t.throwsAsync(ending, { code: 'RECORD_TOO_LARGE' })
  t.throws(() => producer.append(topic, 0, null, Buffer.from('never'), 1), { code: 'INVALID_ARGUMENT', message: /abort/ })
  await producer.abort()
  producer.begin()
  producer.append(topic, 0, null, Buffer.from('again'), 1)
  await producer.commit()
  t.deepEqual(valuesOf(await readAll(client, topic)), ['again'])
})

test('calls in the wrong order say what to do', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const plain = client.producer()
  t.throws(() => plain.begin(), { code: 'INVALID_ARGUMENT', message: /transactionalId/ })
  const producer = client.producer({ transactionalId: uniqueName('order') })
  await t.throwsAsync(producer.send({ topic, value: 'x' }), { code: 'INVALID_ARGUMENT', message: /begin\(\) first/ })
  await t.throwsAsync(producer.commit(), { code: 'INVALID_ARGUMENT' })
  await t.throwsAsync(producer.abort(), { code: 'INVALID_ARGUMENT' })
  producer.begin()
  t.throws(() => producer.begin(), { code: 'INVALID_ARGUMENT', message: /commit\(\) or abort\(\)/ })
  await producer.abort()
  const consumer = client.consumer()
  t.throws(() => consumer.subscribe([topic]), { code: 'INVALID_ARGUMENT', message: /groupId/ })
  t.throws(() => consumer.position({ topic, partition: 0 }), { code: 'INVALID_ARGUMENT', message: new RegExp(`${topic}-0`) })
  const poll = consumer.poll(100)
  await t.throwsAsync(consumer.poll(), { code: 'INVALID_ARGUMENT', message: /running already/ })
  await poll
  await consumer.close()
  await t.throwsAsync(consumer.poll(), { code: 'CLOSED' })
  await plain.close()
  await t.throwsAsync(plain.send({ topic, value: 'x' }), { code: 'CLOSED' })
})

test('a transaction without records or offsets costs no request and commits', async (t) => {
  // A broker of its own: others' transactions would be counted too.
  const client = await connect(await startBroker(t))
  t.teardown(() => client.close())
  const producer = client.producer({ transactionalId: uniqueName('empty') })
  await producer.init()
  const topic = '__transaction_state'
  const { partitions } = (await client.admin.describeTopics([topic]))[0]!
  // Whatever the coordinator does for a transaction it writes down there.
  const written = async () => {
    const ends = await client.admin.listOffsets(partitions.map(({ partition }) => ({ topic, partition, at: 'latest' as const })))
    return ends.reduce((sum, { offset }) => sum + offset, 0)
  }
  const before = await written()
  t.true(before > 0, 'the identity itself is there')
  for (let n = 0; n < 3; n++) {
    producer.begin()
    await producer.commit()
  }
  producer.begin()
  await producer.abort()
  t.is(await written(), before)
})

test('a topic that is deleted under a consumer is an error of poll', async (t) => {
  const client = await clientFor(t, env(), { unknownTopicTimeoutMs: 50 })
  const topic = await newTopic(client)
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 20 })
  consumer.assign([{ topic, partition: 0 }])
  await consumer.poll(50)
  await client.admin.deleteTopics([topic])
  await t.throwsAsync(
    async () => {
      for (;;) await consumer.poll(50)
    },
    { code: 'UNKNOWN_TOPIC', message: new RegExp(`'${topic}'`) },
  )
})

test('a topic that was deleted and created again is read from where the policy says, not from the old position', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer = client.producer({ lingerMs: 0 })
  for (const value of numbers(5)) await producer.send({ topic, value })
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 20 })
  consumer.assign([{ topic, partition: 0 }])
  await readToEnd(client, consumer)
  await client.admin.deleteTopics([topic])
  await client.admin.createTopics([{ name: topic, partitions: 1 }])
  const other = await clientFor(t, env())
  for (const value of numbers(9, 100)) await other.producer({ lingerMs: 0 }).send({ topic, value })
  const seen: string[] = []
  while (seen.length < 9)
    for (const { columns, from, count } of await consumer.poll(50))
      for (let i = from; i < from + count; i++) seen.push(columns.value(i)!.toString())
  t.deepEqual(seen, numbers(9, 100))
})

test('prefetched bytes stay below their bound while nobody polls', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 4)
  const producer = client.producer({ batchSize: 1000 })
  await producer.partitions(topic)
  for (const value of numbers(4000)) producer.append(topic, Number(value) % 4, null, Buffer.from(value.padStart(100)), 1)
  await producer.flush()
  let received = 0
  const counting: Dialer = {
    async dial(host, port) {
      const transport = await broker().dialer.dial(host, port)
      return Object.assign(Object.create(transport) as typeof transport, {
        onFrame: (handler: (frame: Buffer) => void) =>
          transport.onFrame((frame) => {
            received += frame.length
            handler(frame)
          }),
        send: (chunks: readonly Buffer[]) => transport.send(chunks),
        onClose: (handler: (error?: Error) => void) => transport.onClose(handler),
        destroy: (error?: Error) => transport.destroy(error),
        close: () => transport.close(),
      })
    },
  }
  const reader = await connect(broker(), { dialer: counting })
  const consumer = reader.consumer({
    autoOffsetReset: 'earliest',
    maxPartitionFetchBytes: 5000,
    fetchMaxBytes: 20_000,
    prefetchBytes: 30_000,
  })
  consumer.assign(partitionsOf(topic, 4))
  for (let before = -1; received < 10_000 || received !== before;) {
    before = received
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.true(received < 70_000, `${received} bytes`)
  t.is((await readToEnd(reader, consumer)).length, 4000)
  await reader.close()
})

test('admin creates, describes, configures, grows and deletes topics', async (t) => {
  const { admin } = await clientFor(t, env())
  const name = uniqueName('admin')
  await admin.createTopics([{ name, partitions: 2, configs: { 'retention.ms': 60_000 } }])
  await t.throwsAsync(admin.createTopics([{ name }]), { message: new RegExp(`TOPIC_ALREADY_EXISTS.*${name}`) })
  await admin.createTopics([{ name }], { ignoreExisting: true })
  await admin.createPartitions([{ topic: name, count: 3 }])
  t.is((await admin.describeTopics([name]))[0]!.partitions.length, 3)
  const [described] = await admin.describeConfigs([{ type: 'topic', name }])
  const retention = described!.entries.find((entry) => entry.name === 'retention.ms')
  t.deepEqual([retention?.value, retention?.isDefault], ['60000', false])
  t.true((await admin.listTopics()).some((topic) => topic.name === name))
  await admin.deleteTopics([name])
  t.false((await admin.listTopics()).some((topic) => topic.name === name))
})

test('a random walk of seeks, pauses and polls hands out exactly what lies at the positions', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 2)
  const producer = client.producer({ batchSize: 150 })
  for (const value of numbers(300)) producer.send({ topic, partition: Number(value) % 2, value }).catch(t.fail)
  await producer.flush()
  const random = seededNumbers(5)
  const tps = partitionsOf(topic, 2)
  const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 7, maxPartitionFetchBytes: 400, fetchMaxWaitMs: 5 })
  consumer.assign(tps.map((tp) => ({ ...tp, offset: 0 })))
  const expected = [0, 0]
  const paused = [false, false]
  for (let step = 0; step < 400; step++) {
    const partition = random() < 0.5 ? 0 : 1
    const tp = tps[partition]!
    const what = random()
    if (what < 0.15) {
      expected[partition] = Math.floor(random() * 150)
      consumer.seek(tp, expected[partition])
    } else if (what < 0.25) {
      paused[partition] = !paused[partition]
      if (paused[partition]) consumer.pause([tp])
      else consumer.resume([tp])
    } else {
      for (const batch of await consumer.poll(10)) {
        t.false(paused[batch.partition])
        for (let i = batch.from; i < batch.from + batch.count; i++) {
          if (batch.columns.offset(i) !== expected[batch.partition])
            t.fail(`${tpKey(batch)}: ${batch.columns.offset(i)} in place of ${expected[batch.partition]}`)
          expected[batch.partition]!++
        }
      }
      for (const [p, at] of expected.entries()) t.is(consumer.position(tps[p]!), at)
    }
  }
})
