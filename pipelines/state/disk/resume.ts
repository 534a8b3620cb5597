import type { StoreSpec } from '../store-spec.ts'
import type { Held } from './folder.ts'

/** What is known of a changelog when a task begins. */
export interface ChangelogNow {
  readonly topicId: string
  /** First offset that is still there. */
  readonly begin: number
  /** Where it ends for a reader of what is committed. */
  readonly end: number
  /** The time, in milliseconds since 1970. */
  readonly at: number
  /** `delete.retention.ms` of the topic: so long a tombstone stays, at the least. */
  readonly deleteRetentionMs: number
  /** {@link shapeOf} the store as it is declared now. */
  readonly shape: string
}

/** From where the changelog is read: from an offset on top of what is on disk, or all of it, and why. */
export type Resume = { readonly from: number } | { readonly anew: string }

/**
 * How far a store on disk can be trusted. Half of `delete.retention.ms` must be left: a tombstone that compaction takes away before it is read
 * would leave its key in the store for ever, and reading takes time too.
 */
export function resume(held: Held | undefined, now: ChangelogNow): Resume {
  if (held === undefined) return { anew: 'nothing of it is on disk' }
  if (held.shape !== now.shape) return { anew: `on disk it is ${held.shape}, declared is ${now.shape}` }
  if (held.topicId !== now.topicId) return { anew: 'its changelog was deleted and made again' }
  if (held.offset < now.begin || held.offset > now.end) {
    return { anew: `on disk it is at offset ${held.offset}, its changelog goes from ${now.begin} to ${now.end}` }
  }
  if (held.at > now.at) return { anew: 'on disk it is of a later time than now: a clock was set back' }
  if (now.at - held.at > now.deleteRetentionMs / 2) {
    return { anew: `on disk it is ${now.at - held.at} ms old, tombstones since may be gone (delete.retention.ms ${now.deleteRetentionMs})` }
  }
  return { from: held.offset }
}

/** How the rows of a store stand on disk. What its serdes wrote stands there as it is in the changelog, so they are no part of it. */
export function shapeOf({ kind, layout }: StoreSpec): string {
  return `${kind} by ${layout.by} ${layout.placeBytes}`
}
