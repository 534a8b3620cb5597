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
  check: () => void
  /** Sees to partitions that have no position. */
  before: () => void
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

  /** @throws the reason of `signal` when it is aborted; nothing was taken then */
  async run<T>(timeoutMs: number, take: () => T[], signal?: AbortSignal): Promise<T[]> {
    signal?.throwIfAborted()
    if (this.#running) throw new MoldauError('INVALID_ARGUMENT', 'consumer: poll() is running already: await it first')
    this.#running = true
    const { clock, handout, wait, group, maxWaitMs, check, before, view } = this.#options
    const wake = (): void => wait.wake()
    signal?.addEventListener('abort', wake)
    const from = clock.monotonic()
    const deadline = from + timeoutMs
    view.stats.poll.begins(from)
    try {
      group?.polled()
      for (;;) {
        check()
        before()
        await group?.settle()
        // The end may have come while a listener ran: nothing is taken then that nobody would get.
        check()
        signal?.throwIfAborted()
        const batches = take()
        const left = deadline - clock.monotonic()
        if (handout.progressed() || batches.length > 0 || left <= 0) return batches
        if (!group?.ready) await wait.wait(Math.min(left, maxWaitMs))
      }
    } catch (error) {
      throw signal?.aborted === true && error === signal.reason ? error : view.told('poll()', error)
    } finally {
      this.#running = false
      signal?.removeEventListener('abort', wake)
      view.stats.poll.ends(clock.monotonic())
    }
  }
}
