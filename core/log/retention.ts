import { type LogConfig, isDeleting } from './config.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'

export interface RetentionBounds {
  readonly now: number
  readonly logStartOffset: number
  /** Only segments wholly below it may go. */
  readonly highWatermark: number
}

/**
 * How many segments, from the oldest on, are due: below the log start offset, older than `retention.ms`, or beyond `retention.bytes`.
 * May be all of them: then the caller begins a new segment first. Kafka's `UnifiedLog.deleteOldSegments`.
 */
export function segmentsDue(segments: Segments, config: LogConfig, bounds: RetentionBounds): number {
  const { logStartOffset, highWatermark, now } = bounds
  const deleting = isDeleting(config)
  let excess = deleting && config.retentionBytes >= 0 ? segments.sizeInBytes - config.retentionBytes : 0
  let due = 0
  for (const segment of segments) {
    const active = segment === segments.active
    if (segment.nextOffset > highWatermark || (active && segment.size === 0)) break
    const beforeStart = !active && segment.nextOffset <= logStartOffset
    const expired = deleting && config.retentionMs >= 0 && now - newest(segment) > config.retentionMs
    const oversize = excess >= segment.size && excess > 0
    if (!beforeStart && !expired && !oversize) break
    excess -= segment.size
    due++
  }
  return due
}

/** The time of the newest record, also when that is in the future; where records carry none, that of the last append. */
function newest(segment: Segment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.modified
}
