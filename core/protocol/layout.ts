import type { FieldSchema, NamedField } from './schema.ts'
import { includes } from './versions.ts'

/** How fields lie in one version of a message: what the compiler and the interpreter agree on. */

/** Fields in the body, in order. */
export function bodyFields(fields: readonly NamedField[], version: number): NamedField[] {
  return fields.filter((field) => includes(field.versions, version) && !includes(field.tagged, version))
}

/** Fields in the tagged trailer, by tag. */
export function taggedFields(fields: readonly NamedField[], version: number): NamedField[] {
  return fields.filter((field) => includes(field.versions, version) && includes(field.tagged, version)).sort((a, b) => a.tag - b.tag)
}

const FIXED_BYTES: Partial<Record<FieldSchema['kind'], number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  int64Exact: 8,
  float64: 8,
  uuid: 16,
}

/** The least bytes that one value takes, at least 1: bounds how many elements an array can really have. */
export function leastBytes(field: FieldSchema, version: number, flexible: boolean): number {
  const fixed = FIXED_BYTES[field.kind]
  if (fixed !== undefined) return fixed
  if (field.kind === 'struct') {
    if (includes(field.nullable, version)) return 1
    const trailer = flexible ? 1 : 0
    return Math.max(
      1,
      bodyFields(field.fields, version).reduce((sum, inner) => sum + leastBytes(inner, version, flexible), trailer),
    )
  }
  if (flexible) return 1
  return field.kind === 'string' ? 2 : 4
}

/** The value of a field that is not there; a new object each time. */
export function defaultOf(field: FieldSchema): unknown {
  if (field.default === null) return null
  if (field.kind === 'struct') {
    const values: Record<string, unknown> = {}
    for (const inner of field.fields) values[inner.name] = defaultOf(inner)
    return values
  }
  return field.kind === 'array' ? [] : field.default
}

/** Whether leaving the field out loses nothing. */
export function isDefault(field: FieldSchema, value: unknown): boolean {
  if (value === undefined || value === field.default) return true
  if (value === null || field.default === null) return false
  if (field.kind === 'array') return (value as readonly unknown[]).length === 0
  if (field.kind === 'bytes') return Buffer.isBuffer(value) && value.equals(field.default as Buffer)
  if (field.kind === 'struct') return field.fields.every((inner) => isDefault(inner, (value as Record<string, unknown>)[inner.name]))
  return false
}
