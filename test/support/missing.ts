import type { ExecutionContext } from 'ava'

/**
 * What a test needs of others, or of the machine, cannot be had: it says so and passes, but fails where everything must be there (CI).
 *
 * @param error what went wrong, or how to get it
 */
export function missing(t: ExecutionContext, what: string, error: unknown): void {
  if (process.env['CI'] === 'true') throw error instanceof Error ? error : new Error(`${what} cannot be had here: ${String(error)}`)
  t.log(`skipped: ${what} cannot be had here (${String(error).split('\n')[0]})`)
  t.pass()
}

/** What the machine does not let this process do, such as to mount or to cut a network: no installation helps, so it is left out in CI as well. */
export function notAllowed(t: ExecutionContext, what: string, why: string): void {
  t.log(`skipped: ${what} is not allowed here (${why})`)
  t.pass()
}
