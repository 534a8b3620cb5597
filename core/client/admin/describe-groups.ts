import type { BrokerConnection } from '../../cluster/connection.ts'
import { errorCode, errorName } from '../../protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts'
import type { ConsumerGroupDescribeResponse } from '../../protocol/messages/consumer-group-describe.ts'
import { DescribeGroups } from '../../protocol/messages/describe-groups.ts'
import { readAssignment, readRack } from '../group-join.ts'
import { authorizedOperations, wordOf } from './codes.ts'
import { groupStates } from './group-types.ts'
import type { ClassicGroupDescription, GroupDescription } from './group-types.ts'
import type { Answer } from './settle.ts'

type FoundGroup = ConsumerGroupDescribeResponse['groups'][number]

/** In the answer of version 1: a member of the classic protocol in a group of the new one. */
const CLASSIC_MEMBER = 0
const UNKNOWN_MEMBER = -1

/** Of either protocol: those that the new one does not know are asked for in the words of the old one. */
export async function describeAnyGroups(
  connection: BrokerConnection,
  groupIds: readonly string[],
  includeAuthorizedOperations: boolean,
): Promise<Answer<GroupDescription>[]> {
  const modern = connection.supports(ConsumerGroupDescribe)
    ? (await connection.request(ConsumerGroupDescribe, { groupIds: [...groupIds], includeAuthorizedOperations })).groups
    : []
  const found = new Map(modern.filter(isModern).map((group) => [group.groupId, group]))
  const rest = groupIds.filter((groupId) => !found.has(groupId))
  const classic = rest.length === 0 ? [] : await describeClassicGroups(connection, rest, includeAuthorizedOperations)
  return [
    ...[...found.values()].map((group) => ({
      name: group.groupId,
      errorCode: group.errorCode,
      errorMessage: group.errorMessage,
      value: modernGroup(group),
    })),
    ...classic.map(({ value, ...answer }) => ({ ...answer, ...(value !== undefined && { value: classicConsumers(value) }) })),
  ]
}

/** The other words would say nothing else of these. */
function isModern({ errorCode: code }: FoundGroup): boolean {
  const error = errorName(code)
  return error !== 'GROUP_ID_NOT_FOUND' && error !== 'UNSUPPORTED_VERSION'
}

export async function describeClassicGroups(
  connection: BrokerConnection,
  groupIds: readonly string[],
  includeAuthorizedOperations: boolean,
): Promise<Answer<ClassicGroupDescription>[]> {
  const { groups } = await connection.request(DescribeGroups, {
    groups: [...groupIds],
    // A version that knows nothing of them does not take the question.
    ...(includeAuthorizedOperations && { includeAuthorizedOperations }),
  })
  return groups.map((group) => {
    const { groupId, groupState, protocolType, protocolData: protocol, errorMessage } = group
    // Since version 6 a group that does not exist is an error; before it was a dead one.
    const isMissing = group.errorCode === 0 && groupState === 'Dead'
    const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberMetadata, memberAssignment }) => {
      return { memberId, groupInstanceId, clientId, clientHost, metadata: memberMetadata, assignment: memberAssignment }
    })
    const state = wordOf(groupStates, groupState)
    const value = { groupId, protocolType, protocol, state, members, ...authorizedOperations(group.authorizedOperations) }
    return { name: groupId, errorCode: isMissing ? errorCode('GROUP_ID_NOT_FOUND') : group.errorCode, errorMessage, value }
  })
}

function classicConsumers({ members, ...group }: ClassicGroupDescription): GroupDescription {
  const isConsumers = group.protocolType === 'consumer'
  return {
    ...group,
    type: 'classic',
    groupEpoch: -1,
    assignmentEpoch: -1,
    members: members.map(({ memberId, groupInstanceId, clientId, clientHost, metadata, assignment }) => ({
      memberId,
      groupInstanceId,
      rackId: isConsumers ? readRack(metadata) : null,
      clientId,
      clientHost,
      assignment: isConsumers ? readAssignment(assignment) : [],
      targetAssignment: null,
      memberEpoch: -1,
      upgraded: undefined,
    })),
  }
}

function modernGroup(group: FoundGroup): GroupDescription {
  const { groupId, groupState, groupEpoch, assignmentEpoch, assignorName: protocol } = group
  return {
    groupId,
    protocolType: 'consumer',
    type: 'consumer',
    state: wordOf(groupStates, groupState),
    protocol,
    groupEpoch,
    assignmentEpoch,
    members: group.members.map(({ memberId, instanceId, rackId, clientId, clientHost, memberEpoch, memberType, ...member }) => ({
      memberId,
      groupInstanceId: instanceId,
      rackId,
      clientId,
      clientHost,
      assignment: partitionsOf(member.assignment),
      targetAssignment: partitionsOf(member.targetAssignment),
      memberEpoch,
      upgraded: memberType === UNKNOWN_MEMBER ? undefined : memberType !== CLASSIC_MEMBER,
    })),
    ...authorizedOperations(group.authorizedOperations),
  }
}

function partitionsOf({ topicPartitions }: FoundGroup['members'][number]['assignment']) {
  return topicPartitions.flatMap(({ topicName: topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}
