import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Switches features of the cluster to other levels (KIP-584). */

export const UpdateFeaturesRequest = message('UpdateFeaturesRequest', '0-2', '0+', {
  timeoutMs: int32({ default: 60000 }),
  featureUpdates: array({
    feature: string(),
    maxVersionLevel: int16(),
    allowDowngrade: bool('0'),
    upgradeType: int8('1+', { default: 1 }),
  }),
  validateOnly: bool('1+', { default: false }),
})
export type UpdateFeaturesRequest = Infer<typeof UpdateFeaturesRequest>

export const UpdateFeaturesResponse = message('UpdateFeaturesResponse', '0-2', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  results: array({ feature: string(), errorCode: int16(), errorMessage: string({ nullable: true }) }, '0-1', { ignorable: true }),
})
export type UpdateFeaturesResponse = Infer<typeof UpdateFeaturesResponse>

export const UpdateFeatures = api(57, 'UpdateFeatures', UpdateFeaturesRequest, UpdateFeaturesResponse)
