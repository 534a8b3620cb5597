import type { Kind } from './settings.ts'

/** A number of at least 0, whatever its unit: options carry it in their names. */
export const amount: Kind<number> = { what: 'a number of at least 0', read: (value) => numberFrom(value, 0) }

/** A number of at least 1. */
export const positive: Kind<number> = { what: 'a number of at least 1', read: (value) => numberFrom(value, 1) }

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number): Kind<number> {
  const inside = (number: number | undefined): number | undefined =>
    number !== undefined && Number.isInteger(number) && number <= most ? number : undefined
  return { what: `a whole number from ${least} to ${most}`, read: (value) => inside(numberFrom(value, least)) }
}

export const text: Kind<string> = { what: 'text', read: (value) => (typeof value === 'string' ? value : undefined) }

export const flag: Kind<boolean> = {
  what: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined),
}

/** One of a few words or numbers. */
export function oneOf<const T extends readonly (string | number)[]>(...values: T): Kind<T[number]> {
  const byText = new Map<string, T[number]>(values.map((value) => [String(value), value]))
  return {
    what: `one of ${values.join(', ')}`,
    read: (value) => (typeof value === 'string' || typeof value === 'number' ? byText.get(String(value)) : undefined),
  }
}

/** Something that a program hands in: a function, or an object with methods. */
export function given<T extends object>(what: string): Kind<T> {
  return {
    what,
    read: (value) => (typeof value === 'function' || (typeof value === 'object' && value !== null) ? (value as T) : undefined),
  }
}

/** Several things that a program hands in. */
export function listOf<T extends object>(what: string): Kind<readonly T[]> {
  const fits = (value: unknown): value is T[] => Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null)
  return { what, read: (value) => (fits(value) ? value : undefined) }
}

function numberFrom(value: unknown, least: number): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) && number >= least ? number : undefined
}
