import { MoldauError } from '../../base/errors.ts'
import { compile } from './compile.ts'
import { parse } from './parse.ts'
import { matchesAll } from './program.ts'

/** A regular expression over topic names, in the syntax of RE2, which members of groups subscribe with. It has to match the whole name. */
export interface TopicPattern {
  matches(name: string): boolean
}

/** Characters of one expression. */
const LENGTH_MAX = 4096

/**
 * Reads an expression. Matching takes time proportional to the length of the name: there is no backtracking, and therefore, as in RE2,
 * neither look-around nor back references. Only ASCII is known, which topic names are made of.
 *
 * @throws MoldauError INVALID_ARGUMENT for what is no expression of RE2, or too large a one (4096 characters, 1000 repetitions, 20,000 steps)
 */
export function topicPattern(expression: string): TopicPattern {
  if (expression.length > LENGTH_MAX) throw new MoldauError('INVALID_ARGUMENT', `error parsing regexp: more than ${LENGTH_MAX} characters`)
  const program = compile(parse(expression))
  return { matches: (name) => matchesAll(program, name) }
}
