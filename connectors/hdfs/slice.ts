import { assert } from '../../core/base/assert.ts'
import type { RecordColumns } from '../../core/record/columns.ts'
import type { SinkBatch } from '../types.ts'
import { DataFile } from './data-file.ts'
import type { FileSystem } from './fs/types.ts'
import type { Chain } from './ledger/chain.ts'
import { OpenFiles } from './open-files.ts'
import type { Settings } from './options.ts'
import type { PartitionedRecord } from './partitioner.ts'
import type { Values } from './values.ts'

/** What a partition writes with, the same for all its slices. */
export interface SliceParts {
  readonly fs: FileSystem
  readonly chain: Chain
  readonly values: Values
  readonly settings: Settings
  /** How many files this partition may have open now. */
  readonly openFilesMax: () => number
  /** The number of the next staged file of this attempt. */
  readonly nextFile: () => number
}

/** What a partition writes between two cuts: its records on their way into files, and the account of them. */
export class Slice {
  readonly files: OpenFiles
  readonly #parts: SliceParts
  records: number
  bytes: number
  filtered: number
  deadLettered: number
  /** Wall time of the first and of the last write; undefined: nothing came yet. */
  openedAt: number | undefined
  writtenAt: number
  /** The position behind what was written. */
  next: number
  /** The file of records with times in [#periodStart, #periodEnd): the directory need not be asked for. */
  #file: DataFile | undefined
  #periodStart: number
  #periodEnd: number

  constructor(parts: SliceParts, next: number) {
    this.files = new OpenFiles((first, last, n) => parts.chain.finalName(first, last, n))
    this.#parts = parts
    this.records = 0
    this.bytes = 0
    this.filtered = 0
    this.deadLettered = 0
    this.openedAt = undefined
    this.writtenAt = 0
    this.next = next
    this.#file = undefined
    this.#periodStart = 0
    this.#periodEnd = 0
  }

  /** Throws SERDE_FAILED, and whatever a partitioning function throws; the slice is then of no use. */
  write(batch: SinkBatch, now: number): void {
    const { columns, from, count, selected, values } = batch
    const kept = selected?.length ?? count
    const deadLettered = batch.deadLettered ?? 0
    assert(kept + deadLettered <= count, 'a batch that keeps more records than it has')
    for (let k = 0; k < kept; k++) {
      const i = selected === undefined ? from + k : selected[k]!
      if (values === undefined) this.#writeRaw(batch, columns, i)
      else this.#writeValue(batch, columns, i, values[k])
    }
    this.openedAt ??= now
    this.writtenAt = now
    this.records += kept
    this.deadLettered += deadLettered
    this.filtered += count - kept - deadLettered
    this.next = batch.nextOffset
  }

  /** The bytes of the record are Avro already. */
  #writeRaw(batch: SinkBatch, columns: RecordColumns, i: number): void {
    this.#parts.values.check(batch, i)
    const start = columns.valueStart[i]!
    const length = columns.valueLength[i]!
    const timestamp = columns.timestamps[i]!
    const offset = columns.baseOffset + columns.offsets[i]!
    const file = this.#current(timestamp) ?? this.#fileFor(recordOf(batch, i, this.#parts.values), timestamp)
    file.append(columns.buffer, start, start + length, offset, timestamp)
    this.bytes += length
  }

  #writeValue(batch: SinkBatch, columns: RecordColumns, i: number, value: unknown): void {
    const bytes = this.#parts.values.serialize(batch, i, value)
    const timestamp = columns.timestamps[i]!
    const file = this.#current(timestamp) ?? this.#fileFor({ ...recordOf(batch, i, undefined), value }, timestamp)
    file.append(bytes, 0, bytes.length, columns.offset(i), timestamp)
    this.bytes += bytes.length
  }

  #current(timestamp: number): DataFile | undefined {
    return timestamp >= this.#periodStart && timestamp < this.#periodEnd ? this.#file : undefined
  }

  #fileFor(record: PartitionedRecord, timestamp: number): DataFile {
    const { partitioner } = this.#parts.settings
    const directory = partitioner.directory(record)
    const file = this.files.get(directory, this.#parts.openFilesMax(), () => this.#newFile(directory))
    if (partitioner.periodMs > 0) {
      this.#file = file
      this.#periodStart = Math.floor(timestamp / partitioner.periodMs) * partitioner.periodMs
      this.#periodEnd = this.#periodStart + partitioner.periodMs
    }
    return file
  }

  #newFile(directory: string): DataFile {
    const { chain, values, fs, nextFile } = this.#parts
    const n = nextFile()
    const place = { stagedPath: chain.stagedPath(n), stagedName: chain.stagedName(n), directory, n, schema: values.fingerprint }
    return new DataFile(fs, place, values.writer())
  }
}

/** `values` undefined: the value is the caller's to say. */
function recordOf({ topic, partition, columns }: SinkBatch, i: number, values: Values | undefined): PartitionedRecord {
  return {
    topic,
    partition,
    offset: columns.offset(i),
    timestamp: columns.timestamps[i]!,
    get key() {
      return columns.key(i)
    },
    get value() {
      const start = columns.valueStart[i]!
      return values?.serde.deserialize(columns.buffer, start, start + columns.valueLength[i]!)
    },
  }
}
