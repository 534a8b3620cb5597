import { join } from 'node:path'

import { bootId } from '../base/boot-id.ts'
import { nodeFiles, replaceFile } from '../base/files.ts'
import type { Files } from '../base/files.ts'
import { hasCleanShutdown } from '../log/clean-shutdown.ts'

const BOOT_ID = 'boot-id'

/**
 * Whether data that was never synced may be gone: the last broker here did not stop in order, and the machine has started anew since
 * (or nobody can tell). A killed process alone loses nothing, its writes are in the page cache. Call before the logs are opened.
 */
export function unsyncedMayBeLost(dir: string, files: Files = nodeFiles): boolean {
  try {
    const isNew = files.stat(dir) === undefined
    if (isNew || hasCleanShutdown(files, dir)) return false
    const then = files.readFile(join(dir, BOOT_ID))?.toString()
    return then === undefined || then !== bootId(files)
  } catch {
    // What is wrong with the directory is told by the logs when they are opened.
    return true
  }
}

/** Notes under which start of the machine this directory is used. */
export async function noteBoot(dir: string, files: Files = nodeFiles): Promise<void> {
  const now = bootId(files)
  if (now !== undefined && files.readFile(join(dir, BOOT_ID))?.toString() !== now) await replaceFile(files, join(dir, BOOT_ID), now)
}
