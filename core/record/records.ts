import { MoldauError } from '../base/errors.ts'
import { BATCH_OVERHEAD, BatchField, LOG_OVERHEAD, sizeInBytes } from './batch.ts'

/**
 * Positions of the whole batches in `buf[start, end)`, in order. A batch that is cut off at the end is left out: a fetch answers with
 * as many bytes as were asked for. CORRUPT_BATCH for a length that no batch can have.
 *
 * ```ts
 * for (const at of batches(records)) console.log(baseOffset(records, at))
 * ```
 */
export function* batches(buf: Buffer, start = 0, end = buf.length): Generator<number, void> {
  for (let at = start; end - at >= LOG_OVERHEAD;) {
    const size = sizeInBytes(buf, at)
    if (size < BATCH_OVERHEAD) {
      throw new MoldauError(
        'CORRUPT_BATCH',
        `record batch at byte ${at}: its length field says ${size - BatchField.leaderEpoch}, no batch is so short`,
      )
    }
    if (size > end - at) return
    yield at
    at += size
  }
}
