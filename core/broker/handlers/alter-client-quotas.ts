import type { StoredQuotas } from '../../coordination/local.ts'
import { KafkaError, detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { AlterClientQuotas } from '../../protocol/messages/alter-client-quotas.ts'
import type { AlterClientQuotasRequest, AlterClientQuotasResponse } from '../../protocol/messages/alter-client-quotas.ts'
import type { Input } from '../../protocol/schema.ts'
import { handler } from '../handler.ts'
import { entityKey, entityProblem, quotaProblem, quotaKeyProblem } from '../quotas/entity.ts'
import type { Entity } from '../quotas/entity.ts'

type Entry = AlterClientQuotasRequest['entries'][number]
type Answer = Input<typeof AlterClientQuotasResponse>['entries'][number]

/** AlterClientQuotas 0 to 1 (KIP-546): gives users, client ids and addresses quotas, or takes them away. Each entity by itself. */
export const alterClientQuotas = handler({
  api: AlterClientQuotas,
  minVersion: 0,
  maxVersion: 1,
  async handle({ entries, validateOnly }, { broker }) {
    const keys = entries.map((entry) => entityKey(entityOf(entry)))
    const alter = async (entry: Entry, i: number): Promise<Answer> => {
      const { entity } = entry
      try {
        if (keys.indexOf(keys[i]!) !== keys.lastIndexOf(keys[i]!))
          throw kafkaError('INVALID_REQUEST', 'the entity is named twice in the request')
        const known = checkedEntity(entry)
        if (validateOnly) changed(entry, known, broker.quotas.of(known))
        else await broker.quotas.change(known, (values) => changed(entry, known, values))
        return { errorCode: 0, errorMessage: null, entity }
      } catch (error) {
        if (!(error instanceof KafkaError)) broker.logger.error({ err: error }, 'quotas could not be changed')
        const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
        return { errorCode: errorCode(code), errorMessage: detailOf(error), entity }
      }
    }
    return { throttleTimeMs: 0, entries: await Promise.all(entries.map(alter)) }
  },
})

function entityOf({ entity }: Entry): Entity {
  return entity.map(({ entityType, entityName }) => [entityType, entityName] as const)
}

function checkedEntity(entry: Entry): Entity {
  const entity = entityOf(entry)
  const problem = entityProblem(entity)
  if (problem !== undefined) throw kafkaError('INVALID_REQUEST', problem)
  return entity
}

function changed(entry: Entry, entity: Entity, before: StoredQuotas['values']): StoredQuotas['values'] {
  const values = { ...before }
  for (const { key, value, remove } of entry.ops) {
    // What is not there can be taken away.
    const wrong = remove ? undefined : (quotaKeyProblem(entity, key) ?? quotaProblem(key, value))
    if (wrong !== undefined) throw kafkaError('INVALID_REQUEST', wrong)
    if (remove) delete values[key]
    else values[key] = value
  }
  return values
}
