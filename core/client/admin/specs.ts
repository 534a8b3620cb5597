import { configResourceTypes } from '../../protocol/config-codes.ts'
import { operations, patternTypes, permissions, resourceTypes } from '../../security/acl.ts'
import { scramMechanisms } from '../../security/scram.ts'
import { topicPartition, topicPartitions } from '../arguments.ts'
import { having, is, listOf, oneOf, only, optional, orNull, text, whole } from '../checks.ts'
import type { Check, Fields } from '../checks.ts'
import type { TopicPartition } from '../types.ts'
import { upgradeTypes } from './cluster-types.ts'
import type { FeatureUpdate } from './cluster-types.ts'
import type { ConfigAlteration, ConfigResource } from './config-types.ts'
import type { GroupOffsetsQuestion, MemberToRemove } from './group-types.ts'
import { electionTypes } from './placement-types.ts'
import type { Reassignment, ReplicaMove, TopicPartitionReplica } from './placement-types.ts'
import type { QuotaAlteration, QuotaEntity, QuotaFilter } from './quota-types.ts'
import { offsetSpecs } from './record-types.ts'
import type { OffsetQuestion, RecordsToDelete } from './record-types.ts'
import type { Acl, AclSelection, NewDelegationToken, ScramAlteration } from './security-types.ts'
import type { NewPartitions, NewTopic } from './topic-types.ts'
import type { TransactionToAbort } from './transaction-types.ts'

/** What each call of `admin` takes. Where an answer may be handed on as a question, more fields than are asked for are fine. */

const keysOf = (table: object): Check => oneOf(Object.keys(table))
export const texts = listOf(text)
const partitionFields: Fields<TopicPartition> = { topic: text, partition: whole(0) }
/** Whether it is one that can be, the broker says: with an error for each thing. */
const number = is('a whole number', Number.isSafeInteger)
export const nodeId = whole(0)
const nodeIds = listOf(nodeId)

function recordOf(what: string, fits: (value: unknown) => boolean): Check {
  return is(`an object with ${what} by name`, (value) => {
    return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(fits)
  })
}
const settings = recordOf('text, numbers, true or false', (value) => ['string', 'number', 'boolean'].includes(typeof value))
const lists = recordOf('text', (value) => typeof value === 'string')

const topicId = having<{ topicId: string }>({ topicId: text })
export const topicRef: Check = { problem: (name, value) => (typeof value === 'object' ? topicId : text).problem(name, value) }
export { position, topicPartition } from '../arguments.ts'
export { text } from '../checks.ts'
export const newTopic = only<NewTopic>({
  name: text,
  partitions: optional(number),
  replicationFactor: optional(number),
  assignments: optional(listOf(nodeIds)),
  configs: optional(settings),
})
export const newPartitions = only<NewPartitions>({ topic: text, count: number, assignments: optional(listOf(nodeIds)) })

const places = Object.keys(offsetSpecs)
export const offsetQuestion = having<OffsetQuestion>({
  ...partitionFields,
  at: is(`one of ${places.join(', ')}, or milliseconds since 1970`, (value) =>
    typeof value === 'string' ? places.includes(value) : Number.isSafeInteger(value) && (value as number) >= 0,
  ),
})
export const recordsToDelete = having<RecordsToDelete>({ ...partitionFields, offset: whole(-1) })

const resourceFields: Fields<ConfigResource> = { type: keysOf(configResourceTypes), name: text }
export const configResource = having<ConfigResource>(resourceFields)
export const configResourceTypeList = listOf(keysOf(configResourceTypes))
export const configAlteration = only<ConfigAlteration>({
  ...resourceFields,
  set: optional(settings),
  delete: optional(texts),
  append: optional(lists),
  subtract: optional(lists),
})

export const groupOffsetsQuestion = having<GroupOffsetsQuestion>({ groupId: text, partitions: optional(listOf(topicPartition)) })
const memberFields: Fields<MemberToRemove> = { memberId: optional(text), groupInstanceId: optional(orNull(text)) }
export const memberToRemove: Check = {
  problem: (name, value) =>
    having<MemberToRemove>('memberId' in Object(value) ? memberFields : { ...memberFields, groupInstanceId: text }).problem(name, value),
}
export const transactionToAbort = having<TransactionToAbort>({
  ...partitionFields,
  producerId: whole(0),
  producerEpoch: whole(0),
  coordinatorEpoch: whole(-1),
})

export const acl = only<Acl>({
  resourceType: keysOf(resourceTypes),
  resourceName: text,
  patternType: optional(keysOf(patternTypes)),
  principal: text,
  host: optional(text),
  operation: keysOf(operations),
  permission: optional(keysOf(permissions)),
})
export const aclSelection = only<AclSelection>({
  resourceType: optional(keysOf(resourceTypes)),
  resourceName: optional(text),
  patternType: optional(keysOf(patternTypes)),
  principal: optional(text),
  host: optional(text),
  operation: optional(keysOf(operations)),
  permission: optional(keysOf(permissions)),
})
const scramFields = { user: text, mechanism: keysOf(scramMechanisms), iterations: optional(number) }
const scramUpsertion = only<ScramAlteration>({ ...scramFields, password: text, delete: optional(is('left out', () => false)) })
const scramDeletion = only<ScramAlteration>({
  ...scramFields,
  password: optional(is('left out', () => false)),
  delete: is('true', (value) => value === true),
})
export const scramAlteration: Check = {
  problem: (name, value) => ('delete' in Object(value) ? scramDeletion : scramUpsertion).problem(name, value),
}
export const scramAlterations = listOf(scramAlteration)
export const hmac = is('a Buffer', (value) => value instanceof Buffer)
export const newToken = only<NewDelegationToken>({
  owner: optional(text),
  renewers: optional(texts),
  maxLifetimeMs: optional(is('a number of milliseconds', Number.isFinite)),
})

const quotaOwner = optional(orNull(text))
const quotaEntity = only<QuotaEntity>({ user: quotaOwner, clientId: quotaOwner, ip: quotaOwner })
const quotaMatch = optional(
  is('a name, null for the default, or true for any', (value) => value === null || value === true || typeof value === 'string'),
)
export const quotaFilter = only<QuotaFilter>({ user: quotaMatch, clientId: quotaMatch, ip: quotaMatch })
export const quotaAlteration = only<QuotaAlteration>({
  entity: quotaEntity,
  set: optional(recordOf('numbers', (value) => typeof value === 'number')),
  delete: optional(texts),
})

export const electionType = keysOf(electionTypes)
export const partitionsOrNull = orNull(topicPartitions)
export const reassignment = having<Reassignment>({ ...partitionFields, replicas: orNull(nodeIds) })
export const replica = having<TopicPartitionReplica>({ ...partitionFields, brokerId: nodeId })
export const replicaMove = having<ReplicaMove>({ ...partitionFields, brokerId: nodeId, logDir: text })
export const featureUpdate = only<FeatureUpdate>({ feature: text, maxVersionLevel: number, upgradeType: optional(keysOf(upgradeTypes)) })
