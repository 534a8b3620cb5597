import { messageOf } from '../../base/errors.ts'
import { detailOf, errorCode } from '../../protocol/errors.ts'
import { DeleteAcls } from '../../protocol/messages/delete-acls.ts'
import { filterProblem, matches } from '../../security/acl-filter.ts'
import { aclKey } from '../../security/acl.ts'
import { handler } from '../handler.ts'

const DISABLED = { errorCode: errorCode('SECURITY_DISABLED'), errorMessage: 'No Authorizer is configured.', matchingAcls: [] }

/** DeleteAcls 0 to 3: takes away what filters mean, and tells what that was. */
export const deleteAcls = handler({
  api: DeleteAcls,
  minVersion: 0,
  maxVersion: 3,
  async handle({ filters }, { broker }) {
    const { authorizer, security } = broker
    if (authorizer === undefined) return { throttleTimeMs: 0, filterResults: filters.map(() => DISABLED) }
    const gone = new Set<string>()
    const results = filters.map((filter) => {
      const problem = filterProblem(filter)
      if (problem !== undefined) return { errorCode: errorCode('INVALID_REQUEST'), errorMessage: problem, matchingAcls: [] }
      // What an earlier filter of the same request takes is named again, as Kafka does.
      const found = security.acls.filter((acl) => matches(filter, acl))
      for (const acl of found) gone.add(aclKey(acl))
      return { errorCode: 0, errorMessage: null, matchingAcls: found.map((acl) => ({ ...acl, errorCode: 0, errorMessage: null })) }
    })
    try {
      await security.removeAcls(security.acls.filter((acl) => gone.has(aclKey(acl))))
      authorizer.replace(security.acls)
    } catch (error) {
      broker.logger.error({ err: error }, `access control entries could not be written: ${messageOf(error)}`)
      const code = errorCode('KAFKA_STORAGE_ERROR')
      return {
        throttleTimeMs: 0,
        filterResults: filters.map(() => ({ errorCode: code, errorMessage: detailOf(error), matchingAcls: [] })),
      }
    }
    return { throttleTimeMs: 0, filterResults: results }
  },
})
