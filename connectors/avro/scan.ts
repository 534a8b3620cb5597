import { MoldauError } from '../../core/base/errors.ts'
import type { AvroCodec } from './codec.ts'
import { decodeHeader, SYNC_BYTES, type AvroHeader } from './header.ts'
import { LONG_BYTES_MAX, longEnd, readLong } from './varint.ts'

/** One block as it lies in the file. */
export interface AvroBlock {
  readonly codec: AvroCodec
  readonly schema: unknown
  readonly count: number
  /** Still compressed; a view of the bytes given. */
  readonly data: Buffer
}

export interface AvroScan {
  readonly header: AvroHeader
  readonly records: number
  readonly blocks: number
  readonly bytes: number
}

const HEADER_BYTES_MAX = 16 * 1024 * 1024
const BLOCK_BYTES_MAX = 256 * 1024 * 1024

/**
 * The blocks of a container file given as chunks of bytes, as they lie there; the generator's return value has the counts. Every length
 * and every sync marker is checked, nothing is decompressed, no more than one block is held.
 * Throws CORRUPT_BATCH, which says what is wrong and where, when the file is torn, cut off or not Avro.
 */
export async function* avroBlocks(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<AvroBlock, AvroScan> {
  let held: Buffer = Buffer.alloc(0)
  /** Position in the file of the first byte of `held`. */
  let position = 0
  let header: AvroHeader | undefined
  let records = 0
  let blocks = 0
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let at = 0
    if (header === undefined) {
      const decoded = decodeHeader(held)
      if (decoded === undefined) {
        if (held.length > HEADER_BYTES_MAX) throw damaged(0, `its header is longer than ${HEADER_BYTES_MAX} bytes`)
        continue
      }
      header = decoded.header
      at = decoded.end
    }
    for (;;) {
      const block = blockAt(held, at, position, header.sync)
      if (block === undefined) break
      records += block.count
      blocks++
      yield { codec: header.codec, schema: header.schema, count: block.count, data: held.subarray(block.start, block.start + block.size) }
      at = block.end
    }
    position += at
    held = held.subarray(at)
  }
  if (header === undefined) throw damaged(0, 'it ends within its header')
  if (held.length > 0) throw damaged(position, 'it ends within a block')
  return { header, records, blocks, bytes: position }
}

/** Counts the records of a container file without decoding one; see {@link avroBlocks}. */
export async function scanAvro(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<AvroScan> {
  const blocks = avroBlocks(chunks)
  for (;;) {
    const next = await blocks.next()
    if (next.done === true) return next.value
  }
}

interface FoundBlock {
  count: number
  start: number
  size: number
  end: number
}

/** The block at `at` when all of it is there. */
function blockAt(held: Buffer, at: number, position: number, sync: Buffer): FoundBlock | undefined {
  const count = readLong(held, at, held.length)
  if (longEnd < 0) return tooFew(held, at, position)
  const size = readLong(held, longEnd, held.length)
  if (longEnd < 0) return tooFew(held, at, position)
  if (count < 0 || size < 0 || size > BLOCK_BYTES_MAX)
    throw damaged(position + at, `a block of ${count} records in ${size} bytes cannot be`)
  const start = longEnd
  const end = start + size + SYNC_BYTES
  if (end > held.length) return undefined
  if (held.compare(sync, 0, SYNC_BYTES, start + size, end) !== 0)
    throw damaged(position + at, 'the sync marker behind a block is not the one of the header')
  return { count, start, size, end }
}

function tooFew(held: Buffer, at: number, position: number): undefined {
  if (held.length - at >= LONG_BYTES_MAX * 2) throw damaged(position + at, 'the count or size of a block is no number')
  return undefined
}

function damaged(position: number, what: string): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `the Avro file is damaged at byte ${position}: ${what}`)
}
