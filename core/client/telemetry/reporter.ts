import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf, MoldauError } from '../../base/errors.ts'
import { ZERO_UUID } from '../../base/uuid.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { errorName } from '../../protocol/errors.ts'
import { GetTelemetrySubscriptions } from '../../protocol/messages/get-telemetry-subscriptions.ts'
import type { GetTelemetrySubscriptionsResponse } from '../../protocol/messages/get-telemetry-subscriptions.ts'
import { PushTelemetry } from '../../protocol/messages/push-telemetry.ts'
import { within } from '../farewell.ts'
import type { Metric } from '../metrics/metric.ts'
import { afterError, afterSubscription, PUSH_INTERVAL_MS } from './next-step.ts'
import type { Step } from './next-step.ts'
import { Payloads } from './payloads.ts'

export interface TelemetryReporterOptions {
  cluster: Cluster
  metrics: () => Iterable<Metric>
}

/** How long to wait after a request that nobody answered, while nothing is known of the interval. */
const RETRY_MS = 30_000
/** How long the last push may hold up the end of the client. */
const LAST_PUSH_MS = 3000
/** Producers and consumers that were closed since the last push, and are told of in the next. */
const LEFT_MAX = 100

/**
 * Sends a client's metrics to the cluster when the cluster asks for them (KIP-714): asks what is wanted, pushes that by the interval wanted, asks again
 * when something has changed, and says goodbye with a last push. Nothing of it ever fails the program.
 */
export class TelemetryReporter {
  readonly #options: TelemetryReporterOptions
  readonly #clock: Clock
  readonly #payloads: Payloads
  readonly #instanceId: PromiseWithResolvers<string>
  #subscription: GetTelemetrySubscriptionsResponse | undefined
  #left: Metric[][]
  #timer: Timer | undefined
  #running: Promise<void>
  #closed: boolean

  constructor(options: TelemetryReporterOptions) {
    const { clock, logger } = options.cluster
    this.#options = options
    this.#clock = clock
    this.#payloads = new Payloads(clock.now(), logger)
    this.#instanceId = Promise.withResolvers()
    this.#instanceId.promise.catch(() => {})
    this.#subscription = undefined
    this.#left = []
    this.#timer = undefined
    this.#running = Promise.resolve()
    this.#closed = false
  }

  start(): void {
    this.#schedule({ next: 'subscribe', waitMs: 0 })
  }

  /** The name that the cluster has given this client for telemetry. Rejects when it gives none. */
  get instanceId(): Promise<string> {
    return this.#instanceId.promise
  }

  /** The last word of a producer or consumer that was closed goes with the next push. */
  keep(metrics: () => Iterable<Metric>): void {
    const wanted = this.#subscription?.requestedMetrics ?? []
    if (!this.#closed && wanted.length > 0 && this.#left.length < LEFT_MAX) this.#left.push([...metrics()])
  }

  /** The last push, when pushes are wanted; waits a few seconds for it at most. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#instanceId.reject(new MoldauError('CLOSED', 'the client was closed before the cluster gave it an id'))
    const subscription = this.#subscription
    if (subscription === undefined || subscription.requestedMetrics.length === 0) return
    const last = this.#running.then(() => this.#push(subscription, true))
    await within(this.#clock, LAST_PUSH_MS, last)
  }

  #schedule({ next, waitMs }: Step): void {
    if (this.#closed || next === 'stop') return
    this.#timer = this.#clock.after(waitMs, () => {
      this.#running = this.#step(next)
    })
    // Metrics alone keep no program alive.
    this.#timer.unref?.()
  }

  /** Never rejects. */
  async #step(next: 'subscribe' | 'push'): Promise<void> {
    let step: Step
    try {
      step = next === 'push' && this.#subscription !== undefined ? await this.#push(this.#subscription, false) : await this.#subscribe()
    } catch (error) {
      this.#options.cluster.logger.debug({ error: messageOf(error) }, 'telemetry: a request failed')
      const unsupported = error instanceof MoldauError && error.code === 'UNSUPPORTED_VERSION'
      if (unsupported) this.#instanceId.reject(error)
      step = { next: unsupported ? 'stop' : 'subscribe', waitMs: this.#subscription?.pushIntervalMs ?? RETRY_MS }
    }
    if (step.next === 'stop') this.#subscription = undefined
    this.#schedule(step)
  }

  async #subscribe(): Promise<Step> {
    const { cluster } = this.#options
    const connection = await cluster.any()
    const clientInstanceId = this.#subscription?.clientInstanceId ?? ZERO_UUID
    const answer = await connection.request(GetTelemetrySubscriptions, { clientInstanceId })
    if (answer.errorCode !== 0) return this.#refused('GetTelemetrySubscriptions', answer.errorCode)
    const pushIntervalMs = answer.pushIntervalMs > 0 ? answer.pushIntervalMs : PUSH_INTERVAL_MS
    const before = this.#subscription?.subscriptionId
    this.#subscription = { ...answer, pushIntervalMs }
    this.#instanceId.resolve(answer.clientInstanceId)
    const { requestedMetrics, subscriptionId } = answer
    if (requestedMetrics.length > 0 && before !== subscriptionId) {
      const said = { clientInstanceId: answer.clientInstanceId, metrics: requestedMetrics, pushIntervalMs }
      cluster.logger.info(said, 'telemetry: the cluster asks for metrics of this client')
    }
    return afterSubscription(requestedMetrics, pushIntervalMs, this.#random())
  }

  async #push(subscription: GetTelemetrySubscriptionsResponse, terminating: boolean): Promise<Step> {
    const { cluster, metrics } = this.#options
    const connection: BrokerConnection = await cluster.any()
    const left = this.#left
    const { compressionType, bytes } = this.#payloads.make([...left.flat(), ...metrics()], subscription, this.#clock.now())
    const { clientInstanceId, subscriptionId, pushIntervalMs } = subscription
    const body = { clientInstanceId, subscriptionId, terminating, compressionType, metrics: bytes }
    const { errorCode } = await connection.request(PushTelemetry, body)
    if (errorCode !== 0) return this.#refused('PushTelemetry', errorCode, compressionType)
    this.#payloads.accepted()
    this.#left = this.#left.slice(left.length)
    return { next: 'push', waitMs: pushIntervalMs }
  }

  #refused(call: string, code: number, compressionType?: number): Step {
    const error = errorName(code)
    const { logger } = this.#options.cluster
    const step = afterError(error, this.#subscription?.pushIntervalMs)
    if (error === 'UNSUPPORTED_COMPRESSION_TYPE' && compressionType !== undefined) this.#payloads.avoid(compressionType)
    if (step.next === 'stop') {
      logger.warn({ call, error }, 'telemetry: the cluster does not take metrics of this client, no more are sent')
      this.#instanceId.reject(new MoldauError('PROTOCOL', `${call}: ${error}`))
    } else logger.debug({ call, error, waitMs: step.waitMs }, 'telemetry: refused')
    return step
  }

  #random(): number {
    return this.#options.cluster.policy.random(Buffer.alloc(4)).readUInt32BE(0) / 0x1_0000_0000
  }
}
