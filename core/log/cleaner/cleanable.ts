import { type LogConfig, isCompacted } from '../config.ts'

/** What the choice of a log to clean is made by. */
export interface CleaningFacts {
  readonly config: LogConfig
  readonly segments: readonly SegmentFacts[]
  readonly startOffset: number
  readonly endOffset: number
  /** Nothing at or above may be cleaned: not settled, not on all replicas, or not on the disk yet. */
  readonly stableOffset: number
  /** Up to where the log was cleaned, by the checkpoint. */
  readonly cleanedTo: number | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/** In order; the last one takes the appends. */
export interface SegmentFacts {
  readonly baseOffset: number
  readonly size: number
  /** The largest timestamp, or the time of the file where no record has one. */
  readonly newest: () => number
  /** Of the first batch; -1 when it has none. */
  readonly oldest: () => number
}

/** A log as the cleaner sees it. Kafka's `LogToClean`. */
export interface Cleanable {
  /** Records from here on are dirty: not known to be the newest of their keys. */
  readonly firstDirty: number
  /** Where a segment begins that stays as it is, with all after it. */
  readonly firstUncleanable: number
  /** Dirty bytes over all bytes below {@link Cleanable.firstUncleanable}. */
  readonly dirtyRatio: number
  /** `max.compaction.lag.ms` is over for a dirty record. */
  readonly overdue: boolean
  /** The checkpoint spoke of an offset that the log does not have. */
  readonly reset: boolean
}

/**
 * What of a log may be cleaned: whole segments below the active one, with nothing in them that is unsettled or younger than
 * `min.compaction.lag.ms`. Kafka's `LogCleanerManager.cleanableOffsets` and `maxCompactionDelay`.
 */
export function cleanable(facts: CleaningFacts): Cleanable {
  const { config, segments, startOffset, endOffset, cleanedTo, now } = facts
  const reset = cleanedTo !== undefined && (cleanedTo < startOffset || cleanedTo > endOffset)
  const firstDirty = cleanedTo === undefined || reset ? startOffset : cleanedTo
  const firstUncleanable = uncleanableFrom(facts, firstDirty)
  let clean = 0
  let dirty = 0
  let overdue = false
  for (let i = 0; i < segments.length; i++) {
    const { baseOffset, size, oldest } = segments[i]!
    if (baseOffset >= firstUncleanable) break
    const nextBase = segments[i + 1]?.baseOffset ?? endOffset
    if (nextBase <= firstDirty) clean += size
    else {
      dirty += size
      if (config.maxCompactionLagMs >= 0 && !overdue) {
        const first = oldest()
        overdue = first > 0 && first < now - config.maxCompactionLagMs
      }
    }
  }
  return { firstDirty, firstUncleanable, dirtyRatio: dirty === 0 ? 0 : dirty / (clean + dirty), overdue, reset }
}

/** Whether there is enough to be done. */
export function isDue({ dirtyRatio, overdue }: Cleanable, config: LogConfig): boolean {
  return isCompacted(config) && dirtyRatio > 0 && (overdue || dirtyRatio > config.minCleanableDirtyRatio)
}

function uncleanableFrom({ config, segments, stableOffset, now }: CleaningFacts, firstDirty: number): number {
  const youngest = config.minCompactionLagMs > 0 ? now - config.minCompactionLagMs : Number.MAX_SAFE_INTEGER
  for (let i = 0; i < segments.length; i++) {
    const { baseOffset, newest } = segments[i]!
    const nextBase = segments[i + 1]?.baseOffset
    if (nextBase === undefined || nextBase > stableOffset) return baseOffset
    if (nextBase > firstDirty && newest() > youngest) return baseOffset
  }
  return 0
}
