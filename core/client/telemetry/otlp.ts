import { ProtobufWriter } from './protobuf.ts'

/** One number under its name in telemetry: `org.apache.kafka.producer.record.send.total`. */
export interface Point {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  /** Sums only grow; `since` is when the sum, or the part of it that is told here, began. */
  readonly kind: 'gauge' | 'sum'
  readonly value: number
  /** Milliseconds since 1970. */
  readonly since: number
  readonly at: number
}

const TEMPORALITY = { delta: 1, cumulative: 2 } as const

// Numbers of fields in opentelemetry/proto/metrics/v1/metrics.proto and its neighbours.
const MetricsData = { resourceMetrics: 1 }
const ResourceMetrics = { resource: 1, scopeMetrics: 2 }
const Resource = { attributes: 1 }
const ScopeMetrics = { metrics: 2 }
const Metric = { name: 1, gauge: 5, sum: 7 }
const Gauge = { dataPoints: 1 }
const Sum = { dataPoints: 1, temporality: 2, isMonotonic: 3 }
const NumberDataPoint = { startTime: 2, time: 3, asDouble: 4, attributes: 7 }
const KeyValue = { key: 1, value: 2 }
const AnyValue = { string: 1 }

/**
 * An OpenTelemetry `MetricsData` message with one resource.
 *
 * @param points sorted or not; those that follow one another under the same name and kind become one metric
 */
export function encodeMetrics(
  resource: Readonly<Record<string, string>>,
  points: readonly Point[],
  temporality: keyof typeof TEMPORALITY,
): Buffer {
  const w = new ProtobufWriter(Math.max(1024, points.length * 128))
  const all = w.length
  for (let end = points.length; end > 0;) {
    const { name, kind } = points[end - 1]!
    let start = end - 1
    while (start > 0 && points[start - 1]!.name === name && points[start - 1]!.kind === kind) start--
    writeMetric(w, points.slice(start, end), temporality)
    end = start
  }
  w.closeMessage(ResourceMetrics.scopeMetrics, all)
  const attributes = w.length
  writeAttributes(w, Resource.attributes, resource)
  w.closeMessage(ResourceMetrics.resource, attributes)
  w.closeMessage(MetricsData.resourceMetrics, all)
  return w.finish()
}

function writeMetric(w: ProtobufWriter, points: readonly Point[], temporality: keyof typeof TEMPORALITY): void {
  const from = w.length
  const { name, kind } = points[0]!
  if (kind === 'sum') {
    w.uint(Sum.isMonotonic, 1)
    w.uint(Sum.temporality, TEMPORALITY[temporality])
  }
  for (const point of points.toReversed()) writePoint(w, kind === 'sum' ? Sum.dataPoints : Gauge.dataPoints, point)
  w.closeMessage(kind === 'sum' ? Metric.sum : Metric.gauge, from)
  w.string(Metric.name, name)
  w.closeMessage(ScopeMetrics.metrics, from)
}

function writePoint(w: ProtobufWriter, field: number, { attributes, kind, value, since, at }: Point): void {
  const from = w.length
  writeAttributes(w, NumberDataPoint.attributes, attributes)
  w.double(NumberDataPoint.asDouble, value)
  w.nanos(NumberDataPoint.time, at)
  if (kind === 'sum') w.nanos(NumberDataPoint.startTime, since)
  w.closeMessage(field, from)
}

function writeAttributes(w: ProtobufWriter, field: number, attributes: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(attributes).toReversed()) {
    const from = w.length
    w.string(AnyValue.string, value)
    w.closeMessage(KeyValue.value, from)
    w.string(KeyValue.key, key)
    w.closeMessage(field, from)
  }
}
