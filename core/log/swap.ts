import { messageOf } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import { CLEANED, LOG, SWAP, offsetInName, segmentPath, segmentSuffixes } from './file-names.ts'
import type { LogContext } from './log-context.ts'
import { scan } from './scan.ts'

/**
 * How a cleaned segment takes the place of those it was made from. Its files are written and synced as `.cleaned`, then become `.swap`,
 * the log last: once that name is durable the old ones are of no more use, and whoever opens the folder finishes what follows here. The
 * directory is synced between taking the old names away and giving the new ones, so that no power loss can leave both.
 */

/** Finishes or removes what a crash has left of a cleaning in a folder with these files. Called before its segments are listed. Kafka's `LogLoader`. */
export function finishSwaps(context: LogContext, names: readonly string[]): void {
  const { files, directory } = context
  let changed = false
  for (const name of names) {
    if (!name.endsWith(CLEANED)) continue
    files.unlink(`${directory}/${name}`)
    changed = true
  }
  const logs = names.map((name) => offsetInName(name, LOG)).filter((offset) => offset !== undefined)
  for (const name of names) {
    const base = offsetInName(name, LOG + SWAP)
    if (base === undefined) continue
    const { end, sound } = endOfSwap(context, base)
    if (!sound && logs.includes(base)) {
      context.error({ file: name }, 'a cleaned segment is damaged: the segments that it was made from are kept')
      files.unlink(`${directory}/${name}`)
      changed = true
      continue
    }
    const replaced = logs.filter((offset) => offset >= base && offset < Math.max(end, base + 1))
    for (const old of replaced) for (const suffix of segmentSuffixes) files.unlink(segmentPath(directory, old, suffix))
    files.syncDirectoryNow(directory)
    for (const suffix of segmentSuffixes.toReversed()) {
      const swap = segmentPath(directory, base, suffix + SWAP)
      if (files.stat(swap) !== undefined) files.rename(swap, segmentPath(directory, base, suffix))
    }
    changed = true
    context.warn({ file: name, replaced: replaced.length }, 'finished a compaction that was interrupted')
  }
  for (const name of names) {
    if (!name.endsWith(SWAP) || name.endsWith(LOG + SWAP)) continue
    // Those of a finished swap have their names; what is left belongs to none.
    files.unlink(`${directory}/${name}`)
  }
  if (changed) files.syncDirectoryNow(directory)
}

/** The offset after the last batch of a cleaned segment: it ends with the last offset of those it replaces. */
function endOfSwap(context: LogContext, base: number): { end: number; sound: boolean } {
  const path = segmentPath(context.directory, base, LOG + SWAP)
  const size = context.files.stat(path)?.size ?? 0
  const file = context.pools.files.file(path)
  let end = base
  try {
    const visit = (buf: Buffer, at: number): void => {
      end = batch.nextOffset(buf, at)
    }
    const { reason } = scan(file, { from: 0, to: size, minOffset: base, verify: true, visit })
    return { end, sound: reason === 'end' }
  } catch (error) {
    context.error({ file: path, error: messageOf(error) }, 'a cleaned segment cannot be read')
    throw error
  } finally {
    file.close()
  }
}
