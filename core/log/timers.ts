import type { Clock, Timer } from '../base/clock.ts'

/** Work to be done later, all of it called off at once when its owner stops. */
export class Timers {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #pending: Set<Timer>
  #stopped: boolean

  /** @param onError told what a piece of work has thrown; the others go on */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#onError = onError
    this.#pending = new Set()
    this.#stopped = false
  }

  /** Answers how to call it off. */
  after(ms: number, run: () => void | Promise<void>): () => void {
    if (this.#stopped) return () => {}
    const timer = this.#clock.after(ms, () => {
      this.#pending.delete(timer)
      if (this.#stopped) return
      try {
        run()?.catch(this.#onError)
      } catch (error) {
        this.#onError(error)
      }
    })
    this.#pending.add(timer)
    return () => {
      timer.cancel()
      this.#pending.delete(timer)
    }
  }

  every(ms: number, run: () => void | Promise<void>): void {
    this.after(ms, () => {
      // First the next turn: a failure of this one must not be the last.
      this.every(ms, run)
      return run()
    })
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#pending) timer.cancel()
    this.#pending.clear()
  }
}
