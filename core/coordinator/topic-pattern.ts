import { createRequire } from 'node:module'
import type * as Re2 from 're2js'
import { MoldauError, messageOf } from '../base/errors.ts'

/** A regular expression over names, of topics that members of groups subscribe to above all. It has to match the whole name. */
export interface TopicPattern {
  matches(name: string): boolean
}

/** Characters of one expression. */
const LENGTH_MAX = 4096

let loaded: typeof Re2 | undefined

/** re2js, loaded when the first expression comes: most brokers never see one. */
function re2(): typeof Re2 {
  loaded ??= createRequire(import.meta.url)('re2js') as typeof Re2
  return loaded
}

/**
 * Reads an expression in the syntax of RE2, as Kafka does (KIP-848). Matching takes time proportional to the length of the name: there is
 * no backtracking, and therefore neither look-around nor back references.
 *
 * @throws MoldauError INVALID_ARGUMENT for what is no expression of RE2, or one of more than 4096 characters
 */
export function topicPattern(expression: string): TopicPattern {
  if (expression.length > LENGTH_MAX) throw new MoldauError('INVALID_ARGUMENT', `error parsing regexp: more than ${LENGTH_MAX} characters`)
  const { RE2JS } = re2()
  try {
    const pattern = RE2JS.compile(expression)
    return { matches: (name) => pattern.testExact(name) }
  } catch (error) {
    throw new MoldauError('INVALID_ARGUMENT', messageOf(error), { cause: error })
  }
}
