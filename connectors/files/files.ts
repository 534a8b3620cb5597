import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { Source, SourceBatch } from '../types.ts'
import { avroRows } from './avro-rows.ts'
import { jsonRows } from './json-rows.ts'
import { parquetRows } from './parquet-rows.ts'
import type { RowReader, Rows } from './rows.ts'

export interface FilesOptions<V> {
  /** One file: `.parquet`, `.avro`, or `.jsonl`/`.ndjson` (a JSON value a line). */
  path: string
  /** Name of the source, for messages and for its position; default: the path. Keep it, and a restart goes on where it was. */
  name?: string
  /** Event time of a row in milliseconds since 1970; default: the time of reading. */
  timestamp?: (row: V) => number
}

/** A row as a pipeline sees it. */
export interface FileRecord<V> {
  readonly key: null
  readonly value: V
  readonly timestamp: number
}

/** How many rows were read, and of which file: a row number in another file would mean something else. */
export interface FilesPosition {
  readonly row: number
  readonly bytes: number
  readonly [field: string]: number
}

export interface FilesSource<V> extends Source<FileRecord<V>, FilesPosition> {
  /** How many rows the file has; undefined where the format does not say without reading all of it. */
  count(): Promise<number | undefined>
  /** All rows, for use outside a pipeline. */
  rows(): AsyncIterable<V>
}

/** Rows handed out by one `read`. */
const batchRows = 4096

/** The reader of each format, by extension. */
const formats: Record<string, (path: string) => RowReader> = {
  '.parquet': parquetRows,
  '.avro': avroRows,
  '.jsonl': jsonRows,
  '.ndjson': jsonRows,
}

/**
 * A file as a bounded source: its rows in order, each once. The position is a row number, committed by the pipeline together with
 * what it wrote, so that a restart goes on with the next row.
 *
 * Dates in parquet become milliseconds since 1970 (without a zone: taken as UTC), 64-bit integers become numbers.
 *
 * ```ts
 * pipeline('load').from(files<Order>({ path: 'orders.jsonl', timestamp: (row) => row.at })).to(orders)
 * ```
 *
 * Errors: `INPUT_MISSING` no such file; `INVALID_ARGUMENT` an extension that no reader knows; `SERDE_FAILED` names the row that
 * cannot be read; `LEDGER_MISMATCH` the file has another size than the one the saved position belongs to.
 */
export function files<V>(options: FilesOptions<V>): FilesSource<V> {
  return new FilesReader<V>(options)
}

class FilesReader<V> implements FilesSource<V> {
  readonly name: string
  readonly flags: { readonly bounded: true; readonly replayable: true }
  readonly #path: string
  readonly #format: (path: string) => RowReader
  readonly #timestamp: ((row: V) => number) | undefined
  #rows: Rows | undefined
  #pending: readonly unknown[]
  #taken: number
  #row: number
  #total: number | undefined
  #bytes: number
  #now: () => number

  constructor(options: FilesOptions<V>) {
    const format = formats[extname(options.path).toLowerCase()]
    if (format === undefined) {
      throw new MoldauError('INVALID_ARGUMENT', `files: ${options.path} has none of the extensions ${Object.keys(formats).join(', ')}`)
    }
    this.name = options.name ?? options.path
    this.flags = { bounded: true, replayable: true }
    this.#path = options.path
    this.#format = format
    this.#timestamp = options.timestamp
    this.#rows = undefined
    this.#pending = []
    this.#taken = 0
    this.#row = 0
    this.#total = undefined
    this.#bytes = 0
    this.#now = Date.now
  }

  async count(): Promise<number | undefined> {
    await this.#size()
    return this.#count(this.#format(this.#path))
  }

  async *rows(): AsyncIterable<V> {
    await this.#size()
    for await (const rows of this.#named(this.#format(this.#path), 0)) yield* rows as readonly V[]
  }

  async open(position: FilesPosition | undefined, context: { clock: { now(): number } }): Promise<void> {
    await this.close()
    this.#bytes = await this.#size()
    if (position !== undefined && position.bytes !== this.#bytes) {
      throw new MoldauError(
        'LEDGER_MISMATCH',
        `files: ${this.#path} has ${this.#bytes} bytes, but row ${position.row} was reached in a file of ${position.bytes}: it is another file now. ` +
          `Put the first one back, or give the source another name to begin anew`,
      )
    }
    this.#now = () => context.clock.now()
    this.#row = position?.row ?? 0
    // A reader of its own: what an earlier one knows of the file may not be true any more.
    const reader = this.#format(this.#path)
    this.#total = await this.#count(reader)
    this.#rows = this.#named(reader, this.#row)[Symbol.asyncIterator]()
  }

  async read(): Promise<SourceBatch<FileRecord<V>, FilesPosition> | undefined> {
    if (this.#rows === undefined) throw new MoldauError('CLOSED', `files: ${this.#path} is not open`)
    while (this.#taken === this.#pending.length) {
      const next = await this.#rows.next()
      if (next.done === true) return undefined
      this.#pending = next.value
      this.#taken = 0
    }
    const end = Math.min(this.#taken + batchRows, this.#pending.length)
    const records: FileRecord<V>[] = []
    for (let i = this.#taken; i < end; i++) {
      const value = this.#pending[i] as V
      records.push({ key: null, value, timestamp: this.#timestamp?.(value) ?? this.#now() })
    }
    this.#row += records.length
    this.#taken = end
    const position = { row: this.#row, bytes: this.#bytes }
    return this.#total === undefined ? { records, position } : { records, position, progress: this.#row / Math.max(1, this.#total) }
  }

  async close(): Promise<void> {
    const rows = this.#rows
    this.#rows = undefined
    this.#pending = []
    this.#taken = 0
    await rows?.return?.()
  }

  /** The rows from `row` on; an error of the format says in which file and behind which row. */
  async *#named(reader: RowReader, row: number): AsyncGenerator<readonly unknown[]> {
    try {
      for await (const rows of reader.rows(row)) {
        yield rows
        row += rows.length
      }
    } catch (cause) {
      throw this.#unreadable(`behind row ${row}`, cause)
    }
  }

  async #count(reader: RowReader): Promise<number | undefined> {
    try {
      return await reader.count()
    } catch (cause) {
      throw this.#unreadable('to its end', cause)
    }
  }

  /** What a format says, with the file that it says it of. */
  #unreadable(where: string, cause: unknown): unknown {
    if (cause instanceof MoldauError && cause.message.includes(this.#path)) return cause
    const message = `files: ${this.#path} cannot be read ${where}: ${messageOf(cause)}; put a whole file there`
    return new MoldauError('SERDE_FAILED', message, { cause })
  }

  async #size(): Promise<number> {
    const found = await stat(this.#path).catch((cause: unknown) => {
      throw new MoldauError('INPUT_MISSING', `files: cannot read ${this.#path}: ${messageOf(cause)}; correct the path`, { cause })
    })
    if (!found.isFile()) throw new MoldauError('INPUT_MISSING', `files: ${this.#path} is not a file; give one file for each source`)
    return found.size
  }
}
