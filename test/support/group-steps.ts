import { errorName } from '../../core/protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../core/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../core/protocol/messages/consumer-protocol.ts'
import { DeleteGroups } from '../../core/protocol/messages/delete-groups.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { LeaveGroup } from '../../core/protocol/messages/leave-group.ts'
import { ListGroups } from '../../core/protocol/messages/list-groups.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../core/protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { decodeVersioned, encodeVersioned } from '../../core/protocol/versioned.ts'
import { byText } from './group-side.ts'
import type { Side, Topic } from './group-side.ts'

/** A request to one of the two, and what is to be the same in the answers of both. */
export type Step = (side: Side, group: string) => Promise<unknown>

const WAIT_MS = 700

/** An answer, or that there is none for now. */
async function orWaits<T>(answer: Promise<T>): Promise<T | 'waits'> {
  answer.catch(() => {})
  return Promise.race([answer, new Promise<'waits'>((resolve) => setTimeout(() => resolve('waits'), WAIT_MS))])
}

export function heartbeat(
  label: string,
  kind: 'join' | 'beat' | 'ack' | 'stale' | 'future' | 'leave' | 'away',
  topics: Topic[],
  instanceId: string | null,
): Step {
  return async (side, group) => {
    const member = side.member(label)
    const epochs = {
      join: 0,
      beat: member.epoch,
      ack: member.epoch,
      stale: member.epoch - 1,
      future: member.epoch + 1,
      leave: -1,
      away: -2,
    }
    // Known difference: a static member that joins again under its own id, because an answer was lost, is refused by Kafka and dies of it.
    if (kind === 'join' && instanceId !== null && member.epoch > 0) return 'left out'
    const joins = kind === 'join'
    const owned = joins
      ? []
      : kind === 'ack'
        ? Object.entries(member.owned).map(([name, partitions]) => ({ topicId: side.ids[name]!, partitions }))
        : null
    const { errorCode, memberId, memberEpoch, heartbeatIntervalMs, assignment } = await (
      await side.channel(label)
    ).request(ConsumerGroupHeartbeat, 1, {
      groupId: group,
      memberId: label,
      memberEpoch: epochs[kind],
      instanceId,
      rackId: null,
      rebalanceTimeoutMs: joins ? 60_000 : -1,
      subscribedTopicNames: joins ? topics : null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: owned,
    })
    if (errorCode === 0) {
      member.epoch = Math.max(memberEpoch, 0)
      if (assignment !== null) member.owned = side.named(assignment.topicPartitions)
    }
    return {
      error: errorName(errorCode),
      memberId,
      memberEpoch,
      heartbeatIntervalMs,
      assignment: assignment && side.named(assignment.topicPartitions),
    }
  }
}

export function join(label: string, topics: Topic[], instanceId: string | null, fresh: boolean): Step {
  return async (side, group) => {
    const member = side.member(label)
    if (fresh || member.id === label) member.id = ''
    const ownedPartitions = Object.entries(member.owned).map(([topic, partitions]) => ({ topic, partitions }))
    const metadata = encodeVersioned(ConsumerProtocolSubscription, 1, { topics, ownedPartitions: fresh ? [] : ownedPartitions })
    const answer = await orWaits(
      (await side.channel(label)).request(JoinGroup, 9, {
        groupId: group,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 60_000,
        memberId: member.id,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata }],
      }),
    )
    if (answer === 'waits') return answer
    // Range assigns in the order of ids: a dynamic member does not take the random one it is given. Groups of the new protocol take any.
    if (answer.memberId !== '') member.id = instanceId === null ? `${label}-chosen` : answer.memberId
    side.learn(label, answer.memberId)
    if (answer.errorCode === 0) member.generation = answer.generationId
    const { errorCode, generationId, protocolType, protocolName, leader, skipAssignment, members } = answer
    const listed = members.map(({ memberId }) => side.label(memberId)).toSorted()
    return {
      error: errorName(errorCode),
      generationId,
      protocolType,
      protocolName,
      leader: side.label(leader),
      skipAssignment,
      listed,
      id: side.label(answer.memberId),
    }
  }
}

export function sync(label: string, instanceId: string | null): Step {
  return async (side, group) => {
    const member = side.member(label)
    const answer = await orWaits(
      (await side.channel(label)).request(SyncGroup, 5, {
        groupId: group,
        generationId: member.generation,
        memberId: member.id,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: [],
      }),
    )
    if (answer === 'waits') return answer
    const { errorCode, protocolType, protocolName, assignment } = answer
    const assigned = assignment.length === 0 ? [] : decodeVersioned(ConsumerProtocolAssignment, assignment, 'as newest').assignedPartitions
    const owned = Object.fromEntries(
      assigned.map(({ topic, partitions }): [string, number[]] => [topic, partitions.toSorted((a, b) => a - b)]).toSorted(byText),
    )
    if (errorCode === 0) member.owned = owned
    return { error: errorName(errorCode), protocolType, protocolName, owned }
  }
}

export const beat = (label: string, instanceId: string | null, shift: number): Step => {
  return async (side, group) => {
    const { id, generation } = side.member(label)
    const request = { groupId: group, generationId: generation + shift, memberId: id, groupInstanceId: instanceId }
    return errorName((await (await side.channel(label)).request(Heartbeat, 4, request)).errorCode)
  }
}

export const leave = (label: string, instanceId: string | null, byInstance: boolean): Step => {
  return async (side, group) => {
    const { id } = side.member(label)
    const members = [{ memberId: byInstance ? '' : id, groupInstanceId: instanceId, reason: null }]
    const { errorCode, members: answers } = await (await side.channel(label)).request(LeaveGroup, 5, { groupId: group, members })
    return [errorName(errorCode), answers.map((each) => errorName(each.errorCode))]
  }
}

export const commit = (
  label: string,
  shift: number,
  anybody: boolean,
  classic: boolean,
  version: number,
  names: readonly Topic[],
  ids: readonly number[],
): Step => {
  return async (side, group) => {
    const { id, epoch, generation } = side.member(label)
    const who = anybody
      ? { generationIdOrMemberEpoch: -1, memberId: '' }
      : { generationIdOrMemberEpoch: (classic ? generation : epoch) + shift, memberId: id }
    const partitions = ids.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 0,
      committedLeaderEpoch: -1,
      committedMetadata: 'm',
    }))
    const topics = names.map((name) => ({ ...(version >= 10 ? { topicId: side.ids[name]! } : { name }), partitions }))
    const answer = await (
      await side.channel(label)
    ).request(OffsetCommit, version, { groupId: group, ...who, groupInstanceId: null, topics })
    return answer.topics.map((topic) => [
      version >= 10 ? side.nameOf(topic.topicId) : topic.name,
      topic.partitions.map(({ errorCode }) => errorName(errorCode)),
    ])
  }
}

export const fetch = (label: string, shift: number, anybody: boolean): Step => {
  return async (side, group) => {
    const { id, epoch } = side.member(label)
    const who = anybody ? { memberId: null, memberEpoch: -1 } : { memberId: id, memberEpoch: epoch + shift }
    const { groups } = await (await side.channel(label)).request(OffsetFetch, 9, { groups: [{ groupId: group, ...who, topics: null }] })
    const [only] = groups
    const offsets = only!.topics.map(({ name, partitions }) => [
      name,
      partitions.map((each) => [each.partitionIndex, each.committedOffset, each.metadata, errorName(each.errorCode)]).toSorted(byText),
    ])
    return [errorName(only!.errorCode), offsets.toSorted(byText)]
  }
}

export const remove = (topic: Topic): Step => {
  return async (side, group) => {
    const { errorCode, topics } = await (
      await side.channel('admin')
    ).request(OffsetDelete, 0, { groupId: group, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] })
    return [errorName(errorCode), topics.map(({ partitions }) => partitions.map((each) => errorName(each.errorCode)))]
  }
}

export const destroy: Step = async (side, group) => {
  const { results } = await (await side.channel('admin')).request(DeleteGroups, 2, { groupsNames: [group] })
  return results.map(({ errorCode }) => errorName(errorCode))
}

export const describe: Step = async (side, group) => {
  const channel = await side.channel('admin')
  const [consumer] = (await channel.request(ConsumerGroupDescribe, 1, { groupIds: [group], includeAuthorizedOperations: false })).groups
  const [classic] = (await channel.request(DescribeGroups, 6, { groups: [group], includeAuthorizedOperations: false })).groups
  const { groups } = await channel.request(ListGroups, 5, { statesFilter: [], typesFilter: [] })
  return {
    consumer: {
      error: errorName(consumer!.errorCode),
      state: consumer!.groupState,
      epoch: consumer!.groupEpoch,
      assignmentEpoch: consumer!.assignmentEpoch,
      assignor: consumer!.assignorName,
      members: consumer!.members
        .map(({ memberId, assignment, targetAssignment, subscribedTopicNames, ...rest }) => ({
          ...rest,
          memberId: side.label(memberId),
          subscribedTopicNames: subscribedTopicNames.toSorted(),
          assignment: side.named(assignment.topicPartitions),
          target: side.named(targetAssignment.topicPartitions),
        }))
        .toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1)),
    },
    classic: {
      error: errorName(classic!.errorCode),
      state: classic!.groupState,
      type: classic!.protocolType,
      members: classic!.members
        .map(({ memberId, groupInstanceId, clientHost }) => [side.label(memberId), groupInstanceId, clientHost])
        .toSorted(byText),
    },
    listed: groups.filter(({ groupId }) => groupId === group),
  }
}
