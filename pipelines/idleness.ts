import type { Clock } from '../core/base/clock.ts'
import type { TopicPartition } from '../core/client/types.ts'
import { keyOf } from './slices.ts'

/** Knows which inputs have been at their end with nothing new for a while; "no record in this epoch" would say nothing. */
export class Idleness {
  readonly #clock: Clock
  readonly #idleMs: number
  /** Since when a partition has been at its end. */
  readonly #since: Map<string, number>

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#since = new Map()
  }

  /** Tells where a partition is; answers whether it is idle now. */
  isIdle(partition: TopicPartition, atEnd: boolean): boolean {
    const key = keyOf(partition)
    if (!atEnd) {
      this.#since.delete(key)
      return false
    }
    const now = this.#clock.monotonic()
    const since = this.#since.get(key)
    if (since === undefined) this.#since.set(key, now)
    return since !== undefined && now - since >= this.#idleMs
  }

  /** Records came. */
  moved(partition: TopicPartition): void {
    this.#since.delete(keyOf(partition))
  }
}
