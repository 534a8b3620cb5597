import test from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import { ZERO_UUID } from '../../core/base/uuid.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { create, type Wanted } from '../support/create-topics.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, topicError } from '../support/wire.ts'

test('ApiVersions lists what has a handler, an unknown version of it gets error 35 in the oldest form', async (t) => {
  const channel = await open(t, await startBroker(t))
  const { apiKeys, finalizedFeatures } = await channel.request(ApiVersions, 4, { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' })
  t.deepEqual(
    apiKeys.map(({ apiKey }) => apiKey).toSorted((a, b) => a - b),
    handlers.map(({ api }) => api.key).toSorted((a, b) => a - b),
  )
  t.like(
    apiKeys.find(({ apiKey }) => apiKey === 0)!,
    { minVersion: 0, maxVersion: 13 },
  )
  t.deepEqual(finalizedFeatures, [
    { name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 },
    { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
  ])
  const nameless = await channel.request(ApiVersions, 3, { clientSoftwareName: ' bad name', clientSoftwareVersion: '1' })
  t.is(errorName(nameless.errorCode), 'INVALID_REQUEST')
})

test('an unknown topic is created when both broker and client allow it', async (t) => {
  const channel = await open(t, await startBroker(t, { config: { numPartitions: 3 } }))
  t.is(await topicError(channel, 'a', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await topicError(channel, 'a', true), 'NONE')
  t.is(await topicError(channel, 'not legal', true), 'INVALID_TOPIC_EXCEPTION')
  const { topics } = await channel.request(Metadata, 12, { topics: null })
  t.deepEqual(
    topics.map(({ name, partitions }) => [name, partitions.length]),
    [['a', 3]],
  )
  const strict = await open(t, await startBroker(t, { config: { 'auto.create.topics.enable': false } }))
  t.is(await topicError(strict, 'a', true), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('every version of Metadata answers brokers and topics', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  const topicId = await createTopic(channel, 'a', 2)
  for (let version = 0; version <= 13; version++) {
    const { brokers, topics } = await channel.request(Metadata, version, { topics: version === 0 ? [] : null })
    t.like(brokers[0]!, { nodeId: 1, host: '127.0.0.1', port: broker.port! })
    t.is(topics[0]!.name, 'a')
    t.is(topics[0]!.topicId, version >= 10 ? topicId : ZERO_UUID)
    t.deepEqual(
      topics[0]!.partitions.map(({ partitionIndex, leaderId, isrNodes }) => [partitionIndex, leaderId, isrNodes]),
      [
        [0, 1, [1]],
        [1, 1, [1]],
      ],
    )
  }
  const byId = await channel.request(Metadata, 12, {
    topics: [
      { name: null, topicId },
      { name: null, topicId: 'Zm9vYmFyYmF6cXV4MTIzNA' },
    ],
  })
  t.deepEqual(
    byId.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [
      ['a', 'NONE'],
      [null, 'UNKNOWN_TOPIC_ID'],
    ],
  )
  t.deepEqual((await channel.request(Metadata, 9, { topics: [] })).topics, [])
})

test('CreateTopics says for each topic what is wrong with it, and creates the others', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'taken.name')
  const cases: [Wanted, string, RegExp][] = [
    [{ name: 'fine' }, 'NONE', /^$/],
    [{ name: 'taken.name' }, 'TOPIC_ALREADY_EXISTS', /already exists/],
    [{ name: 'taken_name' }, 'INVALID_TOPIC_EXCEPTION', /collides/],
    [{ name: 'no spaces' }, 'INVALID_TOPIC_EXCEPTION', /ASCII/],
    [{ name: '..' }, 'INVALID_TOPIC_EXCEPTION', /not allowed/],
    [{ name: '' }, 'INVALID_TOPIC_EXCEPTION', /empty/],
    [{ name: 'x'.repeat(250) }, 'INVALID_TOPIC_EXCEPTION', /249/],
    [{ name: '__consumer_offsets' }, 'INVALID_TOPIC_EXCEPTION', /broker/],
    [{ name: 'none', numPartitions: 0 }, 'INVALID_PARTITIONS', /non-positive/],
    [{ name: 'many', numPartitions: 10_000_000 }, 'INVALID_PARTITIONS', /100000/],
    [{ name: 'copies', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR', /available brokers: 1/],
    [{ name: 'zero', replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR', /larger than 0/],
    [{ name: 'typo', configs: [{ name: 'retention.mss', value: '1' }] }, 'INVALID_CONFIG', /did you mean retention.ms/],
    [{ name: 'value', configs: [{ name: 'retention.ms', value: 'soon' }] }, 'INVALID_CONFIG', /retention.ms/],
    [{ name: 'policy', configs: [{ name: 'cleanup.policy', value: 'keep' }] }, 'INVALID_CONFIG', /compact/],
    [{ name: 'null', configs: [{ name: 'retention.ms', value: null }] }, 'INVALID_CONFIG', /Null/],
    [
      { name: 'elsewhere', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
      'INVALID_REPLICA_ASSIGNMENT',
      /broker 2, but no such broker/,
    ],
    [{ name: 'placed', numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, 'NONE', /^$/],
  ]
  const answers = await create(
    channel,
    cases.map(([wanted]) => wanted),
  )
  for (const [i, [wanted, error, message]] of cases.entries()) {
    t.is(answers[i]![0], error, wanted.name)
    t.regex(answers[i]![1] ?? '', message, wanted.name)
  }
  t.deepEqual(await create(channel, [{ name: 'twice' }, { name: 'twice' }]).then((all) => all.map(([error]) => error)), ['INVALID_REQUEST'])
  t.is((await create(channel, [{ name: 'dry' }], true))[0]![0], 'NONE')
  t.is(await topicError(channel, 'dry', false), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('a deleted topic is gone with its records, and its name is free again', async (t) => {
  const channel = await open(t, await startBroker(t))
  const topicId = await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  await produce(channel, 'a', batch(['old']))
  const { responses } = await channel.request(DeleteTopics, 6, {
    topics: [{ topicId }, { name: 'b', topicId: ZERO_UUID }, { name: 'nope', topicId: ZERO_UUID }, { topicId: 'Zm9vYmFyYmF6cXV4MTIzNA' }],
    timeoutMs: 1000,
  })
  t.deepEqual(
    responses.map(({ errorCode }) => errorName(errorCode)),
    ['NONE', 'NONE', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'],
  )
  t.is((await produce(channel, 'a', batch(['x']))).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.not(await createTopic(channel, 'a'), topicId)
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), [])
})

test('a fetch that waits on a topic is answered when the topic is deleted', async (t) => {
  const broker = await startBroker(t)
  const [consumer, admin] = [await open(t, broker), await open(t, broker)]
  await createTopic(admin, 'a')
  const waiting = fetchFrom(consumer, 'a', 0, { maxWaitMs: 30_000 })
  await admin.request(DeleteTopics, 3, { topicNames: ['a'], timeoutMs: 1000 })
  t.is(errorName((await waiting).errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('partitions can be added, never taken away', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a', 2)
  const grow = async (name: string, count: number, validateOnly = false): Promise<string> => {
    const { results } = await channel.request(CreatePartitions, 3, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: 1000,
      validateOnly,
    })
    return errorName(results[0]!.errorCode)
  }
  t.is(await grow('a', 2), 'INVALID_PARTITIONS')
  t.is(await grow('nope', 2), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await grow('a', 5, true), 'NONE')
  t.is((await produce(channel, 'a', batch(['x']), { partition: 4 })).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await grow('a', 5), 'NONE')
  t.is((await produce(channel, 'a', batch(['x']), { partition: 4 })).error, 'NONE')
})

test('deleted records cannot be read', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  for (const value of ['x', 'y', 'z']) await produce(channel, 'a', batch([value]))
  const cut = async (offset: number): Promise<[string, number]> => {
    const { topics } = await channel.request(DeleteRecords, 2, {
      topics: [{ name: 'a', partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: 1000,
    })
    const { errorCode, lowWatermark } = topics[0]!.partitions[0]!
    return [errorName(errorCode), lowWatermark]
  }
  t.deepEqual(await cut(2), ['NONE', 2])
  t.deepEqual(await cut(9), ['OFFSET_OUT_OF_RANGE', -1])
  t.is(errorName((await fetchFrom(channel, 'a', 1)).errorCode), 'OFFSET_OUT_OF_RANGE')
  t.deepEqual(listing(await fetchFrom(channel, 'a', 2)), ['2:z'])
  t.deepEqual(await cut(-1), ['NONE', 3])
  await createTopic(channel, 'compacted', 1, { 'cleanup.policy': 'compact' })
  const { topics } = await channel.request(DeleteRecords, 2, {
    topics: [{ name: 'compacted', partitions: [{ partitionIndex: 0, offset: 0 }] }],
    timeoutMs: 1000,
  })
  t.is(errorName(topics[0]!.partitions[0]!.errorCode), 'POLICY_VIOLATION')
})

test('records deleted on demand stay deleted when the broker is killed right after, and a disk that refuses to note it is told of', async (t) => {
  const files = new FaultyFiles()
  const broker = await startBroker(t, { files, dir: '/data' })
  const channel = await open(t, broker)
  await createTopic(channel, 'a', 2)
  for (const partition of [0, 1]) {
    for (const value of ['x', 'y', 'z']) await produce(channel, 'a', batch([value]), { partition })
  }
  const cut = async (...offsets: number[]): Promise<string[]> => {
    const partitions = offsets.map((offset, partitionIndex) => ({ partitionIndex, offset }))
    const { topics } = await channel.request(DeleteRecords, 2, { topics: [{ name: 'a', partitions }], timeoutMs: 1000 })
    return topics[0]!.partitions.map(({ errorCode, lowWatermark }) => `${errorName(errorCode)} ${lowWatermark}`)
  }
  t.deepEqual(await cut(1, 2), ['NONE 1', 'NONE 2'])
  const killed = files.copy()
  killed.unlink('/data/.lock')
  const again = await open(t, await startBroker(t, { files: killed, dir: '/data' }))
  for (const [partition, left] of [
    [0, ['1:y', '2:z']],
    [1, ['2:z']],
  ] as const) {
    t.is(errorName((await fetchFrom(again, 'a', left.length === 1 ? 1 : 0, { partition })).errorCode), 'OFFSET_OUT_OF_RANGE')
    t.deepEqual(listing(await fetchFrom(again, 'a', 3 - left.length, { partition })), left)
  }
  files.fault = (operation, path) => (operation === 'write' && path.includes('log-start-offset') ? 'ENOSPC' : undefined)
  t.deepEqual(await cut(2, 9), ['KAFKA_STORAGE_ERROR -1', 'OFFSET_OUT_OF_RANGE -1'])
  files.fault = () => undefined
  // Nothing moves this time, but what moved before is noted.
  t.deepEqual(await cut(2), ['NONE 2'])
  t.regex(files.content('/data/log-start-offset-checkpoint').toString(), /^a 0 2$/m)
})

test('another retention of a topic counts from the next check on, without a restart', async (t) => {
  const clock = new ManualClock()
  const broker = await startBroker(t, {
    clock,
    files: new FaultyFiles(),
    dir: '/data',
    config: { 'log.retention.check.interval.ms': 1000 },
  })
  const channel = await open(t, broker, 'in-process')
  await createTopic(channel, 'a', 1, { 'segment.bytes': '100' })
  for (const value of ['x', 'y', 'z']) await produce(channel, 'a', batch([value], {}, clock.now()))
  const alter = async (name: string, value: string): Promise<void> => {
    const resource = { resourceType: 2, resourceName: 'a', configs: [{ name, value, configOperation: 0 }] }
    const { responses } = await channel.request(IncrementalAlterConfigs, 1, { resources: [resource], validateOnly: false })
    t.is(errorName(responses[0]!.errorCode), 'NONE')
    clock.advance(1000)
  }
  const start = async (): Promise<number> => (await fetchFrom(channel, 'a', 3)).logStartOffset
  clock.advance(100_000)
  t.is(await start(), 0)
  // Never less than so many bytes are kept.
  await alter('retention.bytes', '100')
  t.is(await start(), 1)
  await alter('retention.ms', '200000')
  t.is(await start(), 1)
  await alter('retention.ms', '5000')
  t.is(await start(), 3)
  await alter('retention.ms', '-1')
  await produce(channel, 'a', batch(['w'], {}, 0))
  clock.advance(10 * 86_400_000)
  // The idle connection has been closed.
  t.is((await fetchFrom(await open(t, broker, 'in-process'), 'a', 3)).logStartOffset, 3)
})

test('DescribeConfigs lists all settings with where they come from', async (t) => {
  const channel = await open(t, await startBroker(t, { config: { 'log.retention.hours': 2, logSegmentBytes: 1_000_000 } }))
  await createTopic(channel, 'a', 1, { 'segment.bytes': '2000000' })
  const { results } = await channel.request(DescribeConfigs, 4, {
    resources: [
      { resourceType: 2, resourceName: 'a', configurationKeys: null },
      { resourceType: 4, resourceName: '1', configurationKeys: ['log.segment.bytes'] },
      { resourceType: 2, resourceName: 'nope', configurationKeys: null },
      { resourceType: 4, resourceName: '7', configurationKeys: null },
    ],
    includeSynonyms: true,
    includeDocumentation: true,
  })
  const find = (name: string): object => results[0]!.configs.find((config) => config.name === name)!
  t.like(find('segment.bytes'), { value: '2000000', configSource: 1, configType: 3 })
  t.like(find('retention.ms'), { value: '7200000', configSource: 5, configType: 5 })
  t.like(find('cleanup.policy'), { value: 'delete', configSource: 5, configType: 7 })
  t.deepEqual(
    results[0]!.configs.find(({ name }) => name === 'segment.bytes')!.synonyms.map(({ name, source }) => [name, source]),
    [
      ['segment.bytes', 1],
      ['log.segment.bytes', 4],
      ['log.segment.bytes', 5],
    ],
  )
  t.true(results[0]!.configs.every(({ documentation }) => documentation !== null))
  t.deepEqual(
    results[1]!.configs.map(({ name, value }) => [name, value]),
    [['log.segment.bytes', '1000000']],
  )
  t.deepEqual(
    results.slice(2).map(({ errorCode }) => errorName(errorCode)),
    ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_REQUEST'],
  )
  for (let version = 0; version <= 3; version++) {
    const old = await channel.request(DescribeConfigs, version, {
      resources: [{ resourceType: 2, resourceName: 'a', configurationKeys: null }],
    })
    t.is(old.results[0]!.configs.find(({ name }) => name === 'segment.bytes')!.value, '2000000')
  }
})

test('settings of a topic change one by one, and only to what they can be', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a', 1, { 'retention.ms': '1000' })
  const alter = async (name: string, configOperation: number, value: string | null, topic = 'a'): Promise<string> => {
    const { responses } = await channel.request(IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: topic, configs: [{ name, configOperation, value }] }],
      validateOnly: false,
    })
    return errorName(responses[0]!.errorCode)
  }
  const value = async (name: string): Promise<string | null> => {
    const { results } = await channel.request(DescribeConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: 'a', configurationKeys: [name] }],
    })
    return results[0]!.configs[0]!.value
  }
  t.is(await alter('cleanup.policy', 2, 'compact'), 'NONE')
  t.is(await value('cleanup.policy'), 'delete,compact')
  t.is(await alter('cleanup.policy', 3, 'compact'), 'NONE')
  t.is(await value('cleanup.policy'), 'delete')
  t.is(await alter('retention.ms', 1, null), 'NONE')
  t.is(await value('retention.ms'), '604800000')
  t.is(await alter('max.message.bytes', 0, '300'), 'NONE')
  t.is((await produce(channel, 'a', batch(['x'.repeat(500)]))).error, 'MESSAGE_TOO_LARGE')
  t.is(await alter('max.message.bytes', 0, 'many'), 'INVALID_CONFIG')
  t.is(await alter('max.message.bytes', 2, '1'), 'INVALID_CONFIG')
  t.is(await alter('max.message', 0, '1'), 'INVALID_CONFIG')
  t.is(await alter('max.message.bytes', 0, '1', 'nope'), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('DescribeCluster names this broker', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  const described = await channel.request(DescribeCluster, 1, { includeClusterAuthorizedOperations: true })
  t.like(described, { errorCode: 0, clusterId: broker.clusterId, controllerId: 1 })
  t.is(described.brokers[0]!.port, broker.port!)
})
