import type { Clock } from '../base/clock.ts'

/** Lets one caller wait until there is something to do, or its time is over. */
export class PollWait {
  readonly #clock: Clock
  #end: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#end = undefined
  }

  /** Resolves at {@link PollWait.wake}, `ms` milliseconds from now at the latest. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => this.wake())
      this.#end = () => {
        timer.cancel()
        this.#end = undefined
        resolve()
      }
    })
  }

  wake(): void {
    this.#end?.()
  }
}
