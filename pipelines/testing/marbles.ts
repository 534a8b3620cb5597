import { isDeepStrictEqual } from 'node:util'
import { MoldauError } from '../../core/base/errors.ts'
import { type Duration, milliseconds, unitMs } from '../duration.ts'

/** How a diagram stands in event time. */
export interface Scale {
  /** Event time of the first frame, in milliseconds since 1970. */
  readonly start: number
  /** What one character stands for, in milliseconds. */
  readonly frame: number
}

/** What a diagram says, in its order. */
export type Mark =
  | { readonly kind: 'record'; readonly symbol: string; readonly time: number }
  | { readonly kind: 'crash'; readonly time: number }
  | { readonly kind: 'end'; readonly time: number }

const DURATION = /^\d+(?:\.\d+)?(?:ms|s|m|h|d)(?= |$)/
const LEAP = /^@(-?)(0|\d+(?:\.\d+)?(?:ms|s|m|h|d))(?= |$)/
/** A shorter gap is drawn. */
const FRAMES_DRAWN_MAX = 8

/**
 * Reads a diagram: RxJS's marbles, over event time. `docs/pipelines/testing.md` has the signs.
 *
 * @throws INVALID_ARGUMENT with the place
 */
export function parseMarbles(diagram: string, { start, frame }: Scale): Mark[] {
  const marks: Mark[] = []
  let time = start
  let group: number | undefined
  let ended = false
  for (let i = 0; i < diagram.length; i++) {
    const sign = diagram[i]!
    if (ended && sign !== ' ' && sign !== ')') throw wrong(diagram, i, 'nothing may follow the end |')
    const atWord = i === 0 || diagram[i - 1] === ' '
    const rest = atWord ? diagram.slice(i) : ''
    const duration = DURATION.exec(rest)?.[0]
    const leap = LEAP.exec(rest)
    if (duration !== undefined || leap !== null) {
      if (group !== undefined) throw wrong(diagram, i, 'time stands still inside (…)')
      if (leap === null) time += milliseconds(duration as Duration, 'marbles')
      else time = start + (leap[1] === '-' ? -1 : 1) * (leap[2] === '0' ? 0 : milliseconds(leap[2] as Duration, 'marbles'))
      i += (duration ?? leap![0]).length - 1
      continue
    }
    const at = group ?? time
    switch (sign) {
      case ' ':
        continue
      case '-':
        if (group !== undefined) throw wrong(diagram, i, 'time stands still inside (…)')
        break
      case '(':
        if (group !== undefined) throw wrong(diagram, i, 'a group stands inside another one')
        group = time
        break
      case ')':
        if (group === undefined) throw wrong(diagram, i, 'no group is open')
        group = undefined
        break
      case '|':
        marks.push({ kind: 'end', time: at })
        ended = true
        break
      case '#':
        marks.push({ kind: 'crash', time: at })
        break
      default:
        if (!/^[\p{L}\d?]$/u.test(sign)) throw wrong(diagram, i, `'${sign}' is no sign of a diagram`)
        marks.push({ kind: 'record', symbol: sign, time: at })
    }
    time += frame
  }
  if (group !== undefined) throw wrong(diagram, diagram.length, 'a group is not closed')
  return marks
}

/**
 * Draws records in the order in which they came. What is equal to no value is drawn as `?`.
 *
 * @param values what each letter stands for
 */
export function drawMarbles(
  records: readonly { readonly value: unknown; readonly timestamp: number }[],
  values: Readonly<Record<string, unknown>>,
  { start, frame }: Scale,
): string {
  const symbolOf = (value: unknown): string => Object.keys(values).find((symbol) => isDeepStrictEqual(values[symbol], value)) ?? '?'
  let diagram = ''
  let time = start
  for (let i = 0; i < records.length;) {
    const { timestamp } = records[i]!
    let symbols = ''
    for (; records[i]?.timestamp === timestamp; i++) symbols += symbolOf(records[i]!.value)
    const grouped = symbols.length > 1 ? `(${symbols})` : symbols
    diagram += gap(timestamp - time, timestamp - start, frame) + grouped
    time = timestamp + grouped.length * frame
  }
  return diagram.trim()
}

function gap(ms: number, sinceStart: number, frame: number): string {
  if (ms < 0) return ` @${sinceStart < 0 ? '-' : ''}${written(Math.abs(sinceStart))} `
  const frames = ms / frame
  return Number.isInteger(frames) && frames <= FRAMES_DRAWN_MAX ? '-'.repeat(frames) : ` ${written(ms)} `
}

/** In the largest unit that leaves a whole number. */
function written(ms: number): string {
  if (ms === 0) return '0'
  const [unit, size] = Object.entries(unitMs).findLast(([, each]) => ms % each === 0)!
  return `${ms / size}${unit}`
}

function wrong(diagram: string, at: number, what: string): MoldauError {
  return new MoldauError('INVALID_ARGUMENT', `marbles '${diagram}': ${what}, at character ${at + 1}`)
}
