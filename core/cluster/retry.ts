import { sleep } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf, MoldauError } from '../base/errors.ts'
import type { RandomBytes } from '../base/uuid.ts'

export interface RetryPolicy {
  clock: Clock
  random: RandomBytes
  /** Pause before the first retry, doubled for each further one; Kafka's `retry.backoff.ms`. */
  retryBackoffMs: number
  /** Longest pause; Kafka's `retry.backoff.max.ms`. */
  retryBackoffMaxMs: number
}

export interface RetryOptions {
  /** What is being done, for the message: `create topic flights`. */
  what: string
  /** Infinity: until it works, fails for good, or `stopped` says so. */
  timeoutMs: number
  /** Asked before each attempt: an error ends the retries with it. */
  stopped?: () => Error | undefined
  /** Which errors are worth another attempt; default: those that say so of themselves. */
  retriable?: (error: unknown) => boolean
}

/** Milliseconds to wait before retry number `attempt` (0 for the first): exponential, plus or minus 20 %, so that clients do not march in step. */
export function backoff(policy: Omit<RetryPolicy, 'clock'>, attempt: number): number {
  const base = Math.min(policy.retryBackoffMs * 2 ** Math.min(attempt, 16), policy.retryBackoffMaxMs)
  const fraction = policy.random(Buffer.alloc(4)).readUInt32BE(0) / 0x1_0000_0000
  return base * (0.8 + 0.4 * fraction)
}

export function isRetriableError(error: unknown): boolean {
  return error instanceof MoldauError && error.retriable
}

/** Runs `attempt` until it works, throws what no retry can cure, or the time is over: then TIMEOUT with the last error as the cause. */
export async function retry<T>(policy: RetryPolicy, options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const retriable = options.retriable ?? isRetriableError
  const deadline = policy.clock.monotonic() + options.timeoutMs
  for (let n = 0; ; n++) {
    const stop = options.stopped?.()
    if (stop !== undefined) throw stop
    try {
      return await attempt()
    } catch (error) {
      if (!retriable(error)) throw error
      const pause = backoff(policy, n)
      if (policy.clock.monotonic() + pause > deadline) throw timedOut(options, error)
      await sleep(policy.clock, pause)
    }
  }
}

function timedOut(options: RetryOptions, last: unknown): MoldauError {
  const message = `${options.what}: no success within ${options.timeoutMs} ms; the last attempt said: ${messageOf(last)}`
  return new MoldauError('TIMEOUT', message, { cause: last, retriable: true })
}
