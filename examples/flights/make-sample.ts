/**
 * Makes the sample that ships with the package out of the first 100,000 flights of npm's vega-datasets:
 *
 *   npx node --conditions=moldau-source examples/flights/make-sample.ts node_modules/vega-datasets/data/flights-3m.parquet
 */
import { writeFile } from 'node:fs/promises'
import { AvroWriter } from 'moldau/connectors/avro'
import { files } from 'moldau/connectors/files'
import type { ValueOf } from 'moldau/core'
import { flight } from './schemas.ts'

const sampleRows = 100_000
// Fixed, so that the same input gives the same file.
const random = (buffer: Buffer) => buffer.fill('moldau flights')
const writer = new AvroWriter({ schema: flight.schema, codec: 'zstandard', blockBytes: 256 * 1024, random })
let rows = 0
for await (const row of files<ValueOf<typeof flight>>({ path: process.argv[2] ?? '' }).rows()) {
  const value = flight.serialize(row)
  writer.append(value, 0, value.length)
  if (++rows === sampleRows) break
}
writer.finish()
const path = new URL('flights-sample.avro', import.meta.url)
await writeFile(path, Buffer.concat(writer.take()))
console.log(`${rows} flights to ${path.pathname}`)
