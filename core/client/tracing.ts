import type { Header } from '../record/header.ts'
import type { RecordColumns } from '../record/columns.ts'
import type { ProducerInterceptor } from './interceptors.ts'

/** What we use of `@opentelemetry/api`: pass the module, `import * as api from '@opentelemetry/api'`. */
export interface OpenTelemetryApi<Context, Span extends { end(): void }> {
  readonly context: { active(): Context }
  readonly propagation: {
    inject<Carrier>(context: Context, carrier: Carrier, setter: { set(carrier: Carrier, key: string, value: string): void }): void
    extract<Carrier>(
      context: Context,
      carrier: Carrier,
      getter: { keys(carrier: Carrier): string[]; get(carrier: Carrier, key: string): string | undefined },
    ): Context
  }
  readonly trace: {
    getTracer(name: string): {
      startSpan(name: string, options: { kind: number; attributes: Record<string, string> }, context?: Context): Span
    }
    setSpan(context: Context, span: Span): Context
  }
}

export interface Tracing<Context> {
  /** Gives each record a span `<topic> create` and the headers that carry it on: `traceparent`, `tracestate`, `baggage`. */
  readonly producer: ProducerInterceptor
  /** The context that record `i` carries, for spans of what is done with it: as parent, or as link where a batch is one span. */
  contextOf(columns: RecordColumns, i: number): Context
}

/** SpanKind.PRODUCER: the number is part of OpenTelemetry's API. */
const PRODUCER = 3

const setter = {
  set(headers: Header[], key: string, value: string): void {
    headers.push({ key, value: Buffer.from(value) })
  },
}

const getter = {
  keys: (headers: readonly Header[]): string[] => headers.map(({ key }) => key),
  get: (headers: readonly Header[], key: string): string | undefined =>
    headers.findLast((header) => header.key.toLowerCase() === key)?.value?.toString(),
}

/**
 * Traces that go on through topics, in W3C's trace headers or whatever propagator is set. Without an SDK the API does nothing, and no
 * header is written. Names and attributes follow OpenTelemetry's conventions for messaging.
 *
 * ```ts
 * import * as api from '@opentelemetry/api'
 * const tracing = openTelemetry(api)
 * const producer = client.producer({ interceptors: [tracing.producer] })
 * // and where the records are worked on:
 * api.context.with(tracing.contextOf(batch.columns, i), () => work())
 * ```
 */
export function openTelemetry<Context, Span extends { end(): void }>(api: OpenTelemetryApi<Context, Span>): Tracing<Context> {
  const { context, propagation, trace } = api
  const tracer = trace.getTracer('moldau')
  return {
    producer: {
      onSend(record) {
        const attributes = {
          'messaging.system': 'kafka',
          'messaging.operation.type': 'create',
          'messaging.destination.name': record.topic,
        }
        const span = tracer.startSpan(`${record.topic} create`, { kind: PRODUCER, attributes }, context.active())
        const headers = [...(record.headers ?? [])]
        propagation.inject(trace.setSpan(context.active(), span), headers, setter)
        span.end()
        return { ...record, headers }
      },
    },
    contextOf: (columns, i) => propagation.extract(context.active(), columns.headers(i), getter),
  }
}
