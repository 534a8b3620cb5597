import { MoldauError } from '../../core/base/errors.ts'
import { HIDDEN } from './ledger/names.ts'

/** A record as a partitioning function of the user sees it. */
export interface PartitionedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Decoded by the topic's serde when it is asked for. */
  readonly value: unknown
}

/**
 * Into which directory a record goes: `'none'` (all into one), `'topic'`, by the record's `time` in UTC with a pattern of Java's letters
 * (`y M d H m s`; text in single quotes), or by a function. Several make directories within each other.
 *
 * @example partitionBy: ['topic', { time: "'dt='yyyy-MM-dd" }]     // flights/dt=2001-01-01/…
 */
export type PartitionBy = PartitionRule | readonly PartitionRule[]
export type PartitionRule = 'none' | 'topic' | { readonly time: string } | ((record: PartitionedRecord) => string)

/** Compiled: the directory of a record, '' for the sink's own. */
export interface Partitioner {
  /** Records of one topic with times within one such period go to one directory; 0: each record must be asked for. */
  readonly periodMs: number
  directory(record: PartitionedRecord): string
}

const SECOND = 1000
const periods: Readonly<Record<string, number>> = {
  s: SECOND,
  m: 60 * SECOND,
  H: 3600 * SECOND,
  d: 86_400 * SECOND,
  M: 86_400 * SECOND,
  y: 86_400 * SECOND,
}

/** Throws INVALID_CONFIG for a pattern that cannot be. */
export function partitioner(by: PartitionBy): Partitioner {
  const rules = (Array.isArray(by) ? by : [by]) as readonly PartitionRule[]
  const parts: ((record: PartitionedRecord) => string)[] = []
  let periodMs = Number.MAX_SAFE_INTEGER
  for (const rule of rules) {
    if (rule === 'none') continue
    if (rule === 'topic') {
      parts.push((record) => record.topic)
    } else if (typeof rule === 'function') {
      parts.push((record) => checked(rule(record), record))
      periodMs = 0
    } else if (typeof rule === 'object' && rule !== null && typeof rule.time === 'string') {
      const pattern = timePattern(rule.time)
      parts.push((record) => pattern.format(record.timestamp))
      periodMs = Math.min(periodMs, pattern.periodMs)
    } else {
      throw new MoldauError(
        'INVALID_CONFIG',
        `partitionBy: ${JSON.stringify(rule)} is none of 'none', 'topic', { time: pattern }, a function`,
      )
    }
  }
  return { periodMs, directory: (record) => parts.map((part) => part(record)).join('/') }
}

/** Formats times in UTC; `periodMs` is the finest unit in the pattern. */
export function timePattern(pattern: string): { periodMs: number; format(timestamp: number): string } {
  const parts: ((date: Date) => string)[] = []
  let periodMs = Number.MAX_SAFE_INTEGER
  const token = /'((?:[^']|'')*)'|([a-zA-Z])\2*|[^a-zA-Z']+/gy
  let at = 0
  for (let match = token.exec(pattern); match !== null; match = token.exec(pattern)) {
    at = token.lastIndex
    const [text, quoted, letter] = match
    if (letter !== undefined) {
      periodMs = Math.min(periodMs, periods[letter] ?? unknownLetter(pattern, letter))
      parts.push((date) => field(date, letter, text.length))
    } else {
      const literal = quoted === undefined ? text : quoted === '' ? "'" : quoted.replaceAll("''", "'")
      parts.push(() => literal)
    }
  }
  if (at !== pattern.length || pattern === '')
    throw new MoldauError('INVALID_CONFIG', `partitionBy.time: the quote in ${pattern} is not closed`)
  return {
    periodMs,
    format(timestamp) {
      const date = new Date(timestamp)
      return parts.map((part) => part(date)).join('')
    },
  }
}

function field(date: Date, letter: string, width: number): string {
  switch (letter) {
    case 'y': {
      const year = date.getUTCFullYear()
      return pad(width === 2 ? year % 100 : year, width)
    }
    case 'M':
      return pad(date.getUTCMonth() + 1, width)
    case 'd':
      return pad(date.getUTCDate(), width)
    case 'H':
      return pad(date.getUTCHours(), width)
    case 'm':
      return pad(date.getUTCMinutes(), width)
    default:
      return pad(date.getUTCSeconds(), width)
  }
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0')
}

function unknownLetter(pattern: string, letter: string): never {
  throw new MoldauError(
    'INVALID_CONFIG',
    `partitionBy.time: ${letter} in ${pattern} is none of y M d H m s; put text in single quotes, e.g. "'dt='yyyy-MM-dd"`,
  )
}

/** A directory named by a user's function must stay inside the lake, and out of the ledger. */
function checked(directory: string, record: PartitionedRecord): string {
  const names = typeof directory === 'string' ? directory.split('/') : ['']
  const bad =
    directory !== '' && names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\\') || name.includes('\0'))
  if (typeof directory !== 'string' || bad || names[0] === HIDDEN) {
    throw new MoldauError(
      'OPERATOR_FAILED',
      `partitionBy gave ${JSON.stringify(directory)} for ${record.topic}-${record.partition}@${record.offset}; it must be a relative path like dt=2001-01-01`,
    )
  }
  return directory
}
