import { CharSet, posixClasses } from './char-set.ts'
import { escape } from './escapes.ts'
import type { Scanner } from './scanner.ts'

/** Reads a class of characters from behind its `[`. */
export function readClass(scanner: Scanner): CharSet {
  const negated = scanner.take('^')
  const set = new CharSet()
  // A bracket that comes first is a bracket.
  for (let first = true; first || !scanner.sees(']'); first = false) {
    if (scanner.atEnd) throw scanner.wrong('missing closing ]')
    const posix = scanner.takeMatch(/\[:\^?[a-z]+:\]/y)
    if (posix !== undefined) set.addAll(posixClass(scanner, posix))
    else readRange(scanner, set)
  }
  scanner.take(']')
  return negated ? set.negated() : set
}

function posixClass(scanner: Scanner, text: string): CharSet {
  const name = text.replace(/[^a-z]/g, '')
  if (!Object.hasOwn(posixClasses, name)) throw scanner.wrong(`invalid character class range ${text}`)
  const set = posixClasses[name]!
  return text.includes('^') ? set.negated() : set
}

function readRange(scanner: Scanner, set: CharSet): void {
  const from = readOne(scanner)
  if (typeof from !== 'number') return void set.addAll(from)
  const isRange = scanner.takeMatch(/-(?=[^\]])/y) !== undefined
  const to = isRange ? readOne(scanner) : from
  if (typeof to !== 'number' || to < from) throw scanner.wrong('invalid character class range')
  set.add(from, to)
}

/** A character, or a class that an escape stands for. */
function readOne(scanner: Scanner): number | CharSet {
  if (!scanner.take('\\')) return scanner.next()
  const escaped = escape(scanner)
  if (escaped.kind === 'assert') throw scanner.wrong('invalid escape sequence')
  const codes: number[] = []
  for (let code = 0; code < 128 && codes.length < 2; code++) if (escaped.set.has(code)) codes.push(code)
  return codes.length === 1 ? codes[0]! : escaped.set
}
