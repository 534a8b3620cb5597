import test from 'ava'

import { connect } from '../../core/client/connect.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../core/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { ListGroups } from '../../core/protocol/messages/list-groups.ts'
import { OffsetDelete } from '../../core/protocol/messages/offset-delete.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, createTopic, open, produce } from '../support/wire.ts'

interface Beat {
  error: string
  message: string | null
  epoch: number
  interval: number
  partitions: number[] | null
}

async function beat(
  channel: Channel,
  memberId: string,
  memberEpoch: number,
  options: { version?: number; regex?: string; topics?: string[]; owned?: { topicId: string; partitions: number[] }[] } = {},
): Promise<Beat> {
  const { version = 1, regex, topics, owned } = options
  const joins = memberEpoch === 0
  const answer = await channel.request(ConsumerGroupHeartbeat, version, {
    groupId: 'g',
    memberId,
    memberEpoch,
    rebalanceTimeoutMs: joins ? 60_000 : -1,
    subscribedTopicNames: topics ?? null,
    ...(regex === undefined ? {} : { subscribedTopicRegex: regex }),
    topicPartitions: joins ? [] : (owned ?? null),
  })
  return {
    error: errorName(answer.errorCode),
    message: answer.errorMessage,
    epoch: answer.memberEpoch,
    interval: answer.heartbeatIntervalMs,
    partitions: answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions) ?? null,
  }
}

async function describe(channel: Channel, groupIds: string[], version = 1) {
  return (await channel.request(ConsumerGroupDescribe, version, { groupIds, includeAuthorizedOperations: true })).groups
}

test('the new protocol on the wire, in both versions; descriptions know of what kind a group is', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  const topicId = await createTopic(channel, 'a', 2)
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  t.deepEqual(await beat(channel, 'm', 0, { topics: ['a'] }), {
    error: 'NONE',
    message: null,
    epoch: 2,
    interval: 5000,
    partitions: [0, 1],
  })
  t.deepEqual((await beat(channel, 'm', 2)).partitions, null)
  const second = await beat(channel, 'n', 0, { version: 0, topics: ['a'] })
  t.deepEqual([second.error, second.epoch, second.partitions], ['NONE', 3, []])
  const told = await beat(channel, 'm', 2)
  t.is(told.partitions?.length, 1)
  t.is((await beat(channel, 'm', 2, { owned: [{ topicId, partitions: told.partitions! }] })).epoch, 3)
  t.is((await beat(channel, 'n', 3)).partitions?.length, 1)
  const refused = await beat(channel, 'm', 7)
  t.is(refused.error, 'FENCED_MEMBER_EPOCH')
  t.regex(refused.message!, /abandon all its partitions/)
  t.is((await beat(channel, 'r', 0, { regex: '[' })).error, 'INVALID_REGULAR_EXPRESSION')

  for (const version of [0, 1]) {
    const [group, nobody, empty] = await describe(channel, ['g', 'nobody', ''], version)
    t.deepEqual(
      [group!.groupState, group!.groupEpoch, group!.assignmentEpoch, group!.assignorName, group!.members.length],
      ['Stable', 3, 3, 'uniform', 2],
    )
    const [member] = group!.members
    t.deepEqual([member!.memberId, member!.memberEpoch, member!.clientId, member!.clientHost], ['m', 3, 'test', '/127.0.0.1'])
    t.deepEqual([member!.subscribedTopicNames, member!.memberType], [['a'], version === 0 ? -1 : 1])
    t.deepEqual(member!.assignment.topicPartitions, [{ topicId, topicName: 'a', partitions: told.partitions! }])
    t.deepEqual(member!.targetAssignment, member!.assignment)
    t.deepEqual([errorName(nobody!.errorCode), errorName(empty!.errorCode)], ['GROUP_ID_NOT_FOUND', 'INVALID_GROUP_ID'])
  }
  t.deepEqual(broker.group('g'), { id: 'g', state: 'Stable', members: 2, protocolType: 'consumer', protocol: 'uniform' })
  const client = await connect(broker)
  t.teardown(() => client.close())
  const [seen] = await client.admin.describeConsumerGroups(['g'])
  t.deepEqual([seen!.state, seen!.protocol, seen!.members.length], ['Stable', 'uniform', 2])
  t.is(seen!.members[0]!.assignment[0]!.topic, 'a')
  const [old] = (await channel.request(DescribeGroups, 6, { groups: ['g'] })).groups
  t.deepEqual(
    [errorName(old!.errorCode), old!.groupState, old!.errorMessage],
    ['GROUP_ID_NOT_FOUND', 'Dead', 'Group g is not a classic group.'],
  )
  const [older] = (await channel.request(DescribeGroups, 5, { groups: ['g'] })).groups
  t.deepEqual([older!.errorCode, older!.groupState], [0, 'Dead'])
  const list = async (typesFilter: string[], statesFilter: string[] = []) =>
    (await channel.request(ListGroups, 5, { typesFilter, statesFilter })).groups.map(({ groupId, groupType, groupState }) => [
      groupId,
      groupType,
      groupState,
    ])
  t.deepEqual(await list([]), [['g', 'consumer', 'Stable']])
  t.deepEqual(await list(['Consumer'], ['STABLE']), [['g', 'consumer', 'Stable']])
  t.deepEqual([await list(['classic']), await list([], ['Empty'])], [[], []])
  const { topics } = await channel.request(OffsetDelete, 0, {
    groupId: 'g',
    topics: ['a', 'gone'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
  })
  t.deepEqual(
    topics.map(({ partitions }) => errorName(partitions[0]!.errorCode)),
    ['GROUP_SUBSCRIBED_TO_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION'],
  )
})

test('a group may have settings of its own, also before there is one; they outlive the broker', async (t) => {
  const dir = await tempDir(t)
  const first = await startBroker(t, { dir, config: { 'group.consumer.heartbeat.interval.ms': 6000 } })
  const channel = await open(t, first)
  const alter = async (name: string, value: string | null, group = 'g', configOperation = value === null ? 1 : 0) => {
    const resource = { resourceType: 32, resourceName: group, configs: [{ name, configOperation, value }] }
    const { responses } = await channel.request(IncrementalAlterConfigs, 1, { resources: [resource], validateOnly: false })
    return errorName(responses[0]!.errorCode)
  }
  t.is(await alter('consumer.heartbeat.interval.ms', '7000'), 'NONE')
  t.is(await alter('consumer.session.timeout.ms', '50000'), 'NONE')
  t.is(await alter('consumer.session.timeout.ms', '44999'), 'INVALID_CONFIG', 'below group.consumer.min.session.timeout.ms')
  t.is(await alter('consumer.session.timeout.ms', '60001'), 'INVALID_CONFIG')
  t.is(await alter('consumer.session.timeout.ms', 'soon'), 'INVALID_CONFIG')
  t.is(await alter('no.such.thing', '1'), 'INVALID_CONFIG')
  t.is(await alter('consumer.session.timeout.ms', '50000', ''), 'INVALID_REQUEST')
  t.is(await alter('consumer.session.timeout.ms', '1', 'g', 2), 'INVALID_CONFIG', 'not a list')
  const show = async (through: Channel) => {
    const { results } = await through.request(DescribeConfigs, 4, {
      resources: [{ resourceType: 32, resourceName: 'g', configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: false,
    })
    return results[0]!.configs.map(({ name, value, configSource, synonyms }) => [
      name,
      value,
      configSource,
      synonyms.map((each) => each.source).join(),
    ])
  }
  const expected = [
    ['consumer.session.timeout.ms', '50000', 8, '8,5'],
    ['consumer.heartbeat.interval.ms', '7000', 8, '8,4,5'],
    ['consumer.assignment.interval.ms', '0', 5, '5'],
  ]
  t.deepEqual(await show(channel), expected)
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  t.is((await beat(channel, 'm', 0, { topics: ['a'] })).interval, 7000)
  t.is(await alter('consumer.heartbeat.interval.ms', null), 'NONE')
  t.is((await beat(channel, 'm', 2)).interval, 6000)
  await first.close()
  const again = await open(t, await startBroker(t, { dir }))
  t.deepEqual((await show(again))[0], expected[0])
})

test('a broker that was killed has its groups of the new protocol back', async (t) => {
  const child = new ChildBroker(t, await tempDir(t))
  await child.start()
  const before = await child.open()
  await createTopic(before, 'a', 4)
  await before.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  await beat(before, 'm', 0, { regex: 'a|b' })
  await beat(before, 'n', 0, { topics: ['a'] })
  await beat(before, 'm', 2)
  const known = await describe(before, ['g'])
  await child.kill()
  await child.start()
  const after = await child.open()
  t.deepEqual(await describe(after, ['g']), known)
  t.is((await beat(after, 'm', 2)).error, 'NONE')
  t.is((await beat(after, 'n', 3)).error, 'NONE')
})

test('the metadata of a large JoinGroup and the assignment of a SyncGroup survive the traffic that comes after', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  const metadata = Buffer.alloc(700_000, 'm')
  const joined = await channel.request(JoinGroup, 5, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 20_000,
    memberId: '',
    groupInstanceId: 'one',
    protocolType: 'consumer',
    protocols: [
      { name: 'x', metadata: Buffer.from('small') },
      { name: 'range', metadata },
    ],
  })
  // Frames are lent to handlers: the buffers they came in are filled again by what follows, through this connection and others.
  const noise = async (): Promise<void> => {
    const other = await open(t, broker)
    for (let i = 0; i < 8; i++) {
      for (const through of [channel, other]) t.is((await produce(through, 'a', batch([String(i).repeat(750_000)]))).error, 'NONE')
    }
  }
  await noise()
  const assignment = Buffer.alloc(700_000, 'a')
  await channel.request(SyncGroup, 3, {
    groupId: 'g',
    generationId: joined.generationId,
    memberId: joined.memberId,
    groupInstanceId: 'one',
    assignments: [{ memberId: joined.memberId, assignment }],
  })
  await noise()
  const { groups } = await channel.request(DescribeGroups, 5, { groups: ['g'] })
  t.is(groups[0]!.protocolData, 'x')
  t.is(groups[0]!.members[0]!.memberMetadata.toString(), 'small')
  t.true(groups[0]!.members[0]!.memberAssignment.equals(assignment))
  // The protocol that was not chosen is asked for when another member speaks only that one.
  const second = channel.request(JoinGroup, 5, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 20_000,
    memberId: '',
    groupInstanceId: 'two',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('two') }],
  })
  const other = await open(t, broker)
  const again = await other.request(JoinGroup, 5, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 20_000,
    memberId: joined.memberId,
    groupInstanceId: 'one',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata }],
  })
  const leader = again.members.length > 0 ? again : await second
  t.true(leader.members.find(({ groupInstanceId }) => groupInstanceId === 'one')!.metadata.equals(metadata))
})

test('from version 5 on a SyncGroup names the protocol (KIP-559)', async (t) => {
  const channel = await open(t, await startBroker(t))
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  const request = { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] }
  const error = async (version: number, named: object) =>
    errorName((await channel.request(SyncGroup, version, { ...request, ...named })).errorCode)
  t.is(await error(5, {}), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await error(5, { protocolType: 'consumer', protocolName: 'range' }), 'UNKNOWN_MEMBER_ID')
  t.is(await error(4, {}), 'UNKNOWN_MEMBER_ID')
})
