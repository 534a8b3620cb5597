import test from 'ava'

import { connect, MoldauError } from '../../core/index.ts'
import { clientFor, newTopic, numbers, pollSome, readAll, sharedBroker, uniqueName, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { tp, wrongArguments } from '../support/wrong-arguments.ts'
import type { Anything } from '../support/wrong-arguments.ts'

/**
 * What programs in plain JavaScript hand over: what a call cannot take is refused where it can be caught, with the argument, what came, and
 * what it should be. Nothing else happens, and everything goes on.
 */

const broker = sharedBroker(test)
const env = (): Env => ({ connect: (options) => connect(broker(), options), dialer: broker().dialer })

for (const [of, wrongs] of Object.entries(wrongArguments)) {
  test(`${of}: what a call cannot take is refused with the remedy, and everything goes on`, async (t) => {
    const client = await clientFor(t, env())
    const topic = await newTopic(client)
    const producer = client.producer()
    // With a spare builder: what would go wrong after the call has returned goes wrong with that.
    await producer.send({ topic, value: 'before' })
    const reader = client.consumer({ autoOffsetReset: 'earliest' })
    reader.assign([tp(topic)])
    const member = client.consumer({ groupId: uniqueName('group') })
    for (const [what, call, message] of wrongs) {
      await t.throwsAsync(
        async () => call({ client, producer, reader, member, topic }),
        { instanceOf: MoldauError, code: 'INVALID_ARGUMENT', message },
        what,
      )
    }
    await producer.send({ topic, value: 'after' })
    t.deepEqual(valuesOf(await readAll(client, topic)), ['before', 'after'])
    t.is((await pollSome(reader))[0]!.topic, topic)
    t.is(producer.bufferedBytes, 0)
  })
}

test('text in headers and in append() is written as UTF-8, and bytes of any kind as they are', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer = client.producer()
  const bytes = new Uint8Array([0, 98, 195, 169]).subarray(1)
  const headers = [
    { key: 'text', value: 'bé€' },
    { key: 'bytes', value: bytes },
    { key: 'none', value: null },
  ] as { key: string; value: string | Buffer | null }[]
  await producer.send({ topic, key: bytes as Buffer, value: 'hé€llo', headers })
  await producer.sendBatch({ topic, values: ['hé€llo'], keys: ['bé'], headers: [headers] })
  producer.append(topic, 0, 'bé', 'hé€llo', Date.now(), headers)
  await producer.flush()
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([tp(topic)])
  const seen: unknown[] = []
  while (seen.length < 3) {
    for (const { columns, from, count } of await consumer.poll()) {
      for (let i = from; i < from + count; i++) {
        const own = columns.headers(i).map(({ key, value }) => [key, value?.toString() ?? null])
        seen.push([columns.key(i)!.toString(), columns.value(i)!.toString(), own])
      }
    }
  }
  const expected = [
    'bé',
    'hé€llo',
    [
      ['text', 'bé€'],
      ['bytes', 'bé'],
      ['none', null],
    ],
  ]
  t.deepEqual(seen, [expected, expected, expected])
})

test('a batch whose bytes are gone before it is sent fails alone: the process lives, and its partition goes on', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const other = await newTopic(client)
  const producer = client.producer({ lingerMs: 0 })
  await producer.partitions(other)
  await producer.send({ topic, value: 'first' })
  const reader = client.consumer({ raw: true, autoOffsetReset: 'earliest' })
  reader.assign([tp(topic)])
  let [batch] = await reader.pollRaw()
  while (batch === undefined) [batch] = await reader.pollRaw()
  const bytes = Buffer.from(new Uint8Array(batch.bytes).buffer)
  const lost = producer.sendRaw(topic, 0, bytes)
  const behind = producer.send({ topic, value: 'behind' })
  const elsewhere = producer.send({ topic: other, value: 'elsewhere' })
  // To another thread, say.
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
  await t.throwsAsync(lost, { instanceOf: MoldauError, code: 'INVALID_ARGUMENT', message: /cannot be encoded: / })
  await behind
  await elsewhere
  await Promise.all(numbers(20).map((value) => producer.send({ topic, value })))
  t.deepEqual(valuesOf(await readAll(client, topic)), ['first', 'behind', ...numbers(20)])
  t.is(producer.bufferedBytes, 0)
})

test('a partitioner that throws, or chooses what is not there, fails that record with its error as the cause', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  let choice: (() => number) | undefined
  const producer = client.producer({ partitioner: () => choice!() })
  const failure = await t.throwsAsync(producer.send({ topic, value: 'x' }), {
    instanceOf: MoldauError,
    code: 'INVALID_CONFIG',
    message: /the partitioner failed/,
  })
  t.true(failure!.cause instanceof TypeError)
  for (const wrong of [-1, 1, 0.5, NaN, '0', undefined]) {
    choice = () => wrong as number
    await t.throwsAsync(
      producer.send({ topic, value: 'x' }),
      { instanceOf: MoldauError, code: 'INVALID_CONFIG', message: /the partitioner chose .*partitions 0 to 0/ },
      String(wrong),
    )
  }
  choice = () => 0
  await producer.send({ topic, value: 'good' })
  t.deepEqual(valuesOf(await readAll(client, topic)), ['good'])
})

test('a name is one topic to subscribe to, not one for each of its letters', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const consumer = client.consumer({ groupId: uniqueName('group'), autoOffsetReset: 'earliest' })
  consumer.subscribe(topic)
  await client.producer().send({ topic, value: 'x' })
  t.is((await pollSome(consumer))[0]!.topic, topic)
  t.false((await client.admin.listTopics()).some(({ name }) => name.length === 1))
})

test('what one group has read is not committed for another, nor with a transaction of another', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  await client.producer().send({ topic, value: 'x' })
  const [one, another] = [uniqueName('group'), uniqueName('group')]
  const reader = client.consumer({ groupId: one, autoOffsetReset: 'earliest' })
  reader.subscribe(topic)
  const batch = (await pollSome(reader))[0]!
  const stranger = client.consumer({ groupId: another })
  const refused = { instanceOf: MoldauError, code: 'INVALID_ARGUMENT', message: new RegExp(`read in group '${one}', .* '${another}'`) }
  await t.throwsAsync(stranger.commit(batch), refused)
  t.throws(() => stranger.groupMetadata(batch), refused)
  t.deepEqual(await client.admin.listConsumerGroupOffsets(one), [])
  await reader.commit(batch)
  t.is((await client.admin.listConsumerGroupOffsets(one))[0]!.offset, 1)
})

test('a position in a topic that never existed is refused as such, at once', async (t) => {
  const client = await clientFor(t, env(), { requestTimeoutMs: 3_600_000 })
  const consumer = client.consumer({ groupId: uniqueName('group') })
  const topic = uniqueName('nowhere')
  await t.throwsAsync(consumer.commit({ topic, partition: 0, offset: 0 }), {
    code: 'UNKNOWN_TOPIC',
    message: new RegExp(`'${topic}' does not exist`),
  })
})

test('what sendOffsets() cannot take does not cost the transaction', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer: Anything = client.producer({ transactionalId: uniqueName('tx') })
  const consumer = client.consumer({ groupId: uniqueName('group') })
  producer.begin()
  await producer.send({ topic, value: 'x' })
  const offsets = [tp(topic, { offset: 1 })]
  const refused = (message: RegExp) => ({ instanceOf: MoldauError, code: 'INVALID_ARGUMENT', message })
  await t.throwsAsync(
    producer.sendOffsets(offsets, 'g'),
    refused(/group \(what groupMetadata\(\) of the consumer returns\) must be an object .*not "g"/),
  )
  await t.throwsAsync(producer.sendOffsets(offsets), refused(/group .*not undefined/))
  await t.throwsAsync(producer.sendOffsets(tp(topic, { offset: 1 }), consumer.groupMetadata()), refused(/offsets must be a list/))
  await t.throwsAsync(producer.sendOffsets([tp(topic, { offset: -1 })], consumer.groupMetadata()), refused(/offsets\[0\]\.offset must be/))
  await t.throwsAsync(producer.send({ topic, value: 5 }), refused(/the value must be/))
  await producer.sendOffsets(offsets, consumer.groupMetadata())
  await producer.commit()
  t.deepEqual(valuesOf(await readAll(client, topic)), ['x'])
})

test('after close() every call says CLOSED', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const [producer, transactional, consumer] = [
    client.producer(),
    client.producer({ transactionalId: uniqueName('tx') }),
    client.consumer({ groupId: 'g' }),
  ]
  await producer.send({ topic, value: 'x' })
  await Promise.all([producer.close(), transactional.close(), consumer.close()])
  const [p, x, c]: Anything[] = [producer, transactional, consumer]
  const at = [tp(topic)]
  const calls: Record<string, () => unknown> = {
    init: () => p.init(),
    send: () => p.send({ topic, value: 'x' }),
    sendBatch: () => p.sendBatch({ topic, values: ['x'] }),
    sendRaw: () => p.sendRaw(topic, 0, Buffer.alloc(61)),
    append: () => p.append(topic, 0, null, null, 0),
    ready: () => p.ready(),
    partitions: () => p.partitions(topic),
    partitionFor: () => p.partitionFor(topic, 'a'),
    flush: () => p.flush(),
    begin: () => x.begin(),
    sendOffsets: () => x.sendOffsets([], undefined),
    'producer.commit': () => x.commit(),
    abort: () => x.abort(),
    subscribe: () => c.subscribe([topic]),
    assign: () => c.assign(at),
    poll: () => c.poll(),
    position: () => c.position(at[0]),
    seek: () => c.seek(at[0], 0),
    pause: () => c.pause(at),
    resume: () => c.resume(at),
    commit: () => c.commit(),
    committed: () => c.committed(at),
    endOffsets: () => c.endOffsets(at),
    beginningOffsets: () => c.beginningOffsets(at),
    offsetsForTimes: () => c.offsetsForTimes([tp(topic, { timestamp: 0 })]),
    highWatermark: () => c.highWatermark(at[0]),
    fetchedEnd: () => c.fetchedEnd(at[0]),
    currentLag: () => c.currentLag(at[0]),
    groupMetadata: () => c.groupMetadata(),
  }
  for (const [name, call] of Object.entries(calls))
    await t.throwsAsync(async () => call(), { instanceOf: MoldauError, code: 'CLOSED' }, name)
  await client.close()
  const ofClient: Record<string, () => unknown> = {
    producer: () => client.producer(),
    consumer: () => client.consumer(),
    clientInstanceId: () => client.clientInstanceId(),
    admin: () => client.admin.listTopics(),
    createTopics: () => client.admin.createTopics([{ name: 'late' }]),
  }
  for (const [name, call] of Object.entries(ofClient))
    await t.throwsAsync(async () => call(), { instanceOf: MoldauError, code: 'CLOSED' }, name)
})
