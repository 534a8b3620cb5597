import { anyChar, CharSet, newline } from './char-set.ts'
import { escape, type Escaped } from './escapes.ts'
import { readClass } from './class.ts'
import type { Assertion } from './program.ts'
import { Scanner } from './scanner.ts'

/** What an expression says. */
export type Node =
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'all'; readonly nodes: readonly Node[] }
  | { readonly kind: 'any'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number }

interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
}

/** Groups inside groups, as RE2 has it. */
const DEPTH_MAX = 1000
const REPEAT_MAX = 1000

export function parse(expression: string): Node {
  const parser = new Parser(new Scanner(expression))
  return parser.whole()
}

class Parser {
  readonly #in: Scanner
  #flags: Flags
  #depth: number

  constructor(scanner: Scanner) {
    this.#in = scanner
    this.#flags = { ignoreCase: false, dotAll: false }
    this.#depth = 0
  }

  whole(): Node {
    const node = this.#alternatives()
    if (!this.#in.atEnd) throw this.#in.wrong('unexpected )')
    return node
  }

  #alternatives(): Node {
    if (++this.#depth > DEPTH_MAX) throw this.#in.wrong('nested too deeply')
    const before = this.#flags
    const nodes = [this.#sequence()]
    while (this.#in.take('|')) nodes.push(this.#sequence())
    this.#flags = before
    this.#depth--
    return nodes.length === 1 ? nodes[0]! : { kind: 'any', nodes }
  }

  #sequence(): Node {
    const nodes: Node[] = []
    while (!this.#in.atEnd && !this.#in.sees('|') && !this.#in.sees(')')) {
      if (this.#in.take('\\Q')) nodes.push(...this.#quoted())
      else nodes.push(this.#repeated(this.#atom()))
    }
    return nodes.length === 1 ? nodes[0]! : { kind: 'all', nodes }
  }

  /** What follows repeats the last of the quoted characters. */
  #quoted(): Node[] {
    const nodes: Node[] = []
    while (!this.#in.atEnd && !this.#in.take('\\E')) nodes.push(this.#char(CharSet.of(this.#in.next())))
    const last = nodes.pop()
    return last === undefined ? [] : [...nodes, this.#repeated(last)]
  }

  #atom(): Node {
    const scanner = this.#in
    if (scanner.take('(')) return this.#group()
    if (scanner.take('[')) return this.#char(readClass(scanner))
    if (scanner.take('.')) return { kind: 'char', set: this.#flags.dotAll ? anyChar : newline.negated() }
    if (scanner.take('^')) return { kind: 'assert', what: 'start' }
    if (scanner.take('$')) return { kind: 'assert', what: 'end' }
    if (scanner.take('\\')) return this.#escaped(escape(scanner))
    if (scanner.sees('*') || scanner.sees('+') || scanner.sees('?')) throw scanner.wrong('missing argument to repetition operator')
    return this.#char(CharSet.of(scanner.next()))
  }

  #escaped(escaped: Escaped): Node {
    return escaped.kind === 'assert' ? escaped : this.#char(escaped.set)
  }

  #char(set: CharSet): Node {
    return { kind: 'char', set: this.#flags.ignoreCase ? set.folded() : set }
  }

  #group(): Node {
    if (this.#in.take('?')) {
      const named = this.#in.takeMatch(/P?<[A-Za-z0-9_]+>/y)
      if (named === undefined) {
        const flags = this.#in.takeMatch(/[imsU]*(?:-[imsU]+)?[:)]/y)
        if (flags === undefined) throw this.#in.wrong('invalid or unsupported Perl syntax')
        if (flags.endsWith(')')) {
          this.#flags = withFlags(this.#flags, flags)
          return { kind: 'all', nodes: [] }
        }
        return this.#closed(withFlags(this.#flags, flags))
      }
    }
    return this.#closed(this.#flags)
  }

  #closed(flags: Flags): Node {
    const before = this.#flags
    this.#flags = flags
    const node = this.#alternatives()
    this.#flags = before
    if (!this.#in.take(')')) throw this.#in.wrong('missing closing )')
    return node
  }

  #repeated(atom: Node): Node {
    const [min, max] = this.#bounds() ?? [1, 1]
    if (min === 1 && max === 1) return atom
    // Whether as few or as many as possible makes no difference to a match of the whole name.
    this.#in.take('?')
    if (this.#bounds() !== undefined) throw this.#in.wrong('invalid nested repetition operator')
    if (copiesIn(atom) * Math.max(max === Infinity ? min : max, 1) > REPEAT_MAX) throw this.#in.wrong('invalid repeat count')
    return { kind: 'repeat', node: atom, min, max }
  }

  #bounds(): [number, number] | undefined {
    if (this.#in.take('*')) return [0, Infinity]
    if (this.#in.take('+')) return [1, Infinity]
    if (this.#in.take('?')) return [0, 1]
    const text = this.#in.takeMatch(/\{\d+(?:,\d*)?\}/y)
    // A brace that is no repetition is a brace.
    if (text === undefined) return undefined
    const [min, max] = text.slice(1, -1).split(',')
    const least = Number(min)
    const most = max === undefined ? least : max === '' ? Infinity : Number(max)
    if (least > REPEAT_MAX || (most !== Infinity && most > REPEAT_MAX) || most < least) throw this.#in.wrong('invalid repeat count')
    return [least, most]
  }
}

function withFlags(flags: Flags, text: string): Flags {
  const [on = '', off = ''] = text.slice(0, -1).split('-')
  const flag = (letter: string, now: boolean): boolean => (off.includes(letter) ? false : on.includes(letter) ? true : now)
  return { ignoreCase: flag('i', flags.ignoreCase), dotAll: flag('s', flags.dotAll) }
}

/** How often the innermost part of a node is repeated by counts, at most. */
function copiesIn(node: Node): number {
  switch (node.kind) {
    case 'all':
    case 'any':
      return node.nodes.reduce((most, each) => Math.max(most, copiesIn(each)), 1)
    case 'repeat':
      return copiesIn(node.node) * Math.max(node.max === Infinity ? node.min : node.max, 1)
    default:
      return 1
  }
}
