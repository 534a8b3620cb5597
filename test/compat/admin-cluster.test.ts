import test from 'ava'

import { connect } from '../../core/index.ts'
import { at, failuresOf, nameOfError, until } from '../support/admin-kit.ts'
import { startKafkaCluster } from '../support/kafka-cluster.ts'

const GROUPS = Array.from({ length: 12 }, (_, i) => `group-${i}`)
const IDS = Array.from({ length: 6 }, (_, i) => `transactional-${i}`)

test('in a cluster each thing is asked of the broker that decides it, also when that is another one now', async (t) => {
  const cluster = await startKafkaCluster(t)
  if (cluster === undefined) return
  const client = await connect(cluster.bootstrap, { retryBackoffMs: 20, unknownTopicTimeoutMs: 30_000, bootstrapTimeoutMs: 30_000 })
  t.teardown(() => client.close())
  const { admin } = client
  await admin.createTopics([{ name: 'spread', partitions: 6 }])
  const partitions = Array.from({ length: 6 }, (_, partition) => at('spread', partition))
  const producer = client.producer()
  for (const { topic, partition } of partitions)
    for (let i = 0; i <= partition; i++) producer.send({ topic, partition, value: 'x' }).catch(t.fail)
  await producer.flush()
  const ends = async () => (await admin.listOffsets(partitions.map((tp) => ({ ...tp, at: 'latest' as const })))).map(({ offset }) => offset)
  t.deepEqual(await ends(), [1, 2, 3, 4, 5, 6])
  t.deepEqual(
    (await admin.describeProducers(partitions)).map(({ producers }) => producers.length),
    [1, 1, 1, 1, 1, 1],
  )

  // Groups and transactional ids of all coordinators.
  for (const [i, groupId] of GROUPS.entries()) await admin.alterConsumerGroupOffsets(groupId, [{ ...at('spread', 1), offset: i }])
  const committed = async () =>
    (await admin.listConsumerGroupOffsets(GROUPS.map((groupId) => ({ groupId })))).map(({ offsets }) => offsets[0]!.offset)
  t.deepEqual(await committed(), [...GROUPS.keys()])
  t.deepEqual((await admin.listGroups()).map(({ groupId }) => groupId).toSorted(), GROUPS.toSorted())
  t.deepEqual(
    (await admin.describeConsumerGroups(GROUPS)).map(({ groupId }) => groupId),
    GROUPS,
  )
  await admin.fenceProducers(IDS)
  t.deepEqual((await admin.listTransactions()).map(({ transactionalId }) => transactionalId).toSorted(), IDS)
  t.true(new Set((await admin.describeTransactions(IDS)).map(({ coordinatorId }) => coordinatorId)).size > 1)

  // Settings of one broker are that broker's.
  const brokers = ['1', '2', '3'].map((name) => ({ type: 'broker' as const, name }))
  await admin.incrementalAlterConfigs(brokers.map((broker) => ({ ...broker, set: { 'log.cleaner.threads': 2 } })))
  const threads = await until(
    async () => (await admin.describeConfigs(brokers, { keys: ['log.cleaner.threads', 'node.id'] })).map(({ entries }) => entries),
    (all) => all.every((entries) => entries.find(({ name }) => name === 'log.cleaner.threads')!.source === 'dynamicBrokerConfig'),
  )
  t.deepEqual(
    threads.map((entries) => entries.find(({ name }) => name === 'node.id')!.value),
    ['1', '2', '3'],
  )

  // Replicas move to other brokers, and are told of while they do and when they have.
  const dirs = await admin.describeLogDirs()
  t.deepEqual(
    dirs.map(({ brokerId }) => brokerId).toSorted((a, b) => a - b),
    [1, 2, 3],
  )
  for (const { logDirs } of dirs) t.is(logDirs[0]!.replicas.filter(({ topic }) => topic === 'spread').length, 6)
  await admin.createTopics([
    {
      name: 'moves',
      assignments: [
        [2, 1],
        [2, 3],
      ],
    },
  ])
  t.deepEqual(
    await failuresOf(
      t,
      admin.alterPartitionReassignments([
        { ...at('moves'), replicas: [3, 2] },
        { ...at('moves', 1), replicas: [9] },
      ]),
    ),
    {
      'moves-1': 'INVALID_REPLICA_ASSIGNMENT',
    },
  )
  await until(
    () => admin.listPartitionReassignments(),
    (list) => list.length === 0,
  )
  const replicas = async () =>
    (await admin.describeTopics(['moves']))[0]!.partitions.map(({ replicas: ids, leader }) => [...ids, leader].join())
  await until(replicas, ([first]) => first!.startsWith('3,2,'))

  // A broker dies: what it led and coordinated is asked of others.
  const [, second] = cluster.nodes
  await second!.kill()
  t.deepEqual(await ends(), [1, 2, 3, 4, 5, 6])
  t.deepEqual(await committed(), [...GROUPS.keys()])
  const fenced = await until(
    async () => (await admin.describeCluster({ includeFencedBrokers: true })).brokers.filter((broker) => broker.fenced),
    (found) => found.length === 1,
  )
  t.is(fenced[0]!.nodeId, 2)
  await until(
    async () => (await admin.describeCluster()).brokers.map(({ nodeId }) => nodeId).toSorted((a, b) => a - b),
    (nodes) => nodes.join() === '1,3',
  )
  const offline = await until(
    async () => (await admin.describeTopics(['spread']))[0]!.partitions,
    (found) => found.every(({ isr }) => !isr.includes(2)),
  )
  t.true(offline.every(({ offlineReplicas }) => offlineReplicas.join() === '2'))
  t.deepEqual(await failuresOf(t, admin.describeLogDirs([1, 2])), { 2: 'INVALID_ARGUMENT' })

  // It comes back, and its partitions are led by it again when an election says so.
  await second!.start()
  await until(
    async () => (await admin.describeTopics(['spread']))[0]!.partitions,
    (found) => found.every(({ isr }) => isr.length === 3),
  )
  const misplaced = (await admin.describeTopics(['spread']))[0]!.partitions.filter(({ leader, replicas: ids }) => leader !== ids[0])
  t.true(misplaced.length > 0)
  const elected = await admin.electLeaders('preferred', null)
  for (const { partition } of misplaced) t.true(elected.some((tp) => tp.topic === 'spread' && tp.partition === partition))
  await until(
    async () => (await admin.describeTopics(['spread']))[0]!.partitions,
    (found) => found.every(({ leader, replicas: ids }) => leader === ids[0]),
  )
  t.deepEqual(await ends(), [1, 2, 3, 4, 5, 6])
  t.is(nameOfError(await t.throwsAsync(admin.unregisterBroker(9))), 'BROKER_ID_NOT_REGISTERED')
})
