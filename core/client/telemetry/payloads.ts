import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { GetTelemetrySubscriptionsResponse } from '../../protocol/messages/get-telemetry-subscriptions.ts'
import { compress } from '../../record/compression.ts'
import { compressionId, compressionNames } from '../../record/compression-names.ts'
import type { Metric } from '../metrics/metric.ts'
import { encodeMetrics } from './otlp.ts'
import { PointMaker } from './points.ts'

export interface Payload {
  readonly compressionType: number
  readonly bytes: Buffer
}

type Wanted = Pick<
  GetTelemetrySubscriptionsResponse,
  'requestedMetrics' | 'deltaTemporality' | 'acceptedCompressionTypes' | 'telemetryMaxBytes'
>

/** Says who sends, besides what the broker knows of the connection. */
const RESOURCE = { 'telemetry.sdk.name': 'moldau', 'telemetry.sdk.language': 'nodejs' }

/** Turns metrics into what is pushed: only what is wanted, compressed as the broker likes it best, no larger than it takes. */
export class Payloads {
  readonly #points: PointMaker
  readonly #logger: Logger
  /** Compressions that the broker, or this machine, could not do. */
  readonly #avoided: Set<number>

  /** @param now milliseconds since 1970: since when sums have been counted */
  constructor(now: number, logger: Logger) {
    this.#points = new PointMaker(now)
    this.#logger = logger
    this.#avoided = new Set()
  }

  make(metrics: readonly Metric[], wanted: Wanted, now: number): Payload {
    const whole = this.#make(metrics, wanted, now)
    const { telemetryMaxBytes } = wanted
    if (telemetryMaxBytes <= 0 || whole.bytes.length <= telemetryMaxBytes) return whole
    this.#logger.warn(
      { bytes: whole.bytes.length, telemetryMaxBytes },
      'telemetry: the metrics are too large for the broker, those of single topics, partitions and brokers are left out',
    )
    return this.#make(metrics.filter(isOfWhole), wanted, now)
  }

  /** The broker has what {@link Payloads.make} made last. */
  accepted(): void {
    this.#points.accept()
  }

  /** The broker does not read this compression after all. */
  avoid(compressionType: number): void {
    this.#avoided.add(compressionType)
  }

  #make(metrics: readonly Metric[], { requestedMetrics, deltaTemporality, acceptedCompressionTypes }: Wanted, now: number): Payload {
    const points = this.#points.make(metrics, requestedMetrics, deltaTemporality, now)
    const plain = encodeMetrics(RESOURCE, points, deltaTemporality ? 'delta' : 'cumulative')
    for (const id of acceptedCompressionTypes) {
      const name = compressionNames[id]
      if (name === undefined || this.#avoided.has(id)) continue
      try {
        return { compressionType: id, bytes: compress(name, plain) }
      } catch (error) {
        this.#avoided.add(id)
        this.#logger.debug({ compression: name, error: messageOf(error) }, 'telemetry: cannot compress')
      }
    }
    return { compressionType: compressionId('none'), bytes: plain }
  }
}

/** Of a producer, consumer or client as a whole. */
function isOfWhole({ tags }: Metric): boolean {
  return Object.keys(tags).length === 1
}
