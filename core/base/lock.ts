import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MoldauError } from './errors.ts'
import type { Files } from './files.ts'

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

/** A process that was killed may take as long to go, when the disk is slow; in steps of so many milliseconds it is looked at again. */
const ENDING_MS_MAX = 5000
const ENDING_STEP_MS = 10

/** Linux tells when a process started and whether it is ending; elsewhere its number has to do. */
export const systemProcesses: Processes = {
  self: () => ({ pid: process.pid, started: readProcess(process.pid)?.started ?? '-' }),
  alive({ pid, started }) {
    try {
      process.kill(pid, 0)
    } catch (error) {
      // EPERM: it lives and belongs to somebody else.
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    }
    let found = readProcess(pid)
    // Started again right after kill -9, by a supervisor or an impatient person: worth a moment, not an error.
    for (let waited = 0; found?.state === 'ending' && waited < ENDING_MS_MAX; waited += ENDING_STEP_MS) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ENDING_STEP_MS)
      found = readProcess(pid)
    }
    if (found === undefined) return !hasProc()
    return found.state !== 'dead' && (started === '-' || found.started === started)
  },
}

interface FoundProcess {
  /** 'dead': a zombie holds nothing any more, it only waits for its parent, in a container for ever. */
  readonly state: 'running' | 'ending' | 'dead'
  readonly started: string
}

/** Of the flags in /proc/PID/stat: the process is in its exit. */
const PF_EXITING = 0x4
/** Of the pending signals in /proc/PID/status: kill -9. */
const SIGKILL_PENDING = 0x100n

function readProcess(pid: number): FoundProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program stands in parentheses and may hold anything, spaces too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const started = fields[19] ?? '-'
    if (fields[0] === 'Z' || fields[0] === 'X') return { state: 'dead', started }
    const pending = /^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0'
    const ending = (Number(fields[6]) & PF_EXITING) !== 0 || (BigInt(`0x${pending}`) & SIGKILL_PENDING) !== 0n
    return { state: ending ? 'ending' : 'running', started }
  } catch {
    return undefined
  }
}

/** Without /proc a process that answers to its number must be taken for the one meant. */
function hasProc(): boolean {
  return existsSync('/proc/self/stat')
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
