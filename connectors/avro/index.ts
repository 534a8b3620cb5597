/** Avro object container files: written from values that are Avro already, read, and checked without decoding. */
export { avroCodecs, type AvroCodec } from './codec.ts'
export { type AvroHeader } from './header.ts'
export { readAvroFile } from './reader.ts'
export { avroBlocks, scanAvro, type AvroBlock, type AvroScan } from './scan.ts'
export { avroSkip, type AvroSkip } from './skip.ts'
export { AvroWriter, type AvroWriterOptions } from './writer.ts'
