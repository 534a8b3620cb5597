import { defaultOf } from './layout.ts'
import type { FieldSchema } from './schema.ts'

/**
 * Values that the generated code needs but cannot spell: defaults that are objects. Structs are frozen and shared, because a fetch
 * response has three of them for each partition.
 */
export class Constants {
  readonly values: unknown[]

  constructor() {
    this.values = []
  }

  /** An expression for the default of a field. */
  expression(field: FieldSchema): string {
    const { kind, default: value } = field
    if (value === null) return 'null'
    if (kind === 'array') return '[]'
    if (kind === 'int64Exact') return `${value as bigint}n`
    if (kind !== 'struct' && kind !== 'bytes') return JSON.stringify(value)
    this.values.push(kind === 'struct' ? deepFreeze(defaultOf(field)) : value)
    return `constants[${this.values.length - 1}]`
  }
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}
