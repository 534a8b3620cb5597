import { MoldauError } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { OffsetToCommit } from '../core/client/types.ts'
import type { Positions, Transaction } from './commit/transaction.ts'
import { leaveOut } from './errors/culprit.ts'
import type { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { Patience } from './retry.ts'
import type { Task } from './task.ts'

/** What one epoch is about. Run again after a failure, it does the same. */
export interface Epoch {
  readonly tasks: readonly Task[]
  /** Records that are fed. */
  readonly records: number
  /** Feeds the slice into the tasks. */
  feed(): Promise<void> | void
  /** Whether the input of a task has ended with this epoch. */
  ended(task: Task): boolean
  /** The positions behind the slice, with the tasks' event time; asked once for each attempt, when the guarantee commits them. */
  offsets(): readonly OffsetToCommit[]
  /** Appends what else belongs to the epoch: the position of a source. */
  append?(): void
}

export interface EpochContext {
  readonly settings: Settings
  readonly transaction: Transaction
  readonly consumer: Consumer | undefined
  readonly meter: Meter
}

/**
 * Runs an epoch until it is committed, as the guarantee says. What fails is rolled back, and run again while the error may pass; under
 * at-most-once it is given up, and the next epoch goes on behind it.
 *
 * @throws what will not pass; everything is rolled back then
 */
export async function runEpoch(epoch: Epoch, context: EpochContext): Promise<void> {
  const { settings, transaction, consumer, meter } = context
  const positions: Positions = { offsets: () => epoch.offsets(), consumer, append: () => epoch.append?.() }
  const patience = new Patience(settings)
  let aborted = true
  let claimed = false
  for (;;) {
    try {
      if (!aborted) await transaction.abort()
      if (!claimed) await transaction.claim(positions)
      claimed = true
      await attempt(epoch, context, positions)
      return
    } catch (error) {
      for (const task of epoch.tasks) task.rollback()
      aborted = await abort(context)
      if (await leaveOut(error, epoch)) continue
      if (claimed && transaction.runsOnce) return giveUp(error, epoch, context)
      meter.restart()
      await patience.wait(error)
    }
  }
}

/** @throws the error itself, unless the next epoch may fare better */
function giveUp(error: unknown, { records }: Epoch, { settings, meter }: EpochContext): void {
  meter.lose(records)
  if (!(error instanceof MoldauError && error.retriable)) throw error
  settings.logger.warn({ err: error }, `an epoch of ${records} records is lost, as guarantee 'at-most-once' has it`)
}

/** False when the coordinator could not be asked; then again before the next attempt. */
async function abort({ transaction, settings }: EpochContext): Promise<boolean> {
  try {
    await transaction.abort()
    return true
  } catch (error) {
    settings.logger.warn({ err: error }, 'a transaction could not be aborted yet')
    return false
  }
}

async function attempt(epoch: Epoch, { transaction, meter }: EpochContext, positions: Positions): Promise<void> {
  transaction.begin()
  for (const task of epoch.tasks) task.begin()
  await epoch.feed()
  await Promise.all(epoch.tasks.map((task) => task.complete(epoch.ended(task))))
  for (const task of epoch.tasks) task.writeChanges()
  await transaction.commit(positions)
  for (const task of epoch.tasks) {
    meter.add(task.counters)
    task.commit()
  }
  meter.epoch()
}
