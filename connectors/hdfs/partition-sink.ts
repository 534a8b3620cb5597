import { assert } from '../../core/base/assert.ts'
import { MoldauError } from '../../core/base/errors.ts'
import type { RecordColumns } from '../../core/record/columns.ts'
import type { Committed, KafkaPosition, PartitionSink, SinkBatch, SinkContext } from '../types.ts'
import { DataFile } from './data-file.ts'
import type { FileSystem } from './fs/types.ts'
import type { Chain } from './ledger/chain.ts'
import { OpenFiles } from './open-files.ts'
import type { Settings } from './options.ts'
import type { PartitionedRecord } from './partitioner.ts'
import type { Values } from './values.ts'

/** Bytes that a partition may have handed to the store without an answer before `write` waits. */
const QUEUED_BYTES_MAX = 8 * 1024 * 1024

export interface PartitionSinkParts {
  readonly topic: string
  readonly partition: number
  readonly fs: FileSystem
  readonly chain: Chain
  readonly values: Values
  readonly settings: Settings
  readonly context: SinkContext
  /** How many files this partition may have open now. */
  readonly openFilesMax: () => number
  readonly onClose: () => void
}

/** What was written since the last cut. */
interface Slice {
  readonly files: OpenFiles
  records: number
  bytes: number
  filtered: number
  deadLettered: number
  /** Wall time of the first and of the last write; undefined: none yet. */
  openedAt: number | undefined
  writtenAt: number
  next: number
  leaderEpoch: number
}

/** One topic-partition on its way into the lake: staged files, cut together and committed through the ledger. */
export class HdfsPartition implements PartitionSink {
  readonly #parts: PartitionSinkParts
  readonly #finalName: (first: number, last: number, n: number) => string
  #state: 'new' | 'ready' | 'failed' | 'closed'
  #slice: Slice
  #logStart: number
  #n: number
  /** The directory of records with times in [#periodStart, #periodEnd), and its file. */
  #file: DataFile | undefined
  #periodStart: number
  #periodEnd: number
  #committing: Promise<unknown>

  constructor(parts: PartitionSinkParts) {
    this.#parts = parts
    this.#finalName = (first, last, n) => parts.chain.finalName(first, last, n)
    this.#state = 'new'
    this.#slice = newSlice(this.#finalName, 0, -1)
    this.#logStart = 0
    this.#n = 0
    this.#file = undefined
    this.#periodStart = 0
    this.#periodEnd = 0
    this.#committing = Promise.resolve()
  }

  async recover(): Promise<KafkaPosition> {
    assert(this.#state !== 'closed', 'recover after close')
    await this.#drop('failed')
    const { topic, partition, chain, context } = this.#parts
    const source = await context.sourcePartition(topic, partition)
    const position = await chain.start(source, await context.reported(topic, partition))
    this.#logStart = source.logStartOffset
    this.#n = 0
    this.#slice = newSlice(this.#finalName, position.offset, position.leaderEpoch)
    this.#state = 'ready'
    return position
  }

  write(batch: SinkBatch): Promise<void> | void {
    this.#mustBeReady()
    try {
      this.#writeRecords(batch)
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    const pressure = this.#slice.files.pressure(QUEUED_BYTES_MAX)
    return pressure === undefined ? undefined : this.#wait(pressure)
  }

  async commit(position: KafkaPosition): Promise<Committed> {
    // The cut: all open files, at one offset, in the instant of the call; what is written from now on is of the next commit.
    this.#mustBeReady()
    const slice = this.#slice
    assert(position.offset >= slice.next, `a commit at ${position.offset}, below what was written (${slice.next})`)
    this.#slice = newSlice(this.#finalName, position.offset, position.leaderEpoch)
    this.#forgetFile()
    const committing = this.#committing.then(() => this.#publish(slice, position))
    this.#committing = committing.catch(() => undefined)
    return await committing
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return
    await this.#committing
    await this.#drop('failed')
    this.#parts.chain.end()
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.#committing
    await this.#drop('closed')
    this.#parts.onClose()
  }

  due(now: number): boolean {
    const { rotate } = this.#parts.settings
    const { records, bytes } = this.#slice
    return records >= rotate.records || bytes >= rotate.bytes || now >= (this.nextDue() ?? Infinity)
  }

  nextDue(): number | undefined {
    const { rotate } = this.#parts.settings
    const { openedAt, writtenAt } = this.#slice
    return openedAt === undefined ? undefined : Math.min(openedAt + rotate.openMs, writtenAt + rotate.idleMs)
  }

  async #publish(slice: Slice, position: KafkaPosition): Promise<Committed> {
    const { chain } = this.#parts
    const nothing = slice.openedAt === undefined && position.offset === chain.next
    if (nothing) return { position, records: 0, files: 0, bytes: 0 }
    try {
      const files = await slice.files.close()
      const { records, filtered, deadLettered } = slice
      const { offset: next, leaderEpoch } = position
      await chain.commit({ next, leaderEpoch, logStart: this.#logStart, records, filtered, deadLettered, files })
      return { position, records, files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) }
    } catch (error) {
      this.#state = 'failed'
      throw await chain.explain(error)
    }
  }

  #writeRecords(batch: SinkBatch): void {
    const { columns, from, count, selected, values } = batch
    const slice = this.#slice
    const kept = selected?.length ?? count
    const deadLettered = batch.deadLettered ?? 0
    assert(kept + deadLettered <= count, 'a batch that keeps more records than it has')
    for (let k = 0; k < kept; k++) {
      const i = selected === undefined ? from + k : selected[k]!
      if (values === undefined) this.#writeRaw(batch, columns, i)
      else this.#writeValue(batch, columns, i, values[k])
    }
    const now = this.#parts.context.clock.now()
    slice.openedAt ??= now
    slice.writtenAt = now
    slice.records += kept
    slice.deadLettered += deadLettered
    slice.filtered += count - kept - deadLettered
    slice.next = batch.nextOffset
    slice.leaderEpoch = batch.leaderEpoch
  }

  #writeRaw(batch: SinkBatch, columns: RecordColumns, i: number): void {
    this.#parts.values.check(batch, i)
    const start = columns.valueStart[i]!
    const length = columns.valueLength[i]!
    const timestamp = columns.timestamps[i]!
    this.#fileFor(batch, columns, i, timestamp, undefined, false).append(
      columns.buffer,
      start,
      start + length,
      columns.baseOffset + columns.offsets[i]!,
      timestamp,
    )
    this.#slice.bytes += length
  }

  #writeValue(batch: SinkBatch, columns: RecordColumns, i: number, value: unknown): void {
    const bytes = this.#parts.values.serialize(batch, i, value)
    const timestamp = columns.timestamps[i]!
    this.#fileFor(batch, columns, i, timestamp, value, true).append(bytes, 0, bytes.length, columns.offset(i), timestamp)
    this.#slice.bytes += bytes.length
  }

  #fileFor(batch: SinkBatch, columns: RecordColumns, i: number, timestamp: number, value: unknown, hasValue: boolean): DataFile {
    if (this.#file !== undefined && timestamp >= this.#periodStart && timestamp < this.#periodEnd) return this.#file
    const { partitioner } = this.#parts.settings
    const directory = partitioner.directory(this.#record(batch, columns, i, timestamp, value, hasValue))
    const file = this.#slice.files.get(directory, this.#parts.openFilesMax(), () => this.#newFile(directory))
    if (partitioner.periodMs > 0) {
      this.#file = file
      this.#periodStart = Math.floor(timestamp / partitioner.periodMs) * partitioner.periodMs
      this.#periodEnd = this.#periodStart + partitioner.periodMs
    }
    return file
  }

  #record(batch: SinkBatch, columns: RecordColumns, i: number, timestamp: number, value: unknown, hasValue: boolean): PartitionedRecord {
    const { serde } = this.#parts.values
    const { topic, partition } = batch
    return {
      topic,
      partition,
      timestamp,
      get offset() {
        return columns.offset(i)
      },
      get key() {
        return columns.key(i)
      },
      get value() {
        const start = columns.valueStart[i]!
        return hasValue ? value : serde.deserialize(columns.buffer, start, start + columns.valueLength[i]!)
      },
    }
  }

  #newFile(directory: string): DataFile {
    const { chain, values, fs } = this.#parts
    const n = this.#n++
    const place = { stagedPath: chain.stagedPath(n), stagedName: chain.stagedName(n), directory, n, schema: values.fingerprint }
    return new DataFile(fs, place, values.writer())
  }

  async #wait(pressure: Promise<unknown>): Promise<void> {
    try {
      await pressure
    } catch (error) {
      this.#state = 'failed'
      throw await this.#parts.chain.explain(error)
    }
  }

  #forgetFile(): void {
    this.#file = undefined
  }

  async #drop(state: 'failed' | 'closed'): Promise<void> {
    this.#state = state
    this.#forgetFile()
    const { files } = this.#slice
    this.#slice = newSlice(this.#finalName, 0, -1)
    await files.abandon()
  }

  #mustBeReady(): void {
    if (this.#state === 'ready') return
    const { topic, partition, fs } = this.#parts
    throw new MoldauError('CLOSED', `the sink of ${topic}-${partition} in ${fs.url} is ${this.#state}; recover it first`)
  }
}

function newSlice(finalName: (first: number, last: number, n: number) => string, next: number, leaderEpoch: number): Slice {
  return {
    files: new OpenFiles(finalName),
    records: 0,
    bytes: 0,
    filtered: 0,
    deadLettered: 0,
    openedAt: undefined,
    writtenAt: 0,
    next,
    leaderEpoch,
  }
}
