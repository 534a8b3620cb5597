import { MoldauError } from '../../../core/base/errors.ts'
import { newestCheckpoint, readCheckpoint, sha256, type Checkpoint } from './checkpoint.ts'
import { chainName, type ChainContext } from './context.ts'
import { damaged, decodeEntry, type FileEntry, type StoredEntry } from './entry.ts'
import { checkEntry, findHead } from './head.ts'
import { entryName } from './names.ts'

const TRIES_MAX = 100

/**
 * All entries of a chain that count, oldest first, of one moment, each checked against the one before it. Throws LEDGER_DAMAGED. A put
 * that fell on a freed number is not among them, and is no error.
 */
export async function readHistory(context: ChainContext, sink: string | undefined): Promise<StoredEntry[]> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const entries = await readOnce(context, sink)
    if (entries !== undefined) return entries
  }
  throw new MoldauError('STORAGE_FAILED', `${chainName(context)}: its checkpoints changed ${TRIES_MAX} times while it was read`, {
    retriable: true,
  })
}

/** Undefined: a checkpoint was published meanwhile. */
async function readOnce(context: ChainContext, sink: string | undefined): Promise<StoredEntry[] | undefined> {
  const { fs, paths } = context
  const head = await findHead(context, sink)
  const checkpoint = head.checkpoint === 0 ? undefined : await readCheckpoint(context, head.checkpoint)
  if (head.checkpoint !== 0 && checkpoint === undefined) return undefined
  const entries: StoredEntry[] = []
  const add = (stored: StoredEntry): void => {
    checkEntry(context, stored, entries.length + 1, entries.at(-1), sink)
    entries.push(stored)
  }
  for (const text of checkpoint === undefined ? [] : await archivedLines(context, checkpoint)) {
    if (text === undefined)
      return (await newestCheckpoint(context)) === head.checkpoint ? missingArchive(context, head.checkpoint) : undefined
    add(decodeEntry(text, `${paths.archive}, entry ${entries.length + 1}`))
  }
  for (let seq = entries.length + 1; seq <= head.seq; seq++) {
    const path = `${paths.ledger}/${entryName(seq)}`
    const bytes = await fs.read(path)
    if (bytes !== undefined) add(decodeEntry(bytes.toString(), path))
    else if ((await newestCheckpoint(context)) === head.checkpoint) throw damaged(path, 'it is missing')
    else return undefined
  }
  return entries
}

/** An undefined line: an archive is not there. */
async function archivedLines(context: ChainContext, checkpoint: Checkpoint): Promise<(string | undefined)[]> {
  const lines: (string | undefined)[] = []
  for (const { name, digest } of checkpoint.archives) {
    const path = `${context.paths.archive}/${name}`
    const bytes = await context.fs.read(path)
    if (bytes === undefined) return [...lines, undefined]
    if (sha256(bytes) !== digest) throw damaged(path, 'its bytes do not match the digest in the checkpoint')
    lines.push(...bytes.toString().trimEnd().split('\n'))
  }
  return lines
}

function missingArchive(context: ChainContext, seq: number): never {
  throw damaged(`${context.paths.checkpoint}/${seq}.json`, 'an archive that it names is missing')
}

/** The files that the entries leave in the lake: what was added and not replaced since. */
export function filesOf(entries: readonly StoredEntry[]): Map<string, { file: FileEntry; seq: number }> {
  const files = new Map<string, { file: FileEntry; seq: number }>()
  for (const { entry } of entries) {
    for (const file of entry.files) files.set(file.path, { file, seq: entry.seq })
    for (const path of entry.removes) files.delete(path)
  }
  return files
}
