import { WILDCARD, patternTypes } from './acl.ts'
import type { AclBinding } from './acl.ts'

/** Which entries are meant: null, and the code of ANY, mean all. */
export interface AclFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

const ANY = 1

/** Whether an entry is meant by a filter (Kafka's AclBindingFilter). The pattern type MATCH means every entry that has a say about the name. */
export function matches(filter: AclFilter, acl: AclBinding): boolean {
  return (
    fits(filter.resourceTypeFilter, acl.resourceType) &&
    fits(filter.operation, acl.operation) &&
    fits(filter.permissionType, acl.permissionType) &&
    (filter.principalFilter === null || filter.principalFilter === acl.principal) &&
    (filter.hostFilter === null || filter.hostFilter === acl.host) &&
    patternFits(filter, acl)
  )
}

function fits(wanted: number, code: number): boolean {
  return wanted === ANY || wanted === code
}

function patternFits({ patternTypeFilter, resourceNameFilter }: AclFilter, { patternType, resourceName }: AclBinding): boolean {
  const { any, match, literal } = patternTypes
  if (patternTypeFilter !== any && patternTypeFilter !== match && patternTypeFilter !== patternType) return false
  if (resourceNameFilter === null || resourceNameFilter === resourceName) return true
  if (patternTypeFilter !== match) return false
  return patternType === literal ? resourceName === WILDCARD : resourceNameFilter.startsWith(resourceName)
}

/** Why a filter means nothing, or undefined when it is fine. */
export function filterProblem(filter: AclFilter): string | undefined {
  if (filter.resourceTypeFilter === 0 || filter.resourceTypeFilter > 7) return 'the filter names an unknown type of resource'
  if (filter.patternTypeFilter === 0 || filter.patternTypeFilter > 4) return 'the filter names an unknown type of pattern'
  if (filter.operation === 0 || filter.operation > 15) return 'the filter names an unknown operation'
  if (filter.permissionType === 0 || filter.permissionType > 3) return 'the filter names an unknown permission'
  return undefined
}
