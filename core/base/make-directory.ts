import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { MoldauError } from './errors.ts'

/**
 * Makes a directory and the parents that are missing. Node's own recursive `mkdir` never comes back from a path where the system says
 * that the parent is missing though it is there, as below `/proc`: here each parent is tried once.
 *
 * @throws MoldauError STORAGE_FAILED naming the file that stands in the way; the system's error for anything else
 */
export function makeDirectory(path: string): void {
  try {
    make(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ENOTDIR: one of the parents is a file, and the walk upwards finds which.
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(path) === path) throw error
    makeDirectory(dirname(path))
    make(path)
  }
}

function make(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
    throw new MoldauError('STORAGE_FAILED', `${path} is a file, a directory is wanted there: move the file away`, { cause: error })
  }
}
