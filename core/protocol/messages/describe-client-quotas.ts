import { api } from '../api.ts'
import { array, bool, float64, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The quotas of users, client ids and addresses (KIP-546). */

export const DescribeClientQuotasRequest = message('DescribeClientQuotasRequest', '0-1', '1+', {
  components: array({ entityType: string(), matchType: int8(), match: string({ nullable: true }) }),
  strict: bool(),
})
export type DescribeClientQuotasRequest = Infer<typeof DescribeClientQuotasRequest>

export const DescribeClientQuotasResponse = message('DescribeClientQuotasResponse', '0-1', '1+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  entries: array(
    { entity: array({ entityType: string(), entityName: string({ nullable: true }) }), values: array({ key: string(), value: float64() }) },
    { nullable: true },
  ),
})
export type DescribeClientQuotasResponse = Infer<typeof DescribeClientQuotasResponse>

export const DescribeClientQuotas = api(48, 'DescribeClientQuotas', DescribeClientQuotasRequest, DescribeClientQuotasResponse)
