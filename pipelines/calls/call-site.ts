import type { Clock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import type { RandomBytes } from '../../core/base/uuid.ts'
import { backoffMs } from './backoff.ts'
import type { BreakerState } from './circuit-breaker.ts'
import { Gate } from './gate.ts'
import type { CallPolicy } from './options.ts'

/** How the calls of one `mapAsync` are doing in this process; also those of epochs that are not committed yet. */
export interface CallMetrics {
  /** As messages name it: `mapAsync (operator 2)`. */
  readonly operator: string
  /** Under way now. */
  readonly running: number
  /** Held back by the circuit breaker now. */
  readonly waiting: number
  /** Repeated since the start of the job. */
  readonly retries: number
  /** Given up since the start of the job, because they took longer than `timeout`. */
  readonly timeouts: number
  /** When it has one. */
  readonly circuitBreaker?: BreakerState
}

/** The job stops, and a call that waits for something will not be made any more: the epoch is dropped, and read again by the next run. */
export class CallsStopped extends MoldauError {
  constructor(operator: string) {
    super('CLOSED', `${operator}: the job stops, and a call was still to be made; nothing of this epoch is committed`)
  }
}

/** One `mapAsync` in this process: what the calls of all its tasks share. */
export class CallSite {
  readonly policy: CallPolicy
  readonly clock: Clock
  readonly gate: Gate | undefined
  running: number
  retries: number
  timeouts: number
  readonly #operator: string
  readonly #random: RandomBytes
  readonly #drawn: Buffer
  /** Of calls that are not under way but wait: to be called when the job stops. */
  readonly #paused: Set<(error: Error) => void>
  #stopped: boolean

  constructor(operator: string, policy: CallPolicy, clock: Clock, random: RandomBytes) {
    this.policy = policy
    this.clock = clock
    this.gate = policy.breaker === undefined ? undefined : new Gate(policy.breaker, clock)
    this.running = 0
    this.retries = 0
    this.timeouts = 0
    this.#operator = operator
    this.#random = random
    this.#drawn = Buffer.alloc(4)
    this.#paused = new Set()
    this.#stopped = false
  }

  /** How long to wait before a repetition, in milliseconds; 1 is the first. */
  backoffMs(repetition: number): number {
    return backoffMs(this.policy.backoff, repetition, this.#random(this.#drawn).readUInt32BE(0) / 2 ** 32)
  }

  /** A call waits until it is resumed; `stop` is called, once and not at once, when it need not wait any longer. */
  pause(stop: (error: Error) => void): void {
    this.#paused.add(stop)
    if (this.#stopped) queueMicrotask(() => this.#stop())
  }

  resume(stop: (error: Error) => void): void {
    this.#paused.delete(stop)
  }

  /** The job stops: nothing waits any more. Calls under way go on. */
  stop(): void {
    this.#stopped = true
    this.#stop()
  }

  metrics(): CallMetrics {
    const { running, retries, timeouts, gate } = this
    const breaker = gate === undefined ? {} : { circuitBreaker: gate.state }
    return { operator: this.#operator, running, waiting: gate?.waiting ?? 0, retries, timeouts, ...breaker }
  }

  #stop(): void {
    for (const stop of this.#paused) {
      this.#paused.delete(stop)
      stop(new CallsStopped(this.#operator))
    }
  }
}

/** The call sites of a pipeline in this process. */
export class CallSites {
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #sites: Map<string, CallSite>
  #stopped: boolean

  constructor(clock: Clock, random: RandomBytes) {
    this.#clock = clock
    this.#random = random
    this.#sites = new Map()
    this.#stopped = false
  }

  /** The same one for each task of an operator. */
  of(operator: string, policy: CallPolicy): CallSite {
    let site = this.#sites.get(operator)
    if (site === undefined) this.#sites.set(operator, (site = new CallSite(operator, policy, this.#clock, this.#random)))
    if (this.#stopped) site.stop()
    return site
  }

  stop(): void {
    this.#stopped = true
    for (const site of this.#sites.values()) site.stop()
  }

  metrics(): CallMetrics[] {
    return Array.from(this.#sites.values(), (site) => site.metrics())
  }
}
