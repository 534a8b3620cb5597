import { MoldauError } from '../base/errors.ts'
import { json } from './primitives.ts'
import type { Serde } from './serde.ts'

/** What zod, valibot, arktype and others offer as `~standard` (standardschema.dev): a check that has types. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type StandardResult<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A serde that reads what a schema makes of a value, and writes what it takes: defaults may be left out, transformed values differ. */
export interface SchemaSerde<R, W = R> {
  readonly name: string
  serialize(value: W): Buffer
  deserialize(buffer: Buffer, start: number, end: number): R
}

/** How many issues a message names. */
const ISSUES_NAMED_MAX = 3

/**
 * A serde whose values are checked by a schema of zod, valibot, arktype or whatever else has `~standard`, when they are written and when they
 * are read. What is written is the value as it was given; defaults and transformations are applied to what is read.
 *
 * ```ts
 * import * as z from 'zod'
 *
 * const order = schema(z.object({ to: z.string(), urgent: z.boolean().default(false) }))
 * order.serialize({ to: 'Brno' })
 * ```
 *
 * @param checks the schema; it has to answer at once: no asynchronous refinements
 * @param inner writes and reads the values themselves; default: JSON
 * @throws SERDE_FAILED naming the fields that do not fit
 */
export function schema<Input, Output>(
  checks: StandardSchema<Input, Output>,
  inner: Serde<NoInfer<Input>> = json(),
): SchemaSerde<Output, Input> {
  const { vendor, validate } = checks['~standard']
  const name = `${inner.name} checked by ${vendor}`
  const check = (value: unknown, what: string): Output => {
    const result = validate(value)
    if (result instanceof Promise) {
      // Its outcome is not waited for, and must not end the process.
      result.catch(() => undefined)
      throw new MoldauError('SERDE_FAILED', `${name}: the schema answers later, a serde cannot wait; use checks that are not async`)
    }
    if (result.issues === undefined) return result.value
    throw new MoldauError('SERDE_FAILED', `${name}: ${what}: ${described(result.issues)}`)
  }
  return {
    name,
    serialize(value) {
      check(value, 'the value cannot be written')
      return inner.serialize(value)
    },
    deserialize: (buffer, start, end) => check(inner.deserialize(buffer, start, end), 'what was read does not fit'),
  }
}

function described(issues: readonly StandardIssue[]): string {
  const named = issues.slice(0, ISSUES_NAMED_MAX).map(({ message, path = [] }) => {
    const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
    return place === '' ? message : `field ${place}: ${message}`
  })
  const more = issues.length - ISSUES_NAMED_MAX
  return named.join('; ') + (more > 0 ? `; and ${more} more` : '')
}
