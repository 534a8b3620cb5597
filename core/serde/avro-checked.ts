import { createRequire } from 'node:module'
import type * as Avsc from 'avsc'
import { putVarlong } from '../record/varint.ts'

/**
 * Three of avsc's types, made safer; the format is the same. avsc believes the number of items that an array or map claims: bytes
 * written with another schema could make it take all memory. And it computes a long's zigzag form in a double, which turns values
 * below -2^52 into positive ones.
 */

/** A block may always claim so many items: items of no bytes (null) cannot be checked, and these cost nothing. */
const UNCHECKED_ITEMS_MAX = 65_536
/** Up to here the zigzag form of a number is exact in a double. */
const ZIGZAG_EXACT = 2 ** 52
/** The largest long that avsc takes as safe. */
const LONG_MAX = Number.MAX_SAFE_INTEGER - 1

/** The part of avsc's reader that is used here. */
interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  writeLong(value: number): void
  skipLong(): void
  readString(): string
}

interface Readable {
  _read(tap: Tap): unknown
}

type ForSchemaOptions = NonNullable<Parameters<typeof Avsc.Type.forSchema>[1]>
type TypeHook = (schema: unknown, options: ForSchemaOptions) => Avsc.Type | undefined

let loaded: { avsc: typeof Avsc; typeHook: TypeHook } | undefined

/** avsc, loaded when the first schema needs it, and the hook that puts the checked types in. */
export function loadAvsc(): { avsc: typeof Avsc; typeHook: TypeHook } {
  if (loaded === undefined) {
    const avsc = createRequire(import.meta.url)('avsc') as typeof Avsc
    loaded = { avsc, typeHook: checkedTypes(avsc) }
  }
  return loaded
}

function checkedTypes(avsc: typeof Avsc): TypeHook {
  class CheckedArray extends avsc.types.ArrayType {
    _read(tap: Tap): unknown[] {
      const items = this.itemsType as unknown as Readable
      const value: unknown[] = []
      for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
        for (; count > 0; count--) value.push(items._read(tap))
      }
      return value
    }
  }

  class CheckedMap extends avsc.types.MapType {
    _read(tap: Tap): Record<string, unknown> {
      const values = this.valuesType as Readable
      const value: Record<string, unknown> = {}
      for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
        for (; count > 0; count--) put(value, tap.readString(), values._read(tap))
      }
      return value
    }
  }

  class ExactLong extends avsc.types.LongType {
    _read(tap: Tap): number {
      const start = tap.pos
      const value = tap.readLong()
      if (value < ZIGZAG_EXACT && value > -ZIGZAG_EXACT) return value
      return exactLong(tap.buf, start)
    }

    _write(tap: Tap, value: unknown): void {
      if (typeof value !== 'number' || value % 1 !== 0 || value > LONG_MAX || value < -LONG_MAX)
        throw new Error('a long must be a whole number within 2^53')
      if (value < ZIGZAG_EXACT && value > -ZIGZAG_EXACT) tap.writeLong(value)
      else tap.pos = putVarlong(tap.buf, tap.pos, value)
    }
  }

  return (schema, options) => {
    if (typeof schema !== 'object' || schema === null) return undefined
    const { type } = schema as { type?: unknown }
    if (type === 'array') return new CheckedArray(schema as never, options)
    if (type === 'long') return new ExactLong()
    if (type === 'map') return new CheckedMap(schema as never, options)
    return undefined
  }
}

/** Items in the block that begins here; 0 ends the collection. */
function blockCount(tap: Tap): number {
  let count = tap.readLong()
  if (count < 0) {
    count = -count
    tap.skipLong() // its size in bytes
  }
  if (count > UNCHECKED_ITEMS_MAX && count > tap.buf.length - tap.pos)
    throw new Error(`a block claims ${count} items, more than there are bytes`)
  return count
}

/** The varlong at `at` without a zigzag form in between. Like avsc's own readers it may run past the end; the caller notices. */
function exactLong(buf: Buffer, at: number): number {
  let byte = buf[at]!
  const negative = (byte & 1) === 1
  let magnitude = (byte & 0x7f) >>> 1
  for (let factor = 64; byte > 0x7f; factor *= 128) {
    byte = buf[++at] ?? 0
    magnitude += (byte & 0x7f) * factor
  }
  if (magnitude > LONG_MAX) throw new Error('a long is beyond 2^53, which a number cannot hold')
  return negative ? -1 - magnitude : magnitude
}

function put(map: Record<string, unknown>, key: string, value: unknown): void {
  // A plain assignment of this one key would change the prototype.
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  else map[key] = value
}
