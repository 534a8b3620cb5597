import { crc32c } from '../../core/base/crc32c.ts'
import type { AvroWriter } from '../avro/writer.ts'
import type { FileSystem, FileWriter } from './fs/types.ts'
import { hex32, type FileEntry } from './ledger/entry.ts'
import { OffsetsSum } from './ledger/offsets-sum.ts'

/** Written to the store in pieces of about this size. Smaller files reach it in one piece, when they are closed. */
const WRITE_BYTES = 256 * 1024

/** Where a file is staged, and in which directory it will end. */
export interface DataFilePlace {
  /** From the sink's directory on. */
  readonly stagedPath: string
  /** From the chain's directory on, as entries say it. */
  readonly stagedName: string
  readonly directory: string
  readonly n: number
  /** Fingerprint of the schema. */
  readonly schema: string
}

/** One staged file being written, and the account of what is in it. */
export class DataFile {
  readonly place: DataFilePlace
  readonly #fs: FileSystem
  readonly #avro: AvroWriter
  readonly #sum: OffsetsSum
  #bytes: number
  #crc: number
  #records: number
  #first: number
  #last: number
  #minTimestamp: number
  #maxTimestamp: number
  #writer: FileWriter | undefined
  /** Writes run one behind the other. */
  #writes: Promise<void>
  #queuedBytes: number

  constructor(fs: FileSystem, place: DataFilePlace, avro: AvroWriter) {
    this.place = place
    this.#fs = fs
    this.#avro = avro
    this.#sum = new OffsetsSum()
    this.#bytes = 0
    this.#crc = 0
    this.#records = 0
    this.#first = -1
    this.#last = -1
    this.#minTimestamp = Infinity
    this.#maxTimestamp = -Infinity
    this.#writer = undefined
    this.#writes = Promise.resolve()
    this.#queuedBytes = 0
  }

  /** Bytes given to the store and not taken by it yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Resolves when the store has taken all it was given; rejects when it failed. */
  get written(): Promise<void> {
    return this.#writes
  }

  append(source: Buffer, start: number, end: number, offset: number, timestamp: number): void {
    this.#avro.append(source, start, end)
    this.#sum.add(offset)
    if (this.#records++ === 0) this.#first = offset
    this.#last = offset
    if (timestamp < this.#minTimestamp) this.#minTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    if (this.#avro.readyBytes >= WRITE_BYTES) this.#write()
  }

  /** Completes the file on the store, and answers what an entry says of it. */
  async close(finalName: (first: number, last: number, n: number) => string): Promise<FileEntry> {
    this.#avro.finish()
    this.#write()
    await this.#writes
    await this.#writer?.close()
    const { directory, stagedName, n, schema } = this.place
    const name = finalName(this.#first, this.#last, n)
    return {
      staged: stagedName,
      path: directory === '' ? name : `${directory}/${name}`,
      bytes: this.#bytes,
      records: this.#records,
      first: this.#first,
      last: this.#last,
      offsetsSum: this.#sum.hex,
      crc32c: hex32(this.#crc),
      schema,
      minTimestamp: this.#minTimestamp,
      maxTimestamp: this.#maxTimestamp,
    }
  }

  /** Lets go of the file; what is staged is left for a sweep. */
  async abandon(): Promise<void> {
    await this.#writes.catch(() => undefined)
    await this.#writer?.abandon()
  }

  #write(): void {
    const chunks = this.#avro.take()
    let length = 0
    for (const chunk of chunks) {
      this.#crc = crc32c(chunk, 0, chunk.length, this.#crc)
      length += chunk.length
    }
    this.#bytes += length
    this.#queuedBytes += length
    this.#writes = this.#writes.then(async () => {
      this.#writer ??= await this.#fs.create(this.place.stagedPath)
      await this.#writer.write(chunks)
      this.#queuedBytes -= length
    })
    // Whoever closes or waits sees the failure; until then it is not unhandled.
    this.#writes.catch(() => undefined)
  }
}
