import { int64, string } from '../../core/serde/primitives.ts'
import type { AnySerde } from '../nodes.ts'
import { type KeyValueStore, keyValueStore } from '../state/key-value-store.ts'
import type { StoreSpec } from '../state/store-spec.ts'

/** More of one timer are never due at once: of a longer leap of time it is called for the first and the last. */
const DUE_MAX = 10_000

interface EventTimer {
  readonly id: string
  readonly everyMs: number
  /** undefined: it has not begun. */
  next: number | undefined
}

/** Where the timers of a processor keep when each of them is due next. */
export function timerStore(name: string): StoreSpec<KeyValueStore> {
  return keyValueStore(name, string as AnySerde, int64 as AnySerde)
}

/**
 * When the timers of a processor in event time are due: at each multiple of their interval behind the first record that the processor has
 * seen. When that is next is in a store, so that no restart, rollback or size of an epoch leaves one out or calls it twice.
 */
export class EventTimers {
  readonly #store: KeyValueStore
  readonly #timers: readonly EventTimer[]
  /** The timers say what the store says. */
  #known: boolean
  #begun: boolean
  #due: number

  /** @param intervals in milliseconds */
  constructor(intervals: readonly number[], store: KeyValueStore) {
    this.#store = store
    // Another interval is another timer, which begins anew.
    this.#timers = intervals.map((everyMs, i) => ({ id: `${i}-${everyMs}`, everyMs, next: undefined }))
    this.#known = false
    this.#begun = false
    this.#due = Infinity
  }

  /** A record has come: timers begin with the first one. */
  begin(watermark: number): void {
    if (this.#begun) return
    this.#know()
    if (this.#begun || watermark < 0) return
    for (const timer of this.#timers) {
      if (timer.next === undefined) this.#set(timer, (Math.floor(watermark / timer.everyMs) + 1) * timer.everyMs, watermark)
    }
    this.#begun = true
    this.#due = this.#least()
  }

  isDue(watermark: number): boolean {
    this.#know()
    return this.#due <= watermark
  }

  /** Calls what is due up to this time, in the order of time. */
  fire(watermark: number, call: (timer: number, time: number) => void): void {
    while (this.isDue(watermark)) {
      const time = this.#due
      for (const [i, timer] of this.#timers.entries()) {
        if (timer.next !== time) continue
        const { everyMs } = timer
        const last = Math.floor(watermark / everyMs) * everyMs
        this.#set(timer, (last - time) / everyMs > DUE_MAX ? last : time + everyMs, time)
        call(i, time)
      }
      this.#due = this.#least()
    }
  }

  /** The input has ended for good: each is called once for its next time, which may come again. */
  end(call: (timer: number, time: number) => void): void {
    this.#know()
    const due = this.#timers.flatMap(({ next }, timer) => (next === undefined ? [] : { timer, next }))
    for (const { timer, next } of due.sort((a, b) => a.next - b.next || a.timer - b.timer)) call(timer, next)
  }

  /** What the store has may be something else now. */
  forget(): void {
    this.#known = false
    this.#begun = false
    this.#due = Infinity
  }

  #know(): void {
    if (this.#known) return
    for (const timer of this.#timers) timer.next = this.#store.find(timer.id)?.value as number | undefined
    this.#known = true
    this.#begun = this.#timers.every(({ next }) => next !== undefined)
    this.#due = this.#least()
  }

  #set(timer: EventTimer, next: number, time: number): void {
    timer.next = next
    this.#store.put(this.#store.entry(timer.id), next, time)
  }

  #least(): number {
    let least = Infinity
    for (const { next } of this.#timers) if (next !== undefined && next < least) least = next
    return least
  }
}
