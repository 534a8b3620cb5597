import { randomBytes } from 'node:crypto'

import { MoldauError } from '../base/errors.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { errorName, kafkaError } from '../protocol/errors.ts'
import { AlterUserScramCredentials } from '../protocol/messages/alter-user-scram-credentials.ts'
import { CreateAcls } from '../protocol/messages/create-acls.ts'
import { DeleteAcls } from '../protocol/messages/delete-acls.ts'
import { DescribeAcls } from '../protocol/messages/describe-acls.ts'
import { DescribeUserScramCredentials } from '../protocol/messages/describe-user-scram-credentials.ts'
import type { Input } from '../protocol/schema.ts'
import { operations, patternTypes, permissions, resourceTypes } from '../security/acl.ts'
import type { AclBinding, Operation, PatternType, Permission, ResourceType } from '../security/acl.ts'
import { saltedPassword, scramMechanismOf, scramMechanisms } from '../security/scram.ts'
import type { ScramMechanism } from '../security/scram.ts'

/** An access control entry in words. */
export interface Acl {
  resourceType: Exclude<ResourceType, 'any'>
  resourceName: string
  /** `literal` (default), or `prefixed` for all names that begin so. `*` as literal name stands for all names. */
  patternType?: Exclude<PatternType, 'any' | 'match'>
  /** `User:alice`, `User:*` */
  principal: string
  /** Default `*`, every host. */
  host?: string
  operation: Exclude<Operation, 'any'>
  /** Default `allow`. */
  permission?: Exclude<Permission, 'any'>
}

/** Which entries are meant; what is left out means all. */
export interface AclSelection {
  resourceType?: Exclude<ResourceType, 'any'>
  resourceName?: string
  /** `match` means every entry that has a say about the name. */
  patternType?: PatternType
  principal?: string
  host?: string
  operation?: Exclude<Operation, 'any'>
  permission?: Exclude<Permission, 'any'>
}

/** Somebody who logs in by SCRAM. */
export interface ScramUserDescription {
  user: string
  credentials: { mechanism: ScramMechanism; iterations: number }[]
}

const SALT_BYTES = 20
const ITERATIONS_DEFAULT = 4096

export async function createAcls(connection: BrokerConnection, acls: readonly Acl[]): Promise<void> {
  const { results } = await connection.request(CreateAcls, {
    creations: acls.map((acl) => ({
      resourceType: resourceTypes[acl.resourceType],
      resourceName: acl.resourceName,
      resourcePatternType: patternTypes[acl.patternType ?? 'literal'],
      principal: acl.principal,
      host: acl.host ?? '*',
      operation: operations[acl.operation],
      permissionType: permissions[acl.permission ?? 'allow'],
    })),
  })
  for (const { errorCode, errorMessage } of results) check(errorCode, errorMessage)
}

export async function describeAcls(connection: BrokerConnection, selection: AclSelection): Promise<Acl[]> {
  const { errorCode, errorMessage, resources } = await connection.request(DescribeAcls, filterOf(selection))
  check(errorCode, errorMessage)
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => inWords({ ...resource, ...acl })))
}

export async function deleteAcls(connection: BrokerConnection, selections: readonly AclSelection[]): Promise<Acl[]> {
  const { filterResults } = await connection.request(DeleteAcls, { filters: selections.map(filterOf) })
  return filterResults.flatMap(({ errorCode, errorMessage, matchingAcls }) => {
    check(errorCode, errorMessage)
    return matchingAcls.map(inWords)
  })
}

export async function describeScramUsers(connection: BrokerConnection, users: readonly string[] | null): Promise<ScramUserDescription[]> {
  const { errorCode, errorMessage, results } = await connection.request(DescribeUserScramCredentials, {
    users: users?.map((name) => ({ name })) ?? null,
  })
  check(errorCode, errorMessage)
  return results.map((result) => {
    check(result.errorCode, result.errorMessage)
    const credentials = result.credentialInfos.map(({ mechanism, iterations }) => ({ mechanism: scramMechanismOf(mechanism)!, iterations }))
    return { user: result.user, credentials }
  })
}

/** The password itself stays here: what is sent is salted and hashed. */
export async function setScramPassword(
  connection: BrokerConnection,
  user: string,
  password: string,
  mechanism: ScramMechanism,
  iterations = ITERATIONS_DEFAULT,
): Promise<void> {
  if (password === '') throw new MoldauError('INVALID_ARGUMENT', `the password of ${user} is empty`)
  const salt = randomBytes(SALT_BYTES)
  const salted = await saltedPassword(mechanism, password, salt, iterations)
  const upsertion = { name: user, mechanism: scramMechanisms[mechanism].code, iterations, salt, saltedPassword: salted }
  await alter(connection, { deletions: [], upsertions: [upsertion] })
}

export function deleteScramCredential(connection: BrokerConnection, user: string, mechanism: ScramMechanism): Promise<void> {
  return alter(connection, { deletions: [{ name: user, mechanism: scramMechanisms[mechanism].code }], upsertions: [] })
}

type Change = Input<typeof AlterUserScramCredentials.request>

async function alter(connection: BrokerConnection, change: Change): Promise<void> {
  const { results } = await connection.request(AlterUserScramCredentials, change)
  for (const { errorCode, errorMessage } of results) check(errorCode, errorMessage)
}

function filterOf(selection: AclSelection) {
  const any = 1
  return {
    resourceTypeFilter: selection.resourceType === undefined ? any : resourceTypes[selection.resourceType],
    resourceNameFilter: selection.resourceName ?? null,
    patternTypeFilter: patternTypes[selection.patternType ?? 'any'],
    principalFilter: selection.principal ?? null,
    hostFilter: selection.host ?? null,
    operation: selection.operation === undefined ? any : operations[selection.operation],
    permissionType: selection.permission === undefined ? any : permissions[selection.permission],
  }
}

function inWords(acl: AclBinding): Acl {
  return {
    resourceType: nameOf(resourceTypes, acl.resourceType) as Acl['resourceType'],
    resourceName: acl.resourceName,
    patternType: nameOf(patternTypes, acl.patternType) as NonNullable<Acl['patternType']>,
    principal: acl.principal,
    host: acl.host,
    operation: nameOf(operations, acl.operation) as Acl['operation'],
    permission: nameOf(permissions, acl.permissionType) as NonNullable<Acl['permission']>,
  }
}

function nameOf(table: Readonly<Record<string, number>>, code: number): string {
  return Object.keys(table).find((name) => table[name] === code) ?? String(code)
}

function check(code: number, message: string | null): void {
  if (code !== 0) throw kafkaError(errorName(code), message ?? undefined)
}
