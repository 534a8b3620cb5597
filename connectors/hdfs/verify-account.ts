import type { Entry, FileEntry, StoredEntry } from './ledger/entry.ts'
import { OffsetsSum } from './ledger/offsets-sum.ts'

/** What became of offsets; of a partition, or summed up over a topic. */
export interface Account {
  /** Offsets from the beginning of the ledger to its head. */
  readonly offsets: number
  readonly records: number
  readonly filtered: number
  readonly deadLettered: number
  /** Given up by policy: deleted by retention before they were archived, or before the export began. */
  readonly gapped: number
  /** Without a record: transaction markers, aborted or compacted records. */
  readonly holes: number
  /** Times that the topic was started again. */
  readonly resets: number
  readonly entries: number
  readonly files: number
  readonly bytes: number
}

export const emptyAccount: Account = {
  offsets: 0,
  records: 0,
  filtered: 0,
  deadLettered: 0,
  gapped: 0,
  holes: 0,
  resets: 0,
  entries: 0,
  files: 0,
  bytes: 0,
}

/** Adds up a chain's entries, oldest first, telling what does not add up. */
export function accountOf(entries: readonly StoredEntry[], problem: (message: string) => void): Account {
  const account: { -readonly [name in keyof Account]: number } = { ...emptyAccount, entries: entries.length }
  const present = new Map<string, FileEntry>()
  for (const { entry } of entries) {
    for (const file of entry.files) present.set(file.path, file)
    if (entry.kind === 'reset') account.resets++
    else if (entry.kind === 'replace') checkReplace(entry, present, problem)
    else addEntry(entry, account, problem)
    for (const path of entry.removes) present.delete(path)
  }
  for (const { bytes } of present.values()) account.bytes += bytes
  account.files = present.size
  return account
}

function addEntry(entry: Entry, account: { -readonly [name in keyof Account]: number }, problem: (message: string) => void): void {
  const { seq, from, next, records, filtered, deadLettered } = entry
  const gapped = entry.gaps.reduce((sum, gap) => sum + gap.next - gap.from, 0)
  const holes = next - from - records - filtered - deadLettered - gapped
  account.offsets += next - from
  account.records += records
  account.filtered += filtered
  account.deadLettered += deadLettered
  account.gapped += gapped
  account.holes += holes
  const inFiles = entry.files.reduce((sum, file) => sum + file.records, 0)
  if (inFiles !== records) problem(`entry ${seq} counts ${records} records, and its files hold ${inFiles}`)
  if (holes < 0) problem(`entry ${seq} has more records than offsets between ${from} and ${next}`)
  for (const { path, first, last } of entry.files) {
    if (first < from || last >= next) problem(`${path} holds offsets ${first} to ${last}, outside of entry ${seq} (${from} to ${next - 1})`)
  }
  // Without holes the offsets are known one by one, and the files' sums must be theirs.
  if (holes === 0 && filtered === 0 && deadLettered === 0 && sumOf(entry.files) !== expected(entry)) {
    problem(`the offsets in the files of entry ${seq} are not those from ${from} to ${next - 1}, each once`)
  }
}

/** Compaction changes where records lie, not which. */
function checkReplace(entry: Entry, present: ReadonlyMap<string, FileEntry>, problem: (message: string) => void): void {
  const removed: FileEntry[] = []
  for (const path of entry.removes) {
    const file = present.get(path)
    if (file === undefined) problem(`entry ${entry.seq} replaces ${path}, which is not in the lake`)
    else removed.push(file)
  }
  if (sumOf(entry.files) !== sumOf(removed))
    problem(`the offsets in the files that entry ${entry.seq} adds are not those in the files it removes`)
}

function sumOf(files: readonly FileEntry[]): string {
  const sum = new OffsetsSum()
  for (const file of files) sum.addSum(file.offsetsSum)
  return sum.hex
}

function expected(entry: Entry): string {
  const sum = new OffsetsSum()
  let at = entry.from
  for (const gap of entry.gaps) {
    sum.addRange(at, gap.from)
    at = gap.next
  }
  sum.addRange(at, entry.next)
  return sum.hex
}
