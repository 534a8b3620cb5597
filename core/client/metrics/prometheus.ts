import type { Metric, MetricTags } from './metric.ts'

interface MetricConfiguration<Registry> {
  name: string
  help: string
  labelNames: string[]
  registers: NoInfer<Registry>[]
}

/** What we use of `prom-client`: pass the module, `import * as prom from 'prom-client'`. */
export interface PrometheusApi<Registry> {
  readonly register: Registry
  readonly Registry: new () => NoInfer<Registry>
  readonly Gauge: new (configuration: MetricConfiguration<Registry>) => { set(labels: Record<string, string>, value: number): void }
  readonly Counter: new (configuration: MetricConfiguration<Registry>) => { inc(labels: Record<string, string>, value: number): void }
}

/**
 * What a client, a producer or a consumer measures now, as a registry of `prom-client`: made anew for each scrape, so that what was closed is gone
 * from it. Group and name of a metric become `kafka_producer_record_send_total`, its tags become labels (`client_id`, `topic`, `partition`,
 * `node_id`): the names that Micrometer gives to the metrics of Java's clients. Where the parts of a number are told, by topic say, the whole is
 * left out, so that it is not counted twice; as is what there is no number for.
 *
 * ```ts
 * import * as prom from 'prom-client'
 * const text = await prom.Registry.merge([prom.register, prometheus(prom, client)]).metrics()
 * ```
 */
export function prometheus<Registry>(prom: PrometheusApi<Registry>, measured: { metrics(): Iterable<Metric> }): Registry {
  const registry = new prom.Registry()
  for (const [name, metrics] of Map.groupBy(measured.metrics(), prometheusName)) {
    const detail = Math.max(...metrics.map(({ tags }) => Object.keys(tags).length))
    const told = metrics.filter(({ tags, value }) => Object.keys(tags).length === detail && Number.isFinite(value))
    if (told.length === 0) continue
    const { description: help, kind, tags } = told[0]!
    const configuration = { name, help, labelNames: Object.keys(labelsOf(tags)), registers: [registry] }
    if (kind === 'counter') {
      const counter = new prom.Counter(configuration)
      for (const one of told) counter.inc(labelsOf(one.tags), one.value)
    } else {
      const gauge = new prom.Gauge(configuration)
      for (const one of told) gauge.set(labelsOf(one.tags), one.value)
    }
  }
  return registry
}

function prometheusName({ group, name }: Metric): string {
  return `kafka_${group.replace(/-metrics$/, '')}_${name}`.replaceAll('-', '_')
}

function labelsOf(tags: MetricTags): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name.replaceAll('-', '_'), value]))
}
