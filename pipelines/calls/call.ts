import type { Timer } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import type { CallSite } from './call-site.ts'
import type { Pass } from './circuit-breaker.ts'

/** What a function gets that is called for a record. */
export interface CallContext {
  /** Aborted when nobody waits for the answer any more: after `timeout`, when the epoch is rolled back, when the job stops. Hand it to `fetch`. */
  readonly signal: AbortSignal
  /** 1 of the first attempt, 2 of the first repetition. */
  readonly attempt: number
}

/** Gets the end of a call, once; never at once, and never after it was cancelled. */
export interface Settled<R> {
  done(result: R): void
  fail(error: unknown): void
}

/** Makes an AbortController only for those who ask for its signal. */
class Attempt implements CallContext {
  readonly attempt: number
  readonly pass: Pass | undefined
  readonly since: number
  #controller: AbortController | undefined

  constructor(attempt: number, pass: Pass | undefined, since: number) {
    this.attempt = attempt
    this.pass = pass
    this.since = since
    this.#controller = undefined
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }
}

/** What is called for one item: attempt after attempt, until one succeeds or the last has failed. */
export class Call<R> {
  readonly #site: CallSite
  readonly #run: (context: CallContext) => Promise<R>
  readonly #settled: Settled<R>
  /** What it waits for when no attempt is under way. */
  #leave: (() => void) | undefined
  #attempt: Attempt | undefined
  #attempts: number
  #timer: Timer | undefined

  constructor(site: CallSite, run: (context: CallContext) => Promise<R>, settled: Settled<R>) {
    this.#site = site
    this.#run = run
    this.#settled = settled
    this.#leave = undefined
    this.#attempt = undefined
    this.#attempts = 0
    this.#timer = undefined
    this.#enter()
  }

  /** When the attempt that is under way began, on the monotonic clock. */
  get since(): number | undefined {
    return this.#attempt?.since
  }

  /** Nobody waits for it any more. */
  cancel(reason: unknown): void {
    this.#leave?.()
    const attempt = this.#end(this.#attempt)
    if (attempt === undefined) return
    attempt.abort(reason)
    if (attempt.pass !== undefined) this.#site.gate!.cancelled(attempt.pass)
  }

  #enter(): void {
    const { gate, policy } = this.#site
    if (gate === undefined) return this.#begin(undefined)
    if (policy.breaker!.whenOpen === 'fail') {
      const passed = gate.pass()
      return passed === undefined ? this.#refuse() : this.#begin(passed)
    }
    const entered = gate.enter((pass) => {
      this.#leave?.()
      this.#begin(pass)
    })
    if (typeof entered === 'number') this.#begin(entered)
    else this.#wait(entered)
  }

  #begin(pass: Pass | undefined): void {
    const { timeoutMs } = this.#site.policy
    const attempt = new Attempt(++this.#attempts, pass, this.#site.clock.monotonic())
    this.#attempt = attempt
    this.#site.running++
    if (timeoutMs !== undefined) this.#timer = this.#site.clock.after(timeoutMs, () => this.#timedOut(attempt, timeoutMs))
    promised(this.#run, attempt).then(
      (result) => {
        if (this.#end(attempt) === undefined) return
        if (pass !== undefined) this.#site.gate!.ended(pass, false)
        this.#settled.done(result)
      },
      (error: unknown) => this.#failed(attempt, error),
    )
  }

  #timedOut(attempt: Attempt, timeoutMs: number): void {
    const error = new MoldauError('TIMEOUT', `the call took longer than ${timeoutMs} ms`, { retriable: true })
    this.#site.timeouts++
    attempt.abort(error)
    this.#failed(attempt, error)
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (this.#end(attempt) === undefined) return
    const { policy, gate, clock } = this.#site
    let may: boolean
    try {
      may = policy.retriable(error)
    } catch (thrown) {
      if (attempt.pass !== undefined) gate!.cancelled(attempt.pass)
      return this.#settled.fail(thrown)
    }
    if (attempt.pass !== undefined) gate!.ended(attempt.pass, may)
    if (!may || this.#attempts > policy.retries) return this.#settled.fail(error)
    this.#site.retries++
    const timer = clock.after(this.#site.backoffMs(this.#attempts), () => {
      this.#leave?.()
      this.#enter()
    })
    this.#wait(() => timer.cancel())
  }

  /** Undefined when that attempt is not under way any more. */
  #end(attempt: Attempt | undefined): Attempt | undefined {
    if (attempt === undefined || this.#attempt !== attempt) return undefined
    this.#timer?.cancel()
    this.#timer = undefined
    this.#attempt = undefined
    this.#site.running--
    return attempt
  }

  #wait(leave: () => void): void {
    const stop = (error: Error): void => {
      this.#leave?.()
      this.#settled.fail(error)
    }
    this.#leave = () => {
      this.#leave = undefined
      this.#site.resume(stop)
      leave()
    }
    this.#site.pause(stop)
  }

  #refuse(): void {
    const error = new MoldauError(
      'CIRCUIT_OPEN',
      'no call was made, for too many of the last ones have failed; it is tried again after openMs',
      {
        retriable: true,
      },
    )
    let left = false
    this.#leave = () => (left = true)
    queueMicrotask(() => {
      if (!left) this.#settled.fail(error)
    })
  }
}

/** What a function throws at once is as good as what its promise rejects with. */
async function promised<R>(run: (context: CallContext) => Promise<R>, attempt: Attempt): Promise<R> {
  return run(attempt)
}
