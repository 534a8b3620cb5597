import type { LazyLog } from './lazy-log.ts'

/** When a log is synced though nobody waits for it: after `flush.messages`, or `flush.ms`. */
export class FlushPolicy {
  readonly #log: LazyLog
  #timed: boolean

  constructor(log: LazyLog) {
    this.#log = log
    this.#timed = false
  }

  /** So much is unsynced that `flush.messages` wants a sync before anybody is answered. */
  get isDue(): boolean {
    const { context, durability } = this.#log
    const { flushMessages } = context.config
    return flushMessages >= 0 && this.#log.load().endOffset - durability.flushedOffset >= flushMessages
  }

  /** Called after every append. */
  appended(): void {
    const { context, durability, timers } = this.#log
    const { flushMs } = context.config
    if (this.isDue) durability.flushSoon()
    if (flushMs < 0 || this.#timed) return
    this.#timed = true
    timers.after(flushMs, () => {
      this.#timed = false
      durability.flushInBackground()
    })
  }
}
