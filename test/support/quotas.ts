import type { StoredQuotas } from '../../core/coordination/local.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import type { Channel } from '../../core/net/channel.ts'

type Entity = StoredQuotas['entity']

/** Gives an entity a quota, or takes it away with null. */
export async function setQuota(channel: Channel, entity: Entity, key: string, value: number | null): Promise<void> {
  const { entries } = await channel.request(AlterClientQuotas, 1, {
    entries: [
      {
        entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
        ops: [{ key, value: value ?? 0, remove: value === null }],
      },
    ],
    validateOnly: false,
  })
  if (entries[0]!.errorCode !== 0) throw new Error(`${errorName(entries[0]!.errorCode)}: ${entries[0]!.errorMessage}`)
}
