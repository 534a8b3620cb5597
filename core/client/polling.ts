import { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerView } from './consumer-view.ts'
import type { Handout } from './handout.ts'
import type { PollWait } from './poll-wait.ts'

export interface PollingOptions {
  clock: Clock
  handout: Handout
  wait: PollWait
  /** Undefined outside of a group. */
  group: ConsumerGroup | undefined
  /** A program that waits in one poll is alive all the same: the group hears of it every so many milliseconds. */
  maxWaitMs: number
  /** Throws what has gone wrong since the last time. */
  before: () => void
  /** Something was handed out: there is room for more. */
  taken: () => void
  view: ConsumerView
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
    const { clock, handout, wait, group, maxWaitMs, before, taken, view } = this.#options
    const from = clock.monotonic()
    const deadline = from + timeoutMs
    view.stats.poll.begins(from)
    try {
      group?.polled()
      for (;;) {
        before()
        await group?.settle()
        const some = take()
        if (some.length > 0) taken()
        const batches = seen(some)
        const left = deadline - clock.monotonic()
        if (handout.progressed() || batches.length > 0 || left <= 0) return batches
        if (!group?.ready) await wait.wait(Math.min(left, maxWaitMs))
      }
    } catch (error) {
      throw view.told('poll()', error)
    } finally {
      this.#running = false
      view.stats.poll.ends(clock.monotonic())
    }
  }
}
