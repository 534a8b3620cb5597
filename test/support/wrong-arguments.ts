import { inspect } from 'node:util'

import { connect } from '../../core/index.ts'
import type { Client, Consumer, Producer } from '../../core/index.ts'

/** As from JavaScript: the types of ours do not hold. */
// eslint-disable-next-line typescript/no-explicit-any -- it is what this file is about
export type Anything = any

export interface Tools {
  client: Client
  producer: Producer
  reader: Consumer
  member: Consumer
  topic: string
}

export type Wrong = [what: string, call: (tools: { [K in keyof Tools]: Anything }) => unknown, message: RegExp]

export const tp = (topic: string, more: object = {}) => ({ topic, partition: 0, ...more })

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
      `assign at ${inspect(offset)}`,
      ({ reader, topic }) => reader.assign([tp(topic, { offset })]),
      /offset must be an offset from 0 on, 'earliest', 'latest'/,
    ],
    [
      `seek to ${inspect(offset)}`,
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
    [`poll for ${inspect(ms)}`, ({ reader }) => reader.poll(ms), /timeoutMs must be a number of milliseconds of at least 0/],
    [`pollRaw for ${inspect(ms)}`, ({ reader }) => reader.pollRaw(ms), /timeoutMs must be a number of milliseconds of at least 0/],
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

/** What is refused, by what it is handed to. */
export const wrongArguments: Readonly<Record<string, readonly Wrong[]>> = {
  producer: ofProducers,
  consumer: ofConsumers,
  client: ofClients,
  admin: ofAdmins,
}
