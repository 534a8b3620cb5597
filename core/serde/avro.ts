import { MoldauError, messageOf } from '../base/errors.ts'
import { loadAvsc } from './avro-checked.ts'
import { explainMisfit } from './avro-misfit.ts'
import { makePlain } from './avro-plain.ts'
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

/** Values are written one after another into pieces of memory of this size: one allocation for many values. */
const SLAB_BYTES = 16 * 1024

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
  const type = compile(schema)
  const name = type.name === undefined ? 'avro' : `avro ${type.name}`
  let slab = Buffer.alloc(0)
  let used = 0

  function serialize(value: unknown): Buffer {
    let end: number
    try {
      end = type.encode(value, slab, used)
      if (end < 0) {
        // So many bytes are missing: avsc has measured the value by trying.
        slab = Buffer.allocUnsafe(Math.max(SLAB_BYTES, slab.length - used - end))
        used = 0
        end = type.encode(value, slab, 0)
      }
    } catch (error) {
      throw new MoldauError('SERDE_FAILED', `${name}: ${explainMisfit(type, value, error)}`, { cause: error })
    }
    const written = slab.subarray(used, end)
    used = end
    return written
  }

  function deserialize(buffer: Buffer, start: number, end: number): unknown {
    let result: { value: unknown; offset: number }
    try {
      result = type.decode(buffer, start)
    } catch (error) {
      throw unreadable(name, buffer, start, end, messageOf(error), error)
    }
    const { value, offset } = result
    if (offset === end) return value
    throw unreadable(name, buffer, start, end, offset > end || offset < 0 ? 'the value is cut off' : `${end - offset} bytes are left over`)
  }

  const serde: AvroSerde<unknown> = { name, schema, type, fingerprint: type.fingerprint('sha256').toString('hex'), serialize, deserialize }
  return serde
}

function compile(schema: AvroSchema): Type {
  const { avsc, typeHook } = loadAvsc()
  try {
    const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'auto', omitRecordMethods: true, typeHook })
    makePlain(type)
    return type
  } catch (error) {
    throw new MoldauError('INVALID_ARGUMENT', `avro: the schema cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

function unreadable(name: string, buffer: Buffer, start: number, end: number, what: string, cause?: unknown): MoldauError {
  const registry = end - start > 5 && buffer[start] === 0 ? ' (they may begin with the five bytes of a schema registry)' : ''
  return new MoldauError(
    'SERDE_FAILED',
    `${name}: ${end - start} bytes do not fit the schema: ${what}; were they written with another schema or serde?${registry}`,
    {
      cause,
    },
  )
}
