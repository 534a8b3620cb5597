import { crc32c } from '../../../core/base/crc32c.ts'
import { MoldauError } from '../../../core/base/errors.ts'

/**
 * One entry of the ledger: what was committed by one put. `data` has files; `gap` gives a range up by policy; `reset` sets the position
 * freely and names the reason; `replace` takes `removes` out and `files` in; `repair` is an operator's.
 */
export type EntryKind = 'data' | 'gap' | 'reset' | 'replace' | 'repair'

export interface Entry {
  readonly format: 1
  readonly seq: number
  readonly kind: EntryKind
  /** 64 random bits in hex, new for every start. */
  readonly attempt: string
  readonly try: number
  /** The head that the attempt started from. */
  readonly base: number
  /** Checksum of the entry before; 00000000 for the first. */
  readonly previous: string
  /** The uuid in sink.json. */
  readonly sink: string
  readonly writer: { readonly host: string; readonly pid: number; readonly version: string }
  readonly source: EntrySource
  /** Always the `next` of the entry before. */
  readonly from: number
  /** The consumer's position, past markers and compacted holes. */
  readonly next: number
  readonly records: number
  readonly filtered: number
  readonly deadLettered: number
  readonly gaps: readonly Gap[]
  readonly files: readonly FileEntry[]
  /** Final paths of earlier entries that a `replace` takes out. */
  readonly removes: readonly string[]
  /** Of a two-phase chain; this one is driven by offsets. */
  readonly intent: null
  /** Why, for a kind that is not `data`. */
  readonly reason: string | null
  readonly at: string
}

export interface EntrySource {
  readonly clusterId: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly logStart: number
}

export interface Gap {
  readonly from: number
  readonly next: number
  readonly why: 'retention' | 'start'
}

/** One data file, with what is needed to prove that it is whole and holds what it should. */
export interface FileEntry {
  readonly staged: string
  readonly path: string
  readonly bytes: number
  readonly records: number
  readonly first: number
  readonly last: number
  /** Sum modulo 2^64 of splitmix64 of each offset, in hex. */
  readonly offsetsSum: string
  readonly crc32c: string
  /** Fingerprint of the schema. */
  readonly schema: string
  readonly minTimestamp: number
  readonly maxTimestamp: number
}

/** An entry with the checksum that its bytes carry. */
export interface StoredEntry {
  readonly entry: Entry
  readonly crc32c: string
  /** One line of JSON. */
  readonly text: string
}

export const FIRST_PREVIOUS = '00000000'
const CHECKSUM = /,"crc32c":"([0-9a-f]{8})"\}$/

/** Members that hold offsets or numbers of entries: text in JSON, whose numbers end at 2^53. */
const OFFSETS = new Set(['seq', 'base', 'from', 'next', 'first', 'last', 'logStart'])

/** The bytes of any document of the ledger: JSON with offsets as text, ended by the checksum of all before it. */
export function seal(document: object): { text: string; crc32c: string } {
  const json = JSON.stringify(document, (key, value: unknown) => (typeof value === 'number' && OFFSETS.has(key) ? String(value) : value))
  const body = json.slice(0, -1)
  const checksum = hex32(crc32c(Buffer.from(body)))
  return { text: `${body},"crc32c":"${checksum}"}`, crc32c: checksum }
}

/** Reads what {@link seal} wrote. Throws LEDGER_DAMAGED, naming `path`, when a byte is not as it was written. */
export function unseal(text: string, path: string): { document: unknown; crc32c: string } {
  const match = CHECKSUM.exec(text)
  if (match === null) throw damaged(path, text === '' ? 'it is empty' : 'it does not end with its checksum')
  const checksum = hex32(crc32c(Buffer.from(text.slice(0, match.index))))
  if (checksum !== match[1]) throw damaged(path, 'its bytes do not match its checksum')
  const document = JSON.parse(text, (key, value: unknown) =>
    typeof value === 'string' && OFFSETS.has(key) ? Number(value) : value,
  ) as unknown
  return { document, crc32c: checksum }
}

export function encodeEntry(entry: Entry): StoredEntry {
  return { entry, ...seal(entry) }
}

export function decodeEntry(text: string, path: string): StoredEntry {
  const { document, crc32c: checksum } = unseal(text, path)
  const entry = document as Entry
  if (entry.format !== 1) {
    throw damaged(path, `it has format ${String(entry.format)}, and this version knows format 1; was it written by a newer moldau?`)
  }
  return { entry, crc32c: checksum, text }
}

export function damaged(path: string, what: string): MoldauError {
  return new MoldauError(
    'LEDGER_DAMAGED',
    `${path} is damaged: ${what}. Nothing was changed; restore it from a backup, then run \`moldau hdfs verify\``,
  )
}

export function hex32(n: number): string {
  return n.toString(16).padStart(8, '0')
}
