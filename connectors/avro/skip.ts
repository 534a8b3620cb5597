import { MoldauError } from '../../core/base/errors.ts'

/**
 * Finds the end of an Avro value without decoding it: the position behind the value that begins at `at`, or -1 when the bytes up to
 * `end` do not form one. A value passed through raw is checked by this (a tenth of the price of decoding it).
 */
export type AvroSkip = (buffer: Buffer, at: number, end: number) => number

type Schema = string | readonly Schema[] | { readonly [key: string]: unknown; readonly type: Schema }

const LONG_MAX_BYTES = 10
const INT_MAX_BYTES = 5

/** Compiles a schema (JSON) into its {@link AvroSkip}. Throws INVALID_CONFIG for a schema that names an unknown type. */
export function avroSkip(schema: unknown): AvroSkip {
  return compile(schema as Schema, new Map(), '')
}

function compile(schema: Schema, named: Map<string, AvroSkip>, namespace: string): AvroSkip {
  if (typeof schema === 'string') return primitives[schema] ?? reference(schema, named, namespace)
  if (Array.isArray(schema)) return union((schema as readonly Schema[]).map((branch) => compile(branch, named, namespace)))
  const type = schema as { readonly [key: string]: unknown; readonly type: Schema }
  switch (type.type) {
    case 'record':
    case 'error':
      return record(type, named, namespace)
    case 'enum': {
      const count = (type['symbols'] as unknown[]).length
      return register(type, named, namespace, (buffer, at, end) => {
        const next = long(buffer, at, end)
        return next >= 0 && smallLong(buffer, at, next) < count * 2 && (buffer[at]! & 1) === 0 ? next : -1
      })
    }
    case 'fixed': {
      const size = type['size'] as number
      return register(type, named, namespace, (_buffer, at, end) => (at + size <= end ? at + size : -1))
    }
    case 'array':
      return blocks(compile(type['items'] as Schema, named, namespace))
    case 'map': {
      const value = compile(type['values'] as Schema, named, namespace)
      return blocks((buffer, at, end) => {
        const next = bytes(buffer, at, end)
        return next < 0 ? -1 : value(buffer, next, end)
      })
    }
    default:
      return compile(type.type, named, namespace)
  }
}

function record(schema: { readonly [key: string]: unknown }, named: Map<string, AvroSkip>, namespace: string): AvroSkip {
  const own = (schema['namespace'] as string | undefined) ?? namespaceOf(schema['name'] as string) ?? namespace
  const fields: AvroSkip[] = []
  const skip: AvroSkip = (buffer, at, end) => {
    let next = at
    for (let i = 0; i < fields.length && next >= 0; i++) next = fields[i]!(buffer, next, end)
    return next
  }
  // Before its fields, which may refer to it.
  register(schema, named, namespace, skip)
  for (const field of schema['fields'] as { type: Schema }[]) fields.push(compile(field.type, named, own))
  return skip
}

function register(schema: { readonly [key: string]: unknown }, named: Map<string, AvroSkip>, namespace: string, skip: AvroSkip): AvroSkip {
  const name = schema['name'] as string
  const own = (schema['namespace'] as string | undefined) ?? namespace
  named.set(name.includes('.') || own === '' ? name : `${own}.${name}`, skip)
  return skip
}

function reference(name: string, named: Map<string, AvroSkip>, namespace: string): AvroSkip {
  const found = named.get(name.includes('.') || namespace === '' ? name : `${namespace}.${name}`) ?? named.get(name)
  if (found === undefined) throw new MoldauError('INVALID_CONFIG', `the Avro schema uses type ${name} and does not define it`)
  return found
}

function namespaceOf(name: string): string | undefined {
  const dot = name.lastIndexOf('.')
  return dot < 0 ? undefined : name.slice(0, dot)
}

function varint(limit: number): AvroSkip {
  return (buffer, at, end) => {
    const last = Math.min(end, at + limit)
    for (let position = at; position < last; position++) if (buffer[position]! < 0x80) return position + 1
    return -1
  }
}

const int = varint(INT_MAX_BYTES)
const long = varint(LONG_MAX_BYTES)

/** The raw (zigzag) number of a varint that is known to end at `next`. */
function smallLong(buffer: Buffer, at: number, next: number): number {
  let value = 0
  let factor = 1
  for (let position = at; position < next; position++, factor *= 0x80) value += (buffer[position]! & 0x7f) * factor
  return value
}

const bytes: AvroSkip = (buffer, at, end) => {
  const next = long(buffer, at, end)
  // An odd zigzag number is negative.
  if (next < 0 || (buffer[at]! & 1) === 1) return -1
  const after = next + (next === at + 1 ? buffer[at]! : smallLong(buffer, at, next)) / 2
  return after <= end ? after : -1
}

const primitives: { readonly [name: string]: AvroSkip | undefined } = {
  null: (_buffer, at) => at,
  boolean: (buffer, at, end) => (at < end && buffer[at]! < 2 ? at + 1 : -1),
  int,
  long,
  float: (_buffer, at, end) => (at + 4 <= end ? at + 4 : -1),
  double: (_buffer, at, end) => (at + 8 <= end ? at + 8 : -1),
  bytes,
  string: bytes,
}

function union(branches: readonly AvroSkip[]): AvroSkip {
  return (buffer, at, end) => {
    const next = long(buffer, at, end)
    if (next < 0 || (buffer[at]! & 1) === 1) return -1
    const branch = branches[smallLong(buffer, at, next) / 2]
    return branch === undefined ? -1 : branch(buffer, next, end)
  }
}

/** Arrays and maps: blocks of items, each with a count (negative: a size in bytes follows), ended by a count of zero. */
function blocks(item: AvroSkip): AvroSkip {
  return (buffer, at, end) => {
    let position = at
    for (;;) {
      const next = long(buffer, position, end)
      if (next < 0) return -1
      const raw = smallLong(buffer, position, next)
      if (raw === 0) return next
      position = next
      if (raw % 2 === 1) {
        position = long(buffer, position, end)
        if (position < 0) return -1
      }
      // Items may be empty (an array of nulls); beyond that, more items than bytes cannot be.
      const count = raw % 2 === 1 ? (raw + 1) / 2 : raw / 2
      for (let i = 0; i < count; i++) {
        const before = position
        position = item(buffer, position, end)
        if (position < 0) return -1
        if (position === before) break
      }
    }
  }
}
