import type { ScramUserDescription } from '../../core/index.ts'
import { failuresOf, at, nameOfError, until } from './admin-kit.ts'
import { clientFor, newTopic, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Brokers, where partitions are, what clients may use, and who may log in, as an administrator sees them. */
export const adminClusterScenarios: Readonly<Record<string, Scenario>> = {
  'the cluster, its features and its quorum are described': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin, clusterId } = client
    // Something to remember: the quorum of a new cluster may have nothing yet.
    await newTopic(client)
    const cluster = await admin.describeCluster({ includeAuthorizedOperations: true, includeFencedBrokers: true })
    t.is(cluster.clusterId, clusterId)
    t.deepEqual(
      cluster.brokers.map(({ nodeId, fenced }) => [nodeId, fenced]),
      [[1, false]],
    )
    t.true(cluster.authorizedOperations!.includes('clusterAction'))
    t.is((await admin.describeCluster()).authorizedOperations, undefined)
    const { supported, finalized, finalizedEpoch } = await admin.describeFeatures()
    t.deepEqual(supported['transaction.version'], { min: 0, max: 2 })
    t.true(finalized['group.version']!.max >= 1 && finalizedEpoch >= 0)
    const same = { feature: 'group.version', maxVersionLevel: finalized['group.version']!.max }
    await admin.updateFeatures([same], { validateOnly: true })
    const wrong = { feature: 'no.such.version', maxVersionLevel: 1 }
    // One answer for all: none is changed.
    const failures = await failuresOf(t, admin.updateFeatures([same, wrong]))
    t.deepEqual(Object.keys(failures!), ['group.version', 'no.such.version'])
    const quorum = await admin.describeMetadataQuorum()
    t.deepEqual([quorum.leaderId, quorum.voters.map(({ replicaId }) => replicaId), quorum.observers], [1, [1], []])
    t.true(quorum.highWatermark > 0 && quorum.leaderEpoch >= 1)
    t.deepEqual(
      quorum.nodes.map(({ nodeId }) => nodeId),
      [1],
    )
    const error = await t.throwsAsync(admin.unregisterBroker(77))
    t.is(nameOfError(error), 'BROKER_ID_NOT_REGISTERED')
  },

  'a cluster of one broker has nothing to elect and nowhere to move to': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 2)
    t.deepEqual(await admin.electLeaders('preferred', null), [])
    t.deepEqual(await failuresOf(t, admin.electLeaders('preferred', [at(topic), at(`${topic}-none`)])), {
      [`${topic}-0`]: 'ELECTION_NOT_NEEDED',
      [`${topic}-none-0`]: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    t.deepEqual(await failuresOf(t, admin.electLeaders('unclean', [at(topic, 1)])), { [`${topic}-1`]: 'ELECTION_NOT_NEEDED' })
    const moves = [
      { ...at(topic), replicas: [1] },
      { ...at(topic, 1), replicas: [7] },
      { ...at(`${topic}-none`), replicas: [1] },
    ]
    t.deepEqual(await failuresOf(t, admin.alterPartitionReassignments(moves)), {
      [`${topic}-1`]: 'INVALID_REPLICA_ASSIGNMENT',
      [`${topic}-none-0`]: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    t.deepEqual(await failuresOf(t, admin.alterPartitionReassignments([{ ...at(topic), replicas: null }])), {
      [`${topic}-0`]: 'NO_REASSIGNMENT_IN_PROGRESS',
    })
    t.deepEqual(await admin.listPartitionReassignments(), [])
    t.deepEqual(await admin.listPartitionReassignments([at(topic)]), [])
  },

  'directories and what is in them are described; a directory that is not there is refused': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client)
    await client.producer().send({ topic, partition: 0, value: 'x'.repeat(1000) })
    const [broker] = await admin.describeLogDirs()
    const [dir] = broker!.logDirs
    t.like(dir, { error: null, cordoned: false })
    t.true(dir!.usableBytes > 0 && dir!.totalBytes >= dir!.usableBytes)
    const replica = dir!.replicas.find((each) => each.topic === topic)
    t.like(replica, { partition: 0, offsetLag: 0, isFuture: false })
    t.true(replica!.size > 0)
    t.deepEqual(
      (await admin.describeLogDirs([1])).map(({ brokerId }) => brokerId),
      [1],
    )
    t.deepEqual(await failuresOf(t, admin.describeLogDirs([77])), { 77: 'INVALID_ARGUMENT' })
    const nowhere = { currentLogDir: null, currentOffsetLag: -1, futureLogDir: null, futureOffsetLag: -1 }
    t.deepEqual(await admin.describeReplicaLogDirs([at(topic, 0), at(topic, 9)].map((tp) => ({ ...tp, brokerId: 1 }))), [
      { ...at(topic), brokerId: 1, currentLogDir: dir!.path, currentOffsetLag: 0, futureLogDir: null, futureOffsetLag: -1 },
      { ...at(topic, 9), brokerId: 1, ...nowhere },
    ])
    await admin.alterReplicaLogDirs([{ ...at(topic), brokerId: 1, logDir: dir!.path }])
    t.deepEqual(await failuresOf(t, admin.alterReplicaLogDirs([{ ...at(topic), brokerId: 1, logDir: '/no/such/place' }])), {
      [`${topic}-0 on 1`]: 'LOG_DIR_NOT_FOUND',
    })
  },

  'quotas of users, clients and addresses are set, found and taken away': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const [user, clientId] = [uniqueName('user'), uniqueName('client')]
    await admin.alterClientQuotas([{ entity: { user }, set: { producer_byte_rate: 1 } }], { validateOnly: true })
    const wrong = { entity: { ip: '10.1.2.3' }, set: { producer_byte_rate: 5 } }
    const both = { entity: { user, clientId }, set: { producer_byte_rate: 1000, consumer_byte_rate: 2000 } }
    t.deepEqual(await failuresOf(t, admin.alterClientQuotas([both, wrong])), { 'ip=10.1.2.3': 'INVALID_REQUEST' })
    await admin.alterClientQuotas([
      { entity: { user, clientId: null }, set: { request_percentage: 50 } },
      { entity: { user }, set: { controller_mutation_rate: 7 } },
    ])
    const found = async (filter: Parameters<typeof admin.describeClientQuotas>[0], strict = false) =>
      (await admin.describeClientQuotas(filter, { strict })).map(({ entity, quotas }) => JSON.stringify([entity, quotas])).toSorted()
    const own = JSON.stringify([{ user }, { controller_mutation_rate: 7 }])
    await until(
      () => found({ user }, true),
      (all) => all.includes(own),
    )
    t.deepEqual(await found({ user }, true), [own])
    t.is((await found({ user })).length, 3)
    t.deepEqual(await admin.describeClientQuotas({ user, clientId: null }), [
      { entity: { user, clientId: null }, quotas: { request_percentage: 50 } },
    ])
    t.deepEqual(await admin.describeClientQuotas({ user: true, clientId }), [
      { entity: both.entity, quotas: { producer_byte_rate: 1000, consumer_byte_rate: 2000 } },
    ])
    await admin.alterClientQuotas([
      { entity: { user, clientId }, delete: ['producer_byte_rate', 'consumer_byte_rate'] },
      { entity: { user, clientId: null }, delete: ['request_percentage'] },
      { entity: { user }, delete: ['controller_mutation_rate'] },
    ])
    await until(
      () => found({ user }),
      (all) => all.length === 0,
    )
  },

  'credentials of users are set, shown without secrets, and deleted': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const [alice, bob] = [uniqueName('alice'), uniqueName('bob')]
    await admin.alterUserScramCredentials([
      { user: alice, password: 'secret', mechanism: 'SCRAM-SHA-256' },
      { user: alice, password: 'secret', mechanism: 'SCRAM-SHA-512', iterations: 8192 },
      { user: bob, password: 'other', mechanism: 'SCRAM-SHA-512' },
    ])
    const known = async () => (await admin.describeUserScramCredentials()).filter(({ user }) => user === alice || user === bob)
    await until(known, (users) => users.length === 2)
    const [{ credentials }] = (await admin.describeUserScramCredentials([alice])) as [ScramUserDescription]
    // Brokers tell of them in any order.
    t.deepEqual(
      credentials.toSorted((a, b) => a.iterations - b.iterations),
      [
        { mechanism: 'SCRAM-SHA-256', iterations: 4096 },
        { mechanism: 'SCRAM-SHA-512', iterations: 8192 },
      ],
    )
    const none = uniqueName('none')
    t.deepEqual(await failuresOf(t, admin.describeUserScramCredentials([none, bob])), { [none]: 'RESOURCE_NOT_FOUND' })
    t.deepEqual(
      await failuresOf(
        t,
        admin.alterUserScramCredentials([
          { user: none, mechanism: 'SCRAM-SHA-256', delete: true },
          { user: alice, mechanism: 'SCRAM-SHA-256', delete: true },
          { user: bob, password: 'weak', mechanism: 'SCRAM-SHA-512', iterations: 10 },
        ]),
      ),
      { [`${none} SCRAM-SHA-256`]: 'RESOURCE_NOT_FOUND', [`${bob} SCRAM-SHA-512`]: 'UNACCEPTABLE_CREDENTIAL' },
    )
    await t.throwsAsync(admin.alterUserScramCredentials([{ user: bob, password: '', mechanism: 'SCRAM-SHA-512' }]), {
      code: 'INVALID_ARGUMENT',
    })
    await until(known, (users) => users.find(({ user }) => user === alice)?.credentials.length === 1)
    await admin.alterUserScramCredentials([alice, bob].map((user) => ({ user, mechanism: 'SCRAM-SHA-512', delete: true })))
    await until(known, (users) => users.length === 0)
  },

  'without an authorizer there are no access control entries': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const acl = { resourceType: 'topic', resourceName: 'orders', principal: 'User:alice', operation: 'read' } as const
    t.is(nameOfError(await t.throwsAsync(admin.describeAcls())), 'SECURITY_DISABLED')
    t.deepEqual(await failuresOf(t, admin.createAcls([acl])), { 'User:alice allow read topic orders': 'SECURITY_DISABLED' })
    t.deepEqual(await failuresOf(t, admin.deleteAcls([{ principal: 'User:alice' }])), { '{"principal":"User:alice"}': 'SECURITY_DISABLED' })
  },
}

/** Against a broker with an authorizer that we may administer. */
export const adminAclScenario: Scenario = async (t, env) => {
  const { admin } = await clientFor(t, env)
  const [user, topic] = [`User:${uniqueName('alice')}`, uniqueName('orders')]
  const read = { resourceType: 'topic', resourceName: topic, principal: user, operation: 'read' } as const
  const groups = { resourceType: 'group', resourceName: 'reports', patternType: 'prefixed', principal: user, operation: 'all' } as const
  const deny = { ...read, operation: 'write', permission: 'deny', host: '10.0.0.1' } as const
  await admin.createAcls([read, groups, deny])
  // What is there already is no error; what cannot be is one by itself.
  const wrong = { ...read, resourceName: '' }
  t.deepEqual(await failuresOf(t, admin.createAcls([read, wrong])), { [`${user} allow read topic `]: 'INVALID_REQUEST' })
  const literal = { patternType: 'literal', host: '*', permission: 'allow' } as const
  const byOperation = (a: { operation: string }, b: { operation: string }): number => (a.operation < b.operation ? -1 : 1)
  const found = async () => (await admin.describeAcls({ principal: user })).toSorted(byOperation)
  await until(found, (acls) => acls.length === 3)
  t.deepEqual(await found(), [
    { ...groups, host: '*', permission: 'allow' },
    { ...literal, ...read },
    { ...literal, ...deny },
  ])
  t.deepEqual(await admin.describeAcls({ principal: user, resourceType: 'topic', resourceName: topic, operation: 'write' }), [
    { ...literal, ...deny },
  ])
  t.deepEqual(await admin.describeAcls({ principal: user, resourceType: 'group', resourceName: 'reports-daily', patternType: 'match' }), [
    { ...groups, host: '*', permission: 'allow' },
  ])
  const gone = await admin.deleteAcls([
    { principal: user, resourceType: 'group' },
    { principal: user, permission: 'deny' },
  ])
  t.deepEqual(gone.toSorted(byOperation), [
    { ...groups, host: '*', permission: 'allow' },
    { ...literal, ...deny },
  ])
  await until(found, (acls) => acls.length === 1)
  await admin.deleteAcls([{ principal: user }])
}
