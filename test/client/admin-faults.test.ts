import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { AdminError, connect, KafkaError, MoldauError } from '../../core/index.ts'
import type { Admin } from '../../core/index.ts'
import { kafkaErrorTable } from '../../core/protocol/error-table.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import * as apis from '../../core/testing/index.ts'
import { ApiVersions, CreateTopics, DescribeTopicPartitions, FindCoordinator, ListOffsets, OffsetFetch } from '../../core/testing/index.ts'
import { at, doneOf, failuresOf } from '../support/admin-kit.ts'
import { adminMethods, FALLBACK, notForAdministrators, notServed } from '../support/admin-methods.ts'
import { adminGroupScenarios } from '../support/admin-group-scenarios.ts'
import { startBroker } from '../support/start-broker.ts'

async function start(t: ExecutionContext, config = {}): Promise<{ broker: Broker; admin: Admin }> {
  const broker = await startBroker(t, {
    config: { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2, ...config },
  })
  return { broker, admin: await adminOf(t, broker) }
}

async function adminOf(t: ExecutionContext, broker: Broker): Promise<Admin> {
  // Whatever is asked is asked by an administrator.
  const client = await connect(broker, { retryBackoffMs: 5, retryBackoffMaxMs: 20, enableMetricsPush: false })
  t.teardown(() => client.close())
  return client.admin
}

/** The broker says that it speaks no newer version of these than those; -1: none. */
function pretend(broker: Broker, limits: Readonly<Record<string, number>>) {
  return broker.intercept(ApiVersions, async (call) => {
    const answer = await call.next()
    const limitOf = (key: number): number => limits[apis.apis.find((api) => api.key === key)?.name ?? ''] ?? Infinity
    answer.apiKeys = answer.apiKeys
      .filter(({ apiKey }) => limitOf(apiKey) >= 0)
      .map((each) => ({ ...each, maxVersion: Math.min(each.maxVersion, limitOf(each.apiKey)) }))
    return answer
  })
}

test('every call of the broker that is for administrators has a method, and every method is known here', async (t) => {
  const { broker } = await start(t)
  const asked = new Set<string>()
  let requests = 0
  broker.intercept(
    handlers.map(({ api }) => api),
    (call) => {
      requests++
      asked.add(call.api)
    },
  )
  const admin = await adminOf(t, broker)
  const methods: string[] = []
  for (let each: object = Object.getPrototypeOf(admin); each !== Object.prototype; each = Object.getPrototypeOf(each))
    methods.push(...Object.getOwnPropertyNames(each).filter((name) => name !== 'constructor'))
  t.deepEqual(methods.toSorted(), Object.keys(adminMethods).toSorted())
  for (const [name, call] of Object.entries(adminMethods)) {
    if (notServed.has(name)) {
      await t.throwsAsync(call(admin), { code: 'UNSUPPORTED_VERSION' })
      continue
    }
    const before = requests
    // It reaches the broker; whether that agrees is told by the scenarios.
    await call(admin).catch((error: unknown) => t.true(error instanceof MoldauError, `${name}: ${String(error)}`))
    t.true(requests > before, name)
  }
  const served = handlers.map(({ api }) => api.name).filter((name) => !(name in notForAdministrators) && name !== FALLBACK)
  t.deepEqual([...asked].toSorted(), served.toSorted())
})

test('a controller that has moved is looked for again', async (t) => {
  const { broker, admin } = await start(t)
  const moved = broker.intercept(CreateTopics, (call) => call.error('NOT_CONTROLLER'), { times: 2 })
  const [made] = await admin.createTopics([{ name: 'a' }])
  t.is(made!.created, true)
  t.is(moved.hits, 2)
})

test('a request that was done but not answered is repeated, and the error says that it may have been done', async (t) => {
  const { broker, admin } = await start(t)
  broker.intercept(
    CreateTopics,
    async (call) => {
      await call.next()
      return call.drop()
    },
    { times: 1 },
  )
  const error = await t.throwsAsync(admin.createTopics([{ name: 'a' }]), { instanceOf: AdminError })
  t.is(error!.kafkaCode, 'TOPIC_ALREADY_EXISTS')
  t.regex(error!.message, /a request before was not answered, and may have done/)
})

test('when time is over each thing has its own last error, and what was done is told', async (t) => {
  const { broker, admin } = await start(t)
  broker.intercept(CreateTopics, async (call) => {
    const answer = await call.next()
    for (const topic of answer.topics) if (topic.name === 'late') topic.errorCode = errorCode('NOT_CONTROLLER')
    return answer
  })
  const late = [{ name: 'a' }, { name: 'late' }]
  const error = await t.throwsAsync(admin.createTopics(late, { timeoutMs: 200 }), { instanceOf: AdminError, code: 'TIMEOUT' })
  t.deepEqual([...error!.results.keys()], ['a'])
  const failure = error!.failures.get('late')!
  t.true(failure.cause instanceof KafkaError && failure.cause.kafkaCode === 'NOT_CONTROLLER')
  t.regex(error!.message, /create topic: 1 of 2 failed: create topic 'late': no success within 200 ms; .*NOT_CONTROLLER/)
})

test('groups go in one request to their coordinator; only those that have moved are asked for again', async (t) => {
  const { broker, admin } = await start(t)
  const groups = ['a', 'b', 'c']
  await admin.createTopics([{ name: 't' }])
  for (const groupId of groups) await admin.alterConsumerGroupOffsets(groupId, [{ ...at('t'), offset: 1 }])
  const asked: string[][] = []
  let first = true
  broker.intercept(OffsetFetch, async (call) => {
    asked.push(call.request.groups.map(({ groupId }) => groupId))
    const answer = await call.next()
    if (first) answer.groups.find(({ groupId }) => groupId === 'b')!.errorCode = errorCode('NOT_COORDINATOR')
    first = false
    return answer
  })
  const finding = broker.intercept(FindCoordinator, () => {})
  const found = await admin.listConsumerGroupOffsets(groups.map((groupId) => ({ groupId })))
  t.deepEqual(
    found.map(({ groupId, offsets }) => [groupId, offsets[0]!.offset]),
    groups.map((groupId) => [groupId, 1]),
  )
  t.deepEqual(asked, [groups, ['b']])
  t.is(finding.hits, 1, 'the coordinators that were known were not asked for again')
})

test('partitions go in one request to their leader; only those that have moved are asked for again', async (t) => {
  const { broker, admin } = await start(t)
  await admin.createTopics([{ name: 't', partitions: 3 }])
  const asked: number[][] = []
  let first = true
  broker.intercept(ListOffsets, async (call) => {
    asked.push(call.request.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)))
    const answer = await call.next()
    if (first) answer.topics[0]!.partitions[1]!.errorCode = errorCode('NOT_LEADER_OR_FOLLOWER')
    first = false
    return answer
  })
  const answers = await admin.listOffsets([0, 1, 2].map((partition) => ({ ...at('t', partition), at: 'latest' as const })))
  t.deepEqual(
    answers.map(({ offset }) => offset),
    [0, 0, 0],
  )
  t.deepEqual(asked, [[0, 1, 2], [1]])
})

test('a quota of changes is waited for, or told of at once', async (t) => {
  const { broker, admin } = await start(t)
  broker.intercept(CreateTopics, (call) => call.error('THROTTLING_QUOTA_EXCEEDED'), { times: 2 })
  t.deepEqual(await failuresOf(t, admin.createTopics([{ name: 'a' }], { retryOnQuotaViolation: false })), {
    a: 'THROTTLING_QUOTA_EXCEEDED',
  })
  t.is((await admin.createTopics([{ name: 'a' }])).length, 1)
})

test('what is named twice is asked for once, and two different things of one name are refused', async (t) => {
  const { broker, admin } = await start(t)
  await admin.createTopics([{ name: 'a' }])
  const asked: string[] = []
  broker.intercept(DescribeTopicPartitions, (call) => void asked.push(...call.request.topics.map(({ name }) => name)))
  t.is((await admin.describeTopics(['a', 'a'])).length, 2)
  t.deepEqual(asked, ['a'])
  const twice = admin.incrementalAlterConfigs([
    { type: 'topic', name: 'a', set: { 'retention.ms': 1 } },
    { type: 'topic', name: 'a', set: { 'retention.ms': 2 } },
  ])
  await t.throwsAsync(twice, { code: 'INVALID_ARGUMENT', message: /'topic a': it is named twice/ })
})

test('a broker before IncrementalAlterConfigs has its settings read, changed and replaced', async (t) => {
  const { broker, admin: modern } = await start(t)
  await modern.createTopics([{ name: 'a', configs: { 'retention.ms': 1000, 'segment.ms': 2000, 'cleanup.policy': 'compact' } }])
  pretend(broker, { IncrementalAlterConfigs: -1, DescribeConfigs: 1 })
  const replaced = broker.intercept(apis.AlterConfigs, () => {})
  const admin = await adminOf(t, broker)
  const change = {
    type: 'topic',
    name: 'a',
    set: { 'max.message.bytes': 7 },
    delete: ['segment.ms'],
    append: { 'cleanup.policy': 'delete' },
  } as const
  await admin.incrementalAlterConfigs([change], { validateOnly: true })
  await admin.incrementalAlterConfigs([change])
  t.is(replaced.hits, 2)
  const [described] = await modern.describeConfigs([{ type: 'topic', name: 'a' }])
  const own = described!.entries.filter(({ source }) => source === 'dynamicTopicConfig').map(({ name, value }) => [name, value])
  t.deepEqual(Object.fromEntries(own), { 'retention.ms': '1000', 'cleanup.policy': 'compact,delete', 'max.message.bytes': '7' })
  await admin.incrementalAlterConfigs([{ type: 'topic', name: 'a', subtract: { 'cleanup.policy': 'compact' } }])
  t.is((await modern.describeConfigs([{ type: 'topic', name: 'a' }], { keys: ['cleanup.policy'] }))[0]!.entries[0]!.value, 'delete')
  t.deepEqual(await failuresOf(t, admin.incrementalAlterConfigs([{ ...change, name: 'none' }])), {
    'topic none': 'UNKNOWN_TOPIC_OR_PARTITION',
  })
})

/** As Kafka 2.0 spoke. */
const OLD = {
  OffsetFetch: 5,
  FindCoordinator: 2,
  DescribeGroups: 2,
  DeleteTopics: 3,
  CreateTopics: 3,
  ListOffsets: 4,
  Metadata: 7,
  DescribeConfigs: 2,
  DescribeTopicPartitions: -1,
  DescribeCluster: -1,
  ConsumerGroupDescribe: -1,
}

test('old brokers are asked one by one, in their words, and what they cannot tell is refused', async (t) => {
  const { broker } = await start(t)
  pretend(broker, OLD)
  const admin = await adminOf(t, broker)
  await admin.createTopics([{ name: 'a', partitions: 2 }])
  t.is((await admin.describeTopics(['a']))[0]!.partitions.length, 2)
  t.deepEqual(
    (await admin.describeCluster({ includeFencedBrokers: true })).brokers.map(({ nodeId }) => nodeId),
    [1],
  )
  for (const groupId of ['g', 'h']) await admin.alterConsumerGroupOffsets(groupId, [{ ...at('a'), offset: 3 }])
  const found = await admin.listConsumerGroupOffsets([{ groupId: 'g' }, { groupId: 'h' }, { groupId: 'none' }])
  t.deepEqual(
    found.map(({ offsets }) => offsets.map(({ offset }) => offset)),
    [[3], [3], []],
  )
  t.deepEqual(await failuresOf(t, admin.describeConsumerGroups(['g', 'none'])), { none: 'GROUP_ID_NOT_FOUND' })
  const questions = [
    { ...at('a'), at: 'latest' },
    { ...at('a'), at: 'maxTimestamp' },
  ] as const
  t.deepEqual(await failuresOf(t, admin.listOffsets(questions)), { 'a-0 maxTimestamp': 'UNSUPPORTED_VERSION' })
  t.deepEqual(await doneOf(admin.listOffsets(questions)), ['a-0 latest'])
  const topicId = 'abcdefghijklmnopqrstug'
  t.deepEqual(await failuresOf(t, admin.deleteTopics(['a', { topicId }])), { [topicId]: 'UNSUPPORTED_VERSION' })
})

test('groups of an old broker are moved and deleted as those of a new one', async (t) => {
  const { broker } = await start(t)
  pretend(broker, { OffsetFetch: 7, FindCoordinator: 3 })
  const [title] = Object.keys(adminGroupScenarios).filter((name) => name.startsWith('offsets of many groups'))
  await adminGroupScenarios[title!]!(t, { connect: (options) => connect(broker, options), dialer: broker.dialer })
})

test('an error that the broker explains has its name and its meaning once', async (t) => {
  const { broker, admin } = await start(t, { 'log.cleanup.policy': 'compact' })
  const client = await connect(broker)
  t.teardown(() => client.close())
  await admin.createTopics([{ name: 'there' }])
  const wrong: (() => Promise<unknown>)[] = [
    () => admin.createTopics([{ name: 'there' }]),
    () => admin.createPartitions([{ topic: 'there', count: 1 }]),
    () => admin.deleteTopics(['__consumer_offsets']),
    () => admin.describeConfigs([{ type: 'topic', name: 'nowhere' }]),
    () => admin.incrementalAlterConfigs([{ type: 'topic', name: 'there', set: { 'retention.ms': 'soon' } }]),
    () => admin.alterClientQuotas([{ entity: { user: 'a' }, set: { request_percentage: -1 } }]),
    () => admin.alterUserScramCredentials([{ user: 'a', mechanism: 'SCRAM-SHA-256', delete: true }]),
    () => admin.alterPartitionReassignments([{ ...at('there'), replicas: null }]),
    () => client.producer().send({ topic: 'there', value: 'without a key' }),
  ]
  for (const call of wrong) {
    const { message, kafkaCode } = (await t.throwsAsync(call())) as KafkaError
    for (const part of [kafkaCode, kafkaErrorTable[kafkaCode][2]]) t.is(message.split(part).length, 2, `${part} in: ${message}`)
  }
})
