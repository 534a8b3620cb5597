import { api } from '../api.ts'
import { array, bool, float64, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Changes the quotas of users, client ids and addresses (KIP-546). */

export const AlterClientQuotasRequest = message('AlterClientQuotasRequest', '0-1', '1+', {
  entries: array({
    entity: array({ entityType: string(), entityName: string({ nullable: true }) }),
    ops: array({ key: string(), value: float64(), remove: bool() }),
  }),
  validateOnly: bool(),
})
export type AlterClientQuotasRequest = Infer<typeof AlterClientQuotasRequest>

export const AlterClientQuotasResponse = message('AlterClientQuotasResponse', '0-1', '1+', {
  throttleTimeMs: int32(),
  entries: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    entity: array({ entityType: string(), entityName: string({ nullable: true }) }),
  }),
})
export type AlterClientQuotasResponse = Infer<typeof AlterClientQuotasResponse>

export const AlterClientQuotas = api(49, 'AlterClientQuotas', AlterClientQuotasRequest, AlterClientQuotasResponse)
