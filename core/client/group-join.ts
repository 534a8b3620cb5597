import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { byTopic } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, kafkaError } from '../protocol/errors.ts'
import type { KafkaErrorName } from '../protocol/errors.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../protocol/messages/consumer-protocol.ts'
import { JoinGroup } from '../protocol/messages/join-group.ts'
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts'
import { SyncGroup } from '../protocol/messages/sync-group.ts'
import { decodeVersioned, encodeVersioned } from '../protocol/versioned.ts'
import type { AssignedMember, Assignor, GroupTopics, LastAssignment } from './assignors/assignor.ts'
import { shareOut } from './assignors/share-out.ts'

export interface JoinOptions {
  cluster: Cluster
  groupId: string
  groupInstanceId: string | null
  sessionTimeoutMs: number
  maxPollIntervalMs: number
  assignors: readonly Assignor[]
  topics: readonly string[]
  allowAutoCreateTopics: boolean
  rackId: string | null
  /** What the member keeps while it joins. */
  owned: readonly TopicPartition[]
  last: LastAssignment | undefined
}

/** A round of the classic protocol that has ended well. */
export interface Joined {
  generation: number
  memberId: string
  partitions: TopicPartition[]
  /** What the leader's assignor has told this one. */
  userData: Buffer | null
  /** The name of the assignor that the group has agreed on. */
  assignor: string
  /** The topics that the leader watches, with their partition counts (0: not there yet); undefined for the others. */
  watched: Map<string, number> | undefined
}

const SUBSCRIPTION_VERSION = 3
const ASSIGNMENT_VERSION = 1
/** The coordinator holds the answer until all have joined; only after this much more the connection is given up. */
const JOIN_GRACE_MS = 5000
/** Joining starts again by itself after these. */
const beginAgain = ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'MEMBER_ID_REQUIRED'] as const
export type Again = (typeof beginAgain)[number]

/**
 * Joins and synchronises once. The name of an error: begin again, under the member id that `setMemberId` was told.
 *
 * @throws MoldauError FENCED when another member has the instance id
 */
export async function joinGroup(
  connection: BrokerConnection,
  options: JoinOptions,
  memberId: string,
  setMemberId: (memberId: string) => void,
): Promise<Joined | Again> {
  const { groupId, groupInstanceId, sessionTimeoutMs, maxPollIntervalMs } = options
  const instance = groupInstanceId === null ? {} : { groupInstanceId }
  const protocols = options.assignors.map((assignor) => ({ name: assignor.name, metadata: writeSubscription(options, assignor) }))
  const body = {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: maxPollIntervalMs,
    memberId,
    ...instance,
    protocolType: 'consumer',
    protocols,
  }
  const round = await connection.request(JoinGroup, body, { timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS })
  const joinError = errorName(round.errorCode)
  if (joinError === 'MEMBER_ID_REQUIRED') setMemberId(round.memberId)
  if (!isFine(joinError, options, setMemberId)) return joinError as Again
  setMemberId(round.memberId)
  const leads = round.leader === round.memberId
  const plan = leads ? await assign(options, round) : undefined
  const sync = await connection.request(SyncGroup, {
    groupId,
    generationId: round.generationId,
    memberId: round.memberId,
    ...instance,
    protocolType: 'consumer',
    protocolName: round.protocolName,
    assignments: round.skipAssignment ? [] : (plan?.assignments ?? []),
  })
  const syncError = errorName(sync.errorCode)
  if (!isFine(syncError, options, setMemberId)) return syncError as Again
  return {
    generation: round.generationId,
    memberId: round.memberId,
    ...readGiven(sync.assignment),
    assignor: round.protocolName ?? '',
    watched: plan?.counts,
  }
}

function isFine(error: KafkaErrorName, options: JoinOptions, setMemberId: (memberId: string) => void): boolean {
  if (error === 'NONE') return true
  if (error === 'UNKNOWN_MEMBER_ID') setMemberId('')
  if (error === 'FENCED_INSTANCE_ID') throw fencedInstance(options.groupId, options.groupInstanceId)
  if (!(beginAgain as readonly string[]).includes(error)) throw kafkaError(error, `join group '${options.groupId}'`)
  return false
}

/** What the leader does: shares the partitions out among all members. */
async function assign(options: JoinOptions, round: JoinGroupResponse) {
  const members = round.members.map((member) => readMember(member))
  const names = [...new Set(members.flatMap((member) => member.topics))].toSorted()
  const layouts = new Map(await Promise.all(names.map(async (name) => [name, await layoutOf(options, name)] as const)))
  const counts = new Map([...layouts].map(([name, racks]) => [name, racks.length]))
  const existing: GroupTopics = new Map([...layouts].filter(([, racks]) => racks.length > 0))
  const assignor = options.assignors.find(({ name }) => name === round.protocolName)!
  const shared = shareOut(assignor, members, existing)
  const assignments = [...shared].map(([memberId, partitions]) => ({
    memberId,
    assignment: writeAssignment(partitions, shared.userData?.get(memberId) ?? null),
  }))
  return { counts, assignments }
}

function readMember({ memberId, groupInstanceId, metadata }: JoinGroupResponse['members'][number]): AssignedMember {
  const { topics, userData, ownedPartitions, generationId, rackId } = decodeVersioned(ConsumerProtocolSubscription, metadata, 'as newest')
  return {
    memberId,
    groupInstanceId,
    topics,
    ownedPartitions: ownedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    generation: generationId,
    rackId,
    userData,
  }
}

/** A topic that is not there yet gets no partitions; the leader looks again now and then. */
async function layoutOf({ cluster, allowAutoCreateTopics }: JoinOptions, topic: string): Promise<string[][]> {
  try {
    const { partitions } = await cluster.topic(topic, allowAutoCreateTopics)
    const { brokers } = cluster.image
    return partitions.map(({ replicas }) => replicas.flatMap((id) => brokers.get(id)?.rack ?? []))
  } catch (error) {
    if (!(error instanceof MoldauError) || error.code !== 'UNKNOWN_TOPIC') throw error
    cluster.logger.warn({ topic }, 'group: a subscribed topic does not exist')
    return []
  }
}

/** What stays with the member, and since which generation, lets the leader take it away before it gives it to another (KIP-429, KIP-792). */
function writeSubscription({ topics, owned, last, rackId }: JoinOptions, assignor: Assignor): Buffer {
  return encodeVersioned(ConsumerProtocolSubscription, SUBSCRIPTION_VERSION, {
    topics: [...topics],
    userData: assignor.userData?.(last) ?? null,
    ownedPartitions: [...byTopic(owned)].map(([topic, list]) => ({ topic, partitions: list.map((p) => p.partition) })),
    generationId: last?.generation ?? -1,
    rackId,
  })
}

function writeAssignment(partitions: readonly TopicPartition[], userData: Buffer | null): Buffer {
  const assignedPartitions = [...byTopic(partitions)].map(([topic, list]) => ({ topic, partitions: list.map((p) => p.partition) }))
  return encodeVersioned(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, { assignedPartitions, userData })
}

/** The rack that a subscription tells; empty bytes, as of a member that has yet to come back, tell none. */
export function readRack(subscription: Buffer): string | null {
  return subscription.length === 0 ? null : decodeVersioned(ConsumerProtocolSubscription, subscription, 'as newest').rackId
}

/** Empty bytes mean no partitions. */
export function readAssignment(assignment: Buffer): TopicPartition[] {
  return readGiven(assignment).partitions
}

function readGiven(assignment: Buffer): { partitions: TopicPartition[]; userData: Buffer | null } {
  if (assignment.length === 0) return { partitions: [], userData: null }
  const { assignedPartitions, userData } = decodeVersioned(ConsumerProtocolAssignment, assignment, 'as newest')
  const partitions = assignedPartitions.flatMap(({ topic, partitions: list }) => list.map((partition) => ({ topic, partition })))
  return { partitions, userData }
}

export function fencedInstance(groupId: string, groupInstanceId: string | null): MoldauError {
  const message = `group '${groupId}': another member has joined as '${groupInstanceId}': give each living consumer a groupInstanceId of its own`
  return new MoldauError('FENCED', message)
}
