import type { Kind } from './settings.ts'

/** The largest number that the protocol's fields for times and sizes have, and Node.js's timers. */
const INT32_MAX = 0x7fff_ffff

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number): Kind<number> {
  return {
    what: `a whole number from ${least} to ${most}`,
    read(value) {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
      return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most ? number : undefined
    },
  }
}

/** A time or a size of 0 or more, whatever its unit: options carry it in their names. */
export const amount = whole(0, INT32_MAX)

/** A time, size or number of at least 1. */
export const positive = whole(1, INT32_MAX)

/** So much memory of our own, in bytes: no field of the protocol bounds it. */
export const memory = whole(1, Number.MAX_SAFE_INTEGER)

export const text: Kind<string> = { what: 'text', read: (value) => (typeof value === 'string' ? value : undefined) }

/** The name of something: none is not the same as an empty one. */
export const nonEmpty: Kind<string> = {
  what: 'text that is not empty: leave it out to have none',
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
}

/** A password, or what holds one. */
export const secret: Kind<string> = { ...text, isSecret: true }

/** Several words, with commas between them in text. */
export const words: Kind<readonly string[], string | readonly string[]> = {
  what: 'text, or a list of texts',
  read(value) {
    const list: unknown = typeof value === 'string' ? value.split(',').map((each) => each.trim()) : value
    return Array.isArray(list) && list.every((each) => typeof each === 'string') ? list : undefined
  },
}

export const flag: Kind<boolean> = {
  what: 'true or false',
  read(value) {
    const word = typeof value === 'string' ? value.trim().toLowerCase() : value
    return word === true || word === 'true' ? true : word === false || word === 'false' ? false : undefined
  },
}

/** One of a few words or numbers. */
export function oneOf<const T extends readonly (string | number)[]>(...values: T): Kind<T[number]> {
  const byText = new Map<string, T[number]>(values.map((value) => [String(value), value]))
  return {
    what: `one of ${values.join(', ')}`,
    read: (value) => (typeof value === 'string' || typeof value === 'number' ? byText.get(String(value)) : undefined),
  }
}

/** One of a few words, in small letters or capitals. */
export function oneOfWords<const T extends readonly string[]>(...values: T): Kind<T[number]> {
  const byText = new Map<string, T[number]>(values.map((value) => [value.toLowerCase(), value]))
  return {
    what: `one of ${values.join(', ')}`,
    read: (value) => (typeof value === 'string' ? byText.get(value.toLowerCase()) : undefined),
  }
}

/** Some of a few words, with commas between them in text. */
export function listOfWords<const T extends readonly string[]>(...values: T): Kind<readonly T[number][], string | readonly T[number][]> {
  const one = oneOfWords(...values)
  return {
    what: `a list of ${values.join(', ')}`,
    read(value, name) {
      const read = words.read(value, name)?.map((word) => one.read(word, name))
      return read !== undefined && read.length > 0 && read.every((word) => word !== undefined) ? read : undefined
    },
  }
}

/** A function that a program hands in. */
export function callable<T extends (...args: never[]) => unknown>(what: string): Kind<T> {
  return { what, read: (value) => (typeof value === 'function' ? (value as T) : undefined) }
}

/** An object that a program hands in, with all of these methods. */
export function given<T extends object>(what: string, ...methods: (keyof T & string)[]): Kind<T> {
  const isMethod = (value: object, method: string): boolean => typeof (value as Record<string, unknown>)[method] === 'function'
  return {
    what: `${what} with ${methods.map((method) => `${method}()`).join(', ')}`,
    read: (value) => (isObject(value) && methods.every((method) => isMethod(value, method)) ? (value as T) : undefined),
  }
}

/** A list of objects that a program hands in, each with at least one of these methods. */
export function listOf<T extends object>(...methods: (keyof T & string)[]): Kind<readonly T[]> {
  const fits = (value: unknown): value is T => {
    if (!isObject(value)) return false
    const there = methods.map((method) => (value as Record<string, unknown>)[method]).filter((method) => method !== undefined)
    return there.length > 0 && there.every((method) => typeof method === 'function')
  }
  return {
    what: `a list of objects with ${methods.map((method) => `${method}()`).join(' or ')}`,
    read: (value) => (Array.isArray(value) && value.every(fits) ? value : undefined),
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
