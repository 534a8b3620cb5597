import { messageOf } from '../../base/errors.ts'
import { ZERO_UUID } from '../../base/uuid.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { PushTelemetry } from '../../protocol/messages/push-telemetry.ts'
import { decompress } from '../../record/compression.ts'
import { compressionNames } from '../../record/compression-names.ts'
import { clientTraits } from '../client-traits.ts'
import { handler } from '../handler.ts'

/** How much larger than `telemetry.max.bytes` metrics may be when they are not compressed. */
const GROWTH_MAX = 16

/** PushTelemetry 0 (KIP-714): metrics of a client, handed on as the event `telemetry`; nothing is kept. */
export const pushTelemetry = handler({
  api: PushTelemetry,
  minVersion: 0,
  maxVersion: 0,
  handle(request, context) {
    const { broker, clientId, remote } = context
    const { clientInstanceId, subscriptionId, terminating, metrics: sent } = request
    if (clientInstanceId === ZERO_UUID) throw kafkaError('INVALID_REQUEST', 'a client needs an id to send metrics')
    const compression = compressionNames[request.compressionType]
    if (compression === undefined) throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression type ${request.compressionType}`)
    const maxBytes = broker.config.get('telemetry.max.bytes')
    broker.telemetry.push(clientInstanceId, clientTraits(clientInstanceId, context), subscriptionId, terminating)
    if (sent.length > maxBytes) throw kafkaError('TELEMETRY_TOO_LARGE', `${sent.length} bytes of metrics, ${maxBytes} are the limit`)
    let metrics: Buffer
    try {
      metrics = decompress(compression, sent, maxBytes * GROWTH_MAX)
    } catch (error) {
      throw kafkaError('INVALID_RECORD', `metrics that cannot be read: ${messageOf(error)}`)
    }
    broker.events.emit('telemetry', { clientInstanceId, clientId: clientId ?? '', remote, terminating, metrics })
    return { throttleTimeMs: 0, errorCode: 0 }
  },
})
