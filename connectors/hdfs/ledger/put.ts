import { MoldauError, messageOf } from '../../../core/base/errors.ts'
import { newestCheckpoint } from './checkpoint.ts'
import { attemptDead, chainName, type ChainContext } from './context.ts'
import { decodeEntry, type StoredEntry } from './entry.ts'
import { writeFile } from './write-file.ts'

/** After so many unclear answers the attempt ends, leaving everything as it is: the put may have worked, and the next start finds out. */
const PUTS_MAX = 10
const TEMPORARY_TRIES_MAX = 3

/**
 * Steps C2 to C6: checks what is staged, writes the entry beside it and puts it at its number. When this returns, the entry counts.
 * Throws ATTEMPT_DEAD when another attempt has the number.
 */
export async function putEntry(context: ChainContext, stored: StoredEntry, directory: string): Promise<void> {
  const { fs, paths, rules } = context
  const { entry } = stored
  await checkStaged(context, stored, directory)
  const temporary = await writeTemporary(context, stored, directory)
  // Names of data and entry: they must be on disk before the entry says that they are there.
  await fs.sync([directory])
  const slot = `${paths.ledger}/${rules.entryName(entry)}`
  await put(context, stored, temporary, slot, directory)
  // C6: whoever sees no checkpoint at or above the number after his put was the first at it.
  if (rules.isVoid(entry.seq, await newestCheckpoint(context))) throw attemptDead(context, entry.seq, 'a checkpoint already covers')
}

/** C2: a write that was cut off leaves a short file, which must never be named. */
async function checkStaged(context: ChainContext, { entry }: StoredEntry, directory: string): Promise<void> {
  if (entry.files.length === 0) return
  const found = new Map<string, number>()
  for (const { name, bytes } of (await context.fs.list(directory)) ?? []) found.set(name, bytes)
  for (const { staged, bytes } of entry.files) {
    const name = staged.slice(staged.lastIndexOf('/') + 1)
    // A `replace` may name what it staged elsewhere; its own directory is what this attempt vouches for.
    if (found.get(name) !== bytes)
      throw attemptDead(context, entry.seq, `${staged} has ${found.get(name) ?? 'no'} bytes instead of ${bytes} before`)
  }
}

/** C3. Only a file whose write was answered is used: a store would rename an unfinished one as readily. */
async function writeTemporary(context: ChainContext, { entry, text }: StoredEntry, directory: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const path = `${directory}/entry-${entry.seq}-${tries}.json`
    try {
      await writeFile(context.fs, path, Buffer.from(text))
      return path
    } catch (error) {
      if (tries >= TEMPORARY_TRIES_MAX) throw error
    }
  }
}

/** C4 and C5. An unclear answer is cleared up by looking at the slot, never by hoping and never by cleaning up. */
async function put(context: ChainContext, stored: StoredEntry, temporary: string, slot: string, directory: string): Promise<void> {
  const { fs, paths, rules } = context
  const { entry } = stored
  let failure: unknown
  for (let tries = 0; tries < PUTS_MAX; tries++) {
    try {
      if (await fs.putIfAbsent(temporary, slot)) return
    } catch (error) {
      failure = error
    }
    const there = await fs.read(slot)
    if (there !== undefined) {
      if (!rules.isMine(decodeEntry(there.toString(), slot).entry, entry.attempt))
        throw attemptDead(context, entry.seq, 'another attempt has put')
      await fs.sync([paths.ledger])
      return
    }
    if (rules.isVoid(entry.seq, await newestCheckpoint(context))) throw attemptDead(context, entry.seq, 'a checkpoint already covers')
    if (rules.onEmptySlot() === 'clean up') {
      await fs.delete(directory)
      throw attemptDead(context, entry.seq, 'no clear answer came for')
    }
    if ((await fs.status(temporary)) === undefined) throw attemptDead(context, entry.seq, 'this attempt was swept before it put')
  }
  throw new MoldauError('STORAGE_FAILED', `${chainName(context)}: entry ${entry.seq} could not be put: ${messageOf(failure)}`, {
    cause: failure,
    retriable: true,
  })
}
