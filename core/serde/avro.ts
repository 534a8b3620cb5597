import { avroWriter, compileAvro, readAvro } from './avro-codec.ts'
import type { AvroSchema, FromAvro, ToAvro } from './avro-types.ts'
import type { Type } from 'avsc'

/** A serde that reads `R` and writes `W`, which is `R` except that fields with a default may be left out. */
export interface AvroSerde<R, W = R> {
  readonly name: string
  serialize(value: W): Buffer
  deserialize(buffer: Buffer, start: number, end: number): R
  /** The schema as it was given. */
  readonly schema: AvroSchema
  /** avsc's compiled type. */
  readonly type: Type
  /** SHA-256 of the schema's canonical form, in hex: equal for schemas that write the same bytes. */
  readonly fingerprint: string
}

const nothingBefore = Buffer.alloc(0)

/**
 * A serde for values of an Avro schema: the bare binary form, without a header. The TypeScript type follows from the schema when it
 * is written as a literal; for a schema that comes from a JSON file, name the type: `avro<Flight>(schema)`.
 *
 * - `long` is a number: beyond 2^53 is an error in both directions.
 * - A union is the bare value where JavaScript can tell its branches apart (`['null', 'string']`), else `{ branch: value }`
 *   (`['int', 'long']` takes `{ int: 1 }`): avsc's `wrapUnions: 'auto'`.
 * - Logical types stay what is below them: a timestamp is a number, a decimal a Buffer.
 * - Records come out as plain objects.
 *
 * ```ts
 * const flight = avro({ type: 'record', name: 'Flight', fields: [{ name: 'origin', type: 'string' }, { name: 'delay', type: 'int' }] })
 * flight.serialize({ origin: 'PRG', delay: 12 })
 * ```
 *
 * @throws INVALID_ARGUMENT when the schema is not one; SERDE_FAILED naming the field when a value does not fit
 */
export function avro<const S extends AvroSchema>(schema: S): AvroSerde<FromAvro<S>, ToAvro<S>>
export function avro<R, W = R>(schema: object): AvroSerde<R, W>
export function avro(given: AvroSchema | object): object {
  const schema = given as AvroSchema
  const type = compileAvro(schema)
  const name = nameOfAvro(type)
  const serde: AvroSerde<unknown> = {
    name,
    schema,
    type,
    fingerprint: type.fingerprint('sha256').toString('hex'),
    serialize: avroWriter(name, type, nothingBefore),
    deserialize: (buffer, start, end) => readAvro(name, type, buffer, start, end),
  }
  return serde
}

/** For messages. */
export function nameOfAvro({ name }: Type): string {
  return name === undefined ? 'avro' : `avro ${name}`
}
