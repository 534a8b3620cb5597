import { messageOf } from '../../../core/base/errors.ts'

/** What to do about an error of the operating system. */
export function remedy(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; free some space and start again, nothing committed is lost'
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return 'it is not writable for this user; change its permissions or choose another directory'
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open; raise `ulimit -n` or lower openFiles'
    default:
      return messageOf(error)
  }
}

/** `ENOENT` and its like. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code
}

/** True when it worked, false for the given codes. */
export async function refusals(call: Promise<unknown>, codes: readonly string[]): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return false
    throw error
  }
}

/** Undefined when there is nothing of the name. */
export async function absent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
