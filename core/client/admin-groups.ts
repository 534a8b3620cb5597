import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { errorName, throwOnError } from '../protocol/errors.ts'
import { ConsumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts'
import { DeleteGroups } from '../protocol/messages/delete-groups.ts'
import { DescribeGroups } from '../protocol/messages/describe-groups.ts'
import { ListGroups } from '../protocol/messages/list-groups.ts'
import { ListTransactions } from '../protocol/messages/list-transactions.ts'
import type { GroupDescription, ListedGroup, ListedTransaction } from './admin-types.ts'
import { readAssignment } from './group-join.ts'

/** What each broker coordinates is known to that broker only: all are asked. */
async function askAll<T>(cluster: Cluster, ask: (connection: BrokerConnection) => Promise<T[]>): Promise<T[]> {
  await cluster.refresh()
  const answers = [...cluster.image.brokers.keys()].map(async (node) => ask(await cluster.node(node)))
  return (await Promise.all(answers)).flat()
}

export function listGroups(cluster: Cluster): Promise<ListedGroup[]> {
  return askAll(cluster, async (connection) => {
    const response = await connection.request(ListGroups, {})
    throwOnError(response.errorCode, 'list groups')
    return response.groups.map((group) => ({ groupId: group.groupId, protocolType: group.protocolType, state: group.groupState }))
  })
}

export function listTransactions(cluster: Cluster): Promise<ListedTransaction[]> {
  return askAll(cluster, async (connection) => {
    const response = await connection.request(ListTransactions, { stateFilters: [], producerIdFilters: [] })
    throwOnError(response.errorCode, 'list transactions')
    return response.transactionStates.map((t) => ({
      transactionalId: t.transactionalId,
      producerId: t.producerId,
      state: t.transactionState,
    }))
  })
}

export async function describeGroup(connection: BrokerConnection, groupId: string): Promise<GroupDescription> {
  const described = await describeConsumerGroup(connection, groupId)
  if (described !== undefined) return described
  const response = await connection.request(DescribeGroups, { groups: [groupId] })
  const group = response.groups[0]!
  // Since version 6 a group that does not exist is an error; before it was a dead one.
  if (errorName(group.errorCode) === 'GROUP_ID_NOT_FOUND') return { groupId, state: 'Dead', protocolType: '', protocol: '', members: [] }
  throwOnError(group.errorCode, `describe group '${groupId}'`)
  const isConsumer = group.protocolType === 'consumer'
  return {
    groupId,
    state: group.groupState,
    protocolType: group.protocolType,
    protocol: group.protocolData,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      assignment: isConsumer ? readAssignment(member.memberAssignment) : [],
    })),
  }
}

/** A group of the new protocol (KIP-848), which DescribeGroups knows nothing of; undefined when there is none of the name. */
async function describeConsumerGroup(connection: BrokerConnection, groupId: string): Promise<GroupDescription | undefined> {
  if (!connection.supports(ConsumerGroupDescribe)) return undefined
  const { groups } = await connection.request(ConsumerGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: false })
  const group = groups[0]!
  // What is wrong besides, the other call will say.
  if (group.errorCode !== 0) return undefined
  return {
    groupId,
    state: group.groupState,
    protocolType: 'consumer',
    protocol: group.assignorName,
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      memberId,
      groupInstanceId: instanceId,
      clientId,
      clientHost,
      assignment: assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
        partitions.map((partition) => ({ topic: topicName, partition })),
      ),
    })),
  }
}

export async function deleteGroup(connection: BrokerConnection, groupId: string): Promise<void> {
  const response = await connection.request(DeleteGroups, { groupsNames: [groupId] })
  throwOnError(response.results[0]!.errorCode, `delete group '${groupId}'`)
}
