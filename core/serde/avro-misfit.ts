import { messageOf } from '../base/errors.ts'
import type { Type } from 'avsc'
import { describeValue } from './primitives.ts'

/** How many fields a message names; more would hide the first. */
const FIELDS_NAMED_MAX = 3

/** Says which fields of a value do not fit and what to do, after an attempt to write it failed. */
export function explainMisfit(type: Type, value: unknown, error: unknown): string {
  const misfits: string[] = []
  type.isValid(value, {
    errorHook(path, part, wanted) {
      misfits.push(`${path.length === 0 ? 'the value' : `field ${path.join('.')}`} is ${describeValue(part)}, ${remedy(part, wanted)}`)
    },
  })
  if (misfits.length === 0) return messageOf(error)
  const more = misfits.length - FIELDS_NAMED_MAX
  return misfits.slice(0, FIELDS_NAMED_MAX).join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function remedy(part: unknown, wanted: Type): string {
  const { typeName } = wanted
  if (typeName === 'long' && typeof part === 'number') return 'a long must be a whole number within 2^53'
  if (typeName === 'int' && typeof part === 'number')
    return 'an int must be a whole number of 32 bits: round it, or make the field a long or double'
  if (typeName === 'enum') return `it must be one of ${(wanted as Type & { symbols: string[] }).symbols.join(', ')}`
  if (typeName === 'union:wrapped') return `it must name its branch, { ${branches(wanted)}: value }`
  if (typeName === 'fixed') return `it must be a Buffer of ${(wanted as Type & { size: number }).size} bytes`
  const missing = part === undefined ? ': set it, or give the field a default' : ''
  if (typeName === 'union:unwrapped') return `it must be ${branches(wanted)}${missing}`
  return `it must be ${typeName === 'bytes' ? 'bytes (a Buffer)' : (wanted.name ?? typeName)}${missing}`
}

function branches(union: Type): string {
  return (union as Type & { types: Type[] }).types.map((branch) => branch.branchName).join(' | ')
}
