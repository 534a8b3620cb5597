import { type CharSet, wordChars } from './char-set.ts'

export type Assertion = 'start' | 'end' | 'word boundary' | 'no word boundary'

/** A step of a compiled expression. Numbers are the steps to go on with. */
export type Step =
  | { readonly kind: 'char'; readonly set: CharSet; readonly next: number }
  | { readonly kind: 'split'; readonly nexts: readonly [number, number] }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match' }

export interface Program {
  readonly steps: readonly Step[]
  readonly start: number
}

/**
 * Whether the whole text matches. All ways through the program are followed side by side, a character at a time (Thompson): the time is
 * the length of the text times the length of the program, whatever the expression is.
 */
export function matchesAll({ steps, start }: Program, text: string): boolean {
  let states = new Set<number>()
  follow(steps, start, text, 0, states)
  for (let at = 0; at < text.length && states.size > 0; at++) {
    const next = new Set<number>()
    const code = text.charCodeAt(at)
    for (const state of states) {
      const step = steps[state]!
      if (step.kind === 'char' && step.set.has(code)) follow(steps, step.next, text, at + 1, next)
    }
    states = next
  }
  for (const state of states) if (steps[state]!.kind === 'match') return true
  return false
}

/** Adds the step, and those that are reached from it without a character. */
function follow(steps: readonly Step[], from: number, text: string, at: number, into: Set<number>): void {
  const open = [from]
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (into.has(state)) continue
    into.add(state)
    const step = steps[state]!
    if (step.kind === 'split') open.push(...step.nexts)
    else if (step.kind === 'assert' && holds(step.what, text, at)) open.push(step.next)
  }
}

function holds(what: Assertion, text: string, at: number): boolean {
  if (what === 'start') return at === 0
  if (what === 'end') return at === text.length
  const isBoundary = isWord(text, at - 1) !== isWord(text, at)
  return isBoundary === (what === 'word boundary')
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && wordChars.has(text.charCodeAt(at))
}
