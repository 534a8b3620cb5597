import { MoldauError } from '../../base/errors.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Metric } from '../metrics/metric.ts'
import { TelemetryReporter } from './reporter.ts'

export interface TelemetryOptions {
  cluster: Cluster
  metrics: () => Iterable<Metric>
  /** Kafka's `enable.metrics.push`. */
  enabled: boolean
}

/** A client's telemetry, which may be switched off. */
export class Telemetry {
  readonly #reporter: TelemetryReporter | undefined
  readonly #cluster: Cluster

  constructor({ enabled, ...options }: TelemetryOptions) {
    this.#cluster = options.cluster
    this.#reporter = enabled ? new TelemetryReporter(options) : undefined
    this.#reporter?.start()
  }

  /** @throws MoldauError INVALID_CONFIG, TIMEOUT, UNSUPPORTED_VERSION, CLOSED */
  async clientInstanceId(timeoutMs: number): Promise<string> {
    if (this.#reporter === undefined)
      throw new MoldauError('INVALID_CONFIG', 'clientInstanceId() needs enableMetricsPush, which is false: without it the client has no id')
    let timer: { cancel(): void } | undefined
    const late = new Promise<never>((_, reject) => {
      const message = `the cluster gave this client no id for its metrics within ${timeoutMs} ms`
      timer = this.#cluster.clock.after(timeoutMs, () => reject(new MoldauError('TIMEOUT', message, { retriable: true })))
    })
    try {
      return await Promise.race([this.#reporter.instanceId, late])
    } finally {
      timer?.cancel()
    }
  }

  /** A producer or consumer was closed: what it has counted is told once more. */
  keep(one: { metrics(): Iterable<Metric> }): void {
    this.#reporter?.keep(() => one.metrics())
  }

  /** Sends the last metrics, where they are wanted. */
  async close(): Promise<void> {
    await this.#reporter?.close()
  }
}
