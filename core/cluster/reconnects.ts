import type { Clock } from '../base/clock.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { backoff } from './retry.ts'

export interface ReconnectOptions {
  clock: Clock
  random: RandomBytes
  /** Pause after an attempt that failed, doubled for each further one; Kafka's `reconnect.backoff.ms`. */
  reconnectBackoffMs: number
  /** Longest pause; Kafka's `reconnect.backoff.max.ms`. */
  reconnectBackoffMaxMs: number
  /** How long a connection may take to come up, doubled after each failure; Kafka's `socket.connection.setup.timeout.ms`. */
  socketConnectionSetupTimeoutMs: number
  /** Kafka's `socket.connection.setup.timeout.max.ms`. */
  socketConnectionSetupTimeoutMaxMs: number
}

/** Addresses that failed and are remembered, at most: a cluster of which each broker moved several times. */
const ADDRESSES_MAX = 1000

/** Remembers which addresses did not answer: they are given a pause, and more time to answer. All times carry jitter of 20 %. */
export class Reconnects {
  readonly #options: ReconnectOptions
  readonly #failed: Map<string, { failures: number; at: number }>

  constructor(options: ReconnectOptions) {
    this.#options = options
    this.#failed = new Map()
  }

  /** Milliseconds until an address should be tried again; 0 for now. */
  pauseMs(address: string): number {
    const failed = this.#failed.get(address)
    return failed === undefined ? 0 : Math.max(0, failed.at - this.#options.clock.monotonic())
  }

  /** Milliseconds that the next attempt may take. */
  setupTimeoutMs(address: string): number {
    const { random, socketConnectionSetupTimeoutMs: least, socketConnectionSetupTimeoutMaxMs: most } = this.#options
    const failures = this.#failed.get(address)?.failures ?? 0
    // The first is as long as it was set: nobody marches in step yet.
    return failures === 0 ? least : backoff({ random, retryBackoffMs: least, retryBackoffMaxMs: Math.max(least, most) }, failures)
  }

  failed(address: string): void {
    const { clock, random, reconnectBackoffMs, reconnectBackoffMaxMs } = this.#options
    const failures = this.#failed.get(address)?.failures ?? 0
    const pause = backoff({ random, retryBackoffMs: reconnectBackoffMs, retryBackoffMaxMs: reconnectBackoffMaxMs }, failures)
    // At the end of the order in which they are forgotten.
    this.#failed.delete(address)
    this.#failed.set(address, { failures: failures + 1, at: clock.monotonic() + pause })
    if (this.#failed.size > ADDRESSES_MAX) this.#failed.delete(this.#failed.keys().next().value!)
  }

  succeeded(address: string): void {
    this.#failed.delete(address)
  }
}
