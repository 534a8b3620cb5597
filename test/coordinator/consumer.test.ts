import test from 'ava'

import { NewMember } from '../support/consumer-members.ts'
import { act, describe, owned, restart, settle, start } from '../support/group-rig.ts'

const SESSION = 45_000

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
