import test from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { DeleteGroups } from '../../core/protocol/messages/delete-groups.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { LeaveGroup } from '../../core/protocol/messages/leave-group.ts'
import { ListGroups } from '../../core/protocol/messages/list-groups.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../core/protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { createTopic, open } from '../support/wire.ts'

interface Member {
  memberId: string
  generation: number
  leads: boolean
  members: number
  skip: boolean
}

async function join(
  channel: Channel,
  options: { version?: number; memberId?: string; instanceId?: string; group?: string; metadata?: string } = {},
): Promise<Member> {
  const { version = 9, memberId = '', instanceId, group = 'g', metadata = 'topics' } = options
  const answer = await channel.request(JoinGroup, version, {
    groupId: group,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: version >= 1 ? 20_000 : -1,
    memberId,
    ...(version >= 5 ? { groupInstanceId: instanceId ?? null } : {}),
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from(metadata) }],
  })
  const error = errorName(answer.errorCode)
  if (error === 'MEMBER_ID_REQUIRED') return join(channel, { ...options, memberId: answer.memberId })
  if (error !== 'NONE') throw new Error(error)
  return {
    memberId: answer.memberId,
    generation: answer.generationId,
    leads: answer.leader === answer.memberId,
    members: answer.members.length,
    skip: answer.skipAssignment,
  }
}

async function sync(
  channel: Channel,
  member: Member,
  assignments: Record<string, string> = {},
  version = 5,
  instanceId: string | null = null,
): Promise<string> {
  const answer = await channel.request(SyncGroup, version, {
    groupId: 'g',
    generationId: member.generation,
    memberId: member.memberId,
    groupInstanceId: instanceId,
    ...(version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
    assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: Buffer.from(text) })),
  })
  return answer.errorCode === 0 ? answer.assignment.toString() : errorName(answer.errorCode)
}

async function heartbeat(channel: Channel, member: Member, version = 4, instanceId: string | null = null): Promise<string> {
  const { errorCode } = await channel.request(Heartbeat, version, {
    groupId: 'g',
    generationId: member.generation,
    memberId: member.memberId,
    groupInstanceId: instanceId,
  })
  return errorName(errorCode)
}

async function commit(
  channel: Channel,
  topic: string,
  offset: number,
  options: { version?: number; member?: Member; group?: string; partition?: number; topicId?: string; metadata?: string } = {},
): Promise<string> {
  const { version = 9, member, group = 'g', partition = 0, topicId, metadata = 'note' } = options
  const { topics } = await channel.request(OffsetCommit, version, {
    groupId: group,
    ...(version >= 1 ? { generationIdOrMemberEpoch: member?.generation ?? -1, memberId: member?.memberId ?? '' } : {}),
    topics: [
      {
        ...(version >= 10 ? { topicId: topicId! } : { name: topic }),
        partitions: [
          {
            partitionIndex: partition,
            committedOffset: offset,
            ...(version >= 6 ? { committedLeaderEpoch: 4 } : {}),
            committedMetadata: metadata,
          },
        ],
      },
    ],
  })
  return errorName(topics[0]!.partitions[0]!.errorCode)
}

async function committed(
  channel: Channel,
  options: { version?: number; group?: string; topics?: { name: string; topicId?: string }[] | null } = {},
): Promise<string[]> {
  const { version = 9, group = 'g', topics = null } = options
  const wanted =
    topics?.map(({ name, topicId }) => ({ ...(version >= 10 ? { topicId: topicId! } : { name }), partitionIndexes: [0] })) ?? null
  const old = version < 8
  const answer = await channel.request(
    OffsetFetch,
    version,
    old
      ? { groupId: group, topics: wanted as { name: string; partitionIndexes: number[] }[] | null }
      : { groups: [{ groupId: group, topics: wanted }] },
  )
  const found = old ? answer.topics : answer.groups[0]!.topics
  const error = old ? answer.errorCode : answer.groups[0]!.errorCode
  if (error !== 0) return [errorName(error)]
  return found.flatMap((topic) =>
    topic.partitions.map((each) => {
      const name = version >= 10 ? answer.groups[0]!.topics[0]!.topicId : topic.name
      return `${name}-${each.partitionIndex}@${each.errorCode === 0 ? `${each.committedOffset} ${each.committedLeaderEpoch} ${each.metadata}` : errorName(each.errorCode)}`
    }),
  )
}

test('two members share a group, in every version of the calls', async (t) => {
  const broker = await startBroker(t)
  const [one, two] = [await open(t, broker), await open(t, broker)]
  await one.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  for (let version = 0; version <= 9; version++) {
    const syncVersion = Math.min(version, 5)
    const beatVersion = Math.min(version, 4)
    const leaveVersion = Math.min(version, 5)
    const first = await join(one, { version })
    t.true(first.leads)
    t.is(await sync(one, first, { [first.memberId]: 'all' }, syncVersion), 'all')
    const joining = join(two, { version })
    while ((await heartbeat(one, first, beatVersion)) === 'NONE') await new Promise((resolve) => setImmediate(resolve))
    const leader = await join(one, { version, memberId: first.memberId })
    const follower = await joining
    t.deepEqual([leader.leads, leader.members, follower.leads, follower.members], [true, 2, false, 0])
    const assigned = sync(two, follower, {}, syncVersion)
    t.is(await sync(one, leader, { [leader.memberId]: 'left', [follower.memberId]: 'right' }, syncVersion), 'left')
    t.is(await assigned, 'right')
    t.is(await heartbeat(two, follower, beatVersion), 'NONE')
    t.is(await heartbeat(two, { ...follower, generation: 0 }, beatVersion), 'ILLEGAL_GENERATION')
    for (const [channel, { memberId }] of [
      [one, leader],
      [two, follower],
    ] as const) {
      const answer = await channel.request(
        LeaveGroup,
        leaveVersion,
        leaveVersion < 3 ? { groupId: 'g', memberId } : { groupId: 'g', members: [{ memberId }] },
      )
      t.is(answer.errorCode, 0)
    }
    t.is(await heartbeat(one, leader, beatVersion), 'UNKNOWN_MEMBER_ID')
  }
})

test('offsets are committed and fetched in every version of the calls', async (t) => {
  const channel = await open(t, await startBroker(t))
  const topicId = await createTopic(channel, 'a')
  await channel.request(FindCoordinator, 0, { key: 'g' })
  for (let version = 0; version <= 10; version++) {
    t.is(await commit(channel, 'a', 100 + version, { version, topicId }), 'NONE')
    const name = version >= 10 ? topicId : 'a'
    const epoch = version >= 6 ? 4 : -1
    t.deepEqual(await committed(channel, { version, topics: [{ name: 'a', topicId }] }), [
      `${name}-0@${100 + version} ${version >= 5 ? epoch : -1} note`,
    ])
    if (version >= 2) t.deepEqual(await committed(channel, { version }), [`${name}-0@${100 + version} ${version >= 5 ? epoch : -1} note`])
  }
  t.is(await commit(channel, 'nowhere', 1), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await commit(channel, 'a', 1, { partition: 7 }), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await commit(channel, 'a', 1, { version: 10, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' }), 'UNKNOWN_TOPIC_ID')
  t.is(await commit(channel, 'a', 1, { metadata: 'x'.repeat(5000) }), 'OFFSET_METADATA_TOO_LARGE')
  t.deepEqual(await committed(channel, { topics: [{ name: 'b' }] }), ['b-0@-1 -1 '])
  t.deepEqual(await committed(channel, { version: 0, topics: [{ name: 'b' }] }), ['b-0@UNKNOWN_TOPIC_OR_PARTITION'])
})

test('one request fetches the offsets of several groups', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['x', 'y'] })
  await commit(channel, 'a', 1, { group: 'x' })
  await commit(channel, 'a', 2, { group: 'y' })
  const { groups } = await channel.request(OffsetFetch, 8, { groups: ['x', 'y', 'z'].map((groupId) => ({ groupId, topics: null })) })
  t.deepEqual(
    groups.map(({ groupId, topics }) => [groupId, topics.map((topic) => topic.partitions[0]!.committedOffset)]),
    [
      ['x', [1]],
      ['y', [2]],
      ['z', []],
    ],
  )
})

test('the coordinator of everything is this broker, in every version of the call', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  for (let version = 0; version <= 6; version++) {
    for (const keyType of version === 0 ? [0] : [0, 1]) {
      const answer = await channel.request(
        FindCoordinator,
        version,
        version < 4 ? { key: 'k', ...(version > 0 ? { keyType } : {}) } : { keyType, coordinatorKeys: ['k'] },
      )
      const node = version < 4 ? answer : answer.coordinators[0]!
      t.deepEqual([node.errorCode, node.nodeId, node.port], [0, broker.nodeId, broker.port!])
    }
  }
  const { errorCode } = await channel.request(FindCoordinator, 3, { key: 'k', keyType: 2 })
  t.is(errorName(errorCode), 'INVALID_REQUEST')
})

test('groups are listed, described and deleted', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  const member = await join(channel)
  await sync(channel, member, { [member.memberId]: 'all' })
  await commit(channel, 'a', 3, { group: 'idle' })
  const list = async (statesFilter: string[], version = 5) =>
    (await channel.request(ListGroups, version, { statesFilter })).groups
      .map(({ groupId, groupState }) => `${groupId} ${groupState}`)
      .toSorted()
  t.deepEqual(await list([]), ['g Stable', 'idle Empty'])
  t.deepEqual(await list(['stable']), ['g Stable'])
  t.deepEqual((await channel.request(ListGroups, 0, {})).groups.map(({ groupId }) => groupId).toSorted(), ['g', 'idle'])
  for (let version = 0; version <= 6; version++) {
    const { groups } = await channel.request(DescribeGroups, version, { groups: ['g', 'nobody'] })
    const [group, nobody] = groups
    t.deepEqual([group!.groupState, group!.protocolType, group!.protocolData], ['Stable', 'consumer', 'range'])
    const [described] = group!.members
    t.deepEqual(
      [described!.memberId, described!.clientId, described!.clientHost, described!.memberAssignment.toString()],
      [member.memberId, 'test', '/127.0.0.1', 'all'],
    )
    t.deepEqual([nobody!.groupState, errorName(nobody!.errorCode)], ['Dead', version < 6 ? 'NONE' : 'GROUP_ID_NOT_FOUND'])
  }
  const { results } = await channel.request(DeleteGroups, 2, { groupsNames: ['g', 'idle', 'nobody'] })
  t.deepEqual(
    results.map(({ errorCode }) => errorName(errorCode)),
    ['NON_EMPTY_GROUP', 'NONE', 'GROUP_ID_NOT_FOUND'],
  )
  t.deepEqual(await list([]), ['g Stable'])
})

test('offsets go with their topic, or when they are deleted', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  await commit(channel, 'a', 1)
  await commit(channel, 'b', 2)
  const { topics } = await channel.request(OffsetDelete, 0, { groupId: 'g', topics: [{ name: 'b', partitions: [{ partitionIndex: 0 }] }] })
  t.is(topics[0]!.partitions[0]!.errorCode, 0)
  t.deepEqual(await committed(channel), ['a-0@1 4 note'])
  await channel.request(DeleteTopics, 5, { topicNames: ['a'], timeoutMs: 1000 })
  t.deepEqual(await committed(channel), [])
})

test('a broker that was killed has its groups, members and offsets back, and a static member goes on at once', async (t) => {
  const child = new ChildBroker(t, await tempDir(t))
  await child.start()
  const before = await child.open()
  await createTopic(before, 'a')
  await before.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  const member = await join(before, { instanceId: 'one' })
  t.is(await sync(before, member, { [member.memberId]: 'all' }, 5, 'one'), 'all')
  for (let offset = 1; offset <= 20; offset++) await commit(before, 'a', offset, { member })
  await child.kill()
  await child.start()
  const after = await child.open()
  t.is(await heartbeat(after, member, 4, 'one'), 'NONE', 'a member that lived through it need not join again')
  t.deepEqual(await committed(after), ['a-0@20 4 note'])
  const back = await join(after, { instanceId: 'one' })
  t.deepEqual([back.generation, back.leads, back.skip], [member.generation, true, true])
  t.is(await sync(after, back, {}, 5, 'one'), 'all')
  t.is(await heartbeat(after, member, 4, 'one'), 'FENCED_INSTANCE_ID')
})
