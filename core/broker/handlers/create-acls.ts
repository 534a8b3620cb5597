import { messageOf } from '../../base/errors.ts'
import { detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { CreateAcls } from '../../protocol/messages/create-acls.ts'
import { CLUSTER_NAME, operations, patternTypes, permissions, resourceTypes } from '../../security/acl.ts'
import type { AclBinding } from '../../security/acl.ts'
import { principalProblem } from '../../security/principal.ts'
import { handler } from '../handler.ts'

/** Entries of one cluster: each is looked at when something is decided for the first time. */
const ACLS_MAX = 100_000

const DISABLED = { errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.' }

/** CreateAcls 0 to 3: new entries, durable when it answers. Those that are there already are no error. */
export const createAcls = handler({
  api: CreateAcls,
  minVersion: 0,
  maxVersion: 3,
  async handle({ creations }, { broker }) {
    const { authorizer, security } = broker
    if (authorizer === undefined) return { throttleTimeMs: 0, results: creations.map(() => DISABLED) }
    const wanted = creations.map(({ resourcePatternType, ...rest }): AclBinding => ({ ...rest, patternType: resourcePatternType }))
    const problems = wanted.map(problemOf)
    const good = wanted.filter((_, i) => problems[i] === undefined)
    if (security.acls.length + good.length > ACLS_MAX) throw kafkaError('POLICY_VIOLATION', `more than ${ACLS_MAX} access control entries`)
    let failure: string | undefined
    try {
      await security.addAcls(good)
      authorizer.replace(security.acls)
    } catch (error) {
      broker.logger.error({ err: error }, `access control entries could not be written: ${messageOf(error)}`)
      failure = detailOf(error)
    }
    return {
      throttleTimeMs: 0,
      results: problems.map((problem) => ({
        errorCode: errorCode(problem !== undefined ? 'INVALID_REQUEST' : failure !== undefined ? 'KAFKA_STORAGE_ERROR' : 'NONE'),
        errorMessage: problem ?? failure ?? null,
      })),
    }
  },
})

/** The rules are those of Kafka's AclApis and AclControlManager. */
function problemOf(acl: AclBinding): string | undefined {
  if (acl.resourceType < resourceTypes.topic || acl.resourceType > resourceTypes.user)
    return 'Invalid resourceType: an entry is about one kind of thing'
  if (acl.resourceType === resourceTypes.cluster && acl.resourceName !== CLUSTER_NAME)
    return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`
  if (acl.resourceName === '') return 'Invalid empty resource name'
  if (acl.patternType !== patternTypes.literal && acl.patternType !== patternTypes.prefixed) return `Invalid patternType ${acl.patternType}`
  if (acl.operation < operations.all || acl.operation > operations.twoPhaseCommit)
    return 'Invalid operation type: an entry is about one operation, or all'
  if (acl.permissionType !== permissions.allow && acl.permissionType !== permissions.deny)
    return 'Invalid permissionType: an entry allows or denies'
  return principalProblem(acl.principal)
}
