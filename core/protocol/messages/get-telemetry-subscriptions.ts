import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Which metrics a client is asked to send, and how often (KIP-714). */

export const GetTelemetrySubscriptionsRequest = message('GetTelemetrySubscriptionsRequest', '0', '0+', {
  clientInstanceId: uuid(),
})
export type GetTelemetrySubscriptionsRequest = Infer<typeof GetTelemetrySubscriptionsRequest>

export const GetTelemetrySubscriptionsResponse = message('GetTelemetrySubscriptionsResponse', '0', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  acceptedCompressionTypes: array(int8()),
  pushIntervalMs: int32(),
  telemetryMaxBytes: int32(),
  deltaTemporality: bool(),
  requestedMetrics: array(string()),
})
export type GetTelemetrySubscriptionsResponse = Infer<typeof GetTelemetrySubscriptionsResponse>

export const GetTelemetrySubscriptions = api(
  71,
  'GetTelemetrySubscriptions',
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponse,
)
