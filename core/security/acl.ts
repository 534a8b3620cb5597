/** The codes of Kafka's access control (AclOperation, ResourceType, PatternType, AclPermissionType). */

export const operations = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
  createTokens: 13,
  describeTokens: 14,
  twoPhaseCommit: 15,
} as const
export type Operation = keyof typeof operations

export const resourceTypes = { any: 1, topic: 2, group: 3, cluster: 4, transactionalId: 5, delegationToken: 6, user: 7 } as const
export type ResourceType = keyof typeof resourceTypes

export const patternTypes = { any: 1, match: 2, literal: 3, prefixed: 4 } as const
export type PatternType = keyof typeof patternTypes

export const permissions = { any: 1, deny: 2, allow: 3 } as const
export type Permission = keyof typeof permissions

/** Stands for every name of its kind, host, or user. */
export const WILDCARD = '*'

/** What the cluster is called as a resource. */
export const CLUSTER_NAME = 'kafka-cluster'

/** One entry: who, from where, may or may not do what with which things. Codes as on the wire. */
export interface AclBinding {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** Two entries with the same key are the same entry. */
export function aclKey(acl: AclBinding): string {
  return JSON.stringify([acl.resourceType, acl.resourceName, acl.patternType, acl.principal, acl.host, acl.operation, acl.permissionType])
}

/** The operations that there are on a kind of thing (Kafka's AclEntry.supportedOperations). */
export const supportedOperations: Readonly<Record<Exclude<ResourceType, 'any'>, readonly Operation[]>> = {
  topic: ['read', 'write', 'create', 'describe', 'delete', 'alter', 'describeConfigs', 'alterConfigs'],
  group: ['read', 'describe', 'delete', 'describeConfigs', 'alterConfigs'],
  cluster: ['create', 'clusterAction', 'describeConfigs', 'alterConfigs', 'idempotentWrite', 'alter', 'describe'],
  transactionalId: ['describe', 'write', 'twoPhaseCommit'],
  delegationToken: ['describe'],
  user: ['createTokens', 'describeTokens'],
}
