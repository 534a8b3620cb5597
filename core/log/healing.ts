import type { LazyLog } from './lazy-log.ts'
import type { PartitionLogOptions } from './partition-log-types.ts'
import { rewrite } from './rewrite.ts'

/** Makes a log take appends again after the disk has failed. */
export class Healing {
  readonly #log: LazyLog
  readonly #told: Pick<PartitionLogOptions, 'onRecordsLost' | 'onHealedWithLoss'>
  /** A healing that is not done yet has cut the log. */
  #hasLost: boolean

  constructor(log: LazyLog, told: Pick<PartitionLogOptions, 'onRecordsLost' | 'onHealedWithLoss'>) {
    this.#log = log
    this.#told = told
    this.#hasLost = false
  }

  /** @throws STORAGE_FAILED, CORRUPT_BATCH when the disk fails again: the failure stays */
  async run(): Promise<void> {
    if (this.#log.isClosed) return
    const { context, durability } = this.#log
    const stopped = (): boolean => this.#log.isClosed
    const log = this.#log.load()
    await durability.heal(async () => {
      const before = log.endOffset
      await rewrite({ context, log, from: durability.flushedOffset, stopped })
      if (log.endOffset === before) return
      this.#hasLost = true
      this.#told.onRecordsLost?.(log.endOffset, before)
    })
    // Told in the turn in which appends are taken again: who has lost something puts it right before anybody else writes.
    if (this.#hasLost) this.#told.onHealedWithLoss?.()
    this.#hasLost = false
    if (!stopped()) context.warn({ flushedOffset: durability.flushedOffset }, 'healed: the log takes appends again')
  }
}
