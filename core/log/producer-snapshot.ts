import { crc32c } from '../base/crc32c.ts'
import type { Files } from '../base/files.ts'
import { SNAPSHOT, offsetInName, segmentPath } from './file-names.ts'
import { getInt64, putInt64 } from './numbers.ts'
import type { ProducerEntry } from './producer-state.ts'

/**
 * Producer state at an offset (`<offset>.snapshot`), in Kafka's format: version, CRC-32C of the rest, entries. Of the batches
 * remembered it keeps the last one, as Kafka does.
 */

const VERSION = 1
const HEADER_BYTES = 10
const ENTRY_BYTES = 46
/** They run from 0 to 2^31 - 1 and begin again. */
const SEQUENCES = 2 ** 31

export function encodeSnapshot(entries: Iterable<ProducerEntry>): Buffer {
  const list = [...entries]
  const buf = Buffer.alloc(HEADER_BYTES + list.length * ENTRY_BYTES)
  buf.writeInt16BE(VERSION, 0)
  buf.writeInt32BE(list.length, 6)
  let at = HEADER_BYTES
  for (const entry of list) {
    const last = entry.batches.at(-1)
    putInt64(buf, at, entry.producerId)
    buf.writeInt16BE(entry.epoch, at + 8)
    buf.writeInt32BE(last?.lastSequence ?? -1, at + 10)
    putInt64(buf, at + 14, last?.lastOffset ?? -1)
    buf.writeInt32BE(last?.offsetDelta ?? 0, at + 22)
    putInt64(buf, at + 26, entry.lastTimestamp)
    buf.writeInt32BE(entry.coordinatorEpoch, at + 34)
    putInt64(buf, at + 38, entry.transactionStart)
    at += ENTRY_BYTES
  }
  buf.writeUInt32BE(crc32c(buf, 6, buf.length), 2)
  return buf
}

/** The entries of a snapshot, or `undefined` when it is damaged. */
export function decodeSnapshot(buf: Buffer): ProducerEntry[] | undefined {
  if (buf.length < HEADER_BYTES || buf.readInt16BE(0) !== VERSION || crc32c(buf, 6, buf.length) !== buf.readUInt32BE(2)) return undefined
  const count = buf.readInt32BE(6)
  if (buf.length !== HEADER_BYTES + count * ENTRY_BYTES) return undefined
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES
    const lastSequence = buf.readInt32BE(at + 10)
    const lastOffset = getInt64(buf, at + 14)
    const offsetDelta = buf.readInt32BE(at + 22)
    const lastTimestamp = getInt64(buf, at + 26)
    const firstSequence = lastSequence - offsetDelta + (lastSequence < offsetDelta ? SEQUENCES : 0)
    return {
      producerId: getInt64(buf, at),
      epoch: buf.readInt16BE(at + 8),
      batches:
        lastOffset < 0 || lastSequence < 0 ? [] : [{ firstSequence, lastSequence, lastOffset, offsetDelta, timestamp: lastTimestamp }],
      lastTimestamp,
      coordinatorEpoch: buf.readInt32BE(at + 34),
      transactionStart: getInt64(buf, at + 38),
    }
  })
}

/** Not synced: a snapshot that a power loss damaged is ignored, and an older one taken with a longer scan. */
export function writeSnapshot(files: Files, directory: string, offset: number, entries: Iterable<ProducerEntry>): void {
  files.writeFile(segmentPath(directory, offset, SNAPSHOT), encodeSnapshot(entries))
}

/**
 * The newest undamaged snapshot at an offset of at most `offset`.
 *
 * @param offsets of the snapshots that are there, ascending
 */
export function newestSnapshot(
  files: Files,
  directory: string,
  offset: number,
  offsets: readonly number[] = snapshotOffsets(files, directory),
): { offset: number; entries: ProducerEntry[] } | undefined {
  for (const candidate of offsets.toReversed()) {
    if (candidate > offset) continue
    const content = files.readFile(segmentPath(directory, candidate, SNAPSHOT))
    const entries = content === undefined ? undefined : decodeSnapshot(content)
    if (entries !== undefined) return { offset: candidate, entries }
  }
  return undefined
}

/** Offsets of the snapshots in a folder, ascending. */
export function snapshotOffsets(files: Files, directory: string): number[] {
  const offsets = files.readdir(directory).map(({ name }) => offsetInName(name, SNAPSHOT))
  return offsets.filter((offset) => offset !== undefined).sort((a, b) => a - b)
}

/**
 * Removes snapshots that no recovery will want: those above the end of a log that was cut, or those below where recovery would begin,
 * of which the newest is kept, as are the two newest of all.
 */
export function trimSnapshots(files: Files, directory: string, bounds: { above: number } | { below: number }): void {
  const offsets = snapshotOffsets(files, directory)
  const inWay = 'above' in bounds ? offsets.filter((offset) => offset > bounds.above) : offsets.slice(0, -2).filter(isOld)
  for (const offset of inWay) files.unlink(segmentPath(directory, offset, SNAPSHOT))

  function isOld(offset: number): boolean {
    return 'below' in bounds && offset < bounds.below && offset !== offsets.findLast((other) => other <= bounds.below)
  }
}
