import * as batch from '../record/batch.ts'
import type { PooledFile } from './file-pool.ts'
import { getInt64 } from './numbers.ts'

/** Read at a time when a whole segment is scanned. */
const SCAN_BYTES = 1024 * 1024
/** Read at a time when a batch near an index entry is looked for. */
export const WALK_BYTES = 8 * 1024

export interface ScanOptions {
  readonly from: number
  readonly to: number
  /** The offset that the first batch is expected to have; none may begin below. */
  readonly minOffset: number
  /** The first batch may begin at any offset from {@link ScanOptions.minOffset} on. */
  readonly anyStart?: boolean
  /** No batch may reach this offset. */
  readonly maxOffset?: number
  /** Reads whole batches and checks their CRC; otherwise headers only (control batches are always read whole). */
  readonly verify?: boolean
  readonly chunkBytes?: number
  /** Bytes of the file that are in memory already, `from` and `to` within them: nothing is read but, once in a while, a header behind them. */
  readonly loaded?: Loaded
  /** Where the file's batches end, when `to` is not their end. */
  readonly fileEnd?: number
  /** Memory to read into, for those who scan often; what visit gets is a view of it. */
  readonly buffer?: Buffer
  /** Called for each batch, which stands in `buf` for the time of the call; the scan ends when it answers false. */
  visit(buf: Buffer, at: number, position: number): boolean | void
  /** When given, a damaged stretch is reported and skipped, otherwise the scan ends at it. `next`: where batches go on. */
  skipped?(position: number, next: number): void
}

/** A stretch of a file in memory. */
export interface Loaded {
  readonly buffer: Buffer
  /** Where in the file the buffer begins. */
  readonly position: number
}

export interface ScanEnd {
  /** `end`: all batches seen. `stopped`: by visit. `torn`: the last batch is cut off. `corrupt`: bytes that are no batch. */
  readonly reason: 'end' | 'stopped' | 'torn' | 'corrupt'
  /** Behind the last good batch; with `stopped` at the batch that visit refused. */
  readonly position: number
  /** The offset after the last good batch. */
  readonly nextOffset: number
}

const { baseTimestamp, maxTimestamp, producerId } = batch.BatchField
const int64Fields = [baseTimestamp, maxTimestamp, producerId]

/** Goes over the batches of a segment's file, checking how they follow each other. */
export function scan(file: PooledFile, options: ScanOptions): ScanEnd {
  const window = new Window(file, options)
  try {
    return scanWindow(window, options)
  } finally {
    window.close()
  }
}

function scanWindow(window: Window, options: ScanOptions): ScanEnd {
  const { to, verify = false, maxOffset = Number.MAX_SAFE_INTEGER } = options
  let position = options.from
  let nextOffset = options.minOffset
  let previous = -1
  let mayGap = options.anyStart ?? false
  while (position < to) {
    const state = check(window, position, nextOffset, maxOffset, verify, mayGap)
    mayGap = false
    if (state !== 'ok') {
      if (options.skipped === undefined) return { reason: state, position, nextOffset }
      // Without checksums the damage may be the length of the batch before, which has led nowhere.
      const culprit = !verify && previous >= 0 && !isSound(window, previous) ? previous : position
      const next = findBatch(window, culprit + 1, nextOffset, maxOffset)
      options.skipped(position, next)
      position = next
      previous = -1
      continue
    }
    const at = position - window.start
    if (options.visit(window.buffer, at, position) === false) return { reason: 'stopped', position, nextOffset }
    nextOffset = batch.nextOffset(window.buffer, at)
    previous = position
    position += batch.sizeInBytes(window.buffer, at)
  }
  return { reason: 'end', position, nextOffset }
}

/** Walks are many and short: they share this buffer. One that begins inside another gets its own. */
let walkBuffer: Buffer | undefined = Buffer.allocUnsafeSlow(WALK_BYTES)

/** The part of the file that is in memory. */
class Window {
  readonly #file: PooledFile
  /** Where the scan ends. */
  readonly end: number
  /** Where the file's batches end. */
  readonly fileEnd: number
  readonly #chunkBytes: number
  readonly #walk: Buffer | undefined
  buffer: Buffer
  start: number
  #length: number

  constructor(file: PooledFile, { from, to, loaded, buffer, fileEnd = to, chunkBytes = SCAN_BYTES }: ScanOptions) {
    this.#file = file
    this.end = to
    this.fileEnd = fileEnd
    this.#chunkBytes = Math.min(chunkBytes, Math.max(to - from, batch.BATCH_OVERHEAD))
    const given = loaded?.buffer ?? (buffer !== undefined && buffer.length >= this.#chunkBytes ? buffer : undefined)
    this.#walk = given === undefined && this.#chunkBytes <= WALK_BYTES ? walkBuffer : undefined
    if (this.#walk !== undefined) walkBuffer = undefined
    this.buffer = given ?? this.#walk ?? Buffer.allocUnsafe(this.#chunkBytes)
    this.start = loaded?.position ?? 0
    this.#length = loaded?.buffer.length ?? 0
  }

  close(): void {
    if (this.#walk !== undefined) walkBuffer = this.#walk
  }

  /** Brings `length` bytes from `position` into memory; false when the file ends before. */
  has(position: number, length: number): boolean {
    if (position >= this.start && position + length <= this.start + this.#length) return true
    if (position + length > this.end) return false
    if (length > this.buffer.length) this.buffer = Buffer.allocUnsafe(length)
    const wanted = Math.min(Math.max(this.#chunkBytes, length), this.end - position, this.buffer.length)
    this.start = position
    this.#length = this.#file.file.read(this.buffer, 0, wanted, position)
    return this.#length >= length
  }

  /** A header further on, without giving up what is in memory. */
  peek(position: number): Buffer {
    const at = position - this.start
    if (at >= 0 && at + batch.BATCH_OVERHEAD <= this.#length) return this.buffer.subarray(at, at + batch.BATCH_OVERHEAD)
    const header = Buffer.alloc(batch.BATCH_OVERHEAD)
    this.#file.file.read(header, 0, header.length, position)
    return header
  }
}

/** Whether a batch stands at `position` that may follow there. */
function check(
  window: Window,
  position: number,
  expected: number,
  maxOffset: number,
  verify: boolean,
  mayGap: boolean,
): 'ok' | 'torn' | 'corrupt' {
  if (!window.has(position, batch.LOG_OVERHEAD)) return 'torn'
  const size = batch.sizeInBytes(window.buffer, position - window.start)
  if (size < batch.BATCH_OVERHEAD) return 'corrupt'
  if (!window.has(position, batch.BATCH_OVERHEAD)) return 'torn'
  let at = position - window.start
  if (!plausible(window.buffer, at, expected, maxOffset)) return 'corrupt'
  if (position + size > window.end) return 'torn'
  if (verify || batch.isControl(window.buffer, at)) {
    window.has(position, size)
    at = position - window.start
    if (batch.checkBatch(window.buffer, at, at + size) !== 'ok') return 'corrupt'
  }
  // A gap is what compaction leaves, or an offset that the disk has changed: then it reaches into the next batch.
  if (mayGap || batch.baseOffset(window.buffer, at) === expected) return 'ok'
  if (position + size + batch.BATCH_OVERHEAD > window.fileEnd) return 'ok'
  const next = window.peek(position + size)
  return batch.magic(next, 0) === batch.MAGIC && getInt64(next, 0) >= expected && getInt64(next, 0) < batch.nextOffset(window.buffer, at)
    ? 'corrupt'
    : 'ok'
}

function isSound(window: Window, position: number): boolean {
  window.has(position, batch.BATCH_OVERHEAD)
  const size = batch.sizeInBytes(window.buffer, position - window.start)
  if (!window.has(position, size)) return false
  const at = position - window.start
  return batch.checkBatch(window.buffer, at, at + size) === 'ok'
}

/** Magic and offsets fit the place, and the numbers of the header are ones that can be; offset and length have no other check. */
export function plausible(buf: Buffer, at: number, minOffset: number, maxOffset: number): boolean {
  const first = getInt64(buf, at)
  const delta = batch.lastOffsetDelta(buf, at)
  if (batch.magic(buf, at) !== batch.MAGIC || first < minOffset || delta < 0 || first + delta >= maxOffset) return false
  return int64Fields.every((field) => Number.isSafeInteger(getInt64(buf, at + field)))
}

/** The position of the next undamaged batch at or after `from`, or the end: goes byte by byte, since a damaged length says nothing. */
function findBatch(window: Window, from: number, minOffset: number, maxOffset: number): number {
  let position = from
  while (window.has(position, batch.BATCH_OVERHEAD)) {
    const { buffer, start } = window
    const size = batch.sizeInBytes(buffer, position - start)
    const likely = size >= batch.BATCH_OVERHEAD && plausible(buffer, position - start, minOffset, maxOffset)
    if (likely && window.has(position, size)) {
      const at = position - window.start
      if (batch.checkBatch(window.buffer, at, at + size) === 'ok') return position
    }
    position++
  }
  return window.end
}
