import { anyChar, CharSet, digits, spaces, unicodeClasses, wordChars } from './char-set.ts'
import type { Assertion } from './program.ts'
import type { Scanner } from './scanner.ts'

export type Escaped = { readonly kind: 'char'; readonly set: CharSet } | { readonly kind: 'assert'; readonly what: Assertion }

const assertions: Readonly<Record<string, Assertion>> = { A: 'start', z: 'end', b: 'word boundary', B: 'no word boundary' }

const classes: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: digits.negated(),
  s: spaces,
  S: spaces.negated(),
  w: wordChars,
  W: wordChars.negated(),
  C: anyChar,
}

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** Reads what stands behind a backslash. */
export function escape(scanner: Scanner): Escaped {
  const hex = scanner.takeMatch(/x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})/y)
  if (hex !== undefined) return one(parseInt(hex.replace(/[x{}]/g, ''), 16))
  const octal = scanner.takeMatch(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y)
  if (octal !== undefined) return one(parseInt(octal, 8))
  const unicode = scanner.takeMatch(/[pP](?:[A-Z]|\{\^?[A-Za-z_]+\})/y)
  if (unicode !== undefined) return { kind: 'char', set: unicodeClass(scanner, unicode) }
  const letter = String.fromCharCode(scanner.next())
  const what = Object.hasOwn(assertions, letter) ? assertions[letter] : undefined
  if (what !== undefined) return { kind: 'assert', what }
  if (Object.hasOwn(classes, letter)) return { kind: 'char', set: classes[letter]! }
  if (Object.hasOwn(controls, letter)) return one(controls[letter]!)
  // RE2 lets any punctuation be escaped, and no other letter or digit: those are kept for later.
  if (/[A-Za-z0-9]/.test(letter)) throw scanner.wrong(`invalid escape sequence \\${letter}`)
  return one(letter.charCodeAt(0))
}

function one(code: number): Escaped {
  return { kind: 'char', set: CharSet.of(code) }
}

function unicodeClass(scanner: Scanner, text: string): CharSet {
  const name = text.slice(1).replace(/[{}^]/g, '')
  // Categories and scripts without an ASCII character are empty here, whatever their name.
  const set = Object.hasOwn(unicodeClasses, name) ? unicodeClasses[name]! : new CharSet()
  if (!/^[A-Z]/.test(name)) throw scanner.wrong(`invalid character class range \\${text}`)
  return text.startsWith('P') !== text.includes('^') ? set.negated() : set
}
