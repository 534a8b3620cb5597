import type { Metric, MetricTags } from './metric.ts'

/**
 * What was measured, at one moment. Iterate over it, or ask for a value by Kafka's name:
 *
 * ```ts
 * const metrics = consumer.metrics()
 * metrics.value('records-lag-max')                                       // of the consumer
 * metrics.value('records-lag', { topic: 'flights', partition: '0' })     // of one partition
 * ```
 */
export class MetricsSnapshot<Name extends string = string> implements Iterable<Metric<Name>> {
  readonly #metrics: readonly Metric<Name>[]

  constructor(metrics: readonly Metric<Name>[]) {
    this.#metrics = metrics
  }

  [Symbol.iterator](): Iterator<Metric<Name>> {
    return this.#metrics[Symbol.iterator]()
  }

  /**
   * The value of the metric that has all these tags, and of several the one with the fewest others: without tags that of the whole client.
   * Undefined when there is none (yet).
   */
  value(name: Name, tags: MetricTags = {}): number | undefined {
    let found: Metric<Name> | undefined
    for (const metric of this.#metrics) {
      if (metric.name !== name || !hasAll(metric.tags, tags)) continue
      if (found === undefined || Object.keys(metric.tags).length < Object.keys(found.tags).length) found = metric
    }
    return found?.value
  }
}

function hasAll(tags: MetricTags, wanted: MetricTags): boolean {
  return Object.entries(wanted).every(([name, value]) => tags[name] === value)
}
