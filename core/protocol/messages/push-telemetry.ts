import { api } from '../api.ts'
import { bool, bytes, int16, int32, int8, message, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Metrics of a client, as an OpenTelemetry MetricsData message (KIP-714). */

export const PushTelemetryRequest = message('PushTelemetryRequest', '0', '0+', {
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  terminating: bool(),
  compressionType: int8(),
  metrics: bytes(),
})
export type PushTelemetryRequest = Infer<typeof PushTelemetryRequest>

export const PushTelemetryResponse = message('PushTelemetryResponse', '0', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
})
export type PushTelemetryResponse = Infer<typeof PushTelemetryResponse>

export const PushTelemetry = api(72, 'PushTelemetry', PushTelemetryRequest, PushTelemetryResponse)
