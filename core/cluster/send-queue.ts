import type { Clock, Timer } from '../base/clock.ts'

interface Waiting {
  send: () => void
  fail: (error: Error) => void
}

/** Sends requests in the order in which they came; keeps them while the broker wants silence, or a log-in is under way. */
export class SendQueue {
  readonly #clock: Clock
  readonly #waiting: Waiting[]
  readonly #timers: Set<Timer>
  #holds: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#waiting = []
    this.#timers = new Set()
    this.#holds = 0
  }

  /** Whether what is sent now has to wait. */
  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Nothing is sent before a {@link release} for each hold. */
  hold(): void {
    this.#holds++
  }

  release(): void {
    this.#holds--
    while (this.#holds === 0 && this.#waiting.length > 0) this.#waiting.shift()!.send()
  }

  /** Nothing is sent for so many milliseconds. */
  holdFor(ms: number): void {
    this.hold()
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      this.release()
    })
    this.#timers.add(timer)
  }

  /** Calls `send` when its turn has come, or `fail` when it never comes. */
  add(send: () => void, fail: (error: Error) => void): void {
    this.#waiting.push({ send, fail })
  }

  /** What waits is not sent any more. */
  fail(error: Error): void {
    for (const timer of this.#timers) timer.cancel()
    this.#holds -= this.#timers.size
    this.#timers.clear()
    for (const { fail } of this.#waiting.splice(0)) fail(error)
  }
}
