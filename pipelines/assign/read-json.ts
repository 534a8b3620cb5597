/** Reads a value of JSON that somebody else has written, or throws: nothing of another shape goes further. */
export type JsonReader<T> = (value: unknown) => T

export const text: JsonReader<string> = (value) => {
  if (typeof value === 'string') return value
  throw new TypeError(`not a text: ${String(value)}`)
}

export const number: JsonReader<number> = (value) => {
  if (typeof value === 'number') return value
  throw new TypeError(`not a number: ${String(value)}`)
}

export const flag: JsonReader<boolean> = (value) => {
  if (typeof value === 'boolean') return value
  throw new TypeError(`neither true nor false: ${String(value)}`)
}

export function listOf<T>(item: JsonReader<T>): JsonReader<T[]> {
  return (value) => {
    if (Array.isArray(value)) return value.map((each: unknown) => item(each))
    throw new TypeError(`not a list: ${String(value)}`)
  }
}

/** Fields that are not named are left out. */
export function record<T extends Record<string, unknown>>(fields: { readonly [K in keyof T]: JsonReader<T[K]> }): JsonReader<T> {
  return (value) => {
    if (typeof value !== 'object' || value === null) throw new TypeError(`not an object: ${String(value)}`)
    const read = Object.entries(fields).map(([name, reader]) => [name, reader((value as Record<string, unknown>)[name])] as const)
    return Object.fromEntries(read) as T
  }
}
