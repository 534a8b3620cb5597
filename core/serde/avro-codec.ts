import type { Resolver, Type } from 'avsc'
import { MoldauError, messageOf } from '../base/errors.ts'
import { loadAvsc } from './avro-checked.ts'
import { explainMisfit } from './avro-misfit.ts'
import { makePlain } from './avro-plain.ts'

/** Values are written one after another into pieces of memory of this size: one allocation for many values. */
const SLAB_BYTES = 16 * 1024

/**
 * avsc's type of a schema, as we use it.
 *
 * @param named types that the schema refers to by name, and afterwards those that it defines as well
 * @throws INVALID_ARGUMENT when it is not a schema
 */
export function compileAvro(schema: unknown, named: Record<string, Type> = {}): Type {
  const { avsc, typeHook } = loadAvsc()
  try {
    const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'auto', omitRecordMethods: true, typeHook, registry: named })
    makePlain(type)
    return type
  } catch (error) {
    throw new MoldauError('INVALID_ARGUMENT', `avro: the schema cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

/** Writes values of a type, each behind the same first bytes. */
export function avroWriter(name: string, type: Type, before: Buffer): (value: unknown) => Buffer {
  let slab = Buffer.alloc(0)
  let used = 0
  return (value) => {
    let end: number
    try {
      end = type.encode(value, slab, used + before.length)
      if (end < 0) {
        // So many bytes are missing: avsc has measured the value by trying.
        slab = Buffer.allocUnsafe(Math.max(SLAB_BYTES, slab.length - used - end))
        used = 0
        end = type.encode(value, slab, before.length)
      }
    } catch (error) {
      throw new MoldauError('SERDE_FAILED', `${name}: ${explainMisfit(type, value, error)}`, { cause: error })
    }
    before.copy(slab, used)
    const written = slab.subarray(used, end)
    used = end
    return written
  }
}

/**
 * Reads one value that takes all the bytes.
 *
 * @param resolver when they were written with another schema
 * @throws SERDE_FAILED when they do not fit
 */
export function readAvro(name: string, type: Type, buffer: Buffer, start: number, end: number, resolver?: Resolver): unknown {
  let result: { value: unknown; offset: number }
  try {
    result = type.decode(buffer, start, resolver)
  } catch (error) {
    throw unreadable(name, buffer, start, end, messageOf(error), error)
  }
  const { value, offset } = result
  if (offset === end) return value
  throw unreadable(name, buffer, start, end, offset > end || offset < 0 ? 'the value is cut off' : `${end - offset} bytes are left over`)
}

function unreadable(name: string, buffer: Buffer, start: number, end: number, what: string, cause?: unknown): MoldauError {
  const registry =
    end - start > 5 && buffer[start] === 0 ? ' (they may begin with the five bytes of a schema registry: schemaRegistry)' : ''
  return new MoldauError(
    'SERDE_FAILED',
    `${name}: ${end - start} bytes do not fit the schema: ${what}; were they written with another schema or serde?${registry}`,
    { cause },
  )
}
