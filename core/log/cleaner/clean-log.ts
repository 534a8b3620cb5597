import type { Clock } from '../../base/clock.ts'
import { MoldauError, messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { RandomBytes } from '../../base/uuid.ts'
import * as batch from '../../record/batch.ts'
import { decodeBatch } from '../../record/columns.ts'
import { SWAP } from '../file-names.ts'
import type { OpenLog } from '../open-log.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import type { Cleanable } from './cleanable.ts'
import { type CleaningRules, filterBatch } from './filter-batch.ts'
import { groupSegments } from './group-segments.ts'
import { OffsetMap } from './offset-map.ts'
import { Output } from './output.ts'
import type { Throttle } from './throttle.ts'
import { CleanedTransactions } from './transactions.ts'

/** Bytes of a log that are gone through without letting anything else run; one batch may be larger. */
export const SLICE_BYTES_MAX = 128 * 1024

export interface CleaningOptions {
  readonly log: PartitionLog
  readonly range: Cleanable
  readonly files: Files
  readonly clock: Clock
  readonly random: RandomBytes
  readonly throttle: Throttle
  /** Memory for keys. */
  readonly dedupeBytes: number
  readonly loadFactor: number
  /** Memory to read and write through. */
  readonly ioBytes: number
  /** Asked between two slices: whether to give up. */
  readonly stopped: () => boolean
}

/** What a cleaning has done. */
export interface Cleaning {
  /** Records below are the newest of their keys; the next cleaning begins there. */
  readonly cleanedTo: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly recordsBefore: number
  readonly recordsAfter: number
  /** Keys in the dirty part. */
  readonly keys: number
}

/** The log was cut, deleted or closed meanwhile, or the cleaner stops: nothing is wrong, and what was not swapped in is thrown away. */
export class CleaningAborted extends Error {}

/** The disk failed between the names of the old segments and the new: the log serves what it should, and the next open sets the names right. */
export class SwapUnfinished extends Error {}

/** Cleans one log from its beginning to where its dirty part ends, or to where the memory for keys does. Kafka's `Cleaner`. */
export async function cleanLog(options: CleaningOptions): Promise<Cleaning> {
  return new LogCleaning(options).run()
}

class LogCleaning {
  readonly #options: CleaningOptions
  readonly #open: OpenLog
  readonly #transactions: CleanedTransactions
  readonly #map: OffsetMap
  readonly #input: Buffer
  readonly #output: Output
  readonly #now: number
  #bytesBefore: number
  #bytesAfter: number
  #recordsBefore: number
  #recordsAfter: number

  constructor(options: CleaningOptions) {
    const { log, range, dedupeBytes, loadFactor, random, ioBytes, clock } = options
    this.#options = options
    this.#open = log.load()
    this.#transactions = new CleanedTransactions()
    this.#map = new OffsetMap({ bytesMax: dedupeBytes, loadFactor, keysMax: range.firstUncleanable - range.firstDirty, random })
    const half = Math.max(batch.BATCH_OVERHEAD, Math.floor(ioBytes / 2))
    this.#input = Buffer.allocUnsafe(Math.min(half, SLICE_BYTES_MAX))
    this.#output = new Output(half)
    this.#now = clock.now()
    this.#bytesBefore = 0
    this.#bytesAfter = 0
    this.#recordsBefore = 0
    this.#recordsAfter = 0
  }

  async run(): Promise<Cleaning> {
    const { config } = this.#options.log
    const mapEnd = await this.#fillMap()
    const segments: Segment[] = []
    for (const segment of this.#open.segments) if (segment.baseOffset < mapEnd) segments.push(segment)
    for (const group of groupSegments(segments, config)) await this.#cleanGroup(group, mapEnd)
    return {
      cleanedTo: mapEnd,
      bytesBefore: this.#bytesBefore,
      bytesAfter: this.#bytesAfter,
      recordsBefore: this.#recordsBefore,
      recordsAfter: this.#recordsAfter,
      keys: this.#map.size,
    }
  }

  /** Notes the newest offset of every key in the dirty part. Answers where that ends, or where the table was full. */
  async #fillMap(): Promise<number> {
    const { firstDirty, firstUncleanable } = this.#options.range
    const transactions = new CleanedTransactions()
    const map = this.#map
    let full = -1
    for (const segment of this.#open.segments.from(firstDirty)) {
      if (segment.baseOffset >= firstUncleanable || full >= 0) break
      transactions.add(this.#open.abortedTransactions(Math.max(firstDirty, segment.baseOffset), segment.nextOffset))
      const from = segment.baseOffset < firstDirty ? segment.reader.position(firstDirty) : 0
      await this.#walk(segment, from, (buf, at) => {
        if (batch.isControl(buf, at)) return true
        // What was aborted hides nothing.
        if (transactions.batch(buf, at)) return true
        const columns = decodeBatch(buf, at)
        for (let i = 0; i < columns.count; i++) {
          const offset = columns.offset(i)
          if (columns.keyLength[i]! < 0 || offset < firstDirty) continue
          if (map.put(columns.buffer, columns.keyStart[i]!, columns.keyLength[i]!, offset)) continue
          full = offset
          return false
        }
        return true
      })
    }
    return full >= 0 ? full : firstUncleanable
  }

  /** Writes what stays of the segments of a group into one, which takes their place. */
  async #cleanGroup(group: readonly Segment[], mapEnd: number): Promise<void> {
    const sizes = group.map(({ size }) => size)
    const intact = (): boolean => this.#isIntact(group, sizes)
    if (!intact()) throw new CleaningAborted()
    const last = group.at(-1)!
    const cleaned = this.#open.startCleaned(group[0]!.baseOffset, last.created)
    let swapped = false
    try {
      const changed = await this.#fill(cleaned, group, mapEnd, intact)
      const before = sizes.reduce((total, size) => total + size, 0)
      this.#bytesBefore += before
      this.#bytesAfter += changed ? cleaned.size : before
      if (!changed) return
      cleaned.finish(last.nextOffset)
      await cleaned.sync(true)
      if (!intact()) throw new CleaningAborted()
      const { files, log } = this.#options
      cleaned.moveTo(SWAP)
      await files.syncDirectory(log.directory)
      if (!intact()) throw new CleaningAborted()
      swapped = true
      await this.#takePlace(group, cleaned)
    } finally {
      if (!swapped) discard(cleaned)
    }
  }

  async #takePlace(group: readonly Segment[], cleaned: Segment): Promise<void> {
    const { files, log } = this.#options
    try {
      this.#open.replace(group, cleaned)
      await files.syncDirectory(log.directory)
      // Otherwise it is out of the log again, or the next open gives it its name.
      if (!log.isClosed && this.#open.segments.includes(cleaned)) cleaned.moveTo('')
    } catch (error) {
      throw new SwapUnfinished(messageOf(error), { cause: error })
    }
  }

  /** Answers whether anything is different. */
  async #fill(cleaned: Segment, group: readonly Segment[], mapEnd: number, intact: () => boolean): Promise<boolean> {
    const { config, producers } = this.#options.log
    const rules: CleaningRules = {
      newest: this.#map,
      mapEnd,
      now: this.#now,
      deleteRetentionMs: config.deleteRetentionMs,
      transactions: this.#transactions,
      producers: new Map(
        Array.from(producers, ({ producerId, epoch, batches }) => [producerId, { epoch, lastOffset: batches.at(-1)?.lastOffset ?? -1 }]),
      ),
    }
    const output = this.#output
    output.begin(cleaned)
    let changed = group.length > 1
    for (const segment of group) {
      if (!intact()) throw new CleaningAborted()
      this.#transactions.add(this.#open.abortedTransactions(segment.baseOffset, segment.nextOffset))
      const endsFile = segment === group.at(-1)
      await this.#walk(
        segment,
        0,
        (buf, at, position) => {
          const size = batch.sizeInBytes(buf, at)
          const { outcome, bytes, recordsKept, aborted } = filterBatch(buf, at, rules, endsFile && position + size >= segment.size)
          this.#recordsBefore += batch.recordCount(buf, at)
          this.#recordsAfter += recordsKept
          if (aborted !== undefined) cleaned.indexes.transactions.append(aborted)
          if (outcome === 'whole') output.add(buf, at, size)
          else changed = true
          if (bytes !== undefined) output.add(bytes, 0, bytes.length)
          return true
        },
        intact,
      )
    }
    output.flush()
    await this.#pay(0)
    if (!intact()) throw new CleaningAborted()
    return changed
  }

  /** Visits the batches of a segment, some at a time. */
  async #walk(
    segment: Segment,
    from: number,
    visit: (buf: Buffer, at: number, position: number) => boolean,
    intact: () => boolean = () => this.#isIntact([segment], [segment.size]),
  ): Promise<void> {
    let position = from
    let minOffset = segment.baseOffset
    let enough = false
    while (position < segment.size && !enough) {
      await this.#breathe()
      if (!intact()) throw new CleaningAborted()
      const begin = position
      const end = segment.scan({
        from: begin,
        minOffset,
        verify: true,
        buffer: this.#input,
        chunkBytes: this.#input.length,
        visit: (buf, at, here) => {
          if (here - begin >= SLICE_BYTES_MAX) return false
          enough = !this.#visit(segment, buf, at, here, visit)
          return !enough
        },
      })
      if (end.reason === 'corrupt' || end.reason === 'torn') throw damaged(segment, end.position)
      position = end.position
      minOffset = end.nextOffset
      await this.#pay(position - begin)
    }
  }

  #visit(
    segment: Segment,
    buf: Buffer,
    at: number,
    position: number,
    visit: (buf: Buffer, at: number, position: number) => boolean,
  ): boolean {
    try {
      return visit(buf, at, position)
    } catch (error) {
      if (!(error instanceof MoldauError) || error.code !== 'CORRUPT_BATCH') throw error
      throw damaged(segment, position, messageOf(error))
    }
  }

  /** Waits for what was read, and written since the last time. */
  async #pay(read: number): Promise<void> {
    const { written } = this.#output
    this.#output.written = 0
    await this.#options.throttle.pause(read + written, () => this.#isStopped)
  }

  /** Lets everything else run. */
  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#isStopped) throw new CleaningAborted()
  }

  get #isStopped(): boolean {
    return this.#options.stopped() || this.#options.log.isClosed
  }

  /** Whether these segments are still part of the log, closed for appends and as long as they were. */
  #isIntact(group: readonly Segment[], sizes: readonly number[]): boolean {
    const { segments } = this.#open
    if (this.#isStopped || segments.active === group.at(-1)) return false
    return group.every((segment, i) => segments.includes(segment) && segment.size === sizes[i])
  }
}

function discard(cleaned: Segment): void {
  try {
    cleaned.remove()
  } catch (error) {
    throw new SwapUnfinished(messageOf(error), { cause: error })
  }
}

function damaged(segment: Segment, position: number, why = 'no whole batch stands there'): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `${segment.log.path} is damaged at byte ${position}: ${why}`)
}
