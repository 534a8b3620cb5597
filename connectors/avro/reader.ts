import { createReadStream } from 'node:fs'
import { MoldauError } from '../../core/base/errors.ts'
import { avro } from '../../core/serde/avro.ts'
import { decompressBlock } from './codec.ts'
import { avroBlocks } from './scan.ts'

/**
 * The records of a container file, given as chunks of bytes or as the path of a local file.
 *
 * @example for await (const flight of readAvroFile('lake/dt=2001-01-01/flights-0-0-99-ab-0.avro')) …
 */
export async function* readAvroFile<T = unknown>(source: string | AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<T> {
  const chunks = typeof source === 'string' ? (createReadStream(source) as AsyncIterable<Buffer>) : source
  let type: ReturnType<typeof avro>['type'] | undefined
  for await (const block of avroBlocks(chunks)) {
    type ??= avro<T>(block.schema as object).type
    const plain = decompressBlock(block.codec, block.data)
    let at = 0
    for (let i = 0; i < block.count; i++) {
      const { value, offset } = type.decode(plain, at) as { value: T; offset: number }
      if (offset < 0) throw new MoldauError('CORRUPT_BATCH', `record ${i} of a block of an Avro file goes beyond the block`)
      at = offset
      yield value
    }
    if (at !== plain.length) throw new MoldauError('CORRUPT_BATCH', `a block of an Avro file has ${plain.length - at} bytes too many`)
  }
}
