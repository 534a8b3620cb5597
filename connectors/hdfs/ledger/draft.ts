import { encodeEntry, FIRST_PREVIOUS, type Entry, type FileEntry, type Gap, type StoredEntry } from './entry.ts'
import type { Head } from './head.ts'

/** What a commit adds to the chain. */
export interface Draft {
  readonly next: number
  readonly leaderEpoch: number
  readonly logStart: number
  readonly records: number
  readonly filtered: number
  readonly deadLettered: number
  readonly files: readonly FileEntry[]
  /** Default `data`, or `gap` when a range is given up and nothing is archived. */
  readonly kind?: 'replace'
  readonly removes?: readonly string[]
}

/** A draft with what the chain knows about it. */
export interface CompleteDraft extends Omit<Draft, 'kind'> {
  readonly kind: Entry['kind']
  readonly gaps: readonly Gap[]
  readonly reason: string | null
}

/** Who writes an entry, behind which, and where the records come from. */
export interface EntryAuthor extends Pick<Entry, 'attempt' | 'base' | 'sink' | 'writer' | 'at'> {
  readonly head: Head
  readonly source: Pick<Entry['source'], 'clusterId' | 'topic' | 'topicId' | 'partition'>
}

/** The entry behind the head, as it will lie in the ledger. */
export function entryAfter(author: EntryAuthor, draft: CompleteDraft): StoredEntry {
  const { head, attempt, base, sink, writer, at } = author
  const { kind, next, records, filtered, deadLettered, gaps, files, reason, leaderEpoch, logStart } = draft
  return encodeEntry({
    format: 1,
    seq: head.seq + 1,
    kind,
    attempt,
    try: 1,
    base,
    previous: head.stored?.crc32c ?? FIRST_PREVIOUS,
    sink,
    writer,
    source: { ...author.source, leaderEpoch, logStart },
    from: head.next,
    next,
    records,
    filtered,
    deadLettered,
    gaps,
    files,
    removes: draft.removes ?? [],
    intent: null,
    reason,
    at,
  })
}
