import { createReadStream } from 'node:fs'
import type { RowReader } from './rows.ts'

const chunkRows = 1024

/** Avro container files, in any codec that the Avro connector reads. */
export function avroRows(path: string): RowReader {
  return {
    count: async () => {
      const { scanAvro } = await import('../avro/index.ts')
      return (await scanAvro(createReadStream(path) as AsyncIterable<Buffer>)).records
    },
    async *rows(from) {
      const { readAvroFile } = await import('../avro/index.ts')
      let row = 0
      let chunk: unknown[] = []
      for await (const value of readAvroFile(path)) {
        if (row++ < from) continue
        chunk.push(value)
        if (chunk.length < chunkRows) continue
        yield chunk
        chunk = []
      }
      if (chunk.length > 0) yield chunk
    },
  }
}
