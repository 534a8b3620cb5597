/** A key or a value as a program may give it. */
export type Bytes = Buffer | string | null

/** Strings are written as UTF-8. */
export function toBuffer(value: Bytes | undefined): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? null)
}
