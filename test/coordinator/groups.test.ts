import test from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import type { GroupCoordinatorConfig } from '../../core/coordinator/coordinator-config.ts'
import { ConsumerProtocolSubscription } from '../../core/protocol/messages/consumer-protocol.ts'
import { encodeVersioned } from '../../core/protocol/versioned.ts'
import { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { TransactionCoordinator } from '../../core/coordinator/transaction-coordinator.ts'
import { MemoryPartitions } from '../support/memory-partitions.ts'
import { MemoryTopics } from '../support/memory-topics.ts'

const topics = Buffer.from('topics')
const simple = { memberId: '', instanceId: null, generation: -1 }
const HOUR = 3_600_000

function ids() {
  let next = 0
  return { reserve: async (count: number) => (next += count) - count }
}

async function start(writer: MemoryPartitions, clock = new ManualClock(), settings: Partial<GroupCoordinatorConfig> = {}) {
  const config = { offsetsTopicNumPartitions: 3, transactionStateLogNumPartitions: 3, ...settings }
  const groups = new GroupCoordinator({ writer, clock, topics: new MemoryTopics(), config })
  const transactions = new TransactionCoordinator({ writer, clock, groups, producerIdStore: ids(), config })
  await groups.load()
  await transactions.load()
  await groups.prepare()
  return { groups, transactions, clock, writer }
}

type Started = Awaited<ReturnType<typeof start>>

function join({ groups }: Started, options: { memberId?: string; instanceId?: string; metadata?: Buffer; group?: string } = {}) {
  return groups.join(options.group ?? 'g', {
    memberId: options.memberId ?? '',
    instanceId: options.instanceId ?? null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: options.metadata ?? topics }],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    requiresKnownMemberId: false,
    supportsSkippingAssignment: true,
  })
}

async function stable(started: Started, instanceId?: string, metadata: Buffer = topics): Promise<{ memberId: string; generation: number }> {
  const { memberId, generation } = await join(started, { metadata, ...(instanceId === undefined ? {} : { instanceId }) })
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  await started.groups.sync('g', {
    memberId,
    instanceId: instanceId ?? null,
    generation,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments,
  })
  return { memberId, generation }
}

const offset = (partition: number, value: number, metadata: string | null = null) => ({
  topic: 't',
  partition,
  offset: value,
  leaderEpoch: 3,
  metadata,
})

test('groups, members and offsets after a restart are what they were before', async (t) => {
  const before = await start(new MemoryPartitions())
  const { memberId, generation } = await stable(before, 'one')
  await before.groups.commit('g', { memberId, instanceId: 'one', generation }, [offset(0, 10, 'note'), offset(1, 20)])
  await before.groups.commit('lonely', simple, [offset(0, 5)])
  await before.groups.commit('g', { memberId, instanceId: 'one', generation }, [offset(0, 11)])
  const after = await start(before.writer.restart(true))
  t.deepEqual(after.groups.describe('g'), before.groups.describe('g'))
  for (const group of ['g', 'lonely'])
    t.deepEqual(await after.groups.fetch(group, null, false), await before.groups.fetch(group, null, false))
  t.deepEqual(
    after.groups.list().toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1)),
    before.groups.list().toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1)),
  )
  t.is(after.groups.heartbeat('g', { memberId, instanceId: 'one', generation }), 'NONE')
  const back = await join(after, { instanceId: 'one' })
  t.is(back.generation, generation, 'a static member is back at once')
})

test('nothing is acknowledged before it is durable', async (t) => {
  const { groups, writer } = await start(new MemoryPartitions())
  let done = false
  const commit = groups.commit('g', simple, [offset(0, 1)]).then(() => (done = true))
  const seen = groups.fetch('g', null, false)
  const image = writer.restart(true)
  t.false(done)
  const lost = await start(image)
  t.deepEqual(await lost.groups.fetch('g', null, false), [])
  await commit
  t.is((await seen)[0]!.offset, 1)
  const kept = await start(writer.restart(true))
  t.is((await kept.groups.fetch('g', null, false))[0]!.offset, 1)
})

test('when the log refuses, the client is told, and the state is what the log holds', async (t) => {
  const started = await start(new MemoryPartitions())
  const { groups, writer } = started
  await groups.commit('g', simple, [offset(0, 1)])
  writer.failAppends = 1
  await t.throwsAsync(groups.commit('g', simple, [offset(0, 2)]), { message: /STORAGE/ })
  t.is((await groups.fetch('g', null, false))[0]!.offset, 1)
  const member = await join(started, { group: 'h' })
  writer.failAppends = 1
  const assignments = [{ memberId: member.memberId, assignment: Buffer.from('x') }]
  const request = {
    memberId: member.memberId,
    instanceId: null,
    generation: member.generation,
    protocolType: null,
    protocolName: null,
    assignments,
  }
  await t.throwsAsync(groups.sync('h', request), { message: /COORDINATOR|STORAGE/ })
  t.is(groups.describe('h'), undefined)
})

test('metadata longer than offset.metadata.max.bytes costs that offset only', async (t) => {
  const { groups } = await start(new MemoryPartitions())
  t.deepEqual(await groups.commit('g', simple, [offset(0, 1, 'x'.repeat(4097)), offset(1, 1, 'x'.repeat(4096))]), [
    'OFFSET_METADATA_TOO_LARGE',
    'NONE',
  ])
})

test('a fetch names -1 for what was never committed, and null asks for everything', async (t) => {
  const { groups } = await start(new MemoryPartitions())
  await groups.commit('g', simple, [offset(2, 7)])
  const fetched = await groups.fetch(
    'g',
    [
      { topic: 't', partition: 2 },
      { topic: 'u', partition: 0 },
    ],
    false,
  )
  t.deepEqual(
    fetched.map((each) => [each.offset, each.error]),
    [
      [7, 'NONE'],
      [-1, 'NONE'],
    ],
  )
  t.deepEqual(
    (await groups.fetch('g', null, false)).map((each) => each.partition),
    [2],
  )
  t.deepEqual(await groups.fetch('unknown', null, false), [])
})

test('offsets of a transaction are unstable until its marker, then they count; a later plain commit stands', async (t) => {
  const { groups, transactions, writer, clock } = await start(new MemoryPartitions())
  await groups.commit('g', simple, [offset(0, 1), offset(1, 1)])
  const producer = await transactions.initProducerId('tx', 60_000, null)
  const partition = { topic: '__consumer_offsets', partition: groups.partitionFor('g') }
  t.is(transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [partition], true), 'NONE')
  const by = { producerId: producer.producerId, producerEpoch: producer.epoch }
  t.deepEqual(groups.commitInTransaction('g', simple, by, [offset(0, 50), offset(1, 50)]), ['NONE', 'NONE'])
  const all = async (requireStable: boolean) =>
    (
      await groups.fetch(
        'g',
        [
          { topic: 't', partition: 0 },
          { topic: 't', partition: 1 },
        ],
        requireStable,
      )
    ).map((each) => (each.error === 'NONE' ? each.offset : each.error))
  t.deepEqual(await all(true), ['UNSTABLE_OFFSET_COMMIT', 'UNSTABLE_OFFSET_COMMIT'])
  t.deepEqual(await all(false), [1, 1])
  await groups.commit('g', simple, [offset(1, 60)])
  const reader = await start(writer.restart(false), clock)
  t.deepEqual(
    await reader.groups.fetch('g', [{ topic: 't', partition: 0 }], true).then((list) => list[0]!.error),
    'UNSTABLE_OFFSET_COMMIT',
    'also after a restart',
  )
  t.is((await transactions.end('tx', producer, true, 2)).error, 'NONE')
  t.deepEqual(await all(true), [50, 60])
  const after = await start(writer.restart(true))
  t.deepEqual(
    (await after.groups.fetch('g', null, true)).map((each) => each.offset),
    [50, 60],
  )
})

test('a transaction that is aborted leaves no offsets', async (t) => {
  const { groups, transactions } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  const partition = { topic: '__consumer_offsets', partition: groups.partitionFor('g') }
  transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [partition], true)
  groups.commitInTransaction('g', simple, { producerId: producer.producerId, producerEpoch: producer.epoch }, [offset(0, 50)])
  await transactions.end('tx', producer, false, 2)
  t.deepEqual(
    (await groups.fetch('g', [{ topic: 't', partition: 0 }], true)).map((each) => [each.offset, each.error]),
    [[-1, 'NONE']],
  )
})

test('a zombie of an older generation cannot commit offsets in a transaction (KIP-447)', async (t) => {
  const started = await start(new MemoryPartitions())
  const old = await stable(started)
  const again = join(started, { memberId: old.memberId, metadata: Buffer.from('other topics') })
  const by = { producerId: 1, producerEpoch: 0 }
  t.deepEqual(started.groups.commitInTransaction('g', { ...old, instanceId: null, generation: 0 }, by, [offset(0, 1)]), [
    'ILLEGAL_GENERATION',
  ])
  t.deepEqual(started.groups.commitInTransaction('g', { memberId: 'zombie', instanceId: null, generation: 2 }, by, [offset(0, 1)]), [
    'UNKNOWN_MEMBER_ID',
  ])
  t.is((await again).generation, 2)
  t.deepEqual(started.groups.commitInTransaction('g', { ...old, instanceId: null, generation: 2 }, by, [offset(0, 1)]), ['NONE'])
})

test('a group with members cannot be deleted; one without is gone with its offsets, also after a restart', async (t) => {
  const started = await start(new MemoryPartitions())
  const { groups, writer } = started
  const { memberId } = await stable(started)
  await groups.commit('lonely', simple, [offset(0, 1)])
  t.is(await groups.delete('g'), 'NON_EMPTY_GROUP')
  t.deepEqual(await groups.leave('g', [{ memberId, instanceId: null }]), ['NONE'])
  t.is(groups.describe('g')!.state, 'Empty')
  t.deepEqual(
    [await groups.delete('g'), await groups.delete('lonely'), await groups.delete('nobody')],
    ['NONE', 'NONE', 'GROUP_ID_NOT_FOUND'],
  )
  t.deepEqual(groups.list(), [])
  const after = await start(writer.restart(true))
  t.deepEqual(after.groups.list(), [])
  t.deepEqual(await after.groups.fetch('lonely', null, false), [])
})

test('offsets of a group without members expire after offsets.retention.minutes, and the group with the last one', async (t) => {
  const started = await start(new MemoryPartitions())
  const { groups, clock } = started
  const { memberId, generation } = await stable(started)
  await groups.commit('g', { memberId, instanceId: null, generation }, [offset(0, 1)])
  await groups.commit('lonely', simple, [offset(0, 1)])
  const alive = async (hours: number): Promise<void> => {
    for (let i = 0; i < hours * 450; i++) {
      clock.advance(8000)
      groups.heartbeat('g', { memberId, instanceId: null, generation })
    }
  }
  await alive(8 * 24)
  t.deepEqual(
    groups.list().map((each) => each.groupId),
    ['g'],
    'a simple consumer counts from its last commit, a group with members not at all',
  )
  await groups.leave('g', [{ memberId, instanceId: null }])
  clock.advance(7 * 24 * HOUR - HOUR)
  t.is((await groups.fetch('g', null, false)).length, 1)
  clock.advance(2 * HOUR)
  t.deepEqual(await groups.fetch('g', null, false), [])
  t.deepEqual(groups.list(), [])
})

test('while a group is stable, offsets of topics that nobody in it reads expire; offsets may bring a time of their own', async (t) => {
  const started = await start(new MemoryPartitions())
  const { groups, clock } = started
  const { memberId, generation } = await stable(
    started,
    undefined,
    encodeVersioned(ConsumerProtocolSubscription, 1, { topics: ['t'], ownedPartitions: [] }),
  )
  const who = { memberId, instanceId: null, generation }
  await groups.commit('g', who, [offset(0, 1), { ...offset(0, 1), topic: 'left' }])
  await groups.commit('short', { ...simple, retentionMs: HOUR }, [offset(0, 7)])
  await groups.commit('short', simple, [offset(1, 8)])
  await groups.commit('long', { ...simple, retentionMs: Number.MAX_SAFE_INTEGER }, [offset(0, 9)])
  const after = await start(started.writer.restart(true), clock)
  groups.close()
  const alive = async (hours: number): Promise<void> => {
    for (let i = 0; i < hours * 450; i++) {
      clock.advance(8000)
      after.groups.heartbeat('g', who)
    }
  }
  const kept = async (group: string) =>
    (await after.groups.fetch(group, null, false)).map(({ topic, partition }) => `${topic}-${partition}`)
  await alive(2)
  t.deepEqual(await kept('short'), ['t-1'], 'the other one was to be kept for an hour')
  t.deepEqual(await kept('g'), ['t-0', 'left-0'])
  await alive(7 * 24)
  t.deepEqual(await kept('g'), ['t-0'])
  t.deepEqual(await kept('long'), ['t-0'])
})

test('a group that is larger than group.max.size allows by now is asked to join again when it is read', async (t) => {
  const before = await start(new MemoryPartitions())
  const { memberId, generation } = await stable(before)
  const joining = join(before)
  t.is(before.groups.heartbeat('g', { memberId, instanceId: null, generation }), 'REBALANCE_IN_PROGRESS')
  const again = await join(before, { memberId })
  const second = await joining
  const assignments = [{ memberId, assignment: Buffer.from('half') }]
  const sync = { instanceId: null, generation: again.generation, protocolType: 'consumer', protocolName: 'range' }
  await before.groups.sync('g', { memberId, ...sync, assignments })
  const after = await start(before.writer.restart(false), before.clock, { groupMaxSize: 1 })
  t.is(after.groups.describe('g')!.state, 'PreparingRebalance')
  const one = join(after, { memberId })
  t.is((await join(after, { memberId: second.memberId })).error, 'GROUP_MAX_SIZE_REACHED', 'who comes first stays')
  t.is((await one).error, 'NONE')
})

test('offsets of topics a member reads cannot be deleted, others can', async (t) => {
  const started = await start(new MemoryPartitions())
  const { groups } = started
  const subscription = Buffer.from('0000000000010001740000000000', 'hex')
  const { memberId, generation } = await join(started, { metadata: subscription })
  const assignments = [{ memberId, assignment: Buffer.from('x') }]
  await groups.sync('g', { memberId, instanceId: null, generation, protocolType: null, protocolName: null, assignments })
  await groups.commit('g', { memberId, instanceId: null, generation }, [offset(0, 1), { ...offset(0, 1), topic: 'old' }])
  const which = ['t', 'old'].map((topic) => ({ topic, partition: 0 }))
  t.deepEqual(await groups.deleteOffsets('g', which), ['GROUP_SUBSCRIBED_TO_TOPIC', 'NONE'])
  t.deepEqual(
    (await groups.fetch('g', null, false)).map((each) => each.topic),
    ['t'],
  )
  groups.forgetTopic('t')
  t.deepEqual(await groups.fetch('g', null, false), [])
})

test('a coordinator that is closing or loading says so', async (t) => {
  const { groups } = await start(new MemoryPartitions())
  groups.close()
  t.throws(() => groups.describe('g'), { message: /COORDINATOR_NOT_AVAILABLE/ })
  const loading = new GroupCoordinator({ writer: new MemoryPartitions(), clock: new ManualClock(), topics: new MemoryTopics() })
  t.throws(() => loading.describe('g'), { message: /COORDINATOR_LOAD_IN_PROGRESS/ })
})
