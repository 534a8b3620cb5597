import { operations, patternTypes, permissions, resourceTypes } from '../../security/acl.ts'
import type { AclBinding } from '../../security/acl.ts'
import { nameOf } from './codes.ts'
import type { Acl, AclSelection } from './security-types.ts'

/** `User:alice allow read topic orders` */
export function aclName({
  resourceType,
  resourceName,
  patternType = 'literal',
  principal,
  host = '*',
  operation,
  permission = 'allow',
}: Acl): string {
  const pattern = patternType === 'literal' ? '' : ` ${patternType}`
  return `${principal} ${permission} ${operation} ${resourceType} ${resourceName}${pattern}${host === '*' ? '' : ` from ${host}`}`
}

export function selectionName(selection: AclSelection): string {
  return JSON.stringify(selection)
}

export function aclCodes(acl: Acl) {
  return {
    resourceType: resourceTypes[acl.resourceType],
    resourceName: acl.resourceName,
    resourcePatternType: patternTypes[acl.patternType ?? 'literal'],
    principal: acl.principal,
    host: acl.host ?? '*',
    operation: operations[acl.operation],
    permissionType: permissions[acl.permission ?? 'allow'],
  }
}

export function filterOf(selection: AclSelection) {
  return {
    resourceTypeFilter: resourceTypes[selection.resourceType ?? 'any'],
    resourceNameFilter: selection.resourceName ?? null,
    patternTypeFilter: patternTypes[selection.patternType ?? 'any'],
    principalFilter: selection.principal ?? null,
    hostFilter: selection.host ?? null,
    operation: operations[selection.operation ?? 'any'],
    permissionType: permissions[selection.permission ?? 'any'],
  }
}

export function aclInWords(acl: AclBinding): Acl {
  return {
    resourceType: word(resourceTypes, acl.resourceType) as Acl['resourceType'],
    resourceName: acl.resourceName,
    patternType: word(patternTypes, acl.patternType) as NonNullable<Acl['patternType']>,
    principal: acl.principal,
    host: acl.host,
    operation: word(operations, acl.operation) as Acl['operation'],
    permission: word(permissions, acl.permissionType) as NonNullable<Acl['permission']>,
  }
}

/** A code of a newer broker is shown as the number it is. */
function word(table: Readonly<Record<string, number>>, code: number): string {
  return nameOf(table, code) ?? String(code)
}
