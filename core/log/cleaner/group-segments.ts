import type { LogConfig } from '../config.ts'
import type { Segment } from '../segment.ts'

const RELATIVE_OFFSET_MAX = 0x7fff_ffff

/**
 * Neighbours that become one segment: together no larger than `segment.bytes` and `segment.index.bytes` allow, and with offsets that an
 * int32 can count from the first. Kafka's `Cleaner.groupSegmentsBySize`.
 */
export function groupSegments(segments: readonly Segment[], { segmentBytes, segmentIndexBytes }: LogConfig): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  let indexBytes = 0
  let timeBytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const index = segment.indexes.offsets.file.size() ?? 0
    const times = segment.indexes.times.file.size() ?? 0
    const fits =
      group !== undefined &&
      bytes + segment.size <= segmentBytes &&
      indexBytes + index <= segmentIndexBytes &&
      timeBytes + times <= segmentIndexBytes &&
      segment.nextOffset - 1 - group[0]!.baseOffset <= RELATIVE_OFFSET_MAX
    if (fits) group.push(segment)
    else {
      groups.push([segment])
      bytes = indexBytes = timeBytes = 0
    }
    bytes += segment.size
    indexBytes += index
    timeBytes += times
  }
  return groups
}
