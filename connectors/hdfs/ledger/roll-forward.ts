import { MoldauError } from '../../../core/base/errors.ts'
import { parentOf } from '../fs/types.ts'
import { chainName, type ChainContext } from './context.ts'
import type { FileEntry, StoredEntry } from './entry.ts'
import { findHead } from './head.ts'

/** Rename, look, make the directory, rename: a third round means that somebody removes directories as fast as they are made. */
const ROUNDS_MAX = 5

/**
 * Step R: moves the files of a committed entry to their places. May be done any number of times, by anybody, at the same time. Files of a
 * `replace` are added before others are removed: a reader of the directory may see a record twice for a moment, never miss one.
 */
export async function rollForward(context: ChainContext, { entry }: StoredEntry): Promise<void> {
  const { fs, paths, rules } = context
  const directories = new Set<string>()
  const add = async (): Promise<void> => {
    for (const file of entry.files) {
      await moveFile(context, entry.seq, file)
      directories.add(parentOf(file.path)).add(`${paths.chain}/${parentOf(file.staged)}`)
    }
  }
  const remove = async (): Promise<void> => {
    for (const path of entry.removes) if (await fs.delete(path)) directories.add(parentOf(path))
  }
  for (const step of rules.addBeforeRemove() ? [add, remove] : [remove, add]) await step()
  // Also when somebody else moved them: he may have died before he synced.
  await fs.sync(directories)
}

async function moveFile(context: ChainContext, seq: number, file: FileEntry): Promise<void> {
  const { fs, paths } = context
  const staged = `${paths.chain}/${file.staged}`
  for (let round = 0; round < ROUNDS_MAX; round++) {
    // No answer says neither: the look says it.
    if (await fs.rename(staged, file.path).catch(unclear)) return
    // Two looks are not of one moment: another helper may move the file between them. So the source comes first (gone means moved, for
    // good), and both being there is believed only when the source still is after the target was seen.
    const source = await fs.status(staged)
    const target = await fs.status(file.path)
    if (target !== undefined && (source === undefined || (await fs.status(staged)) === undefined)) return
    if (source !== undefined && target !== undefined) {
      throw new MoldauError(
        'REPAIR_NEEDED',
        `${chainName(context)}: ${file.path} is there, and so is ${staged}, which is to be moved there by entry ${seq}: somebody copied or made ` +
          'it. Compare the two, remove the foreign one from its place, and start again',
      )
    }
    if (source === undefined) return await missing(context, seq, file)
    await fs.mkdirs(parentOf(file.path))
  }
  throw new MoldauError(
    'STORAGE_FAILED',
    `${chainName(context)}: ${staged} cannot be moved to ${file.path}; is its directory being removed?`,
    {
      retriable: true,
    },
  )
}

function unclear(error: unknown): false {
  if (error instanceof MoldauError && error.retriable) return false
  throw error
}

/** Neither staged nor at its place: right when the chain has gone on (the file was compacted or expired since), else a loss. */
async function missing(context: ChainContext, seq: number, file: FileEntry): Promise<void> {
  const head = await findHead(context, undefined)
  if (head.seq > seq || head.checkpoint >= seq) return
  throw new MoldauError(
    'FILE_MISSING',
    `${chainName(context)}: ${file.path} with ${file.records} records (offsets ${file.first} to ${file.last}), named by entry ${seq}, is neither ` +
      `there nor staged. Restore it, or, if it was deleted on purpose, start once with adopt: true`,
  )
}
