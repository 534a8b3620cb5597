import { CLEANED, DELETED, SWAP, LOG, offsetInName, segmentPath, segmentSuffixes } from './file-names.ts'
import type { LogContext } from './log-context.ts'
import { Segment } from './segment.ts'
import { Segments } from './segments.ts'
import { finishSwaps } from './swap.ts'

/** The segments that the files of a folder make up, sizes known, nothing read; remains of a crash are removed. A folder without any gets
 * one that begins at `startOffset`. */
export function listSegments(context: LogContext, startOffset: number, found = namesIn(context)): Segments {
  const { directory, files, clock } = context
  let names = found
  if (names.some((name) => name.endsWith(CLEANED) || name.endsWith(SWAP))) {
    finishSwaps(context, names)
    names = namesIn(context)
  }
  for (const name of names) {
    if (name.endsWith(DELETED) || name.endsWith('.tmp')) files.unlink(`${directory}/${name}`)
  }
  const bases = names.map((name) => offsetInName(name, LOG)).filter((offset) => offset !== undefined)
  bases.sort((a, b) => a - b)
  if (bases.length === 0) return new Segments([startSegment(context, startOffset)])
  const known = new Set(bases)
  for (const suffix of segmentSuffixes) {
    for (const name of names) {
      const offset = offsetInName(name, suffix)
      if (offset !== undefined && !known.has(offset)) files.unlink(`${directory}/${name}`)
    }
  }
  const list = bases.map((base, i) => {
    const stat = files.stat(segmentPath(directory, base, LOG))
    const segment = makeSegment(context, base, stat?.modified ?? clock.now())
    segment.size = stat?.size ?? 0
    segment.nextOffset = bases[i + 1] ?? Number.MAX_SAFE_INTEGER
    return segment
  })
  return new Segments(list)
}

function namesIn({ files, directory }: LogContext): readonly string[] {
  return files.readdir(directory).map(({ name }) => name)
}

/** A segment object for a place in the log; its files are made when they are first written. */
function makeSegment(context: LogContext, baseOffset: number, created: number, suffix = ''): Segment {
  const { pools, directory, config, indexSizes } = context
  const rollShare = config.segmentJitterMs > 0 ? context.share() : 0
  const { indexIntervalBytes } = config
  return new Segment({ pools, directory, baseOffset, indexIntervalBytes, indexSizes, created, rollShare, suffix })
}

/** A segment beside those of the log, for the cleaner to fill: empty files that end in `.cleaned`. */
export function startCleaned(context: LogContext, baseOffset: number, created: number): Segment {
  return begin(context, makeSegment(context, baseOffset, created, CLEANED), CLEANED)
}

/** The first or next segment: its files are there, empty, and its indexes in memory. */
export function startSegment(context: LogContext, baseOffset: number): Segment {
  return begin(context, makeSegment(context, baseOffset, context.clock.now()), '')
}

function begin(context: LogContext, segment: Segment, ending: string): Segment {
  // Remains of a segment that was cut off here must not come back.
  for (const suffix of segmentSuffixes) context.files.unlink(segmentPath(context.directory, segment.baseOffset, suffix + ending))
  try {
    segment.log.file.truncate(0)
  } catch (error) {
    segment.log.close()
    throw error
  }
  segment.resetIndexes()
  segment.indexes.transactions.file.reset()
  return segment
}
