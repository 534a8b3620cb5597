import { failuresOf, at, until } from './admin-kit.ts'
import { clientFor, newTopic, numbers, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'
import type { Client } from '../../core/index.ts'

const offsetsOf = (offsets: readonly { topic: string; partition: number; offset: number }[]) =>
  offsets.map(({ partition, offset }) => [partition, offset]).toSorted((a, b) => a[0]! - b[0]!)

async function member(client: Client, topic: string, groupId: string, groupInstanceId?: string) {
  const consumer = client.consumer({
    groupId,
    fetchMaxWaitMs: 50,
    heartbeatIntervalMs: 50,
    ...(groupInstanceId !== undefined && { groupInstanceId }),
  })
  consumer.subscribe([topic])
  while (consumer.assignment().length === 0) await consumer.poll(20)
  return consumer
}

/** Groups and transactions, as an administrator sees them. */
export const adminGroupScenarios: Readonly<Record<string, Scenario>> = {
  'groups are listed by state, type and protocol, described and deleted': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 2)
    const [alive, empty] = [uniqueName('alive'), uniqueName('empty')]
    const consumer = await member(client, topic, alive)
    await admin.alterConsumerGroupOffsets(empty, [{ ...at(topic), offset: 0 }])
    const listed = async (options: Parameters<typeof admin.listGroups>[0]) =>
      (await admin.listGroups(options)).map(({ groupId }) => groupId).filter((groupId) => groupId === alive || groupId === empty)
    t.deepEqual((await listed({})).toSorted(), [alive, empty].toSorted())
    t.deepEqual(await listed({ states: ['Stable'] }), [alive])
    t.deepEqual(await listed({ states: ['Empty'], types: ['classic'] }), [empty])
    t.deepEqual(await listed({ types: ['share'] }), [])
    t.deepEqual(await listed({ protocolTypes: ['consumer'] }), [alive])
    const [group] = await admin.describeConsumerGroups([alive], { includeAuthorizedOperations: true })
    t.like(group, { groupId: alive, state: 'Stable', type: 'classic', protocolType: 'consumer', protocol: 'range', groupEpoch: -1 })
    t.deepEqual(group!.members[0]!.assignment.length, 2)
    t.deepEqual(group!.authorizedOperations?.toSorted(), ['alterConfigs', 'delete', 'describe', 'describeConfigs', 'read'])
    const [classic] = await admin.describeClassicGroups([alive])
    t.true(classic!.members[0]!.metadata.includes(topic))
    const none = uniqueName('none')
    t.deepEqual(await failuresOf(t, admin.describeConsumerGroups([none, alive])), { [none]: 'GROUP_ID_NOT_FOUND' })
    t.deepEqual(await failuresOf(t, admin.deleteConsumerGroups([alive, empty, none])), {
      [alive]: 'NON_EMPTY_GROUP',
      [none]: 'GROUP_ID_NOT_FOUND',
    })
    t.deepEqual(await listed({}), [alive])
    await consumer.close()
  },

  'offsets of many groups are read in one call, moved and deleted': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 3)
    const groups = ['a', 'b', 'c'].map((name) => uniqueName(name))
    for (const [i, groupId] of groups.entries()) {
      const offsets = [0, 1].map((partition) => ({ ...at(topic, partition), offset: 10 * i + partition, metadata: `${groupId} was here` }))
      await admin.alterConsumerGroupOffsets(groupId, offsets)
    }
    const none = uniqueName('none')
    const answers = await admin.listConsumerGroupOffsets([...groups.map((groupId) => ({ groupId })), { groupId: none }])
    t.deepEqual(
      answers.map(({ groupId, offsets }) => [groupId, offsetsOf(offsets)]),
      [
        ...groups.map((groupId, i) => [
          groupId,
          [
            [0, 10 * i],
            [1, 10 * i + 1],
          ],
        ]),
        [none, []],
      ],
    )
    const [one] = await admin.listConsumerGroupOffsets([{ groupId: groups[2]!, partitions: [at(topic, 1), at(topic, 2)] }])
    t.deepEqual(one!.offsets, [{ ...at(topic, 1), offset: 21, leaderEpoch: -1, metadata: `${groups[2]} was here` }])
    await admin.deleteConsumerGroupOffsets(groups[0]!, [at(topic, 0)])
    t.deepEqual(offsetsOf(await admin.listConsumerGroupOffsets(groups[0]!)), [[1, 1]])
    t.deepEqual(await failuresOf(t, admin.deleteConsumerGroupOffsets(none, [at(topic)])), { [`${topic}-0`]: 'GROUP_ID_NOT_FOUND' })
    // A group with members is moved by nobody else, and what it reads it does not forget.
    const consumer = await member(client, topic, groups[1]!)
    t.deepEqual(await failuresOf(t, admin.alterConsumerGroupOffsets(groups[1]!, [{ ...at(topic), offset: 5 }])), {
      [`${topic}-0`]: 'UNKNOWN_MEMBER_ID',
    })
    t.deepEqual(await failuresOf(t, admin.deleteConsumerGroupOffsets(groups[1]!, [at(topic, 1), at(topic, 0)])), {
      [`${topic}-0`]: 'GROUP_SUBSCRIBED_TO_TOPIC',
      [`${topic}-1`]: 'GROUP_SUBSCRIBED_TO_TOPIC',
    })
    await consumer.close()
  },

  'members are removed, by name or all': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('group')
    // They are not polled again, and hear of nothing: they must not come back.
    const a = await member(client, topic, groupId, 'a')
    await a.close()
    const described = async () => (await admin.describeConsumerGroups([groupId]))[0]!.members.map((each) => each.groupInstanceId)
    t.deepEqual(await described(), ['a'], 'a static member stays')
    t.deepEqual(await failuresOf(t, admin.removeMembersFromConsumerGroup(groupId, [{ groupInstanceId: 'nobody' }, { memberId: 'none' }])), {
      nobody: 'UNKNOWN_MEMBER_ID',
      none: 'UNKNOWN_MEMBER_ID',
    })
    await admin.removeMembersFromConsumerGroup(groupId, [{ groupInstanceId: 'a' }], { reason: 'scaled down' })
    t.deepEqual(await described(), [])
    await (await member(client, topic, groupId, 'b')).close()
    await admin.removeMembersFromConsumerGroup(groupId, 'all')
    t.deepEqual(await described(), [])
    await admin.deleteConsumerGroups([groupId])
  },

  'transactions are listed, described, and ended by fencing their producer': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 2)
    const [id, done] = [uniqueName('open'), uniqueName('done')]
    const finished = client.producer({ transactionalId: done })
    await finished.init()
    finished.begin()
    await finished.send({ topic, partition: 1, value: 'x' })
    await finished.commit()
    const producer = client.producer({ transactionalId: id })
    await producer.init()
    producer.begin()
    await producer.send({ topic, partition: 0, value: 'x' })
    const mine = async (options: Parameters<typeof admin.listTransactions>[0]) =>
      (await admin.listTransactions(options)).filter(({ transactionalId }) => [id, done].includes(transactionalId))
    await until(
      () => mine({ states: ['CompleteCommit'] }),
      (found) => found.length === 1 && found[0]!.transactionalId === done,
    )
    const [listed] = await mine({ states: ['Ongoing'] })
    t.like(listed, { transactionalId: id, state: 'Ongoing' })
    t.deepEqual((await mine({ producerIds: [listed!.producerId] })).length, 1)
    t.deepEqual((await mine({ transactionalIdPattern: 'open-.*' })).length, 1)
    t.deepEqual(await mine({ states: ['Ongoing'], durationMs: 600_000 }), [])
    const none = uniqueName('none')
    const [transaction] = await admin.describeTransactions([id])
    t.like(transaction, { transactionalId: id, state: 'Ongoing', producerId: listed!.producerId, partitions: [at(topic)] })
    t.true(transaction!.startTimeMs !== null && transaction!.startTimeMs <= Date.now() + 60_000)
    t.deepEqual(await failuresOf(t, admin.describeTransactions([id, none])), { [none]: 'TRANSACTIONAL_ID_NOT_FOUND' })
    const [producers] = await admin.describeProducers([at(topic)])
    t.like(producers!.producers[0], { producerId: listed!.producerId, currentTransactionStartOffset: 0 })
    const [fenced] = await admin.fenceProducers([id])
    t.is(fenced!.transactionalId, id)
    await t.throwsAsync(async () => {
      await producer.send({ topic, partition: 0, value: 'late' })
      await producer.commit()
    })
    await until(
      () => mine({}),
      (found) => found.every(({ state }) => state !== 'Ongoing'),
    )
    await admin.forceTerminateTransaction(done)
  },

  'a transaction that hangs in a partition is seen there, and aborted': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('hangs') })
    await producer.init()
    producer.begin()
    for (const value of numbers(3)) await producer.send({ topic, value })
    const [found] = await admin.describeProducers([at(topic)])
    const open = found!.producers.find(({ currentTransactionStartOffset }) => currentTransactionStartOffset >= 0)!
    const stable = async () => (await admin.listOffsets([{ ...at(topic), at: 'latest' }], { isolationLevel: 'read_committed' }))[0]!.offset
    t.is(await stable(), 0)
    const abort = { ...at(topic), producerId: open.producerId, coordinatorEpoch: open.coordinatorEpoch }
    await admin.abortTransaction({ ...abort, producerEpoch: open.producerEpoch })
    await until(stable, (offset) => offset === 4)
    t.deepEqual(
      (await admin.describeProducers([at(topic)]))[0]!.producers.map((each) => each.currentTransactionStartOffset),
      [-1],
    )
    await producer.close().catch(() => {})
  },
}
