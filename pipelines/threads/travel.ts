import { MoldauError } from '../../core/base/errors.ts'

/**
 * Refuses what cannot go to another thread: functions, and objects that are more than their fields.
 *
 * @param path names the value in the message: `run: option 'epoch'`
 * @param remedy what to do in its place, as a sentence
 * @throws INVALID_CONFIG naming the field
 */
export function checkTravels(path: string, value: unknown, remedy: string): void {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')) return
  if (value instanceof Uint8Array) return
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null
  if (!isPlain) {
    const what =
      typeof value === 'function' ? 'a function' : typeof value === 'symbol' ? 'a symbol' : `a ${value.constructor?.name ?? 'class'}`
    throw new MoldauError('INVALID_CONFIG', `${path} is ${what}, which does not go to other threads. ${remedy}`)
  }
  for (const [name, field] of Object.entries(value as object)) checkTravels(`${path}.${name}`, field, remedy)
}

/** What has come to this thread, with Buffers again where there were some: on the way they become plain arrays of bytes. */
export function arrived<T>(value: T): T {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength) as Uint8Array as T
  if (Array.isArray(value)) return value.map((each: unknown) => arrived(each)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, arrived<unknown>(field)])) as T
}
