import { throwOnError } from '../../protocol/errors.ts'
import { AlterClientQuotas } from '../../protocol/messages/alter-client-quotas.ts'
import { DescribeClientQuotas } from '../../protocol/messages/describe-client-quotas.ts'
import { check } from '../checks.ts'
import type { AlterQuotasOptions, ClientQuotas, DescribeQuotasOptions, QuotaAlteration, QuotaEntity, QuotaFilter } from './quota-types.ts'
import { TokenAdmin } from './tokens.ts'
import * as specs from './specs.ts'

const entityTypes = { user: 'user', clientId: 'client-id', ip: 'ip' } as const
const matchTypes = { exact: 0, default: 1, any: 2 } as const

/** What clients may use. */
export class QuotaAdmin extends TokenAdmin {
  /**
   * The quotas of users, clients and addresses (Kafka's `Admin.describeClientQuotas`, KIP-546).
   *
   * ```ts
   * await admin.describeClientQuotas({ user: 'alice' }) // all that alice has, with any client id
   * await admin.describeClientQuotas({ user: true, clientId: null }, { strict: true })
   * ```
   *
   * @param filter default all
   */
  async describeClientQuotas(filter: QuotaFilter = {}, options: DescribeQuotasOptions = {}): Promise<ClientQuotas[]> {
    check('admin.describeClientQuotas()', 'filter', filter, specs.quotaFilter)
    const what = 'describe quotas'
    const components = fields(filter).map(([key, match]) => ({
      entityType: entityTypes[key],
      matchType: match === true ? matchTypes.any : match === null ? matchTypes.default : matchTypes.exact,
      match: typeof match === 'string' ? match : null,
    }))
    const entries = await this.calls.any(what, options, async (connection) => {
      const answer = await connection.request(DescribeClientQuotas, { components, strict: options.strict ?? false })
      throwOnError(answer.errorCode, what, answer.errorMessage)
      return answer.entries ?? []
    })
    return entries.map(({ entity, values }) => ({
      entity: entityOf(entity),
      quotas: Object.fromEntries(values.map(({ key, value }) => [key, value])),
    }))
  }

  /**
   * Gives users, clients and addresses quotas, or takes them away (Kafka's `Admin.alterClientQuotas`, KIP-546). Each entity by itself.
   *
   * ```ts
   * await admin.alterClientQuotas([{ entity: { user: 'alice', clientId: null }, set: { producer_byte_rate: 1_000_000 } }])
   * ```
   *
   * @throws AdminError by entity (`user=alice,client-id=<default>`): INVALID_REQUEST
   */
  async alterClientQuotas(alterations: readonly QuotaAlteration[], options: AlterQuotasOptions = {}): Promise<void> {
    await this.calls.onController<QuotaAlteration, void>({
      what: 'quotas of',
      items: alterations,
      each: specs.quotaAlteration,
      nameOf: ({ entity }) => entityName(entity),
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked) => {
        const entries = asked.map(({ entity, set = {}, delete: remove = [] }) => ({
          entity: fields(entity).map(([key, name]) => ({ entityType: entityTypes[key], entityName: name })),
          ops: [
            ...Object.entries(set).map(([key, value]) => ({ key, value, remove: false })),
            ...remove.map((key) => ({ key, value: 0, remove: true })),
          ],
        }))
        const answer = await connection.request(AlterClientQuotas, { entries, validateOnly: options.validateOnly ?? false })
        return answer.entries.map(({ entity, errorCode, errorMessage }) => ({
          name: entityName(entityOf(entity)),
          errorCode,
          errorMessage,
        }))
      },
    })
  }
}

type EntityKey = keyof typeof entityTypes

/** What is given of an entity or a filter, in one order. */
function fields<V>(entity: { readonly [K in EntityKey]?: V | undefined }): [EntityKey, V][] {
  return (Object.keys(entityTypes) as EntityKey[]).flatMap((key): [EntityKey, V][] => {
    const value = entity[key]
    return value === undefined ? [] : [[key, value]]
  })
}

function entityName(entity: QuotaEntity): string {
  return fields(entity)
    .map(([key, name]) => `${entityTypes[key]}=${name ?? '<default>'}`)
    .join()
}

function entityOf(entity: readonly { readonly entityType: string; readonly entityName: string | null }[]): QuotaEntity {
  const found: QuotaEntity = {}
  for (const { entityType, entityName: name } of entity) {
    const key = (Object.keys(entityTypes) as EntityKey[]).find((each) => entityTypes[each] === entityType)
    if (key !== undefined) found[key] = name
  }
  return found
}
