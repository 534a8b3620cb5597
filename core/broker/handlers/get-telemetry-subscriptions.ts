import { ZERO_UUID } from '../../base/uuid.ts'
import { GetTelemetrySubscriptions } from '../../protocol/messages/get-telemetry-subscriptions.ts'
import { compressionId } from '../../record/compression-names.ts'
import { clientTraits } from '../client-traits.ts'
import { handler } from '../handler.ts'

/** In order of preference, as Kafka offers them. */
const COMPRESSIONS = (['zstd', 'lz4', 'gzip', 'snappy'] as const).map(compressionId)

/** GetTelemetrySubscriptions 0 (KIP-714): which metrics the client is asked for; it gets an id when it has none. */
export const getTelemetrySubscriptions = handler({
  api: GetTelemetrySubscriptions,
  minVersion: 0,
  maxVersion: 0,
  handle(request, context) {
    const { broker } = context
    const clientInstanceId = request.clientInstanceId === ZERO_UUID ? broker.telemetry.newInstanceId() : request.clientInstanceId
    const { id, pushIntervalMs, metrics } = broker.telemetry.subscribe(clientInstanceId, clientTraits(clientInstanceId, context))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      clientInstanceId,
      subscriptionId: id,
      acceptedCompressionTypes: COMPRESSIONS,
      pushIntervalMs,
      telemetryMaxBytes: broker.config.get('telemetry.max.bytes'),
      deltaTemporality: true,
      requestedMetrics: metrics,
    }
  },
})
