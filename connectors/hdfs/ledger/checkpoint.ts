import { createHash } from 'node:crypto'
import { archiveName, archiveEnd, checkpointName, entryName, seqOf } from './names.ts'
import type { ChainContext } from './context.ts'
import { damaged, decodeEntry, seal, unseal, type StoredEntry } from './entry.ts'
import { writeFile } from './write-file.ts'

/** A run of entries in one file, a line each. */
export interface Archive {
  readonly name: string
  readonly from: number
  readonly next: number
  /** Grows by one when ten archives become one. */
  readonly level: number
  /** SHA-256 of the file. */
  readonly digest: string
}

/** Published every hundred entries; what it covers may then be deleted, and numbers that become free do no harm. */
export interface Checkpoint {
  readonly seq: number
  readonly next: number
  readonly attempt: string
  readonly head: StoredEntry
  /** Oldest first; together they hold every entry up to `seq`. */
  readonly archives: readonly Archive[]
}

interface CheckpointDocument {
  readonly format: 1
  readonly seq: number
  readonly next: number
  readonly attempt: string
  readonly source: StoredEntry['entry']['source']
  readonly entry: string
  readonly digest: string
  readonly archives: readonly Archive[]
}

/** So many archives of one level become one of the next, so that their number grows with the logarithm of the chain. */
const MERGE = 10

/** The greatest number that has a checkpoint, 0 for none. */
export async function newestCheckpoint(context: ChainContext): Promise<number> {
  let newest = 0
  for (const { name } of (await context.fs.list(context.paths.checkpoint)) ?? []) newest = Math.max(newest, seqOf(name) ?? 0)
  return newest
}

/** Undefined: it is not there any more. Throws LEDGER_DAMAGED. */
export async function readCheckpoint(context: ChainContext, seq: number): Promise<Checkpoint | undefined> {
  const path = `${context.paths.checkpoint}/${checkpointName(seq)}`
  const bytes = await context.fs.read(path)
  if (bytes === undefined) return undefined
  const document = unseal(bytes.toString(), path).document as CheckpointDocument
  if (document.format !== 1) throw damaged(path, `it has format ${String(document.format)}, and this version knows format 1`)
  if (document.seq !== seq) throw damaged(path, `it says that it is checkpoint ${document.seq}`)
  if (document.digest !== digestOf(document.archives)) throw damaged(path, 'its list of archives does not match its digest')
  const head = decodeEntry(document.entry, path)
  return { seq, next: document.next, attempt: document.attempt, head, archives: document.archives }
}

/**
 * Steps K1 and K2: archives the entries behind checkpoint `covered` up to the head and publishes a checkpoint. True: it is there, and is
 * mine, so K3 ({@link freeCovered}) may follow. False: another owner is ahead.
 */
export async function publishCheckpoint(
  context: ChainContext,
  head: StoredEntry,
  covered: number,
  staging: { directory: string; attempt: string },
): Promise<boolean> {
  const { fs, paths } = context
  const { seq } = head.entry
  const before = covered === 0 ? undefined : await readCheckpoint(context, covered)
  if (covered !== 0 && before === undefined) return false
  // K1
  const archive = await archiveEntries(context, before?.archives ?? [], covered, head, staging.attempt)
  if (archive === undefined) return false
  await fs.sync([paths.archive])
  // K2
  const document: CheckpointDocument = {
    format: 1,
    seq,
    next: head.entry.next,
    attempt: staging.attempt,
    source: head.entry.source,
    entry: head.text,
    digest: digestOf(archive),
    archives: archive,
  }
  const temporary = `${staging.directory}/checkpoint-${seq}.json`
  await writeFile(fs, temporary, Buffer.from(seal(document).text))
  await fs.sync([staging.directory])
  const target = `${paths.checkpoint}/${checkpointName(seq)}`
  const done = await fs.putIfAbsent(temporary, target)
  if (done) return true
  // The answer of a store may be that of a second try: what lies there tells whose it is.
  await fs.sync([paths.checkpoint])
  return (await readCheckpoint(context, seq))?.attempt === staging.attempt
}

/** The archives of the new checkpoint. Undefined: entries are gone, another owner has archived them. */
async function archiveEntries(
  context: ChainContext,
  old: readonly Archive[],
  covered: number,
  head: StoredEntry,
  attempt: string,
): Promise<Archive[] | undefined> {
  const { fs, paths } = context
  const lines: string[] = []
  for (let seq = covered + 1; seq < head.entry.seq; seq++) {
    const bytes = await fs.read(`${paths.ledger}/${entryName(seq)}`)
    if (bytes === undefined) return undefined
    lines.push(bytes.toString())
  }
  lines.push(head.text)
  let archives = [...old]
  let from = covered + 1
  let level = 0
  let body = lines.join('\n') + '\n'
  // Always the newest ones together with the new one: a name that ends at this head is in no older checkpoint's reach.
  for (let same = lastOfLevel(archives, level); same.length === MERGE - 1; same = lastOfLevel(archives, level)) {
    const parts: string[] = []
    for (const part of same) {
      const bytes = await fs.read(`${paths.archive}/${part.name}`)
      if (bytes === undefined) return undefined
      if (sha256(bytes) !== part.digest)
        throw damaged(`${paths.archive}/${part.name}`, 'its bytes do not match the digest in the checkpoint')
      parts.push(bytes.toString())
    }
    body = parts.join('') + body
    from = same[0]!.from
    level++
    archives = archives.slice(0, archives.length - same.length)
  }
  const name = archiveName(from, head.entry.seq, attempt)
  await writeFile(fs, `${paths.archive}/${name}`, Buffer.from(body))
  return [...archives, { name, from, next: head.entry.seq + 1, level, digest: sha256(Buffer.from(body)) }]
}

function lastOfLevel(archives: readonly Archive[], level: number): Archive[] {
  let first = archives.length
  while (first > 0 && archives.length - first < MERGE - 1 && archives[first - 1]!.level === level) first--
  return archives.slice(first)
}

/** Step K3: deletes what checkpoint `seq`, which is there, covers. A crash anywhere leaves garbage only, for the next one. */
export async function freeCovered(context: ChainContext, seq: number): Promise<void> {
  const { fs, paths } = context
  await fs.sync([paths.checkpoint])
  for (const { name } of (await fs.list(paths.ledger)) ?? []) {
    if ((seqOf(name) ?? Infinity) <= seq) await fs.delete(`${paths.ledger}/${name}`)
  }
  const named = new Set<string>()
  for (const { name } of (await fs.list(paths.checkpoint)) ?? []) {
    const other = seqOf(name)
    if (other === undefined) continue
    if (other < seq) {
      await fs.delete(`${paths.checkpoint}/${name}`)
      continue
    }
    const checkpoint = await readCheckpoint(context, other)
    // Gone: there is a newer one, whose archives are not known here. Whoever published it cleans up.
    if (checkpoint === undefined) return
    for (const archive of checkpoint.archives) named.add(archive.name)
  }
  for (const { name } of (await fs.list(paths.archive)) ?? []) {
    if ((archiveEnd(name) ?? Infinity) <= seq && !named.has(name)) await fs.delete(`${paths.archive}/${name}`)
  }
}

function digestOf(archives: readonly Archive[]): string {
  return sha256(Buffer.from(archives.map(({ name, digest }) => `${name} ${digest}\n`).join('')))
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
