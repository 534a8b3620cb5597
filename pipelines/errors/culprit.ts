import type { Epoch } from '../epoch.ts'
import { OperatorFailed } from '../failure.ts'
import type { Task } from '../task.ts'

/**
 * Finds out which record an epoch failed for, and has it left out when the epoch is run again.
 *
 * @returns whether running it again makes sense
 * @throws when so many have failed that it is the code
 */
export async function leaveOut(error: unknown, epoch: Epoch): Promise<boolean> {
  if (!(error instanceof OperatorFailed)) return false
  const task = epoch.tasks.find(({ failures }) => failures.owns(error))
  if (task === undefined) return false
  const found = error.exact ? error : await culprit(error, task, epoch)
  // It has not failed again: what was wrong has passed, or depends on more than the records.
  if (found === undefined) return false
  return task.failures.condemn(found)
}

/**
 * Which record it was, when it is only known to be one of those up to `error.origin`: the last of the shortest beginning of the epoch that fails.
 * Trial runs write nothing; what operators do outside, they do again.
 */
async function culprit(error: OperatorFailed, task: Task, epoch: Epoch): Promise<OperatorFailed | undefined> {
  const { failures } = task
  let [good, bad] = [0, failures.fed.find(error.origin)!.count]
  const origins = Array.from({ length: bad }, (_, i) => failures.fed.originAt(i + 1))
  let last: OperatorFailed | undefined
  // The record that was fed when it failed is nearly always the one: so first all but that.
  for (let records = bad - 1; good < bad - 1 || last === undefined; records = (good + bad) >>> 1) {
    if (good === bad - 1) records = bad
    const failed = await trial(task, epoch, records)
    if (failed === undefined) {
      if (records === bad) return undefined
      good = records
    } else {
      bad = records
      last = failed
    }
  }
  return last.at(origins[bad - 1]!)
}

/** What the task fails with when it gets only the first records of the epoch. */
async function trial(task: Task, epoch: Epoch, records: number): Promise<OperatorFailed | undefined> {
  for (const each of epoch.tasks) {
    each.failures.limit(each === task ? records : 0)
    each.begin()
  }
  try {
    await epoch.feed()
    await task.complete(epoch.ended(task))
    return undefined
  } catch (error) {
    if (error instanceof OperatorFailed) return error
    throw error
  } finally {
    for (const each of epoch.tasks) {
      each.rollback()
      each.failures.limit(Infinity)
    }
  }
}
