import { MoldauError } from '../../core/base/errors.ts'
import { type Duration, milliseconds } from '../duration.ts'
import type { Backoff } from './backoff.ts'
import type { BreakerRules } from './circuit-breaker.ts'

export interface RetryOptions {
  /** How often a call that failed is repeated; default 3. */
  retries?: number
  /** Before the first repetition it waits at most so long, before each further one twice as long; default '100ms'. */
  backoff?: Duration
  /** It never waits longer than this; default '10s'. */
  backoffMax?: Duration
}

export interface CircuitBreakerOptions {
  /** From what share of failed calls it opens: above 0 and up to 1; default 0.5. */
  failureRate?: number
  /** So many calls must have ended before the share says something; default 20. */
  minimumCalls?: number
  /** The share is that of the last so many calls; default 100. */
  windowCalls?: number
  /** How long it stays open, in milliseconds; default 30 s. Then a few calls try whether the service is back. */
  openMs?: number
  /** How many calls try that, when it is half-open; default 5. */
  halfOpenCalls?: number
  /**
   * What becomes of calls while it is open: they 'wait' (the default) and with them the epoch, or 'fail' at once with CIRCUIT_OPEN, as `onError`
   * says.
   */
  whenOpen?: 'wait' | 'fail'
}

export interface CallOptions {
  /** How long one attempt may take; then its signal is aborted and it counts as failed. Default: as long as the epoch may. */
  timeout?: Duration
  /** How often a call that failed is repeated, and after what pause; a number is that of `retries`. Default: not at all. */
  retry?: number | RetryOptions
  /** Lets no calls pass for a while when too many have failed; shared by the tasks of the process. `true`: with its defaults. Default: none. */
  circuitBreaker?: boolean | CircuitBreakerOptions
  /**
   * Whether an error may pass. One that may not says something of the record, not of the service: the call is not repeated, and the circuit
   * breaker does not mind. Default: every error may.
   */
  retriable?: (error: unknown) => boolean
}

/** The options with every default filled in. */
export interface CallPolicy {
  readonly timeoutMs: number | undefined
  readonly retries: number
  readonly backoff: Backoff
  readonly breaker: (BreakerRules & { readonly whenOpen: 'wait' | 'fail' }) | undefined
  readonly retriable: (error: unknown) => boolean
}

/** @throws INVALID_ARGUMENT naming the option and what it takes; PIPELINE_INVALID for a duration that is none */
export function readCallOptions({ timeout, retry = 0, circuitBreaker = false, retriable = always }: CallOptions): CallPolicy {
  const { retries = 3, backoff = 100, backoffMax = 10_000 } = typeof retry === 'number' ? { retries: retry } : retry
  if (typeof retriable !== 'function') throw wrong('retriable', 'a function of the error', retriable)
  const timeoutMs = timeout === undefined ? undefined : milliseconds(timeout, 'mapAsync: timeout')
  if (timeoutMs === 0) throw wrong('timeout', 'more than nothing', timeout)
  return {
    timeoutMs,
    retries: whole('retry.retries', retries, 0),
    backoff: {
      firstMs: milliseconds(backoff, 'mapAsync: retry.backoff'),
      maxMs: milliseconds(backoffMax, 'mapAsync: retry.backoffMax'),
    },
    breaker: circuitBreaker === false ? undefined : readBreaker(circuitBreaker === true ? {} : circuitBreaker),
    retriable,
  }
}

function readBreaker(options: CircuitBreakerOptions): NonNullable<CallPolicy['breaker']> {
  const { failureRate = 0.5, minimumCalls = 20, windowCalls = 100, openMs = 30_000, halfOpenCalls = 5, whenOpen = 'wait' } = options
  if (!(failureRate > 0 && failureRate <= 1)) throw wrong('circuitBreaker.failureRate', 'a number above 0 and up to 1', failureRate)
  if (whenOpen !== 'wait' && whenOpen !== 'fail') throw wrong('circuitBreaker.whenOpen', "'wait' or 'fail'", whenOpen)
  whole('circuitBreaker.windowCalls', windowCalls, 1)
  if (whole('circuitBreaker.minimumCalls', minimumCalls, 1) > windowCalls) {
    throw wrong('circuitBreaker.minimumCalls', `at most windowCalls, ${windowCalls}`, minimumCalls)
  }
  if (whole('circuitBreaker.halfOpenCalls', halfOpenCalls, 1) > windowCalls) {
    throw wrong('circuitBreaker.halfOpenCalls', `at most windowCalls, ${windowCalls}`, halfOpenCalls)
  }
  if (!(Number.isFinite(openMs) && openMs > 0)) throw wrong('circuitBreaker.openMs', 'a number of milliseconds above 0', openMs)
  return { failureRate, minimumCalls, windowCalls, openMs, halfOpenCalls, whenOpen }
}

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw wrong(name, `a whole number of at least ${least}`, value)
}

function wrong(name: string, takes: string, value: unknown): MoldauError {
  return new MoldauError('INVALID_ARGUMENT', `mapAsync: ${name} is ${takes}, not ${String(value)}`)
}

const always = (): boolean => true
