import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { TopicPartition } from '../../core/client/types.ts'
import { internalTopic } from '../names.ts'
import type { Settings } from '../options.ts'
import { changelogOf } from '../plan.ts'
import type { ChangelogBatch } from '../restore.ts'
import { keyOf } from '../slices.ts'
import type { Store } from '../state/entry.ts'
import type { Assigned } from '../task-maker.ts'

/** A task with its stores, and how much of their changelogs is in them. */
export interface Copy {
  readonly assigned: Assigned
  /** By changelog partition, the offset behind what is in the store; one that is not named is empty. */
  readonly positions: Map<string, number>
}

/** A store of a task, and what it is restored from. */
export interface Changelog extends TopicPartition {
  readonly store: Store
}

export function changelogsOf(settings: Settings, { task }: Assigned): Changelog[] {
  return task.stores.map((store) => ({
    store,
    topic: internalTopic(settings, changelogOf(store.name)),
    partition: task.partition,
  }))
}

/**
 * Takes records of a changelog into their store.
 *
 * @throws SERDE_FAILED naming store and record
 */
export function applyChanges(pipeline: string, store: Store, { topic, partition, columns, from, count }: ChangelogBatch): void {
  for (let i = from; i < from + count; i++) {
    try {
      store.restore(columns.key(i)!, columns.value(i), columns.timestamp(i))
    } catch (cause) {
      throw unreadable(pipeline, store.name, `${keyOf({ topic, partition })}@${columns.offset(i)}`, cause)
    }
  }
}

function unreadable(pipeline: string, store: string, record: string, cause: unknown): MoldauError {
  return new MoldauError(
    'SERDE_FAILED',
    `pipeline "${pipeline}" cannot restore the store '${store}' from ${record}: ${messageOf(cause)}. The serde of its keys or its state is ` +
      'another one than before: put that back, or give the store another name to begin anew',
    { cause },
  )
}
