import { errorCode, kafkaError } from '../../protocol/errors.ts'
import type { KafkaError } from '../../protocol/errors.ts'
import { DescribeClientQuotas } from '../../protocol/messages/describe-client-quotas.ts'
import type { DescribeClientQuotasRequest } from '../../protocol/messages/describe-client-quotas.ts'
import type { StoredQuotas } from '../../coordination/local.ts'
import { handler } from '../handler.ts'

type Component = DescribeClientQuotasRequest['components'][number]

const match = { exact: 0, default: 1, any: 2 } as const
const TYPES = ['user', 'client-id', 'ip']

/** DescribeClientQuotas 0 to 1 (KIP-546): the quotas of the entities that a filter matches. */
export const describeClientQuotas = handler({
  api: DescribeClientQuotas,
  minVersion: 0,
  maxVersion: 1,
  handle({ components, strict }, { broker }) {
    const wrong = filterProblem(components)
    if (wrong !== undefined) return { throttleTimeMs: 0, errorCode: errorCode(wrong.kafkaCode), errorMessage: wrong.detail, entries: null }
    const entries = broker.quotas
      .list()
      .filter(({ entity }) => matches(entity, components, strict))
      .map(({ entity, values }) => ({
        entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
        values: Object.entries(values).map(([key, value]) => ({ key, value })),
      }))
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, entries }
  },
})

function matches(entity: StoredQuotas['entity'], components: readonly Component[], strict: boolean): boolean {
  if (strict && entity.length !== components.length) return false
  return components.every(({ entityType, matchType, match: name }) => {
    const part = entity.find(([type]) => type === entityType)
    if (part === undefined) return false
    return matchType === match.any || part[1] === (matchType === match.default ? null : name)
  })
}

function filterProblem(components: readonly Component[]): KafkaError | undefined {
  const seen = new Set<string>()
  for (const { entityType, matchType, match: name } of components) {
    if (entityType === '') return kafkaError('INVALID_REQUEST', 'Invalid empty entity type.')
    if (seen.has(entityType)) return kafkaError('INVALID_REQUEST', `Entity type ${entityType} cannot appear more than once in the filter.`)
    if (!TYPES.includes(entityType)) return kafkaError('UNSUPPORTED_VERSION', `Custom entity type '${entityType}' not supported`)
    seen.add(entityType)
    if (matchType < match.exact || matchType > match.any) return kafkaError('INVALID_REQUEST', `Unknown match type ${matchType}`)
    if (matchType === match.exact && name === null)
      return kafkaError('INVALID_REQUEST', 'Request specified MATCH_TYPE_EXACT, but set match string to null.')
    if (matchType !== match.exact && name !== null) {
      const kind = matchType === match.default ? 'DEFAULT' : 'SPECIFIED'
      return kafkaError('INVALID_REQUEST', `Request specified MATCH_TYPE_${kind}, but also specified a match string.`)
    }
  }
  if (seen.has('ip') && seen.size > 1)
    return kafkaError(
      'INVALID_REQUEST',
      'Invalid entity filter component combination: IP filter component should not be used with user or clientId filter component.',
    )
  return undefined
}
