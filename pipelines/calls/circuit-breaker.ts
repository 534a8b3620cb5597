/** Closed: calls pass and are counted. Open: none passes. Half-open: a few pass, to see whether the service is back. */
export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerRules {
  /** From what share of failed calls it opens, above 0 and up to 1. */
  readonly failureRate: number
  /** So many calls must have ended before the share says something. */
  readonly minimumCalls: number
  /** The share is that of the last so many calls. */
  readonly windowCalls: number
  /** How long it stays open, in milliseconds. */
  readonly openMs: number
  /** How many calls pass when it is half-open. */
  readonly halfOpenCalls: number
}

/** Of a call that passes: which stretch of the breaker's life it belongs to. What ends in another one says nothing any more. */
export type Pass = number

/**
 * The states of a circuit breaker, as in resilience4j: it counts how many of the last calls have failed, and lets none pass for a while when
 * it was too many. A state machine: time comes in with each question, nothing fires by itself.
 */
export class CircuitBreaker {
  readonly #rules: BreakerRules
  /** Of the last calls: whether they failed; a ring. */
  readonly #outcomes: boolean[]
  #ended: number
  #failed: number
  #state: BreakerState
  #openUntil: number
  /** Calls that have passed since it is half-open. */
  #trials: number
  #stretch: number

  constructor(rules: BreakerRules) {
    this.#rules = rules
    this.#outcomes = []
    this.#ended = 0
    this.#failed = 0
    this.#state = 'closed'
    this.#openUntil = 0
    this.#trials = 0
    this.#stretch = 0
  }

  /** @param now milliseconds of a monotonic clock, as everywhere here */
  state(now: number): BreakerState {
    if (this.#state === 'open' && now >= this.#openUntil) this.#turn('half-open')
    return this.#state
  }

  /** When it will be half-open. Only asked while it is open. */
  get openUntil(): number {
    return this.#openUntil
  }

  /** A call wants to begin: undefined when it may not pass now. */
  pass(now: number): Pass | undefined {
    const state = this.state(now)
    if (state === 'open' || (state === 'half-open' && this.#trials >= this.#rules.halfOpenCalls)) return undefined
    if (state === 'half-open') this.#trials++
    return this.#stretch
  }

  /** A call that has passed has ended. */
  ended(pass: Pass, failed: boolean, now: number): void {
    if (pass !== this.#stretch) return
    this.#count(failed)
    const { minimumCalls, halfOpenCalls, failureRate, openMs } = this.#rules
    const calls = Math.min(this.#ended, this.#rules.windowCalls)
    if (calls < (this.#state === 'half-open' ? halfOpenCalls : minimumCalls)) return
    if (this.#failed / calls >= failureRate) {
      this.#turn('open')
      this.#openUntil = now + openMs
    } else if (this.#state === 'half-open') this.#turn('closed')
  }

  /** A call that has passed was given up by its caller: it says nothing, and another one may pass in its place. */
  cancelled(pass: Pass): void {
    if (pass === this.#stretch && this.#state === 'half-open') this.#trials--
  }

  #count(failed: boolean): void {
    const at = this.#ended++ % this.#rules.windowCalls
    if (this.#outcomes[at] === true) this.#failed--
    this.#outcomes[at] = failed
    if (failed) this.#failed++
  }

  #turn(state: BreakerState): void {
    this.#state = state
    this.#stretch++
    this.#outcomes.length = 0
    this.#ended = 0
    this.#failed = 0
    this.#trials = 0
  }
}
