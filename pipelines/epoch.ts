import type { Consumer } from '../core/client/consumer.ts'
import type { OffsetToCommit } from '../core/client/types.ts'
import { leaveOut } from './errors/culprit.ts'
import type { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { Patience } from './retry.ts'
import type { Task } from './task.ts'
import type { Transaction } from './transaction.ts'

/** What one epoch is about. Run again after a failure, it does the same. */
export interface Epoch {
  readonly tasks: readonly Task[]
  /** Feeds the slice into the tasks. */
  feed(): Promise<void> | void
  /** Whether the input of a task has ended with this epoch. */
  ended(task: Task): boolean
  /** The positions behind the slice, with the tasks' event time; asked when all tasks have completed. */
  offsets(): readonly OffsetToCommit[]
  /** Appends what else belongs to the epoch: the position of a source. */
  finish?(): void
}

export interface EpochContext {
  readonly settings: Settings
  readonly transaction: Transaction
  readonly consumer: Consumer | undefined
  readonly meter: Meter
}

/**
 * Runs an epoch until it is committed: operators, outputs, changelogs and positions become durable in one step. What fails is rolled
 * back, and run again while the error may pass.
 *
 * @throws what will not pass; everything is rolled back then
 */
export async function runEpoch(epoch: Epoch, context: EpochContext): Promise<void> {
  const patience = new Patience(context.settings)
  let aborted = true
  for (;;) {
    try {
      if (!aborted) await context.transaction.abort()
      await attempt(epoch, context)
      return
    } catch (error) {
      for (const task of epoch.tasks) task.rollback()
      aborted = await abort(context)
      if (await leaveOut(error, epoch)) continue
      context.meter.restart()
      await patience.wait(error)
    }
  }
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

async function attempt(epoch: Epoch, { transaction, consumer, meter }: EpochContext): Promise<void> {
  transaction.begin()
  for (const task of epoch.tasks) task.begin()
  await epoch.feed()
  await Promise.all(epoch.tasks.map((task) => task.complete(epoch.ended(task))))
  for (const task of epoch.tasks) task.writeChanges()
  epoch.finish?.()
  await transaction.commit(epoch.offsets(), consumer)
  for (const task of epoch.tasks) {
    meter.add(task.counters)
    task.commit()
  }
  meter.epoch()
}
