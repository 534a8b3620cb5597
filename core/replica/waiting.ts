import { atEndOfTick } from '../net/tick.ts'
import type { Clock, Timer } from '../base/clock.ts'

/** Something that wants to hear when a partition has more to read. */
export interface Waiter {
  /** True when only records below the last stable offset count. */
  readonly committed: boolean
  /** `bytes` more can be read; Infinity: look again whatever the amount (a marker, a deletion, the end of the broker). */
  more(bytes: number): void
}

/** The waiters of one partition. An append wakes them from here; nothing is polled. */
export class Waiters {
  readonly #waiters: Set<Waiter>

  constructor() {
    this.#waiters = new Set()
  }

  get size(): number {
    return this.#waiters.size
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter)
  }

  /** Tells those that read everything, and those that read committed records, how much more there is. */
  wake(bytes: number, committedBytes: number): void {
    for (const waiter of this.#waiters) {
      const more = waiter.committed ? committedBytes : bytes
      if (more > 0) waiter.more(more)
    }
  }
}

/** A place where a waiter can be put down. */
export interface Waitable {
  readonly waiters: Waiters
}

export interface FetchWaitOptions {
  places: readonly Waitable[]
  /** Bytes that are still missing to the minimum. */
  missingBytes: number
  maxWaitMs: number
  committed: boolean
  clock: Clock
}

/** A fetch that waits until enough bytes can be read in its partitions, or its time is up. */
export class FetchWait implements Waiter {
  readonly committed: boolean
  /** Resolves once, at the end of the turn in which it was woken, so that one answer carries all that came in that turn. */
  readonly done: Promise<void>
  readonly #places: readonly Waitable[]
  readonly #timer: Timer
  #missingBytes: number
  #woken: boolean
  readonly #resolve: () => void

  constructor(options: FetchWaitOptions) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.committed = options.committed
    this.done = promise
    this.#resolve = resolve
    this.#places = options.places
    this.#missingBytes = options.missingBytes
    this.#woken = false
    for (const place of this.#places) place.waiters.add(this)
    this.#timer = options.clock.after(options.maxWaitMs, () => this.#wake())
  }

  more(bytes: number): void {
    this.#missingBytes -= bytes
    if (this.#missingBytes > 0 || this.#woken) return
    atEndOfTick(() => this.#wake())
    this.#woken = true
  }

  #wake(): void {
    this.#timer.cancel()
    for (const place of this.#places) place.waiters.remove(this)
    this.#resolve()
  }
}
