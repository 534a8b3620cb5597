import { isIP } from 'node:net'

import { plainAddress } from '../../base/ip-address.ts'
import type { StoredQuotas } from '../../coordination/local.ts'

/** What a quota is for: some of user and client id, or an address; null stands for the default of its type (KIP-55, KIP-546, KIP-612). */
export type Entity = StoredQuotas['entity']

/** What can be limited for users and client ids. */
export const clientQuotaKeys = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate'] as const
export type ClientQuotaKey = (typeof clientQuotaKeys)[number]
/** What can be limited for addresses. */
export const ipQuotaKey = 'connection_creation_rate'

/** Byte rates are whole numbers in Kafka, the others need not be. */
const WHOLE: readonly string[] = ['producer_byte_rate', 'consumer_byte_rate', ipQuotaKey]

/** The parts in one order, so that equal entities look equal. */
export function sorted(entity: Entity): Entity {
  return [...entity].sort(([a], [b]) => (a < b ? 1 : -1))
}

/** The same for the same entity, in whatever form an address is written. */
export function entityKey(entity: Entity): string {
  return JSON.stringify(sorted(entity).map(([type, name]) => [type, type === 'ip' && name !== null ? plainAddress(name) : name]))
}

/** Why there can be no such entity; undefined when there can. */
export function entityProblem(entity: Entity): string | undefined {
  if (entity.length === 0) return 'Invalid empty client quota entity'
  const types = entity.map(([type]) => type)
  const stranger = types.find((type) => !['user', 'client-id', 'ip'].includes(type))
  if (stranger !== undefined) return `Unhandled client quota entity type: ${stranger}`
  if (new Set(types).size !== types.length) return `Invalid client quota entity, contains duplicate entity type: ${types[0]}`
  if (types.includes('ip') && types.length > 1) return 'Invalid client quota entity: an ip stands for itself'
  const nameless = entity.find(([, name]) => name === '')
  if (nameless !== undefined) return `Empty ${nameless[0]} not supported`
  const [type, name] = entity[0]!
  return type === 'ip' && name !== null && isIP(name) === 0 ? `${name} is not a valid IP or resolvable host.` : undefined
}

/** Why an entity cannot have a quota of this kind; undefined when it can. */
export function quotaKeyProblem(entity: Entity, key: string): string | undefined {
  const [type] = entity[0]!
  const keys: readonly string[] = type === 'ip' ? [ipQuotaKey] : clientQuotaKeys
  return keys.includes(key) ? undefined : `Invalid configuration key ${key}`
}

/** Why a quota cannot have this value; undefined when it can. */
export function quotaProblem(key: string, value: number): string | undefined {
  if (!(value > 0)) return `Quota ${key} must be greater than 0`
  return WHOLE.includes(key) && !Number.isInteger(value) ? `Quota ${key} must be a whole number, not ${value}` : undefined
}

/** A limit, and whom it is shared with: all who have the same `scope`. */
export interface FoundQuota {
  readonly limit: number
  readonly scope: string
}

type Limits = ReadonlyMap<string, Readonly<Record<string, number>>>

/**
 * The quota that counts for a user with a client id: the most specific one, as Kafka looks for it. One for a user and a client id is that
 * pair's alone; one for a user is shared by all its clients; one for a client id by all who use that id.
 */
export function findQuota(limits: Limits, key: ClientQuotaKey, user: string, clientId: string): FoundQuota | undefined {
  const pair = `user=${user},client-id=${clientId}`
  const candidates: readonly (readonly [Entity, string])[] = [
    [
      [
        ['user', user],
        ['client-id', clientId],
      ],
      pair,
    ],
    [
      [
        ['user', user],
        ['client-id', null],
      ],
      pair,
    ],
    [[['user', user]], `user=${user}`],
    [
      [
        ['user', null],
        ['client-id', clientId],
      ],
      pair,
    ],
    [
      [
        ['user', null],
        ['client-id', null],
      ],
      pair,
    ],
    [[['user', null]], `user=${user}`],
    [[['client-id', clientId]], `client-id=${clientId}`],
    [[['client-id', null]], `client-id=${clientId}`],
  ]
  for (const [entity, scope] of candidates) {
    const limit = limits.get(entityKey(entity))?.[key]
    if (limit !== undefined) return { limit, scope }
  }
  return undefined
}
