import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MoldauError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'

/** Who holds a folder: a process, told apart from a later one with the same number by when it started. */
export interface Holder {
  readonly pid: number
  /** In the system's own unit; '-' where the system does not tell. */
  readonly started: string
}

/** Which processes live; comes in, so that a test can let them die. */
export interface Processes {
  self(): Holder
  alive(holder: Holder): boolean
}

const LOCK = '.lock'
/** Two processes that find the same dead holder at once: the loser looks again, so often. */
const ATTEMPTS_MAX = 10

/** A folder for one process at a time (`.lock`). Node has no flock, so the file says who; a dead holder's lock is taken over. */
export class DirectoryLock {
  readonly #files: Files
  readonly #path: string
  readonly #mine: string

  private constructor(files: Files, path: string, mine: string) {
    this.#files = files
    this.#path = path
    this.#mine = mine
  }

  /** @throws DIRECTORY_UNUSABLE naming the process that has the folder */
  static acquire(files: Files, directory: string, processes: Processes = systemProcesses): DirectoryLock {
    const path = join(directory, LOCK)
    const self = processes.self()
    const mine = text(self)
    const claim = `${path}.${self.pid}`
    files.writeFile(claim, mine)
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (files.link(claim, path)) return new DirectoryLock(files, path, mine)
        const holder = parse(files.readFile(path))
        if (holder !== undefined && processes.alive(holder)) throw inUse(directory, holder)
        if (takeOver(files, path, claim, holder, processes)) return new DirectoryLock(files, path, mine)
      }
    } finally {
      files.unlink(claim)
    }
    throw new MoldauError('DIRECTORY_UNUSABLE', `${directory}: other processes fight for ${path}; start again when they have ended`)
  }

  release(): void {
    // Never the lock of somebody who took over because he held us for dead.
    if (this.#files.readFile(this.#path)?.toString('latin1') === this.#mine) this.#files.unlink(this.#path)
  }
}

/**
 * Puts our claim in the place of a dead holder's lock. The right to do so is a file named after the dead one, which only one process can
 * make; with it in hand the lock is read once more, since somebody may have been through with this already.
 */
function takeOver(files: Files, path: string, claim: string, dead: Holder | undefined, processes: Processes): boolean {
  const right = `${path}.after-${dead === undefined ? 'unknown' : `${dead.pid}-${dead.started}`}`
  if (!files.link(claim, right)) {
    const other = parse(files.readFile(right))
    if (other === undefined || !processes.alive(other)) files.unlink(right)
    return false
  }
  try {
    const now = parse(files.readFile(path))
    if (now?.pid !== dead?.pid || now?.started !== dead?.started) return false
    files.rename(right, path)
    return true
  } finally {
    files.unlink(right)
  }
}

/** Linux tells when a process started (field 22 of /proc/PID/stat); elsewhere its number has to do. */
export const systemProcesses: Processes = {
  self: () => ({ pid: process.pid, started: startTime(process.pid) ?? '-' }),
  alive({ pid, started }) {
    try {
      process.kill(pid, 0)
    } catch (error) {
      // EPERM: it lives and belongs to somebody else.
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    }
    const since = startTime(pid)
    return started === '-' || since === undefined || since === started
  },
}

function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program stands in parentheses and may hold anything, spaces too.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function text({ pid, started }: Holder): string {
  return `${pid} ${started}\n`
}

function parse(content: Buffer | undefined): Holder | undefined {
  const match = /^(\d+) (\S+)\n$/.exec(content?.toString('latin1') ?? '')
  return match === null ? undefined : { pid: Number(match[1]), started: match[2]! }
}

function inUse(directory: string, { pid }: Holder): MoldauError {
  return new MoldauError('DIRECTORY_UNUSABLE', `${directory}: process ${pid} is using it; stop that one, or give this one another folder`)
}
