import { crc32c } from '../base/crc32c.ts'
import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import { writeInt64 } from '../record/int64.ts'
import type { BatchContent, Writer } from './batch-content.ts'
import { RawBatch } from './raw-batch.ts'

const { Attribute, BATCH_OVERHEAD, BatchField } = batch
/** What only a log may say of a batch. */
const OF_THE_LOG = Attribute.logAppendTime | Attribute.deleteHorizon

/**
 * A batch that somebody else has encoded. Its records are sent as they are; of the header only what the writer has to set changes, and
 * the checksum only when that stands under it: without idempotence batches go out byte for byte.
 */
export class RawContent implements BatchContent {
  readonly count: number
  readonly #bytes: Buffer

  /** @throws MoldauError INVALID_ARGUMENT, CORRUPT_BATCH naming the partition and what is the matter with the batch */
  constructor(topic: string, partition: number, given: Buffer | RawBatch, idempotent: boolean) {
    const bytes = given instanceof RawBatch ? given.bytes : given
    const refuse = (why: string): never => {
      throw new MoldauError('INVALID_ARGUMENT', `sendRaw to ${topic}-${partition}: ${why}`)
    }
    if (bytes.length < BATCH_OVERHEAD || batch.sizeInBytes(bytes, 0) !== bytes.length)
      refuse(`${bytes.length} bytes are not one record batch`)
    if (batch.magic(bytes, 0) !== batch.MAGIC) refuse(`the batch has magic ${batch.magic(bytes, 0)}, not ${batch.MAGIC}: decode it`)
    if (!(given instanceof RawBatch && given.verified) && batch.checkBatch(bytes, 0, bytes.length) !== 'ok') {
      const message = `sendRaw to ${topic}-${partition}: the batch at offset ${batch.baseOffset(bytes, 0)} does not match its checksum: fetch it again`
      throw new MoldauError('CORRUPT_BATCH', message)
    }
    if (batch.isControl(bytes, 0)) refuse('a marker is written by the coordinator of a transaction: commit or abort one')
    this.count = batch.recordCount(bytes, 0)
    if (this.count === 0 || batch.hasHoles(bytes, 0)) {
      refuse(
        `the batch at offset ${batch.baseOffset(bytes, 0)} has lost records to compaction, and no broker takes it: write its columns()`,
      )
    }
    if (!idempotent && batch.isTransactional(bytes, 0)) {
      refuse('the batch belongs to a transaction, and would to none that this cluster knows: write it with an idempotent producer')
    }
    this.#bytes = bytes
  }

  build({ producerId, producerEpoch, baseSequence, transactional }: Writer): readonly Buffer[] {
    const header = Buffer.from(this.#bytes.subarray(0, BATCH_OVERHEAD))
    const body = this.#bytes.subarray(BATCH_OVERHEAD)
    // Outside of the checksum. With another base offset than 0 a broker takes compressed records apart to number them.
    batch.setBaseOffset(header, 0, 0)
    batch.setLeaderEpoch(header, 0, -1)
    const before = batch.attributes(header, 0)
    let attributes = before & ~OF_THE_LOG
    if (producerId >= 0) {
      attributes = transactional ? attributes | Attribute.transactional : attributes & ~Attribute.transactional
      writeInt64(header, BatchField.producerId, producerId)
      header.writeInt16BE(producerEpoch, BatchField.producerEpoch)
      header.writeInt32BE(baseSequence, BatchField.baseSequence)
    } else if (attributes === before) return [header, body]
    header.writeInt16BE(attributes, BatchField.attributes)
    const crc = crc32c(body, 0, body.length, crc32c(header, BatchField.attributes, BATCH_OVERHEAD))
    header.writeInt32BE(crc | 0, BatchField.crc)
    return [header, body]
  }
}
