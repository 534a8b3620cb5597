import type { Sensor } from '../../base/sensor.ts'

export type MetricTags = Readonly<Record<string, string>>

/** One measured value under Kafka's name. */
export interface Metric<Name extends string = string> {
  /** As in Kafka's documentation: `record-send-rate`. */
  readonly name: Name
  /** `producer-metrics`, `consumer-fetch-manager-metrics` and so on. */
  readonly group: string
  /** `client-id`, and `topic`, `partition`, `node-id` where the value belongs to one. */
  readonly tags: MetricTags
  /** A counter only grows while its owner lives; a gauge goes both ways. */
  readonly kind: 'gauge' | 'counter'
  readonly description: string
  /** NaN while there is nothing to take an average or a maximum of. */
  readonly value: number
}

/** How one metric is read from what was counted. */
export interface Reading<Source> {
  readonly kind: Metric['kind']
  readonly description: string
  read(source: Source, now: number): number
}

/** Metrics of one group by name: what a person sees, its type and the way to read it are said once. */
export type MetricTable<Source> = Readonly<Record<string, Reading<Source>>>

export function gauge<Source>(description: string, read: (source: Source, now: number) => number): Reading<Source> {
  return { kind: 'gauge', description, read }
}

export function counter<Source>(description: string, read: (source: Source) => number): Reading<Source> {
  return { kind: 'counter', description, read }
}

/** The same metrics, read from something that has their source. */
export function within<const Table extends Readonly<Record<string, Reading<Inner>>>, Inner, Source>(
  table: Table,
  inner: (source: Source) => Inner,
): Readonly<Record<keyof Table & string, Reading<Source>>> {
  const entries = Object.entries(table).map(([name, reading]) => [
    name,
    { ...reading, read: (source: Source, now: number) => reading.read(inner(source), now) },
  ])
  return Object.fromEntries(entries) as Readonly<Record<keyof Table & string, Reading<Source>>>
}

/** How many: `NAME-rate` per second and `NAME-total`. */
export function counted<const Name extends string, Source>(name: Name, what: string, of: (source: Source) => Sensor) {
  return {
    [`${name}-rate`]: gauge(`${what} per second`, (source: Source, now) => of(source).frequency(now)),
    [`${name}-total`]: counter(`${what} in all`, (source: Source) => of(source).count),
  } as Readonly<Record<`${Name}-rate` | `${Name}-total`, Reading<Source>>>
}

/** How much: `NAME-rate` per second and `NAME-total`. */
export function summed<const Name extends string, Source>(name: Name, what: string, of: (source: Source) => Sensor) {
  return {
    [`${name}-rate`]: gauge(`${what} per second`, (source: Source, now) => of(source).rate(now)),
    [`${name}-total`]: counter(`${what} in all`, (source: Source) => of(source).sum),
  } as Readonly<Record<`${Name}-rate` | `${Name}-total`, Reading<Source>>>
}

/** `NAME-avg` and `NAME-max` of the last 30 to 60 seconds. */
export function spread<const Name extends string, Source>(name: Name, what: string, of: (source: Source) => Sensor) {
  return {
    [`${name}-avg`]: gauge(`average ${what}`, (source: Source, now) => of(source).average(now)),
    [`${name}-max`]: gauge(`largest ${what}`, (source: Source, now) => of(source).max(now)),
  } as Readonly<Record<`${Name}-avg` | `${Name}-max`, Reading<Source>>>
}

/** Reads a whole group. */
export function readMetrics<Source, const Table extends MetricTable<Source>>(
  group: string,
  tags: MetricTags,
  table: Table,
  source: Source,
  now: number,
): Metric<keyof Table & string>[] {
  return Object.entries(table).map(([name, reading]) => ({
    name,
    group,
    tags,
    kind: reading.kind,
    description: reading.description,
    value: reading.read(source, now),
  }))
}
