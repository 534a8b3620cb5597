/** Characters of topic names are ASCII: a set of them is 128 flags. What lies beyond never matches. */
export class CharSet {
  readonly #flags: Uint8Array

  constructor(flags: Uint8Array = new Uint8Array(128)) {
    this.#flags = flags
  }

  static of(...codes: number[]): CharSet {
    const set = new CharSet()
    for (const code of codes) set.add(code, code)
    return set
  }

  has(code: number): boolean {
    return code < 128 && this.#flags[code] === 1
  }

  add(from: number, to: number): this {
    for (let code = from; code <= Math.min(to, 127); code++) this.#flags[code] = 1
    return this
  }

  addAll(other: CharSet): this {
    for (let code = 0; code < 128; code++) if (other.#flags[code] === 1) this.#flags[code] = 1
    return this
  }

  negated(): CharSet {
    return new CharSet(this.#flags.map((flag) => 1 - flag))
  }

  /** With the other case of each letter in it. */
  folded(): CharSet {
    const flags = this.#flags.slice()
    for (let upper = 65; upper <= 90; upper++) {
      if (flags[upper] === 1 || flags[upper + 32] === 1) flags[upper] = flags[upper + 32] = 1
    }
    return new CharSet(flags)
  }
}

const range = (...pairs: string[]): CharSet => {
  const set = new CharSet()
  for (const pair of pairs) set.add(pair.charCodeAt(0), pair.charCodeAt(pair.length - 1))
  return set
}

export const digits = range('09')
export const wordChars = range('09', 'AZ', 'az', '_')
export const spaces = range('\t', '\n', '\f', '\r', ' ')
export const anyChar = new CharSet().add(0, 127)
export const newline = range('\n')

/** Classes by name, as in `[[:alpha:]]`. */
export const posixClasses: Readonly<Record<string, CharSet>> = {
  alnum: range('09', 'AZ', 'az'),
  alpha: range('AZ', 'az'),
  ascii: anyChar,
  blank: range('\t', ' '),
  cntrl: new CharSet().add(0, 31).add(127, 127),
  digit: digits,
  graph: range('!~'),
  lower: range('az'),
  print: range(' ~'),
  punct: range('!/', ':@', '[`', '{~'),
  space: range('\t\r', ' '),
  upper: range('AZ'),
  word: wordChars,
  xdigit: range('09', 'AF', 'af'),
}

/** The ASCII part of Unicode's general categories and scripts, as in `\\p{Lu}`. */
export const unicodeClasses: Readonly<Record<string, CharSet>> = {
  L: range('AZ', 'az'),
  Lu: range('AZ'),
  Ll: range('az'),
  Latin: range('AZ', 'az'),
  N: digits,
  Nd: digits,
  P: range('!#', '%*', ',/', ':;', '?@', '[]', '__', '{{', '}}'),
  Pc: range('__'),
  Pd: range('--'),
  Any: anyChar,
}
