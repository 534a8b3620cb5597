import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import { ZERO_UUID } from '../../core/base/uuid.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, topicError } from '../support/wire.ts'

interface Wanted {
  name: string
  numPartitions?: number
  replicationFactor?: number
  assignments?: { partitionIndex: number; brokerIds: number[] }[]
  configs?: { name: string; value: string | null }[]
}

/** Error and message of each topic that was to be created. */
async function create(channel: Channel, wanted: readonly Wanted[], validateOnly = false): Promise<[string, string | null][]> {
  const defaults = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const { topics } = await channel.request(CreateTopics, 7, { topics: wanted.map((topic) => ({ ...defaults, ...topic })), validateOnly })
  return topics.map(({ errorCode, errorMessage }) => [errorName(errorCode), errorMessage])
}

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

/** A broker on a disk in memory that can be held up where it writes something, the metadata by default. */
async function held(
  t: ExecutionContext,
): Promise<{ files: FaultyFiles; broker: Broker; channel: Channel; hold: (what?: string) => () => void }> {
  const files = new FaultyFiles()
  const broker = await startBroker(t, { dir: DIR, files, port: null })
  const hold = (what = 'metadata.json'): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    files.pause = (path) => (path.includes(what) ? promise : Promise.resolve())
    return () => {
      files.pause = () => Promise.resolve()
      resolve()
    }
  }
  return { files, broker, channel: await open(t, broker, 'in-process'), hold }
}

const DIR = '/data'

/** The topics of a broker that is started after a power loss, with their partitions. */
async function survivors(t: ExecutionContext, files: FaultyFiles): Promise<string[]> {
  const disk = files.afterPowerLoss({ random: () => 0 })
  disk.unlink(`${DIR}/.lock`)
  const broker = await startBroker(t, { dir: DIR, files: disk, port: null })
  return Array.from(broker.topics(), ({ name, partitions }) => `${name}:${partitions}`).toSorted()
}

async function grow(channel: Channel, name: string, count: number): Promise<string> {
  const { results } = await channel.request(CreatePartitions, 3, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  return errorName(results[0]!.errorCode)
}

async function deleteTopic(channel: Channel, name: string): Promise<string> {
  const { responses } = await channel.request(DeleteTopics, 3, { topicNames: [name], timeoutMs: 1000 })
  return errorName(responses[0]!.errorCode)
}

test('a change of topics is seen when the disk has it, and others are answered meanwhile', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  await createTopic(channel, 'old')
  await createTopic(channel, 'grows')
  const other = await open(t, broker, 'in-process')
  const release = hold()
  let answers = 0
  const count = (): void => void answers++
  const making = createTopic(channel, 'new').finally(count)
  const deleting = deleteTopic(channel, 'old').finally(count)
  const growing = grow(channel, 'grows', 2).finally(count)
  t.is(await topicError(other, 'new', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'new', batch(['early']))).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'grows', batch(['early']), { partition: 1 })).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'old', batch(['still here']))).error, 'NONE')
  t.is(answers, 0)
  t.deepEqual(await survivors(t, files), ['grows:1', 'old:1'])
  release()
  await making
  t.is(await deleting, 'NONE')
  t.is(await growing, 'NONE')
  t.is((await produce(other, 'new', batch(['x']))).error, 'NONE')
  t.is((await produce(other, 'grows', batch(['x']), { partition: 1 })).error, 'NONE')
  t.is(await topicError(other, 'old', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.deepEqual(await survivors(t, files), ['grows:2', 'new:1'])
})

test('changes of topics that come at the same time find what those before them have left', async (t) => {
  const { broker, channel, hold } = await held(t)
  const other = await open(t, broker, 'in-process')
  const release = hold()
  const made = Promise.all(['a', 'a', 'b.c', 'b_c'].map(async (name) => (await create(channel, [{ name }]))[0]![0]))
  const auto = Promise.all([topicError(channel, 'auto', true), topicError(channel, 'auto', true)])
  release()
  t.deepEqual(await made, ['NONE', 'TOPIC_ALREADY_EXISTS', 'NONE', 'INVALID_TOPIC_EXCEPTION'])
  t.deepEqual(await auto, ['NONE', 'NONE'])
  await produce(channel, 'a', batch(['of the old one']))
  const again = hold('recovery-point-offset-checkpoint')
  const deletions = [deleteTopic(channel, 'a'), deleteTopic(channel, 'a')]
  while ((await topicError(other, 'a', false)) === 'NONE') await new Promise((resolve) => setImmediate(resolve))
  let isMade = false
  // What is noted of the old one must not become that of the new one.
  const remade = createTopic(other, 'a').then(() => (isMade = true))
  t.is(await topicError(await open(t, broker, 'in-process'), 'a', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.false(isMade)
  const grown = [grow(channel, 'auto', 4), grow(channel, 'auto', 3)]
  const alter = (name: string) =>
    channel.request(IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: 'auto', configs: [{ name, configOperation: 0, value: '1000000' }] }],
      validateOnly: false,
    })
  const altered = [alter('retention.ms'), alter('segment.bytes')]
  again()
  t.deepEqual(await Promise.all(deletions), ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
  await remade
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), [])
  t.deepEqual(await Promise.all(grown), ['NONE', 'INVALID_PARTITIONS'])
  await Promise.all(altered)
  t.is(broker.topic('auto')!.partitions, 4)
  const { results } = await channel.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: 'auto', configurationKeys: null }],
  })
  const own = results[0]!.configs.filter(({ configSource }) => configSource === 1)
  t.deepEqual(own.map(({ name }) => name).toSorted(), ['retention.ms', 'segment.bytes'])
})

test('topics of one request are written down together', async (t) => {
  const { files, channel } = await held(t)
  const before = files.syncs
  const made = await create(
    channel,
    Array.from({ length: 200 }, (_, i) => ({ name: `t${i}` })),
  )
  t.deepEqual(new Set(made.map(([error]) => error)), new Set(['NONE']))
  t.true(files.syncs - before < 10, `${files.syncs - before} syncs`)
})

test('a disk that refuses while topics are made leaves nothing of them, and their names can be used again', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  await createTopic(channel, 'grows')
  const release = hold()
  const made = ['a', 'b'].map((name) => create(channel, [{ name, numPartitions: 3 }]))
  const growing = grow(channel, 'grows', 2)
  files.fault = (operation, path) => (operation === 'sync' && path.includes('metadata.json') ? 'EIO' : undefined)
  release()
  for (const answer of await Promise.all(made)) t.is(answer[0]![0], 'KAFKA_STORAGE_ERROR')
  t.is(await growing, 'KAFKA_STORAGE_ERROR')
  files.fault = () => undefined
  t.deepEqual(
    Array.from(broker.topics(), ({ name, partitions }) => `${name}:${partitions}`),
    ['grows:1'],
  )
  t.deepEqual(
    files.readdir(DIR).filter(({ name }) => /^[ab]-|^grows-1/.test(name) && !name.endsWith('-delete')),
    [],
  )
  t.deepEqual(
    (await create(channel, [{ name: 'a' }, { name: 'b' }])).map(([error]) => error),
    ['NONE', 'NONE'],
  )
})

test('a broker that is closed while a topic is made leaves the directory when the disk is done with it', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  const release = hold()
  const making = createTopic(channel, 'a').catch(() => {})
  await topicError(await open(t, broker, 'in-process'), 'a', false)
  channel.close()
  let closed = false
  const closing = broker.close().then(() => (closed = true))
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  t.false(closed)
  release()
  await closing
  await making
  const again = await startBroker(t, { dir: DIR, files, port: null })
  t.deepEqual(
    Array.from(again.topics(), ({ name }) => name),
    ['a'],
  )
})
