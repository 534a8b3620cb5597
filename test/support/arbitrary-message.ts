import fc from 'fast-check'
import type { FieldSchema, Message, NamedField } from '../../core/protocol/schema.ts'
import { includes } from '../../core/protocol/versions.ts'

/** Random bodies of one version of a message: full objects, in which what the version lacks has its default. */
export function arbitraryBody(message: Message, version: number): fc.Arbitrary<Record<string, unknown>> {
  return structure(message.fields, version)
}

function structure(fields: readonly NamedField[], version: number): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(
      fields.map((field) => [field.name, includes(field.versions, version) ? value(field, version) : fc.constant(absent(field))]),
    ),
    { noNullPrototype: true },
  )
}

function absent(field: FieldSchema): unknown {
  if (field.default === null) return null
  if (field.kind === 'struct') return Object.fromEntries(field.fields.map((inner) => [inner.name, absent(inner)]))
  return field.kind === 'array' ? [] : field.default
}

function value(field: FieldSchema, version: number): fc.Arbitrary<unknown> {
  const plain = ofKind(field, version)
  const usual =
    field.default === null || field.kind === 'struct' ? plain : fc.oneof({ weight: 3, arbitrary: plain }, fc.constant(absent(field)))
  return includes(field.nullable, version) ? fc.option(usual, { nil: null, freq: 4 }) : usual
}

const text = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 5 }), fc.constant('x'.repeat(200)))
const buffer = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes))

function ofKind(field: FieldSchema, version: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer()
    case 'uint32':
      return fc.integer({ min: 0, max: 0xffff_ffff })
    case 'int64':
      return fc.maxSafeInteger()
    case 'int64Exact':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'float64':
      return fc.double({ noNaN: true })
    case 'string':
      return text
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
    case 'bytes':
    case 'records':
      return buffer
    case 'array':
      return fc.array(value(field.element!, version), { maxLength: 3 })
    case 'struct':
      return structure(field.fields, version)
  }
}
