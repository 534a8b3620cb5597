import { kafkaError } from '../../protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts'
import { DeleteGroups } from '../../protocol/messages/delete-groups.ts'
import { DescribeGroups } from '../../protocol/messages/describe-groups.ts'
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts'
import { ListGroups } from '../../protocol/messages/list-groups.ts'
import { GROUP_REFUSED, ID_REFUSED, TOPIC_REFUSED, guard, guardNamed, part, then } from './guard.ts'
import type { NamedGuard } from './guard.ts'
import type { Session } from '../session.ts'

const GROUP = 0
const TRANSACTION = 1

const findCoordinator = guard(FindCoordinator, (request, { session, version }, next) => {
  const { keyType } = request
  const may = (key: string): boolean => {
    if (keyType === GROUP) return session.allows('describe', 'group', key)
    return keyType === TRANSACTION ? session.allows('describe', 'transactionalId', key) : session.allowsCluster('clusterAction')
  }
  const code = keyType === TRANSACTION ? ID_REFUSED : GROUP_REFUSED
  const nobody = { nodeId: -1, host: '', port: -1, errorCode: code, errorMessage: null }
  if (version < 4) return may(request.key) ? next(request) : nobody
  const { allowed, refused } = part(request.coordinatorKeys, may)
  if (refused.length === 0) return next(request)
  const coordinators = refused.map((key) => ({ key, ...nobody }))
  if (allowed.length === 0) return { coordinators }
  return then(next({ ...request, coordinatorKeys: allowed }), (answer) => ({
    ...answer,
    coordinators: [...(answer.coordinators ?? []), ...coordinators],
  }))
})

/** A call of a member: to read from a group is to belong to it. */
function ofMember(name: string): NamedGuard {
  return guardNamed<{ groupId: string }, unknown>(name, (request, { session }, next) => {
    if (!session.allows('read', 'group', request.groupId)) throw kafkaError('GROUP_AUTHORIZATION_FAILED', request.groupId)
    return next(request)
  })
}

/** Topics that a regular expression finds are sifted where it is evaluated. */
const consumerGroupHeartbeat = guard(ConsumerGroupHeartbeat, (request, { session }, next) => {
  const { groupId, subscribedTopicNames } = request
  if (!session.allows('read', 'group', groupId)) throw kafkaError('GROUP_AUTHORIZATION_FAILED', groupId)
  const refused = subscribedTopicNames?.find((topic) => !session.allows('describe', 'topic', topic))
  if (refused !== undefined) throw kafkaError('TOPIC_AUTHORIZATION_FAILED', refused)
  return next(request)
})

const NOT_TOLD = -0x8000_0000

function operationsOf(session: Session, { groupId, errorCode }: { groupId: string; errorCode: number }): { authorizedOperations: number } {
  return { authorizedOperations: errorCode === 0 ? session.operationBits('group', groupId) : NOT_TOLD }
}

const describeGroups = guard(DescribeGroups, (request, { session }, next) => {
  const { allowed, refused } = part(request.groups, (groupId) => session.allows('describe', 'group', groupId))
  const groups = refused.map((groupId) => ({
    groupId,
    errorCode: GROUP_REFUSED,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
  }))
  return then(next({ ...request, groups: allowed }), (answer) => ({
    ...answer,
    groups: [
      ...answer.groups.map((group) => (request.includeAuthorizedOperations ? { ...group, ...operationsOf(session, group) } : group)),
      ...groups,
    ],
  }))
})

const consumerGroupDescribe = guard(ConsumerGroupDescribe, (request, { session }, next) => {
  const { allowed, refused } = part(request.groupIds, (groupId) => session.allows('describe', 'group', groupId))
  const nothing = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
  const groups = refused.map((groupId) => ({ groupId, errorCode: GROUP_REFUSED, ...nothing }))
  return then(next({ ...request, groupIds: allowed }), (answer) => ({
    ...answer,
    groups: [
      ...answer.groups.map((group) => {
        // Who is assigned what also tells which topics there are.
        const topics = group.members.flatMap(({ assignment, targetAssignment }) => [
          ...assignment.topicPartitions.map(({ topicName }) => topicName),
          ...targetAssignment.topicPartitions.map(({ topicName }) => topicName),
        ])
        if (topics.some((topic) => !session.allows('describe', 'topic', topic))) {
          const errorMessage = 'The group has described topic(s) that the client is not authorized to describe.'
          return { ...group, ...nothing, errorCode: TOPIC_REFUSED, errorMessage }
        }
        return request.includeAuthorizedOperations ? { ...group, ...operationsOf(session, group) } : group
      }),
      ...groups,
    ],
  }))
})

const listGroups = guard(ListGroups, (request, { session }, next) =>
  then(next(request), (answer) =>
    session.allowsCluster('describe')
      ? answer
      : { ...answer, groups: answer.groups.filter(({ groupId }) => session.allows('describe', 'group', groupId)) },
  ),
)

const deleteGroups = guard(DeleteGroups, (request, { session }, next) => {
  const { allowed, refused } = part(request.groupsNames, (groupId) => session.allows('delete', 'group', groupId))
  const results = refused.map((groupId) => ({ groupId, errorCode: GROUP_REFUSED }))
  return then(next({ ...request, groupsNames: allowed }), (answer) => ({ ...answer, results: [...answer.results, ...results] }))
})

/** Calls about groups and their members. */
export const groupGuards: readonly NamedGuard[] = [
  findCoordinator,
  ...['JoinGroup', 'SyncGroup', 'Heartbeat', 'LeaveGroup'].map(ofMember),
  consumerGroupHeartbeat,
  describeGroups,
  consumerGroupDescribe,
  listGroups,
  deleteGroups,
]
