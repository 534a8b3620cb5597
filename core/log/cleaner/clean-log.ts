import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { RandomBytes } from '../../base/uuid.ts'
import * as batch from '../../record/batch.ts'
import { SWAP } from '../file-names.ts'
import type { OpenLog } from '../open-log.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import type { Cleanable } from './cleanable.ts'
import { CleaningAborted, SwapUnfinished } from './cleaning-stops.ts'
import { type CleaningRules, filterBatch } from './filter-batch.ts'
import { groupSegments } from './group-segments.ts'
import { mapKeys } from './map-keys.ts'
import { OffsetMap } from './offset-map.ts'
import { Output } from './output.ts'
import { SegmentWalk } from './segment-walk.ts'
import type { Throttle } from './throttle.ts'
import { CleanedTransactions } from './transactions.ts'

export interface CleaningOptions {
  readonly log: PartitionLog
  readonly range: Cleanable
  readonly files: Files
  /** Tells how old tombstones and markers are. */
  readonly clock: Pick<Clock, 'now'>
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

/** Cleans one log from its beginning to where its dirty part ends, or to where the memory for keys does. Kafka's `Cleaner`. */
export async function cleanLog(options: CleaningOptions): Promise<Cleaning> {
  return new LogCleaning(options).run()
}

class LogCleaning {
  readonly #options: CleaningOptions
  readonly #open: OpenLog
  readonly #transactions: CleanedTransactions
  readonly #map: OffsetMap
  readonly #output: Output
  readonly #walk: SegmentWalk
  readonly #now: number
  #bytesBefore: number
  #bytesAfter: number
  #recordsBefore: number
  #recordsAfter: number

  constructor(options: CleaningOptions) {
    const { log, range, dedupeBytes, loadFactor, random, ioBytes, clock, throttle, stopped } = options
    this.#options = options
    this.#open = log.load()
    this.#transactions = new CleanedTransactions()
    this.#map = new OffsetMap({ bytesMax: dedupeBytes, loadFactor, keysMax: range.firstUncleanable - range.firstDirty, random })
    const half = Math.max(batch.BATCH_OVERHEAD, Math.floor(ioBytes / 2))
    this.#output = new Output(half)
    this.#walk = new SegmentWalk({ log, throttle, stopped, bufferBytes: half, takeWritten: () => this.#output.takeWritten() })
    this.#now = clock.now()
    this.#bytesBefore = 0
    this.#bytesAfter = 0
    this.#recordsBefore = 0
    this.#recordsAfter = 0
  }

  async run(): Promise<Cleaning> {
    const { config } = this.#options.log
    const mapEnd = await mapKeys(this.#open, this.#options.range, this.#map, this.#walk)
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

  /** Writes what stays of the segments of a group into one, which takes their place. */
  async #cleanGroup(group: readonly Segment[], mapEnd: number): Promise<void> {
    const intact = this.#walk.watch(group)
    if (!intact()) throw new CleaningAborted()
    const last = group.at(-1)!
    const cleaned = this.#open.startCleaned(group[0]!.baseOffset, last.created)
    let swapped = false
    try {
      const changed = await this.#fill(cleaned, group, mapEnd, intact)
      // What was closed for appends and is intact has not grown.
      const before = group.reduce((total, { size }) => total + size, 0)
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
      await this.#walk.visit(
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
    await this.#walk.pay(0)
    if (!intact()) throw new CleaningAborted()
    return changed
  }
}

function discard(cleaned: Segment): void {
  try {
    cleaned.remove()
  } catch (error) {
    throw new SwapUnfinished(messageOf(error), { cause: error })
  }
}
