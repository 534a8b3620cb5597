import type { AdminOptions } from './calls.ts'

/**
 * Whose quota it is: of a user, a client id, both together, or of an address. Null is the default: of everyone who has none of their own.
 */
export interface QuotaEntity {
  user?: string | null
  clientId?: string | null
  ip?: string | null
}

/** Whose quotas to look for: a name, null for the default, true for any. */
export interface QuotaFilter {
  user?: string | null | true
  clientId?: string | null | true
  ip?: string | null | true
}

export interface DescribeQuotasOptions extends AdminOptions {
  /** Only quotas of what the filter names and of nothing besides: `{ user: 'alice' }` without those of alice with a client id; default false. */
  strict?: boolean
}

export interface ClientQuotas {
  entity: QuotaEntity
  /** By Kafka's names: `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, `controller_mutation_rate`, `connection_creation_rate`. */
  quotas: Readonly<Record<string, number>>
}

export interface QuotaAlteration {
  entity: QuotaEntity
  set?: Readonly<Record<string, number>>
  delete?: readonly string[]
}

export interface AlterQuotasOptions extends AdminOptions {
  /** Checks whether it could be done, and changes nothing; default false. */
  validateOnly?: boolean
}
