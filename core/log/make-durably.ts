import { dirname } from 'node:path'
import type { Files } from '../base/files.ts'

/** Makes the broker's folder so that it is there after a power loss, if this process may open the folder above it. */
export async function makeDurably(files: Files, dir: string): Promise<void> {
  const isNew = files.stat(dir) === undefined
  files.mkdir(dir)
  if (!isNew) return
  try {
    await files.syncDirectory(dirname(dir))
  } catch {
    // A folder that is not ours may be closed to us, and most file systems write the name with what is synced in the new folder.
  }
}
