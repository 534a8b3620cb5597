import test from 'ava'
import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { isGuarded } from '../../core/broker/guards.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { connect } from '../../core/client/connect.ts'
import type { Acl } from '../../core/client/admin/types.ts'
import type { Client } from '../../core/client/client.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../core/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { ListGroups } from '../../core/protocol/messages/list-groups.ts'
import { ListTransactions } from '../../core/protocol/messages/list-transactions.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { operations, supportedOperations } from '../../core/security/acl.ts'
import { CLUSTER, GROUP, TOPIC, aclOf, byName, cluster, codesIn, plainBatch, read, table, write } from '../support/authorization-table.ts'
import { startBroker } from '../support/start-broker.ts'

/** Alice is inside the process; the administrator comes by TCP and may do everything. */
interface Bench {
  broker: Broker
  alice: Channel
  admin: Client
  topicId: string
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const broker = await startBroker(t, {
    inProcessPrincipal: 'User:alice',
    config: { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS' },
  })
  const admin = await connect(broker.bootstrap)
  t.teardown(() => admin.close())
  await admin.admin.createTopics([{ name: 't', partitions: 1 }])
  const alice = new Channel(await broker.dialer.dial('', 0), { clientId: 'alice', clock: systemClock })
  t.teardown(() => alice.close())
  const plain = new Channel(await tcpDialer().dial('127.0.0.1', broker.port!), { clientId: 'root', clock: systemClock })
  t.teardown(() => plain.close())
  // So that the coordinators are ready.
  for (const keyType of [0, 1]) await plain.request(FindCoordinator, 4, { keyType, coordinatorKeys: ['g'] })
  await admin.admin.alterConsumerGroupOffsets('g', [{ topic: 't', partition: 0, offset: 0 }])
  return { broker, alice, admin, topicId: (await plain.request(Metadata, 12, { topics: [{ name: 't' }] })).topics[0]!.topicId }
}

test('each call is allowed with just what Kafka documents, and refused with the right error without any of it', async (t) => {
  const { alice, admin, topicId } = await bench(t)
  for (const { api, version, needs, refused, ask } of table) {
    const what = `${api} ${version} needs ${needs.map((need) => need.join(' ')).join(', ')}`
    const codes = async (): Promise<string[]> => codesIn(await alice.request(byName.get(api)!, version, ask(topicId)))
    const allow = async (acls: readonly Acl[]): Promise<void> => {
      await admin.admin.deleteAcls([{ principal: 'User:alice' }])
      if (acls.length > 0) await admin.admin.createAcls(acls)
    }
    await allow([])
    t.true((await codes()).includes(refused), `${what}: ${refused} without any`)
    for (const missing of needs) {
      await allow(needs.filter((need) => need !== missing).map((need) => aclOf(need)))
      t.regex((await codes()).join(), /AUTHORIZATION_FAILED/, `${what}: without ${missing.join(' ')}`)
    }
    await allow([...needs.map((need) => aclOf(need)), aclOf(['all', needs[0]![1], needs[0]![2]], 'deny')])
    t.true((await codes()).includes(refused), `${what}: denied`)
    await allow(needs.map((need) => aclOf(need)))
    t.notRegex((await codes()).join(), /AUTHORIZATION_FAILED/, `${what}: with all`)
  }
})

test('every call that is served has a guard, and the table tries it', (t) => {
  const open = new Set([
    'ApiVersions',
    'SaslHandshake',
    'SaslAuthenticate',
    'DescribeCluster',
    'ListGroups',
    'ListTransactions',
    'GetTelemetrySubscriptions',
    'PushTelemetry',
  ])
  const tried = new Set(table.map(({ api }) => api))
  for (const { api } of handlers) {
    t.true(isGuarded(api.name), `${api.name}: say in core/broker/guards what it needs`)
    if (!open.has(api.name)) t.true(tried.has(api.name), `${api.name}: add a row to the table`)
  }
})

test('lists show only what may be described, without a word about the rest', async (t) => {
  const { alice, admin } = await bench(t)
  await admin.admin.createTopics([{ name: 'u', partitions: 1 }])
  for (const group of ['g1', 'g2'])
    await admin.admin.alterConsumerGroupOffsets(
      group,
      ['t', 'u'].map((topic) => ({ topic, partition: 0, offset: 0 })),
    )
  const idOf = async (transactionalId: string): Promise<void> => {
    const producer = admin.producer({ transactionalId })
    await producer.close()
  }
  await Promise.all(['x1', 'x2'].map(idOf))
  const topics = async (): Promise<(string | null)[]> =>
    (await alice.request(Metadata, 12, { topics: null })).topics.map(({ name }) => name)
  const groups = async (): Promise<string[]> =>
    (await alice.request(ListGroups, 4, { statesFilter: [] })).groups
      .map(({ groupId }) => groupId)
      .filter((group) => group !== 'g')
      .toSorted()
  const ids = async (): Promise<string[]> =>
    (await alice.request(ListTransactions, 0, { stateFilters: [], producerIdFilters: [] })).transactionStates.map(
      ({ transactionalId }) => transactionalId,
    )
  t.deepEqual([await topics(), await groups(), await ids()], [[], [], []])
  await admin.admin.createAcls([
    aclOf(['read', 'topic', 't']),
    aclOf(['describe', 'group', 'g2']),
    aclOf(['write', 'transactionalId', 'x1']),
  ])
  t.deepEqual([await topics(), await groups()], [['t'], ['g2']])
  const offsets = await alice.request(OffsetFetch, 9, {
    groups: [
      { groupId: 'g2', topics: null },
      { groupId: 'g1', topics: null },
    ],
  })
  t.deepEqual(
    offsets.groups.map(({ groupId, topics: found, errorCode }) => [groupId, found.map(({ name }) => name), errorName(errorCode)]),
    [
      ['g2', ['t'], 'NONE'],
      ['g1', [], GROUP],
    ],
  )
  await admin.admin.createAcls([aclOf(cluster('describe'))])
  t.deepEqual(await groups(), ['g1', 'g2'], 'who may describe the cluster sees all groups')
})

test('a group of the new protocol knows no topic that its members may not describe, and shows none to who may not', async (t) => {
  const { broker, alice, admin, topicId } = await bench(t)
  await admin.admin.createTopics([{ name: 'tt', partitions: 2 }])
  const root = new Channel(await tcpDialer().dial('127.0.0.1', broker.port!), { clientId: 'root', clock: systemClock })
  t.teardown(() => root.close())
  await admin.admin.createAcls([aclOf(['read', 'group', 'new']), aclOf(read)])
  const join = (channel: Channel, groupId: string, memberId: string) =>
    channel.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: null,
      subscribedTopicRegex: 't+',
      topicPartitions: [],
    })
  const seen = (answer: Awaited<ReturnType<typeof join>>): string[] =>
    answer.assignment?.topicPartitions.map(({ topicId: id }) => (id === topicId ? 't' : 'tt')).toSorted() ?? []
  t.deepEqual(seen(await join(alice, 'new', 'a')), ['t'], 'a regular expression finds what alice may describe')
  t.is(errorName((await join(alice, 'other', 'a')).errorCode), GROUP)
  t.deepEqual(seen(await join(root, 'other', 'r')), ['t', 'tt'])
  await admin.admin.createAcls([aclOf(['describe', 'group', 'other'])])
  const described = async () =>
    (await alice.request(ConsumerGroupDescribe, 1, { groupIds: ['new', 'other'], includeAuthorizedOperations: true })).groups
  const [own, hidden] = await described()
  t.deepEqual([errorName(own!.errorCode), own!.members.length], ['NONE', 1])
  t.is(own!.authorizedOperations, (1 << operations.read) | (1 << operations.describe))
  t.deepEqual([errorName(hidden!.errorCode), hidden!.members, hidden!.groupState], [TOPIC, [], ''])
  await admin.admin.createAcls([aclOf(['describe', 'topic', 'tt'])])
  t.is(errorName((await described())[1]!.errorCode), 'NONE')
})

test('of a request the allowed part is done, the rest refused', async (t) => {
  const { alice, admin } = await bench(t)
  await admin.admin.createTopics([{ name: 'u', partitions: 1 }])
  await admin.admin.createAcls([aclOf(write), aclOf(read)])
  const data = ['t', 'u'].map((name) => ({ name, partitionData: [{ index: 0, records: plainBatch }] }))
  const produced = await alice.request(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData: data })
  t.deepEqual(
    produced.responses.map(({ name, partitionResponses }) => [name, errorName(partitionResponses[0]!.errorCode)]),
    [
      ['t', 'NONE'],
      ['u', TOPIC],
    ],
  )
  const topics = ['t', 'u'].map((topic) => ({
    topic,
    partitions: [{ partition: 0, fetchOffset: topic === 't' ? 1 : 0, partitionMaxBytes: 1000 }],
  }))
  // A refusal is not waited for: nobody would wait so long.
  const fetched = await alice.request(Fetch, 11, { maxWaitMs: 600_000, minBytes: 1, topics }, { timeoutMs: 45_000 })
  t.deepEqual(
    fetched.responses.map(({ topic, partitions }) => [topic, errorName(partitions[0]!.errorCode)]),
    [
      ['t', 'NONE'],
      ['u', TOPIC],
    ],
  )
  const [end] = await admin.admin.listOffsets([{ topic: 'u', partition: 0, at: 'latest' }])
  t.is(Number(end!.offset), 0)
})

test('with acks=0 a refusal ends the connection', async (t) => {
  const { alice } = await bench(t)
  const ended = new Promise<void>((resolve) => alice.onClose(() => resolve()))
  alice.send(Produce, 9, {
    transactionalId: null,
    acks: 0,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: plainBatch }] }],
  })
  await ended
  t.pass()
})

test('what may be done is told: topics, groups and the cluster', async (t) => {
  const { alice, admin } = await bench(t)
  await admin.admin.createAcls([aclOf(['write', 'topic', 't']), aclOf(['alterConfigs', 'topic', 't']), aclOf(['delete', 'group', 'g'])])
  const bits = (...names: (keyof typeof operations)[]): number => names.reduce((set, name) => set | (1 << operations[name]), 0)
  const asked = {
    topics: [{ name: 't' }],
    includeClusterAuthorizedOperations: true,
    includeTopicAuthorizedOperations: true,
    allowAutoTopicCreation: false,
  }
  const first = await alice.request(Metadata, 9, asked)
  t.is(first.topics[0]!.topicAuthorizedOperations, bits('write', 'describe', 'alterConfigs', 'describeConfigs'))
  t.is(first.clusterAuthorizedOperations, 0)
  const { groups } = await alice.request(DescribeGroups, 5, { groups: ['g'], includeAuthorizedOperations: true })
  t.is(groups[0]!.authorizedOperations, bits('delete', 'describe'))
  await admin.admin.createAcls([aclOf(['all', 'cluster', CLUSTER])])
  t.is((await alice.request(Metadata, 9, asked)).clusterAuthorizedOperations, bits(...supportedOperations.cluster))
})

test('a topic is made, but what it is like is shown only to who may see settings', async (t) => {
  const { alice, admin } = await bench(t)
  await admin.admin.createAcls([aclOf(['create', 'topic', 'n'])])
  const { topics } = await alice.request(CreateTopics, 7, {
    topics: [{ name: 'n', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }],
  })
  const { errorCode, numPartitions, configs, topicConfigErrorCode } = topics[0]!
  t.deepEqual([errorName(errorCode), numPartitions, configs, errorName(topicConfigErrorCode)], ['NONE', -1, null, TOPIC])
})

test('prefixes, wildcards, hosts and everybody work through the protocol, and changes count at once', async (t) => {
  const { alice, admin } = await bench(t)
  const allowed = async (): Promise<boolean> =>
    !codesIn(await alice.request(Metadata, 9, { topics: [{ name: 't' }], allowAutoTopicCreation: false })).includes(TOPIC)
  const acl: Acl = { resourceType: 'topic', resourceName: 't', principal: 'User:alice', operation: 'describe' }
  const tries: [Partial<Acl>, boolean][] = [
    [{}, true],
    [{ resourceName: '*' }, true],
    [{ principal: 'User:*' }, true],
    [{ principal: 'User:bob' }, false],
    [{ host: '127.0.0.1' }, true],
    [{ host: '10.1.1.1' }, false],
    [{ patternType: 'prefixed' }, true],
    [{ patternType: 'prefixed', resourceName: 'tt' }, false],
    [{ operation: 'all' }, true],
    [{ operation: 'create' }, false],
    [{ permission: 'deny' }, false],
  ]
  for (const [change, expected] of tries) {
    await admin.admin.createAcls([{ ...acl, ...change }])
    t.is(await allowed(), expected, JSON.stringify(change))
    const found = await admin.admin.describeAcls({ resourceType: 'topic' })
    t.deepEqual(found, [{ patternType: 'literal', host: '*', permission: 'allow', ...acl, ...change }])
    t.deepEqual(await admin.admin.deleteAcls([{ resourceType: 'topic' }]), found)
    t.false(await allowed())
  }
})

test('entries survive a restart, twice is once, and what is no entry is refused', async (t) => {
  const { broker, admin } = await bench(t)
  const acl: Acl = { resourceType: 'topic', resourceName: 't', principal: 'User:alice', operation: 'read' }
  await admin.admin.createAcls([acl, acl])
  await admin.admin.createAcls([acl])
  t.is((await admin.admin.describeAcls()).length, 1)
  for (const wrong of [{ principal: 'alice' }, { resourceName: '' }, { resourceType: 'cluster' as const, resourceName: 'x' }]) {
    await t.throwsAsync(admin.admin.createAcls([{ ...acl, ...wrong }]), { message: /INVALID_REQUEST/ }, JSON.stringify(wrong))
  }
  t.is((await admin.admin.describeAcls()).length, 1)
  void broker
})

test('without an authorizer everything is allowed, and there are no entries', async (t) => {
  const broker = await startBroker(t)
  const client = await connect(broker.bootstrap)
  t.teardown(() => client.close())
  const acl: Acl = { resourceType: 'topic', resourceName: 't', principal: 'User:alice', operation: 'read' }
  await t.throwsAsync(client.admin.createAcls([acl]), { message: /SECURITY_DISABLED/ })
  await t.throwsAsync(client.admin.describeAcls(), { message: /SECURITY_DISABLED/ })
  await t.throwsAsync(client.admin.deleteAcls([{}]), { message: /SECURITY_DISABLED/ })
})

test('allow.everyone.if.no.acl.found opens what no entry names, and only that', async (t) => {
  const broker = await startBroker(t, {
    inProcessPrincipal: 'User:alice',
    config: { 'authorizer.class.name': 'StandardAuthorizer', 'allow.everyone.if.no.acl.found': true },
  })
  const client = await connect(broker.bootstrap)
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 't', partitions: 1 }])
  await client.admin.createAcls([{ resourceType: 'topic', resourceName: 't', principal: 'User:bob', operation: 'read' }])
  const alice = new Channel(await broker.dialer.dial('', 0), { clientId: 'alice', clock: systemClock })
  t.teardown(() => alice.close())
  const codes = codesIn(await alice.request(Metadata, 9, { topics: [{ name: 't' }, { name: 'free' }], allowAutoTopicCreation: true }))
  t.deepEqual(
    codes.filter((code) => code !== 'NONE'),
    [TOPIC],
  )
  t.is((await alice.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })).errorCode, 0)
})

test('who connects inside the process may do everything, unless a principal is given', async (t) => {
  const broker = await startBroker(t, { config: { 'authorizer.class.name': 'StandardAuthorizer' } })
  const inside = await connect(broker)
  t.teardown(() => inside.close())
  await inside.admin.createTopics([{ name: 't', partitions: 1 }])
  const outside = new Channel(await tcpDialer().dial('127.0.0.1', broker.port!), { clientId: 'x', clock: systemClock })
  t.teardown(() => outside.close())
  t.deepEqual((await outside.request(Metadata, 12, { topics: null })).topics, [])
})
