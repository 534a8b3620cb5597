import { filterProblem, matches } from '../../security/acl-filter.ts'
import type { AclBinding } from '../../security/acl.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { DescribeAcls } from '../../protocol/messages/describe-acls.ts'
import { handler } from '../handler.ts'

/** DescribeAcls 0 to 3: the entries that a filter means, by the thing they are about. v1 knows patterns of names (KIP-290), v3 users as things. */
export const describeAcls = handler({
  api: DescribeAcls,
  minVersion: 0,
  maxVersion: 3,
  handle(request, { broker }) {
    if (broker.authorizer === undefined) throw kafkaError('SECURITY_DISABLED')
    const problem = filterProblem(request)
    if (problem !== undefined) throw kafkaError('INVALID_REQUEST', problem)
    const found = broker.security.acls.filter((acl) => matches(request, acl))
    const resources = Map.groupBy(found, ({ resourceType, patternType, resourceName }) => `${resourceType} ${patternType} ${resourceName}`)
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, resources: Array.from(resources.values(), resourceOf) }
  },
})

function resourceOf(acls: readonly AclBinding[]) {
  const { resourceType, resourceName, patternType } = acls[0]!
  return { resourceType, resourceName, patternType, acls }
}
