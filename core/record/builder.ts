import { MoldauError } from '../base/errors.ts'
import {
  Attribute,
  BATCH_OVERHEAD,
  BatchField,
  LOG_OVERHEAD,
  MAGIC,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  sealBatch,
} from './batch.ts'
import { compress } from './compression.ts'
import { type CompressionName, compressionId } from './compression-names.ts'
import { type Header, noHeaders } from './header.ts'
import { writeInt64 } from './int64.ts'
import { headersSize, putBytes, putHeaders } from './parts.ts'
import { putVarint, putVarlong, varintSize, varlongSize } from './varint.ts'

export { recordSizeMax } from './parts.ts'

export interface BatchBuilderOptions {
  /** Default 'none'. */
  compression?: CompressionName
  /** Of gzip or zstd; default theirs. */
  compressionLevel?: number | undefined
  /** Bytes to begin with; the buffer doubles when it is full. Default 4096. */
  sizeHint?: number
  /** Milliseconds since 1970 after which tombstones and markers in this batch may go (compaction only; KIP-534). */
  deleteHorizon?: number
}

/** Who writes the batch and where it goes. Everything is optional: a plain producer leaves it to the broker. */
export interface BatchIdentity {
  baseOffset?: number
  leaderEpoch?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  transactional?: boolean
  control?: boolean
  /** Where the batch ends when compaction removed its last records. Default: the last record's. */
  lastOffsetDelta?: number
  /** Gives all records this time (`message.timestamp.type=LogAppendTime`). */
  logAppendTime?: number
}

const SIZE_HINT_DEFAULT = 4096
/** A batch is bounded by its int32 length field; stay well below what a buffer can hold. */
const BATCH_BYTES_MAX = 0x7fff_0000
const OFFSET_DELTA_MAX = 0x7fff_ffff

/** @throws MoldauError INVALID_ARGUMENT for what is not milliseconds since 1970, or -1 for none */
export function checkTimestamp(timestamp: number): void {
  if (!isTimestamp(timestamp)) throw noTimestamp(timestamp)
}

function isTimestamp(timestamp: number): boolean {
  return Number.isSafeInteger(timestamp) && timestamp >= NO_TIMESTAMP
}

function noTimestamp(timestamp: number): MoldauError {
  const message = `record: timestamp ${String(timestamp)} is not milliseconds since 1970 (a whole number, or -1 for none)`
  return new MoldauError('INVALID_ARGUMENT', message)
}

/**
 * Builds one record batch: records are encoded as they are appended, {@link BatchBuilder.build} writes header and checksum.
 *
 * ```ts
 * const builder = new BatchBuilder({ compression: 'zstd' })
 * builder.append(Date.now(), null, Buffer.from('hello'))
 * const batch = builder.build()
 * ```
 */
export class BatchBuilder {
  readonly #compression: CompressionName
  readonly #compressionLevel: number | undefined
  readonly #deleteHorizon: number | undefined
  #buffer: Buffer
  #position: number
  #count: number
  #lastOffsetDelta: number
  #baseTimestamp: number
  #maxTimestamp: number
  #handedOut: boolean
  #compressed: Buffer | null

  constructor(options: BatchBuilderOptions = {}) {
    this.#compression = options.compression ?? 'none'
    this.#compressionLevel = options.compressionLevel
    this.#deleteHorizon = options.deleteHorizon
    this.#buffer = Buffer.allocUnsafe(Math.max(options.sizeHint ?? SIZE_HINT_DEFAULT, BATCH_OVERHEAD + 64))
    this.#position = BATCH_OVERHEAD
    this.#count = 0
    this.#lastOffsetDelta = -1
    this.#baseTimestamp = options.deleteHorizon ?? NO_TIMESTAMP
    this.#maxTimestamp = NO_TIMESTAMP
    this.#handedOut = false
    this.#compressed = null
  }

  /** Records appended so far. */
  get count(): number {
    return this.#count
  }

  /** Bytes of the batch before compression, header included: exact for 'none'. */
  get sizeInBytes(): number {
    return this.#position
  }

  /** The largest timestamp appended so far, -1 before the first. */
  get maxTimestamp(): number {
    return this.#maxTimestamp
  }

  /**
   * Appends a record at the next offset. The bytes are copied.
   *
   * @param timestamp milliseconds since 1970, or -1 for none; INVALID_ARGUMENT for anything else
   */
  append(timestamp: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[] = noHeaders): void {
    this.appendAt(this.#lastOffsetDelta + 1, timestamp, key, value, headers)
  }

  /** Appends a record at an offset of its own, relative to the base offset, larger than the last one: what compaction leaves has gaps. */
  appendAt(offsetDelta: number, timestamp: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[] = noHeaders): void {
    if (!isTimestamp(timestamp)) throw noTimestamp(timestamp)
    if (offsetDelta <= this.#lastOffsetDelta || offsetDelta > OFFSET_DELTA_MAX) {
      throw new MoldauError('INVALID_ARGUMENT', `record: offset delta ${offsetDelta} must lie between ${this.#lastOffsetDelta} and 2^31`)
    }
    if (this.#count === 0 && this.#deleteHorizon === undefined) this.#baseTimestamp = timestamp
    const timestampDelta = timestamp - this.#baseTimestamp
    const keyLength = key === null ? -1 : key.length
    const valueLength = value === null ? -1 : value.length
    const bodySize =
      1 +
      varlongSize(timestampDelta) +
      varintSize(offsetDelta) +
      varintSize(keyLength) +
      (keyLength > 0 ? keyLength : 0) +
      varintSize(valueLength) +
      (valueLength > 0 ? valueLength : 0) +
      (headers.length === 0 ? 1 : headersSize(headers))
    let at = this.#position
    // What has no size is refused there, before anything of it is written.
    if (!(at + bodySize + 5 <= this.#buffer.length)) this.#grow(bodySize + 5)
    const buffer = this.#buffer
    at = putVarint(buffer, at, bodySize)
    buffer[at++] = 0
    at = putVarlong(buffer, at, timestampDelta)
    at = putVarint(buffer, at, offsetDelta)
    at = putVarint(buffer, at, keyLength)
    if (key !== null) at = putBytes(buffer, at, key)
    at = putVarint(buffer, at, valueLength)
    if (value !== null) at = putBytes(buffer, at, value)
    if (headers.length === 0) buffer[at++] = 0
    else at = putHeaders(buffer, at, headers)
    this.#position = at
    this.#count++
    this.#lastOffsetDelta = offsetDelta
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.#compressed = null
  }

  /**
   * The batch as bytes, ready for a log or a Produce request. May be called again with another identity (a resend after a new
   * producer epoch): each result stays as it is until {@link BatchBuilder.reset}.
   */
  build(identity: BatchIdentity = {}): Buffer {
    const batch = this.#compression === 'none' ? this.#plain() : this.#packed()
    let attributes = compressionId(this.#compression)
    if (identity.logAppendTime !== undefined) attributes |= Attribute.logAppendTime
    if (identity.transactional === true) attributes |= Attribute.transactional
    if (identity.control === true) attributes |= Attribute.control
    if (this.#deleteHorizon !== undefined) attributes |= Attribute.deleteHorizon
    writeInt64(batch, BatchField.baseOffset, identity.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, BatchField.length)
    batch.writeInt32BE(identity.leaderEpoch ?? -1, BatchField.leaderEpoch)
    batch[BatchField.magic] = MAGIC
    batch.writeInt16BE(attributes, BatchField.attributes)
    batch.writeInt32BE(identity.lastOffsetDelta ?? this.#lastOffsetDelta, BatchField.lastOffsetDelta)
    writeInt64(batch, BatchField.baseTimestamp, this.#baseTimestamp)
    writeInt64(batch, BatchField.maxTimestamp, identity.logAppendTime ?? this.#maxTimestamp)
    writeInt64(batch, BatchField.producerId, identity.producerId ?? NO_PRODUCER_ID)
    batch.writeInt16BE(identity.producerEpoch ?? NO_PRODUCER_EPOCH, BatchField.producerEpoch)
    batch.writeInt32BE(identity.baseSequence ?? NO_SEQUENCE, BatchField.baseSequence)
    batch.writeInt32BE(this.#count, BatchField.recordCount)
    sealBatch(batch, 0)
    return batch
  }

  /** An empty builder of the same kind. */
  another(): BatchBuilder {
    return new BatchBuilder({ compression: this.#compression, compressionLevel: this.#compressionLevel })
  }

  /** Begins a new batch in the same memory: whatever {@link BatchBuilder.build} returned must no longer be in use. */
  reset(): void {
    this.#position = BATCH_OVERHEAD
    this.#count = 0
    this.#lastOffsetDelta = -1
    this.#baseTimestamp = this.#deleteHorizon ?? NO_TIMESTAMP
    this.#maxTimestamp = NO_TIMESTAMP
    this.#handedOut = false
    this.#compressed = null
  }

  /** The first result is the builder's own memory, a later one a copy: the header of the first may still be on its way out. */
  #plain(): Buffer {
    const view = this.#buffer.subarray(0, this.#position)
    if (this.#handedOut) return Buffer.from(view)
    this.#handedOut = true
    return view
  }

  #packed(): Buffer {
    this.#compressed ??= compress(this.#compression, this.#buffer.subarray(BATCH_OVERHEAD, this.#position), this.#compressionLevel)
    const batch = Buffer.allocUnsafe(BATCH_OVERHEAD + this.#compressed.length)
    batch.set(this.#compressed, BATCH_OVERHEAD)
    return batch
  }

  #grow(needed: number): void {
    const least = this.#position + needed
    if (!(least <= BATCH_BYTES_MAX)) {
      throw new MoldauError(
        'RECORD_TOO_LARGE',
        `record batch: ${least} bytes are more than a batch can hold (${BATCH_BYTES_MAX}); build smaller batches`,
      )
    }
    const larger = Buffer.allocUnsafe(Math.min(Math.max(this.#buffer.length * 2, least), BATCH_BYTES_MAX))
    larger.set(this.#buffer.subarray(0, this.#position))
    this.#buffer = larger
    this.#handedOut = false
  }
}
