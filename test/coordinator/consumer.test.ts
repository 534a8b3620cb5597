import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import type { GroupCoordinatorConfig } from '../../core/coordinator/coordinator-config.ts'
import { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { ClassicMember, NewMember, type TestMember } from '../support/consumer-members.ts'
import { MemoryPartitions } from '../support/memory-partitions.ts'
import { MemoryTopics } from '../support/memory-topics.ts'

const SESSION = 45_000

interface Rig {
  groups: GroupCoordinator
  clock: ManualClock
  writer: MemoryPartitions
  topics: MemoryTopics
  config: Partial<GroupCoordinatorConfig>
}

async function start(partitions: Record<string, number> = { t: 4 }, config: Partial<GroupCoordinatorConfig> = {}): Promise<Rig> {
  const rig = { clock: new ManualClock(), writer: new MemoryPartitions(), topics: new MemoryTopics(partitions), config }
  return { ...rig, groups: await coordinator(rig) }
}

async function coordinator({ clock, writer, topics, config }: Omit<Rig, 'groups'>): Promise<GroupCoordinator> {
  const groups = new GroupCoordinator({ writer, clock, topics, config: { offsetsTopicNumPartitions: 2, ...config } })
  await groups.load()
  await groups.prepare()
  return groups
}

/** Another process finds the log, after a power loss only what was synced. */
async function restart(rig: Rig, powerLoss = false): Promise<void> {
  rig.groups.close()
  rig.writer = rig.writer.restart(powerLoss)
  rig.groups = await coordinator(rig)
}

function act(member: TestMember): void {
  if (member instanceof NewMember) member.reconcile()
}

/** Everybody reports until nothing changes any more. */
async function settle(rig: Rig, members: readonly TestMember[]): Promise<void> {
  for (let round = 0; round < 12; round++) {
    for (const member of members) {
      await member.beat(rig.groups)
      act(member)
    }
    rig.clock.advance(1000)
  }
}

const owned = (member: TestMember): string[] => [...member.owned].sort()
const describe = ({ groups }: Rig) => groups.describeConsumerGroup('g')!

test('members share the partitions; who joins gets its share when the others have given it up', async (t) => {
  const rig = await start()
  const a = new NewMember('a', rig.topics, { topics: ['t'] })
  const b = new NewMember('b', rig.topics, { topics: ['t'] })
  t.is(await a.beat(rig.groups), 'NONE')
  act(a)
  t.deepEqual([a.epoch, owned(a)], [2, ['t-0', 't-1', 't-2', 't-3']])
  t.is(describe(rig).state, 'Stable')
  await b.beat(rig.groups)
  act(b)
  t.deepEqual([b.epoch, owned(b)], [3, []], 'nothing is free yet')
  await a.beat(rig.groups)
  t.is(a.epoch, 2, 'who has to give up stays at its epoch')
  t.is(describe(rig).state, 'Reconciling')
  await b.beat(rig.groups)
  act(b)
  t.deepEqual(owned(b), [], 'a has not given up anything')
  act(a)
  t.is(a.owned.size, 2)
  await a.beat(rig.groups)
  t.is(a.epoch, 3)
  await b.beat(rig.groups)
  act(b)
  t.is(b.owned.size, 2)
  t.deepEqual([...owned(a), ...owned(b)].sort(), ['t-0', 't-1', 't-2', 't-3'])
  t.is(describe(rig).state, 'Stable')
  t.is(await b.leave(rig.groups), 'NONE')
  t.is(describe(rig).state, 'Assigning')
  await a.beat(rig.groups)
  act(a)
  t.deepEqual([a.epoch, a.owned.size], [4, 4])
})

test('a heartbeat that tells nothing new is answered without an assignment, and writes nothing', async (t) => {
  const rig = await start()
  const a = new NewMember('a', rig.topics, { topics: ['t'] })
  await settle(rig, [a])
  const end = rig.writer.endOffset('__consumer_offsets', rig.groups.partitionFor('g'))
  await a.beat(rig.groups)
  t.is(a.pending, null)
  t.is(rig.writer.endOffset('__consumer_offsets', rig.groups.partitionFor('g')), end)
})

test('epochs: one behind is forgiven when the answer was lost, everything else is fenced', async (t) => {
  const rig = await start()
  const [a, b] = [new NewMember('a', rig.topics, { topics: ['t'] }), new NewMember('b', rig.topics, { topics: ['t'] })]
  await settle(rig, [a, b])
  await b.leave(rig.groups)
  t.is(await a.beat(rig.groups, true), 'LOST')
  t.is(await a.beat(rig.groups), 'NONE', 'says with its old epoch what it owns, which is part of what it was given')
  act(a)
  t.is(a.owned.size, 4)
  a.epoch += 1
  t.is(await a.beat(rig.groups), 'FENCED_MEMBER_EPOCH')
  t.is(await a.beat(rig.groups), 'NONE', 'joins again under its id')
  act(a)
  t.is(a.owned.size, 4)
  a.epoch -= 2
  t.is(await a.beat(rig.groups), 'FENCED_MEMBER_EPOCH')
  t.is(await new NewMember('x', rig.topics).leave(rig.groups), 'UNKNOWN_MEMBER_ID')
  t.is(await new NewMember('x', rig.topics, {}, 'nobody').leave(rig.groups), 'GROUP_ID_NOT_FOUND')
})

test('who is not heard of for a session is out, and who does not give up in time as well', async (t) => {
  const rig = await start()
  const a = new NewMember('a', rig.topics, { topics: ['t'], rebalanceTimeoutMs: 10_000 })
  const b = new NewMember('b', rig.topics, { topics: ['t'] })
  await a.beat(rig.groups)
  act(a)
  await b.beat(rig.groups)
  await a.beat(rig.groups)
  for (let i = 0; i < 9; i++) {
    rig.clock.advance(1000)
    await a.beat(rig.groups)
  }
  t.is(describe(rig).members.length, 2)
  rig.clock.advance(1000)
  t.is(describe(rig).members.length, 1, 'it was told, and kept its partitions')
  t.is(await a.beat(rig.groups), 'UNKNOWN_MEMBER_ID')
  await b.beat(rig.groups)
  act(b)
  t.is(b.owned.size, 4)
  rig.clock.advance(SESSION - 1)
  t.is(describe(rig).members.length, 1)
  rig.clock.advance(1)
  t.is(describe(rig).state, 'Empty')
})

test('while the disk refuses members are told to come again, and nobody loses a session over it', async (t) => {
  const rig = await start()
  const a = new NewMember('a', rig.topics, { topics: ['t'] })
  const b = new NewMember('b', rig.topics, { topics: ['t'] })
  await settle(rig, [a, b])
  rig.writer.writable = false
  for (let i = 0; i < 10; i++) {
    rig.clock.advance(SESSION / 5)
    t.is(await a.beat(rig.groups), 'COORDINATOR_NOT_AVAILABLE')
  }
  t.is(describe(rig).members.length, 2, 'b is not heard of, but that cannot be written down')
  rig.writer.writable = true
  rig.clock.advance(2000)
  t.is(await a.beat(rig.groups), 'NONE')
  t.deepEqual(
    describe(rig).members.map(({ memberId }) => memberId),
    ['a'],
  )
})

test('requests that no client sends are refused, with reasons', async (t) => {
  const rig = await start({ t: 1 }, { consumerMaxSize: 1 })
  const base = {
    memberId: 'a',
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: 1000,
    clientId: 'c',
    clientHost: '/h',
    topicNames: ['t'],
    topicRegex: null,
    serverAssignor: null,
    owned: new Map(),
    mayDescribe: () => true,
  }
  const refused = async (change: object, pattern: RegExp, group = 'g', version = 1): Promise<void> => {
    await t.throwsAsync(rig.groups.consumerHeartbeat(group, { ...base, ...change }, version), { message: pattern }, String(pattern))
  }
  await refused({}, /INVALID_REQUEST.*GroupId/, '')
  await refused({ memberId: '' }, /INVALID_REQUEST.*MemberId/)
  await refused({ memberId: '', memberEpoch: 1 }, /INVALID_REQUEST.*MemberId/, 'g', 0)
  await refused({ instanceId: '' }, /INVALID_REQUEST.*InstanceId/)
  await refused({ rackId: '' }, /INVALID_REQUEST.*RackId/)
  await refused({ rebalanceTimeoutMs: -1 }, /INVALID_REQUEST.*RebalanceTimeoutMs/)
  await refused({ owned: null }, /INVALID_REQUEST.*TopicPartitions/)
  await refused({ topicNames: null }, /INVALID_REQUEST.*SubscribedTopicNames/)
  await refused({ memberEpoch: -3 }, /INVALID_REQUEST.*MemberEpoch/)
  await refused({ memberEpoch: -2 }, /INVALID_REQUEST.*InstanceId/)
  await refused({ serverAssignor: 'mine' }, /UNSUPPORTED_ASSIGNOR.*uniform, range/)
  await refused({ topicRegex: '(' }, /INVALID_REGULAR_EXPRESSION/)
  await refused({ memberEpoch: 1 }, /GROUP_ID_NOT_FOUND/)
  t.deepEqual(rig.groups.list(), [], 'nothing of a refused request stays')
  const { memberId } = await rig.groups.consumerHeartbeat('g', { ...base, memberId: '' }, 0)
  t.regex(memberId, /^[0-9a-f-]{36}$/, 'in version 0 the coordinator makes the id')
  await refused({}, /GROUP_MAX_SIZE_REACHED/)
  await refused({ memberEpoch: 1 }, /GROUP_MAX_SIZE_REACHED/)
})

test('a static member that goes for a while keeps its partitions for whoever comes under its name', async (t) => {
  const rig = await start()
  const a = new NewMember('a', rig.topics, { topics: ['t'], instanceId: 'one' })
  const b = new NewMember('b', rig.topics, { topics: ['t'], instanceId: 'two' })
  await settle(rig, [a, b])
  const before = owned(a)
  const { epoch } = describe(rig)
  const again = new NewMember('a2', rig.topics, { topics: ['t'], instanceId: 'one' })
  t.is(await again.beat(rig.groups), 'UNRELEASED_INSTANCE_ID', 'the first one lives')
  t.is(await a.leave(rig.groups, -2), 'NONE')
  await b.beat(rig.groups)
  t.is(b.pending, null, 'nobody else notices')
  await restart(rig)
  t.is(await again.beat(rig.groups), 'NONE')
  act(again)
  t.deepEqual([owned(again), again.epoch, describe(rig).epoch], [before, epoch, epoch])
  t.is(await a.beat(rig.groups), 'UNRELEASED_INSTANCE_ID')
  a.joined = true
  a.epoch = epoch
  t.is(await a.beat(rig.groups), 'FENCED_INSTANCE_ID')
  t.is(await again.leave(rig.groups, -2), 'NONE')
  rig.clock.advance(SESSION)
  t.false(
    describe(rig).members.some(({ instanceId }) => instanceId === 'one'),
    'but no longer than a session',
  )
})

test('topics that come, grow and go are noticed with the next heartbeat; expressions match new topics', async (t) => {
  const rig = await start({ 'log.a': 1 })
  const a = new NewMember('a', rig.topics, { regex: 'log\\.[a-z]+', topics: ['extra'] })
  await settle(rig, [a])
  t.deepEqual(owned(a), ['log.a-0'])
  rig.topics.set('log.b', 2)
  rig.topics.set('other', 2)
  rig.topics.set('extra', 1)
  await settle(rig, [a])
  t.deepEqual(owned(a), ['extra-0', 'log.a-0', 'log.b-0', 'log.b-1'])
  rig.topics.set('log.b', 3)
  rig.topics.delete('log.a')
  await settle(rig, [a])
  t.deepEqual(owned(a), ['extra-0', 'log.b-0', 'log.b-1', 'log.b-2'])
  const { epoch } = describe(rig)
  rig.topics.set('no.match', 1)
  await settle(rig, [a])
  t.is(describe(rig).epoch, epoch, 'what does not concern the group changes nothing')
  await restart(rig)
  await settle(rig, [a])
  t.is(describe(rig).epoch, epoch)
  t.is(a.owned.size, 4)
})

test('members choose the assignor; most votes win', async (t) => {
  const rig = await start({ t: 3, u: 3 })
  const members = ['a', 'b'].map((name) => new NewMember(name, rig.topics, { topics: ['t', 'u'], assignor: 'range' }))
  await settle(rig, members)
  t.is(describe(rig).assignor, 'range')
  t.deepEqual(members.map(owned), [
    ['t-0', 't-1', 'u-0', 'u-1'],
    ['t-2', 'u-2'],
  ])
})

test('between two assignments a group waits the assignment interval', async (t) => {
  const rig = await start({ t: 4 }, { consumerAssignmentIntervalMs: 1000 })
  const [a, b] = [new NewMember('a', rig.topics, { topics: ['t'] }), new NewMember('b', rig.topics, { topics: ['t'] })]
  await a.beat(rig.groups)
  act(a)
  t.is(a.owned.size, 4, 'the first is not put off')
  rig.clock.advance(999)
  await b.beat(rig.groups)
  t.is(describe(rig).state, 'Assigning')
  rig.clock.advance(1)
  await b.beat(rig.groups)
  t.is(describe(rig).state, 'Reconciling')
})

test('commits and fetches of members are checked against their epochs, partition by partition (KIP-1251)', async (t) => {
  const rig = await start()
  const { groups } = rig
  const [a, b] = [new NewMember('a', rig.topics, { topics: ['t'] }), new NewMember('b', rig.topics, { topics: ['t'] })]
  await a.beat(groups)
  act(a)
  const at = (memberId: string, generation: number, version = 9) => ({ memberId, instanceId: null, generation, version })
  const offsets = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition, offset: 5, leaderEpoch: -1, metadata: null }))
  const commit = async (who: ReturnType<typeof at>) => [...new Set(await groups.commit('g', who, offsets))].join()
  t.is(await commit(at('a', 2)), 'NONE')
  t.is(await commit(at('a', 3)), 'STALE_MEMBER_EPOCH')
  t.is(await commit(at('x', 2)), 'UNKNOWN_MEMBER_ID')
  t.is(await commit(at('', -1)), 'UNKNOWN_MEMBER_ID', 'while there are members nobody else may')
  t.is(await commit(at('a', 2, 8)), 'UNSUPPORTED_VERSION')
  await settle(rig, [a, b])
  t.is(a.epoch, 3)
  const own = offsets.filter(({ partition }) => a.owned.has(`t-${partition}`))
  t.deepEqual(await groups.commit('g', at('a', 2), own), ['NONE', 'NONE'], 'what it has kept since the old epoch it may commit under it')
  t.deepEqual([...new Set(await groups.commit('g', at('a', 2), offsets))], ['STALE_MEMBER_EPOCH'], 'but not with what it has given up')
  const producer = { producerId: 7, producerEpoch: 0 }
  t.deepEqual([...new Set(groups.commitInTransaction('g', at('b', 2), producer, offsets))], ['ILLEGAL_GENERATION'])
  t.deepEqual([...new Set(groups.commitInTransaction('g', at('', -1), producer, offsets))], ['NONE'])
  const fetch = (memberId: string | null, memberEpoch: number) => groups.fetch('g', null, false, { memberId, memberEpoch })
  t.is((await fetch('a', 3)).length, 4)
  t.is((await fetch(null, -1)).length, 4)
  await t.throwsAsync(fetch('a', 2), { message: /STALE_MEMBER_EPOCH/ })
  await t.throwsAsync(fetch('x', 1), { message: /UNKNOWN_MEMBER_ID/ })
  t.is(await groups.commit('nobody', at('a', 1), offsets).then((list) => list[0]), 'GROUP_ID_NOT_FOUND')
  t.is(await groups.commit('nobody', at('a', 1, 8), offsets).then((list) => list[0]), 'ILLEGAL_GENERATION')
})

test('groups of the new protocol are listed, deleted, and keep offsets of topics they are subscribed to', async (t) => {
  const rig = await start({ t: 1, u: 1 })
  const { groups, clock } = rig
  const a = new NewMember('a', rig.topics, { topics: ['t'] })
  await settle(rig, [a])
  const offsets = ['t', 'u'].map((topic) => ({ topic, partition: 0, offset: 1, leaderEpoch: -1, metadata: null }))
  await groups.commit('g', { memberId: 'a', instanceId: null, generation: a.epoch }, offsets)
  t.deepEqual(groups.list(), [{ groupId: 'g', protocolType: 'consumer', state: 'Stable', type: 'consumer' }])
  t.deepEqual([groups.describe('g'), groups.kindOf('g')], [undefined, 'consumer'])
  t.is(await groups.delete('g'), 'NON_EMPTY_GROUP')
  t.deepEqual(await groups.deleteOffsets('g', offsets), ['GROUP_SUBSCRIBED_TO_TOPIC', 'NONE'])
  await groups.commit('g', { memberId: 'a', instanceId: null, generation: a.epoch }, offsets)
  for (let hours = 0; hours < 8 * 24; hours++) {
    for (let beats = 0; beats < 90; beats++) {
      clock.advance(40_000)
      await a.beat(groups)
    }
    if ((await groups.fetch('g', null, false)).length < 2) break
  }
  t.deepEqual(
    (await groups.fetch('g', null, false)).map(({ topic }) => topic),
    ['t'],
    'the other one is older than the retention time',
  )
  await a.leave(groups)
  t.is(await groups.delete('g'), 'NONE')
  await restart(rig)
  t.deepEqual(rig.groups.list(), [])
})

/** Requests of members of a classic group wait for each other: nobody waits for an answer here, and time passes meanwhile. */
async function settleClassic(rig: Rig, members: readonly ClassicMember[]): Promise<void> {
  const busy = new Map<ClassicMember, Promise<unknown>>()
  for (let round = 0; round < 12; round++) {
    for (const member of members) {
      if (!busy.has(member))
        busy.set(
          member,
          member.beat(rig.groups).finally(() => busy.delete(member)),
        )
    }
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
    rig.clock.advance(1000)
  }
  await Promise.all(busy.values())
}

for (const cooperative of [true, false]) {
  const kind = cooperative ? 'cooperative' : 'eager'
  test(`a classic group goes over to the new protocol member by member, and back (${kind})`, async (t) => {
    const rig = await start()
    const classics = ['c1', 'c2'].map((name) => new ClassicMember(name, rig.topics, { topics: ['t'], cooperative }))
    await settleClassic(rig, classics)
    t.deepEqual(
      classics.map((member) => member.owned.size),
      [2, 2],
    )
    const generation = classics[0]!.epoch
    t.is(rig.groups.kindOf('g'), 'classic')

    const fresh = new NewMember('n', rig.topics, { topics: ['t'] })
    t.is(await fresh.beat(rig.groups), 'NONE')
    const { members, epoch } = describe(rig)
    t.is(epoch, generation + 1)
    t.deepEqual(
      members.map(({ speaksClassic }) => speaksClassic),
      [true, true, false],
    )
    t.is(await classics[0]!.beat(rig.groups), 'REBALANCE_IN_PROGRESS')
    await settle(rig, [...classics, fresh])
    const all = [...classics, fresh]
    t.deepEqual(all.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    t.true(all.every((member) => member.owned.size >= 1))
    t.is(describe(rig).state, 'Stable')
    await restart(rig)
    t.is(rig.groups.kindOf('g'), 'consumer')
    await settle(rig, all)
    t.deepEqual(all.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    const [first] = classics
    t.is(
      await rig.groups.commit('g', { memberId: first!.memberId, instanceId: null, generation: first!.epoch }, []).then(() => 'taken'),
      'taken',
    )

    t.is(await fresh.leave(rig.groups), 'NONE')
    t.is(rig.groups.kindOf('g'), 'classic')
    t.is(rig.groups.describe('g')!.state, 'PreparingRebalance', 'its partitions want another owner')
    await settleClassic(rig, classics)
    t.deepEqual(classics.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    await restart(rig)
    t.is(rig.groups.describe('g')!.state, 'Stable')
    t.is(await classics[1]!.beat(rig.groups), 'NONE')

    for (const member of classics) await member.leave(rig.groups)
    rig.clock.advance(1000)
    t.is(await fresh.beat(rig.groups), 'NONE', 'an empty classic group becomes one of the new protocol')
    act(fresh)
    t.is(fresh.owned.size, 4)
    t.is(describe(rig).members.length, 1)
    await fresh.leave(rig.groups)
    await settleClassic(rig, [classics[0]!])
    t.is(classics[0]!.owned.size, 4, 'and the other way round')
    t.is(rig.groups.kindOf('g'), 'classic')
  })
}

test('a static member of the classic protocol is replaced by its successor of the new one, and back, without a rebalance', async (t) => {
  const rig = await start({ t: 2 })
  const old = new ClassicMember('c', rig.topics, { topics: ['t'], instanceId: 'one' })
  const other = new ClassicMember('o', rig.topics, { topics: ['t'], instanceId: 'two' })
  await settleClassic(rig, [old, other])
  const before = owned(old)
  const fresh = new NewMember('n', rig.topics, { topics: ['t'], instanceId: 'one' })
  t.is(await fresh.beat(rig.groups), 'NONE')
  act(fresh)
  t.deepEqual(owned(fresh), before)
  t.is(await old.beat(rig.groups), 'FENCED_INSTANCE_ID')
  await settle(rig, [fresh, other])
  t.deepEqual([owned(fresh), owned(other)], [before, ['t-0', 't-1'].filter((each) => !before.includes(each))])
  const back = new ClassicMember('c2', rig.topics, { topics: ['t'], instanceId: 'one' })
  await settleClassic(rig, [back, other])
  t.is(rig.groups.kindOf('g'), 'classic', 'nobody speaks the new protocol any more')
  t.deepEqual(owned(back), before)
})

test('group.consumer.migration.policy says which way groups may go', async (t) => {
  for (const [policy, up, down] of [
    ['bidirectional', true, true],
    ['upgrade', true, false],
    ['downgrade', false, true],
    ['disabled', false, false],
  ] as const) {
    const rig = await start({ t: 2 }, { consumerMigrationPolicy: policy })
    const classic = new ClassicMember('c', rig.topics, { topics: ['t'] })
    await settleClassic(rig, [classic])
    const fresh = new NewMember('n', rig.topics, { topics: ['t'] })
    t.is(await fresh.beat(rig.groups), up ? 'NONE' : 'GROUP_ID_NOT_FOUND', policy)

    const second = await start({ t: 2 }, { consumerMigrationPolicy: policy })
    const first = new NewMember('n', second.topics, { topics: ['t'] })
    await settle(second, [first])
    const joiner = new ClassicMember('c', second.topics, { topics: ['t'] })
    await settle(second, [first, joiner])
    t.deepEqual([first.owned.size, joiner.owned.size], [1, 1], 'joining needs no migration')
    await first.leave(second.groups)
    t.is(second.groups.kindOf('g'), down ? 'classic' : 'consumer', policy)
  }
})

test('groups that are no consumers, or whose metadata cannot be read, stay classic', async (t) => {
  for (const [protocolType, metadata] of [
    ['connect', Buffer.from('00010000000000000000', 'hex')],
    ['consumer', Buffer.alloc(0)],
  ] as const) {
    const rig = await start()
    const joined = await rig.groups.join('g', {
      memberId: '',
      instanceId: 'i',
      clientId: 'c',
      clientHost: '/h',
      protocolType,
      protocols: [{ name: 'p', metadata }],
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      requiresKnownMemberId: true,
      supportsSkippingAssignment: true,
    })
    t.is(joined.error, 'NONE')
    t.is(await new NewMember('n', rig.topics, { topics: ['t'] }).beat(rig.groups), 'GROUP_ID_NOT_FOUND')
    t.is(rig.groups.kindOf('g'), 'classic')
  }
})

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'beat',
      'beat',
      'beat',
      'beat',
      'act',
      'act',
      'lose',
      'join',
      'leave',
      'away',
      'pass',
      'restart',
      'power',
      'topic',
    ),
    who: fc.nat(5),
    ms: fc.constantFrom(100, 1000, 5000, 20_000, 70_000),
    partitions: fc.nat(3),
  }),
  { minLength: 10, maxLength: 70 },
)

test('whatever members do: no partition has two owners, epochs only rise, and in the end everything is assigned', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('uniform', 'range'), async (list, assignor) => {
      const rig = await start({ t: 3, u: 2 }, { groupMinSessionTimeoutMs: 1 })
      const kinds = [
        () => new NewMember('n0', rig.topics, { topics: ['t'], assignor }),
        () => new NewMember('n1', rig.topics, { topics: ['t', 'u'], assignor, rebalanceTimeoutMs: 10_000 }),
        () => new NewMember('n2', rig.topics, { regex: '[tu]' }),
        () => new NewMember('n3', rig.topics, { topics: ['u'], instanceId: 'i3' }),
        () => new ClassicMember('c4', rig.topics, { topics: ['t', 'u'] }),
        () => new ClassicMember('c5', rig.topics, { topics: ['t'], cooperative: true }),
      ]
      const anchor = new NewMember('anchor', rig.topics, { topics: ['t', 'u'], assignor })
      const members = kinds.map((make) => make())
      const all = [anchor, ...members]
      const heard = new Map<TestMember, number>()
      const told = new Map<TestMember, number>()
      const epochs = new Map<TestMember, number>()
      let groupEpoch = 0
      const beat = async (member: TestMember, lost = false): Promise<void> => {
        const was = member.joined
        const error = await member.beat(rig.groups, lost)
        if (error === 'NONE' || error === 'LOST' || error === 'REBALANCE_IN_PROGRESS') heard.set(member, rig.clock.monotonic())
        if (error !== 'NONE') return
        if (was && member.epoch < (epochs.get(member) ?? 0))
          throw new Error(`${member.name} went from epoch ${epochs.get(member)} to ${member.epoch}`)
        epochs.set(member, member.epoch)
      }
      const check = (): void => {
        const owners = new Map<string, string>()
        for (const member of all) {
          // Who has not been heard of in time, or has not given up in time what it was told to, gives up by itself, as clients do.
          const now = rig.clock.monotonic()
          const patience = Math.min(30_000, member.options.rebalanceTimeoutMs ?? Infinity)
          if (member instanceof NewMember && member.pending !== null) told.set(member, told.get(member) ?? now)
          else told.delete(member)
          if (now - (heard.get(member) ?? 0) >= patience || now - (told.get(member) ?? now) >= patience) member.reset()
          for (const partition of member.owned) {
            if (owners.has(partition)) throw new Error(`${partition} belongs to ${owners.get(partition)} and ${member.name}`)
            owners.set(partition, member.name)
          }
        }
        const group = rig.groups.describeConsumerGroup('g')
        if (group !== undefined && group.epoch < groupEpoch) throw new Error(`the epoch fell from ${groupEpoch} to ${group.epoch}`)
        groupEpoch = group?.epoch ?? groupEpoch
      }
      await beat(anchor)
      for (const { kind, who, ms, partitions } of list) {
        const member = members[who]!
        if (kind === 'beat' || kind === 'join') await beat(member)
        else if (kind === 'lose') await beat(member, true)
        else if (kind === 'act') act(member)
        else if (kind === 'leave') await member.leave(rig.groups)
        else if (kind === 'away' && member instanceof NewMember && member.options.instanceId !== undefined)
          await member.leave(rig.groups, -2)
        else if (kind === 'pass') {
          for (let left = ms; left > 0; left -= 5000) {
            rig.clock.advance(Math.min(left, 5000))
            check()
            await beat(anchor)
            act(anchor)
          }
        } else if (kind === 'restart' || kind === 'power') await restart(rig, kind === 'power')
        else if (kind === 'topic') rig.topics.set('u', 2 + partitions)
        check()
      }
      // Everybody who is in goes on, the others are forgotten.
      const live = all.filter((member) => member.joined)
      for (let round = 0; round < 30; round++) {
        for (const member of live) {
          await beat(member)
          act(member)
          check()
        }
        rig.clock.advance(2500)
      }
      const group = describe(rig)
      t.is(group.state, 'Stable')
      const assigned = all.flatMap((member) => [...member.owned]).sort()
      const expected = ['t', 'u']
        .flatMap((name) => Array.from({ length: rig.topics.get(name)!.partitions }, (_, id) => `${name}-${id}`))
        .sort()
      t.deepEqual(assigned, expected)
      await restart(rig)
      const restored = describe(rig)
      t.deepEqual({ ...restored, members: restored.members.toSorted(byId) }, { ...group, members: group.members.toSorted(byId) })
      rig.groups.close()
    }),
    { numRuns: Number(process.env['RUNS'] ?? 150), includeErrorInReport: true },
  )
})

function byId(a: { memberId: string }, b: { memberId: string }): number {
  return a.memberId < b.memberId ? -1 : 1
}
