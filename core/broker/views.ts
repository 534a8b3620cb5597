import type { GroupCoordinator } from '../coordinator/group-coordinator.ts'
import type { TransactionCoordinator } from '../coordinator/transaction-coordinator.ts'
import { ConsumerProtocolAssignment } from '../protocol/messages/consumer-protocol.ts'
import { decodeVersioned } from '../protocol/versioned.ts'
import { GROUPS_TOPIC, TRANSACTIONS_TOPIC } from '../coordinator/coordinator-log.ts'
import type { ReplicaManager } from '../replica/replica-manager.ts'
import { byPlace, groupLag } from './group-lag.ts'
import type { Quotas } from './quotas/quotas.ts'
import type { GroupDetails, GroupMember, GroupSummary, PartitionLag, Place, QuotaSummary, TransactionSummary } from './summaries.ts'

/**
 * What a broker shows of groups and transactions. All of it throws KafkaError while the coordinator is loading, or closed. As long as the topic
 * of a coordinator does not exist there is nothing that it could be asked for.
 */
export interface Shown {
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly replicas: ReplicaManager
  readonly quotas: Pick<Quotas, 'list'>
}

export function groupSummary(shown: Shown, id: string): GroupSummary | undefined {
  const details = groupDetails(shown, id)
  if (details === undefined) return undefined
  const { groupId, members, ...rest } = details
  return { id: groupId, members: members.length, ...rest }
}

export function groupDetails({ groups, replicas }: Shown, groupId: string): GroupDetails | undefined {
  if (!exists(replicas, GROUPS_TOPIC)) return undefined
  const consumer = groups.describeConsumerGroup(groupId)
  if (consumer !== undefined) {
    const members = consumer.members.map(({ memberId, instanceId, clientId, clientHost, assigned }) => {
      const assignment = assigned.flatMap(({ topicName, partitions }) => partitions.map((partition) => ({ topic: topicName, partition })))
      return { memberId, groupInstanceId: instanceId, clientId, clientHost, assignment: assignment.sort(byPlace) }
    })
    const protocol = members.length > 0 ? consumer.assignor : ''
    return { groupId, state: consumer.state, protocolType: 'consumer', protocol, members: members.sort(byId) }
  }
  const group = groups.describe(groupId)
  if (group === undefined) return undefined
  const isConsumer = group.protocolType === 'consumer'
  const members = group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => {
    return { memberId, groupInstanceId: instanceId, clientId, clientHost, assignment: isConsumer ? placesIn(assignment) : [] }
  })
  return { groupId, state: group.state, protocolType: group.protocolType, protocol: group.protocolName, members: members.sort(byId) }
}

export async function groupLags(shown: Shown, groupId: string): Promise<PartitionLag[]> {
  const { groups, replicas } = shown
  if (!exists(replicas, GROUPS_TOPIC)) return []
  const committed = await groups.fetch(groupId, null, false)
  return groupLag(groupDetails(shown, groupId)?.members ?? [], committed, (topic, partition) => {
    try {
      return replicas.partition(topic, partition)?.log.highWatermark
    } catch {
      // A log that cannot be opened: whoever reads it is told why.
      return undefined
    }
  })
}

export function transactionSummary({ transactions, replicas }: Shown, id: string): TransactionSummary | undefined {
  if (!exists(replicas, TRANSACTIONS_TOPIC)) return undefined
  const txn = transactions.describe(id)
  if (txn === undefined || txn.epoch < 0) return undefined
  const { state, producerId, epoch, timeoutMs, startedAt, partitions } = txn
  return { id, state, producerId, epoch, timeoutMs, startedAt: startedAt < 0 ? null : startedAt, partitions: partitions.size }
}

export function quotaSummaries({ quotas }: Shown): QuotaSummary[] {
  return quotas.list().map(({ entity, values }) => ({ entity: Object.fromEntries(entity), limits: values }))
}

function exists(replicas: ReplicaManager, topic: string): boolean {
  return replicas.partition(topic, 0) !== undefined
}

/** What a leader of the classic protocol has assigned; bytes that are of no known form show nothing. */
function placesIn(assignment: Buffer): Place[] {
  if (assignment.length === 0) return []
  try {
    const { assignedPartitions } = decodeVersioned(ConsumerProtocolAssignment, assignment, 'as newest')
    return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))).sort(byPlace)
  } catch {
    return []
  }
}

function byId(a: GroupMember, b: GroupMember): number {
  return a.memberId < b.memberId ? -1 : 1
}
