/** States what must be. A failure is a bug of ours, never bad input: bad input is a MoldauError. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`moldau bug: ${message}; please report it`)
}
