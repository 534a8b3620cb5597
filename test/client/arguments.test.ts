import test from 'ava'

import { connect, MoldauError } from '../../core/index.ts'
import type { Client, Consumer, Producer } from '../../core/index.ts'
import { clientFor, newTopic, numbers, pollSome, readAll, sharedBroker, uniqueName, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'

/**
 * What programs in plain JavaScript hand over: what a call cannot take is refused where it can be caught, with the argument, what came, and
 * what it should be. Nothing else happens, and everything goes on.
 */

const broker = sharedBroker(test)
const env = (): Env => ({ connect: (options) => connect(broker(), options), dialer: broker().dialer })

/** As from JavaScript: the types of ours do not hold. */
// eslint-disable-next-line typescript/no-explicit-any -- it is what this file is about
type Anything = any

interface Tools {
  client: Client
  producer: Producer
  reader: Consumer
  member: Consumer
  topic: string
}

type Wrong = [what: string, call: (tools: { [K in keyof Tools]: Anything }) => unknown, message: RegExp]

const tp = (topic: string, more: object = {}) => ({ topic, partition: 0, ...more })

const ofProducers: Wrong[] = [
  ['no record', ({ producer }) => producer.send(), /producer\.send\(\): record must be an object with topic, .*not undefined/],
  ['a number as record', ({ producer }) => producer.send(5), /record must be an object .*not 5/],
  ['no topic', ({ producer }) => producer.send({ value: 'x' }), /record\.topic must be the name of a topic, not undefined/],
  ['an empty topic', ({ producer }) => producer.send({ topic: '', value: 'x' }), /record\.topic must be the name of a topic, not ""/],
  ['no value', ({ producer, topic }) => producer.send({ topic }), /record\.value must be given \(null is a tombstone\), not undefined/],
  ['messages', ({ producer, topic }) => producer.send({ topic, messages: [{ value: 'x' }] }), /record has 'messages'.*sendBatch/],
  ['a number as value', ({ producer, topic }) => producer.send({ topic, value: 5 }), /the value must be a Buffer.*text or null, not 5/],
  ['an object as value', ({ producer, topic }) => producer.send({ topic, value: { a: 1 } }), /the value must be .*not an object with a/],
  ['true as value', ({ producer, topic }) => producer.send({ topic, value: true }), /the value must be .*not true/],
  ['a date as value', ({ producer, topic }) => producer.send({ topic, value: new Date() }), /the value must be .*of the class Date/],
  ['a list as value', ({ producer, topic }) => producer.send({ topic, value: [300] }), /the value must be .*not a list of 1/],
  [
    'wider numbers as value',
    ({ producer, topic }) => producer.send({ topic, value: new Uint16Array(2) }),
    /not an object of the class Uint16Array/,
  ],
  ['a number as key', ({ producer, topic }) => producer.send({ topic, key: 5, value: 'x' }), /the key must be .*not 5/],
  [
    'text as partition',
    ({ producer, topic }) => producer.send({ topic, partition: '0', value: 'x' }),
    /record\.partition must be a whole number.*"0"/,
  ],
  [
    'a date as time',
    ({ producer, topic }) => producer.send({ topic, value: 'x', timestamp: new Date() }),
    /timestamp .* is not milliseconds/,
  ],
  [
    'headers as an object',
    ({ producer, topic }) => producer.send({ topic, value: 'x', headers: { a: 'b' } }),
    /headers must be a list of \{ key, value \}/,
  ],
  [
    'a header without a key',
    ({ producer, topic }) => producer.send({ topic, value: 'x', headers: [{ value: 'b' }] }),
    /a header must be \{ key: text, value \}/,
  ],
  [
    'a header of a number',
    ({ producer, topic }) => producer.send({ topic, value: 'x', headers: [{ key: 'h', value: 1 }] }),
    /value of header 'h' must be .*not 1/,
  ],
  ['append of a number', ({ producer, topic }) => producer.append(topic, 0, null, 5, Date.now()), /the value must be .*not 5/],
  [
    'append without a value',
    ({ producer, topic }) => producer.append(topic, 0, null, undefined, Date.now()),
    /the value must be .*tombstone/,
  ],
  ['append of an object as key', ({ producer, topic }) => producer.append(topic, 0, {}, null, Date.now()), /the key must be .*not \{\}/],
  ['append without a time', ({ producer, topic }) => producer.append(topic, 0, null, 'x'), /timestamp undefined is not milliseconds/],
  [
    'append without a topic',
    ({ producer }) => producer.append(undefined, 0, null, 'x', 0),
    /topic must be the name of a topic, not undefined/,
  ],
  ['append without a partition', ({ producer, topic }) => producer.append(topic, undefined, null, 'x', 0), /there is no undefined/],
  ['partitionFor a number', ({ producer, topic }) => producer.partitionFor(topic, 5), /the key must be .*not 5/],
  ['partitions of nothing', ({ producer }) => producer.partitions(), /topic must be the name of a topic, not undefined/],
  ['sendBatch of nothing', ({ producer }) => producer.sendBatch(), /batch must be an object with topic, partition, values/],
  ['sendBatch without values', ({ producer, topic }) => producer.sendBatch({ topic }), /batch\.values must be a list, not undefined/],
  [
    'sendBatch of messages',
    ({ producer, topic }) => producer.sendBatch({ topic, messages: [] }),
    /batch has 'messages': name them records/,
  ],
  ['sendBatch of topics', ({ producer }) => producer.sendBatch({ topicMessages: [] }), /batch has 'topicMessages'/],
  [
    'sendBatch of a record',
    ({ producer, topic }) => producer.sendBatch({ topic, records: { value: 'x' } }),
    /records must be records to iterate/,
  ],
  [
    'a row that is none',
    ({ producer, topic }) => producer.sendBatch({ topic, records: [{ value: 'x' }, 5] }),
    /row 1 must be \{ key, value \}, not 5/,
  ],
  [
    'a row without a value',
    ({ producer, topic }) => producer.sendBatch({ topic, values: ['x', undefined] }),
    /value of row 1 must be .*tombstone/,
  ],
  [
    'a row with a wrong key',
    ({ producer, topic }) => producer.sendBatch({ topic, values: ['x'], keys: [7] }),
    /key of row 0 must be .*not 7/,
  ],
  [
    'rows with wrong headers',
    ({ producer, topic }) => producer.sendBatch({ topic, values: ['x'], headers: [{ a: 'b' }] }),
    /headers must be a list/,
  ],
  [
    'sendRaw of text',
    ({ producer, topic }) => producer.sendRaw(topic, 0, 'x'),
    /batch must be a batch of pollRaw\(\), or a Buffer, not "x"/,
  ],
  ['close in text', ({ producer }) => producer.close('soon'), /timeoutMs must be a number of milliseconds of at least 0, not "soon"/],
]

const ofConsumers: Wrong[] = [
  ['subscribe to nothing', ({ member }) => member.subscribe(), /consumer\.subscribe\(\): topics must be a list, not undefined/],
  ['subscribe as in kafkajs', ({ member }) => member.subscribe({ topics: ['a'] }), /topics must be a list, not an object with topics/],
  ['subscribe to a number', ({ member }) => member.subscribe([1]), /topics\[0\] must be the name of a topic, not 1/],
  ['a listener that is a function', ({ member }) => member.subscribe(['a'], () => {}), /listener must be an object with onAssigned/],
  [
    'a listener without functions',
    ({ member }) => member.subscribe(['a'], { onAssigned: 5 }),
    /listener\.onAssigned must be a function, not 5/,
  ],
  [
    'assign of one',
    ({ reader, topic }) => reader.assign(tp(topic)),
    /partitions must be a list, not an object with topic, partition: put .* into \[ \]/,
  ],
  ['assign of a name', ({ reader }) => reader.assign(['a']), /partitions\[0\] must be an object with topic, partition, offset, not "a"/],
  ['assign without a topic', ({ reader }) => reader.assign([{ partition: 0 }]), /partitions\[0\]\.topic must be the name of a topic/],
  [
    'assign a partition in text',
    ({ reader, topic }) => reader.assign([{ topic, partition: '0' }]),
    /partition must be a whole number of at least 0, not "0"/,
  ],
  ...[-1, -2, '1', 1n, 'begin', 0.5, NaN, null, { timestamp: -1 }, { timestamp: '1' }, { time: 1 }].flatMap((offset): Wrong[] => [
    [
      `assign at ${typeof offset} ${String(offset)}`,
      ({ reader, topic }) => reader.assign([tp(topic, { offset })]),
      /offset must be an offset from 0 on, 'earliest', 'latest'/,
    ],
    [
      `seek to ${typeof offset} ${String(offset)}`,
      ({ reader, topic }) => reader.seek(tp(topic), offset),
      /to must be an offset from 0 on, 'earliest', 'latest'/,
    ],
  ]),
  ['seek to nowhere', ({ reader, topic }) => reader.seek(tp(topic)), /to must be an offset/],
  ['seek as in kafkajs', ({ reader, topic }) => reader.seek(tp(topic, { offset: 5 })), /to must be an offset/],
  ['seek of nothing', ({ reader }) => reader.seek(), /tp must be an object with topic, partition, not undefined/],
  ['pause one', ({ reader, topic }) => reader.pause(tp(topic)), /consumer\.pause\(\): partitions must be a list/],
  ['pause nothing', ({ reader }) => reader.pause(), /partitions must be a list, not undefined/],
  ['resume one', ({ reader, topic }) => reader.resume(tp(topic)), /consumer\.resume\(\): partitions must be a list/],
  ['position of nothing', ({ reader }) => reader.position(), /consumer\.position\(\): tp must be an object/],
  ['lag of a name', ({ reader }) => reader.currentLag('a'), /tp must be an object with topic, partition, not "a"/],
  ...(['x', NaN, { timeout: 1 }, -1, null] as unknown[]).flatMap((ms): Wrong[] => [
    [`poll for ${typeof ms} ${String(ms)}`, ({ reader }) => reader.poll(ms), /timeoutMs must be a number of milliseconds of at least 0/],
    [
      `pollRaw for ${typeof ms} ${String(ms)}`,
      ({ reader }) => reader.pollRaw(ms),
      /timeoutMs must be a number of milliseconds of at least 0/,
    ],
  ]),
  [
    'commit of nothing',
    ({ member }) => member.commit([undefined]),
    /consumer\.commit\(\): what\[0\] must be an object with topic, partition, offset/,
  ],
  [
    'commit below 0',
    ({ member, topic }) => member.commit(tp(topic, { offset: -5 })),
    /what\.offset must be a whole number of at least 0, not -5/,
  ],
  ['commit in text', ({ member, topic }) => member.commit([tp(topic, { offset: '5' })]), /what\[0\]\.offset must be .*not "5"/],
  [
    'commit as somebody',
    ({ member, topic }) => member.commit(tp(topic, { offset: 5 }), 'g'),
    /group must be an object with groupId, generation/,
  ],
  [
    'commit as another group',
    ({ member, topic }) =>
      member.commit(tp(topic, { offset: 5 }), { groupId: 'other', generation: -1, memberId: '', groupInstanceId: null }),
    /read in group 'other', and this consumer is in/,
  ],
  [
    'commit beyond the partitions',
    ({ member, topic }) => member.commit({ topic, partition: 7, offset: 0 }),
    /has 1 partitions \(0 to 0\), there is no 7/,
  ],
  ['committed of one', ({ member, topic }) => member.committed(tp(topic)), /partitions must be a list/],
  ['end of one', ({ reader, topic }) => reader.endOffsets(tp(topic)), /partitions must be a list/],
  ['begin of names', ({ reader }) => reader.beginningOffsets(['a']), /partitions\[0\] must be an object/],
  [
    'at no time',
    ({ reader, topic }) => reader.offsetsForTimes([tp(topic)]),
    /queries\[0\]\.timestamp must be milliseconds since 1970, not undefined/,
  ],
  ['close in text', ({ reader }) => reader.close({ timeoutMs: 'soon' }), /timeoutMs must be a number of milliseconds/],
]

const ofClients: Wrong[] = [
  ...[undefined, 9092, { brokers: ['a:9092'] }, null, [1]].map((target): Wrong => {
    return [`connect to ${JSON.stringify(target)}`, () => connect(target as Anything), /connect\(\): target must be an address/]
  }),
  ['connect with text', () => connect('a:1', 'x' as Anything), /connect\(\): options must be an object, not "x"/],
  ['producer of null', ({ client }) => client.producer(null), /client\.producer\(\): options must be an object, not null/],
  ['consumer of text', ({ client }) => client.consumer('group'), /client\.consumer\(\): options must be an object, not "group"/],
  ['an id in text', ({ client }) => client.clientInstanceId('soon'), /timeoutMs must be a number of milliseconds/],
]

const ofAdmins: Wrong[] = [
  ['one topic', ({ client }) => client.admin.createTopics({ name: 'a' }), /create topic: items must be a list, not an object with name/],
  ['topics as in kafkajs', ({ client }) => client.admin.createTopics({ topics: [] }), /items must be a list, not an object with topics/],
  [
    'numPartitions',
    ({ client }) => client.admin.createTopics([{ name: 'a', numPartitions: 5 }]),
    /items\[0\] has a field 'numPartitions', .*did you mean 'partitions'\?/,
  ],
  [
    'configEntries',
    ({ client }) => client.admin.createTopics([{ name: 'a', quux: [] }]),
    /'quux', which there is not; there are: name, partitions/,
  ],
  ['a topic without a name', ({ client }) => client.admin.createTopics([{}]), /items\[0\]\.name must be text, not undefined/],
  [
    'partitions in text',
    ({ client }) => client.admin.createTopics([{ name: 'a', partitions: '5' }]),
    /partitions must be a whole number, not "5"/,
  ],
  [
    'configs as a list',
    ({ client }) => client.admin.createTopics([{ name: 'a', configs: [] }]),
    /configs must be an object with .* by name, not a list/,
  ],
  [
    'createPartitions totalCount',
    ({ client }) => client.admin.createPartitions([{ topic: 'a', totalCount: 5 }]),
    /'totalCount', which there is not/,
  ],
  ['deleteTopics of one', ({ client }) => client.admin.deleteTopics('a'), /items must be a list, not "a"/],
  ['describeTopics of one', ({ client }) => client.admin.describeTopics('a'), /items must be a list, not "a"/],
  [
    'listOffsets at the end',
    ({ client, topic }) => client.admin.listOffsets([tp(topic, { at: 'end' })]),
    /items\[0\]\.at must be one of latest, earliest, .*not "end"/,
  ],
  [
    'listOffsets nowhere',
    ({ client, topic }) => client.admin.listOffsets([tp(topic)]),
    /items\[0\]\.at must be one of latest, earliest, .*not undefined/,
  ],
  [
    'deleteRecords in text',
    ({ client, topic }) => client.admin.deleteRecords([tp(topic, { offset: '1' })]),
    /offset must be a whole number/,
  ],
  ['describeProducers of one', ({ client, topic }) => client.admin.describeProducers(tp(topic)), /items must be a list/],
  [
    'describeConfigs of what is not',
    ({ client }) => client.admin.describeConfigs([{ type: 'topics', name: 'a' }]),
    /type must be one of topic, broker, .*not "topics"/,
  ],
  [
    'settings under another name',
    ({ client }) => client.admin.incrementalAlterConfigs([{ type: 'topic', name: 'a', sets: {} }]),
    /'sets', which there is not: did you mean 'set'\?/,
  ],
  ['listConfigResources of one', ({ client }) => client.admin.listConfigResources('topic'), /types must be a list/],
  ['one group', ({ client }) => client.admin.describeConsumerGroups('g'), /describe group: items must be a list, not "g"/],
  ['one group to delete', ({ client }) => client.admin.deleteConsumerGroups('g'), /delete group: items must be a list/],
  [
    'offsets of an object',
    ({ client }) => client.admin.listConsumerGroupOffsets({ groupId: 'g' }),
    /items must be a list, not an object with groupId/,
  ],
  ['offsets of no group', ({ client }) => client.admin.alterConsumerGroupOffsets(undefined, []), /groupId must be text/],
  [
    'offsets below 0',
    ({ client, topic }) => client.admin.alterConsumerGroupOffsets('g', [tp(topic, { offset: -1 })]),
    /offset must be a whole number of at least 0, not -1/,
  ],
  [
    'members that are text',
    ({ client }) => client.admin.removeMembersFromConsumerGroup('g', ['m']),
    /items\[0\] must be an object with memberId, groupInstanceId/,
  ],
  [
    'an operation that is not',
    ({ client }) => client.admin.createAcls([{ resourceType: 'topic', resourceName: 'a', principal: 'User:a', operation: 'reed' }]),
    /operation must be one of .*not "reed"/,
  ],
  [
    'a misspelt selection',
    ({ client }) => client.admin.deleteAcls([{ principle: 'User:a' }]),
    /'principle', which there is not: did you mean 'principal'\?/,
  ],
  ['a misspelt selection to see', ({ client }) => client.admin.describeAcls({ topic: 'a' }), /selection has a field 'topic'/],
  [
    'one credential',
    ({ client }) => client.admin.alterUserScramCredentials({ user: 'a', password: 'secret' }),
    /alterations must be a list, not an object with user, password:/,
  ],
  [
    'a mechanism that is not',
    ({ client }) => client.admin.alterUserScramCredentials([{ user: 'a', password: 'secret', mechanism: 'PLAIN' }]),
    /mechanism must be one of SCRAM/,
  ],
  ['a quota of nobody', ({ client }) => client.admin.alterClientQuotas([{ set: {} }]), /entity must be an object with user, clientId, ip/],
  ['a misspelt filter', ({ client }) => client.admin.describeClientQuotas({ userName: 'a' }), /filter has a field 'userName'/],
  [
    'an election that is not',
    ({ client }) => client.admin.electLeaders('clean', null),
    /type must be one of preferred, unclean, not "clean"/,
  ],
  ['replicas of nothing', ({ client, topic }) => client.admin.alterPartitionReassignments([tp(topic)]), /replicas must be a list/],
  ['brokers in text', ({ client }) => client.admin.describeLogDirs(['0']), /items\[0\] must be a whole number of at least 0, not "0"/],
  ['no transaction', ({ client }) => client.admin.abortTransaction(), /transaction must be an object with topic/],
  ['one transactional id', ({ client }) => client.admin.fenceProducers('a'), /items must be a list/],
  ['a broker in text', ({ client }) => client.admin.unregisterBroker('1'), /brokerId must be a whole number/],
  ['one feature', ({ client }) => client.admin.updateFeatures({ feature: 'a' }), /items must be a list/],
  ['a time in text', ({ client }) => client.admin.listTopics({ timeoutMs: 'soon' }), /timeoutMs must be a number of milliseconds/],
]

for (const [of, wrongs] of Object.entries({ producer: ofProducers, consumer: ofConsumers, client: ofClients, admin: ofAdmins })) {
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
