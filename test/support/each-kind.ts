import type { ConsumerOptions } from '../../core/index.ts'
import type { Scenario } from './client-kit.ts'
import { kinds } from './membership-audit.ts'

/** A scenario for each way to be a member of a group. */
export function eachKind(
  title: string,
  scenario: (...args: [...Parameters<Scenario>, kind: ConsumerOptions]) => Promise<void>,
): Record<string, Scenario> {
  return Object.fromEntries(
    Object.entries(kinds).map(([name, kind]): [string, Scenario] => [`${title} (${name})`, (t, env) => scenario(t, env, kind)]),
  )
}
