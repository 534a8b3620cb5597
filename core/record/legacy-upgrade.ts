import * as batch from './batch.ts'
import { BatchBuilder } from './builder.ts'
import { DECOMPRESSED_BYTES_MAX } from './columns.ts'
import { decodeMessageSet } from './legacy-decode.ts'
import { MESSAGE_BYTES_MIN, type LegacyMessage } from './legacy-message.ts'

/** A message is no smaller, whatever its format. */
export const MESSAGE_OVERHEAD = batch.LOG_OVERHEAD + MESSAGE_BYTES_MIN
/** Messages that are not compressed are put together to batches of about this size, as producers of today send them. */
const BATCH_BYTES = 16_384
/** What is made of one fetch answer; the rest is fetched again. */
const UPGRADED_BYTES_MAX = 32 * 1024 * 1024

/**
 * Records as a broker of before 4.0 hands them down from segments of before 0.11, with all messages of format 0 and 1 from `from` on as
 * record batches. They keep their offsets, holes included, and their timestamps; those of one wrapper stay together. What follows a damaged message is left out.
 *
 * @param from where the first message of an old format stands
 * @throws CORRUPT_BATCH when the message at `from` is damaged
 */
export function batchesOnly(records: Buffer, from: number): Buffer {
  const parts = [records.subarray(0, from)]
  const upgrade = new Upgrade(parts)
  for (let at = from; records.length - at >= MESSAGE_OVERHEAD && upgrade.bytes < UPGRADED_BYTES_MAX;) {
    const size = batch.sizeInBytes(records, at)
    if (size < MESSAGE_OVERHEAD || size > records.length - at) break
    if (batch.magic(records, at) < batch.MAGIC) {
      try {
        upgrade.add(records.subarray(at, at + size))
      } catch (error) {
        if (at === from) throw error
        break
      }
    } else {
      upgrade.finishBatch()
      parts.push(records.subarray(at, at + size))
    }
    at += size
  }
  upgrade.finishBatch()
  return Buffer.concat(parts)
}

/** Builds batches of messages that follow one another. */
class Upgrade {
  /** Built so far. */
  bytes: number
  readonly #parts: Buffer[]
  #builder: BatchBuilder
  #baseOffset: number
  #last: LegacyMessage | undefined

  constructor(parts: Buffer[]) {
    this.bytes = 0
    this.#parts = parts
    this.#builder = new BatchBuilder()
    this.#baseOffset = 0
    this.#last = undefined
  }

  /** @param message one, with what is in it when it is a wrapper */
  add(message: Buffer): void {
    const { messages, compression } = decodeMessageSet(message, DECOMPRESSED_BYTES_MAX)
    if (compression !== 'none') this.finishBatch()
    for (const one of messages) this.#append(one)
    if (compression !== 'none' || this.#builder.sizeInBytes >= BATCH_BYTES) this.finishBatch()
  }

  finishBatch(): void {
    if (this.#last === undefined) return
    const { logAppendTime, timestamp } = this.#last
    const built = this.#builder.build({ baseOffset: this.#baseOffset, ...(logAppendTime ? { logAppendTime: timestamp } : {}) })
    this.bytes += built.length
    this.#parts.push(built)
    this.#builder = new BatchBuilder()
    this.#last = undefined
  }

  #append(message: LegacyMessage): void {
    if (this.#last !== undefined && !follows(this.#last, message)) this.finishBatch()
    if (this.#last === undefined) this.#baseOffset = message.offset
    // Format 1 knows -1 for none, and nothing else before 1970.
    this.#builder.appendAt(message.offset - this.#baseOffset, Math.max(message.timestamp, -1), message.key, message.value)
    this.#last = message
  }
}

/** A batch has one type of timestamps, and where the log gave them one for all. */
function follows(last: LegacyMessage, next: LegacyMessage): boolean {
  if (next.offset <= last.offset || next.logAppendTime !== last.logAppendTime) return false
  return !next.logAppendTime || next.timestamp === last.timestamp
}
