import { MoldauError } from '../base/errors.ts'
import { suggestionOf } from './suggestion.ts'

/** What an argument, or a part of one, may be. The types say the same to a program in TypeScript; others learn it here. */
export interface Check {
  /** What is wrong with the value, in one line that begins with `name`; undefined when nothing is. */
  problem(name: string, value: unknown): string | undefined
}

type KeyOf<T> = T extends unknown ? keyof T : never

/** A check for each field. One that may be missing is {@link optional}. */
export type Fields<T> = { readonly [K in KeyOf<T>]-?: Check }

/**
 * @param call as a program writes it, for messages: `seek()`
 * @param name of the argument
 * @throws MoldauError INVALID_ARGUMENT naming the call, the argument, what came and what it should be
 */
export function check(call: string, name: string, value: unknown, what: Check): void {
  const problem = what.problem(name, value)
  if (problem !== undefined) throw new MoldauError('INVALID_ARGUMENT', `${call}: ${problem}`)
}

/** @param what for messages: `text` */
export function is(what: string, fits: (value: unknown) => boolean): Check {
  return { problem: (name, value) => (fits(value) ? undefined : `${name} must be ${what}, not ${shown(value)}`) }
}

export function optional(what: Check): Check {
  return { problem: (name, value) => (value === undefined ? undefined : what.problem(name, value)) }
}

export function orNull(what: Check): Check {
  return { problem: (name, value) => (value === null ? undefined : what.problem(name, value)) }
}

export function oneOf(words: readonly string[]): Check {
  return is(`one of ${words.join(', ')}`, (value) => typeof value === 'string' && words.includes(value))
}

/** A list of things each of which passes `each`. */
export function listOf(each: Check): Check {
  return {
    problem(name, value) {
      if (!Array.isArray(value)) return `${name} must be a list, not ${shown(value)}: put what is meant into [ ]`
      for (const [i, item] of value.entries()) {
        const problem = each.problem(`${name}[${i}]`, item)
        if (problem !== undefined) return problem
      }
      return undefined
    },
  }
}

/** An object whose fields pass; others that it has are nobody's business, so that an answer may be handed on as a question. */
export function having<T>(fields: Fields<T>): Check {
  return {
    problem(name, value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return `${name} must be an object with ${Object.keys(fields).join(', ')}, not ${shown(value)}`
      }
      for (const [field, what] of Object.entries<Check>(fields)) {
        const problem = what.problem(`${name}.${field}`, (value as Record<string, unknown>)[field])
        if (problem !== undefined) return problem
      }
      return undefined
    },
  }
}

/** The same, and no other fields: a misspelt one that may be left out would change what is done without a word. */
export function only<T>(fields: Fields<T>): Check {
  const names = Object.keys(fields)
  const have = having(fields)
  return {
    problem(name, value) {
      const other = Object.entries(Object(value)).find(([field, given]) => given !== undefined && !names.includes(field))?.[0]
      if (typeof value !== 'object' || value === null || Array.isArray(value) || other === undefined) return have.problem(name, value)
      return `${name} has a field '${other}', which there is not${suggestionOf(other, names)}`
    },
  }
}

export const text = is('text', (value) => typeof value === 'string')
export const flag = is('true or false', (value) => typeof value === 'boolean')

export function whole(least: number): Check {
  return is(`a whole number of at least ${least}`, (value) => Number.isSafeInteger(value) && (value as number) >= least)
}

/** What came, in a few words. Of objects the names of their fields: the values may be secrets. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = Object.getPrototypeOf(value)?.constructor?.name as string | undefined
  if (kind !== undefined && kind !== 'Object') return `an object of the class ${kind}`
  const fields = Object.keys(value)
  return fields.length === 0 ? '{}' : `an object with ${fields.slice(0, 8).join(', ')}`
}
