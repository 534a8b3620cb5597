import { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Handout } from './handout.ts'
import type { PollWait } from './poll-wait.ts'

export interface PollingOptions {
  clock: Clock
  handout: Handout
  wait: PollWait
  /** Throws what has gone wrong since the last time. */
  before: () => void
  /** Lets the group rebalance; false when it still does at `deadline`, monotonic milliseconds. */
  settle: (deadline: number) => Promise<boolean>
  /** Something was handed out: there is room for more. */
  taken: () => void
}

/** One poll at a time: hands out what there is, or waits for it. */
export class Polling {
  readonly #options: PollingOptions
  #running: boolean

  constructor(options: PollingOptions) {
    this.#options = options
    this.#running = false
  }

  async run<T>(timeoutMs: number, take: () => T[], seen: (taken: T[]) => T[] = (taken) => taken): Promise<T[]> {
    if (this.#running) throw new MoldauError('INVALID_ARGUMENT', 'consumer: poll() is running already: await it first')
    this.#running = true
    const { clock, handout, wait, before, settle, taken } = this.#options
    try {
      const deadline = clock.monotonic() + timeoutMs
      for (;;) {
        before()
        const some = (await settle(deadline)) ? take() : []
        if (some.length > 0) taken()
        const batches = seen(some)
        const left = deadline - clock.monotonic()
        if (handout.progressed() || batches.length > 0 || left <= 0) return batches
        await wait.wait(left)
      }
    } finally {
      this.#running = false
    }
  }
}
