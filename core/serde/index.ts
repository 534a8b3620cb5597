export { type AvroSerde, avro } from './avro.ts'
export type { AvroSchema, FromAvro, ToAvro } from './avro-types.ts'
export { bytes, float64, int32, int64, json, string } from './primitives.ts'
export type { Serde, ValueOf } from './serde.ts'
