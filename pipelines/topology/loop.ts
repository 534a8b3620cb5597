import type { Executor } from './executors.ts'

/** After so much work the event loop gets its turn. */
const TURN = 10_000

/**
 * Gives executors their turns on one thread, those behind before those in front, so that little waits in between. It sleeps when there is
 * nothing to do, until somebody wakes it.
 */
export class Loop {
  /** Those of the last bolts first, those of spouts last. */
  #executors: readonly Executor[]
  readonly #afterTurn: () => void
  #isAwake: boolean
  #isStopped: boolean
  /** There is something to do. */
  readonly wake: () => void

  /** @param afterTurn called when it has worked */
  constructor(afterTurn: () => void) {
    this.#executors = []
    this.#afterTurn = afterTurn
    this.#isAwake = false
    this.#isStopped = false
    this.wake = () => {
      if (this.#isAwake || this.#isStopped) return
      this.#isAwake = true
      setImmediate(() => this.#turn())
    }
  }

  setExecutors(executors: readonly Executor[]): void {
    this.#executors = executors
    this.wake()
  }

  stop(): void {
    this.#isStopped = true
  }

  #turn(): void {
    let work = 0
    for (;;) {
      let done = 0
      for (const executor of this.#executors) done += executor.run()
      work += done
      if (done === 0 || work >= TURN) break
    }
    this.#isAwake = false
    if (work >= TURN) this.wake()
    this.#afterTurn()
  }
}
