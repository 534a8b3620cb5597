import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { MoldauError, messageOf } from './errors.ts'
import { Gate } from './gate.ts'
import { makeDirectory } from './make-directory.ts'
import { diskWork } from './thread-pool.ts'

/**
 * The disk, as the log needs it: synchronous calls, because a small write costs less than a trip through the thread pool, and
 * asynchronous syncs, because these take milliseconds, and seconds when the disk is slow. It comes in through constructors, so that a test can tear writes, fill the
 * disk, or forget what was not synced. Every failure is a STORAGE_FAILED that names the path; `cause` has the errno.
 */
export interface Files {
  /**
   * `read`: must exist. `write`: read and write, made when missing. `secret`: as `write`, made for its owner's eyes only. `new`: read and write,
   * an error when it exists.
   */
  open(path: string, mode: OpenMode): OpenFile
  /** Size and time of the last change (milliseconds since 1970), or `undefined` when nothing is there. */
  stat(path: string): FileStat | undefined
  /** The whole file, or `undefined` when it is not there. */
  readFile(path: string): Buffer | undefined
  /** Creates or overwrites the whole file; not atomic, see {@link replaceFile}. */
  writeFile(path: string, content: Buffer | string): void
  rename(from: string, to: string): void
  /** Removes a file; one that is not there is no error. */
  unlink(path: string): void
  /** Gives a file a second name; false when that name is taken. */
  link(existing: string, name: string): boolean
  /** Entries of a directory, in no order. */
  readdir(path: string): DirectoryEntry[]
  /** Makes a directory and its parents; one that is there is no error. */
  mkdir(path: string): void
  /** Removes a directory with all that is in it; one that is not there is no error. */
  removeDirectory(path: string): void
  /** Removes a file, or a directory with all that is in it, in the thread pool: to free a gigabyte takes the system tens of milliseconds. */
  removeInPool(path: string): Promise<void>
  /** Makes the names in a directory durable: files made, renamed or removed in it. */
  syncDirectory(path: string): Promise<void>
  /** The same while nothing else runs: for what must be in order before a log is read for the first time. */
  syncDirectoryNow(path: string): void
}

export interface OpenFile {
  readonly path: string
  size(): number
  /** Reads up to `length` bytes at `position` into `buffer[at...]`; fewer only at the end of the file. Returns how many. */
  read(buffer: Buffer, at: number, length: number, position: number): number
  /** Writes all chunks at `position`. After an error any part of them may be in the file. */
  write(chunks: readonly Buffer[], position: number): void
  truncate(size: number): void
  /** fdatasync in the thread pool. */
  sync(): Promise<void>
  close(): void
}

export type OpenMode = 'read' | 'write' | 'secret' | 'new'

export interface FileStat {
  readonly size: number
  readonly modified: number
}

export interface DirectoryEntry {
  readonly name: string
  readonly directory: boolean
}

const openFlags = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  secret: fs.constants.O_RDWR | fs.constants.O_CREAT,
  new: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
} as const

const removals = new Gate(1)

/** The machine's disk. */
export const nodeFiles: Files = {
  open: (path, mode) =>
    new NodeFile(
      path,
      guard('open', path, () => fs.openSync(path, openFlags[mode], mode === 'secret' ? 0o600 : 0o644)),
    ),
  stat(path) {
    const stat = guard('stat', path, () => fs.statSync(path, { throwIfNoEntry: false }))
    return stat === undefined ? undefined : { size: stat.size, modified: Math.floor(stat.mtimeMs) }
  },
  readFile: (path) => guard('read', path, () => unlessMissing(() => fs.readFileSync(path))),
  writeFile: (path, content) => guard('write', path, () => fs.writeFileSync(path, content)),
  rename: (from, to) => guard('rename', from, () => fs.renameSync(from, to)),
  unlink: (path) => guard('unlink', path, () => unlessMissing(() => fs.unlinkSync(path))),
  link(existing, name) {
    return guard('link', name, () => {
      try {
        fs.linkSync(existing, name)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
        throw error
      }
    })
  },
  readdir(path) {
    const entries = guard('readdir', path, () => fs.readdirSync(path, { withFileTypes: true }))
    return entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
  },
  mkdir: (path) => guard('mkdir', path, () => makeDirectory(path)),
  removeDirectory: (path) => guard('remove', path, () => fs.rmSync(path, { recursive: true, force: true })),
  async removeInPool(path) {
    try {
      // One at a time: a topic of a thousand partitions must not stand in line before somebody's sync.
      await removals.pass(() => diskWork(path, () => fs.promises.rm(path, { recursive: true, force: true })))
    } catch (error) {
      throw storageFailed('remove', path, error)
    }
  },
  syncDirectory(path) {
    return diskWork(path, async () => {
      const fd = guard('open', path, () => fs.openSync(path, openFlags.read))
      try {
        await syncInPool('fsync', fs.fsync, path, fd)
      } finally {
        fs.closeSync(fd)
      }
    })
  },
  syncDirectoryNow(path) {
    const fd = guard('open', path, () => fs.openSync(path, openFlags.read))
    try {
      guard('fsync', path, () => fs.fsyncSync(fd))
    } finally {
      fs.closeSync(fd)
    }
  },
}

class NodeFile implements OpenFile {
  readonly path: string
  readonly #fd: number

  constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  size(): number {
    return guard('stat', this.path, () => fs.fstatSync(this.#fd).size)
  }

  read(buffer: Buffer, at: number, length: number, position: number): number {
    let done = 0
    try {
      while (done < length) {
        const count = fs.readSync(this.#fd, buffer, at + done, length - done, position + done)
        if (count === 0) break
        done += count
      }
    } catch (error) {
      throw storageFailed('read', this.path, error)
    }
    return done
  }

  write(chunks: readonly Buffer[], position: number): void {
    try {
      if (chunks.length === 1) return writeAll(this.#fd, chunks[0]!, position)
      let total = 0
      for (const chunk of chunks) total += chunk.length
      // A gathered write may stop half-way; what is left is rare enough to be copied.
      const written = fs.writevSync(this.#fd, chunks, position)
      if (written < total) writeAll(this.#fd, Buffer.concat(chunks).subarray(written), position + written)
    } catch (error) {
      throw storageFailed('write', this.path, error)
    }
  }

  truncate(size: number): void {
    guard('truncate', this.path, () => fs.ftruncateSync(this.#fd, size))
  }

  sync(): Promise<void> {
    return diskWork(this.path, () => syncInPool('fdatasync', fs.fdatasync, this.path, this.#fd))
  }

  close(): void {
    guard('close', this.path, () => fs.closeSync(this.#fd))
  }
}

function writeAll(fd: number, chunk: Buffer, position: number): void {
  for (let done = 0; done < chunk.length;) done += fs.writeSync(fd, chunk, done, chunk.length - done, position + done)
}

/**
 * Writes a file so that a crash leaves either the old or the new content: a temporary file, synced, renamed, the directory synced. One at a time
 * for a path.
 */
export async function replaceFile(files: Files, path: string, content: string, mode: 'write' | 'secret' = 'write'): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const file = files.open(temporary, mode)
    try {
      file.truncate(0)
      file.write([Buffer.from(content)], 0)
      await file.sync()
    } finally {
      file.close()
    }
    files.rename(temporary, path)
  } catch (error) {
    discard(files, temporary)
    throw error
  }
  await files.syncDirectory(dirname(path))
}

/** On a full disk half a file would take the room that the next try needs. */
function discard(files: Files, path: string): void {
  try {
    files.unlink(path)
  } catch {
    // The error that led here says what is wrong.
  }
}

/** How many files this process may have open (`ulimit -n`); 1024 where the system does not tell. */
export function descriptorLimit(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'latin1'))
    if (line !== null) return Number(line[1])
  } catch {
    // No /proc on this system.
  }
  return 1024
}

/** An error of the disk as STORAGE_FAILED: what was tried on which path, and what the system said. */
export function storageFailed(operation: string, path: string, cause: unknown): MoldauError {
  if (cause instanceof MoldauError) return cause
  return new MoldauError('STORAGE_FAILED', `${operation} ${path}: ${messageOf(cause)}`, { cause })
}

function guard<T>(operation: string, path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw storageFailed(operation, path, error)
  }
}

function unlessMissing<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

type SyncCall = (fd: number, callback: (error: NodeJS.ErrnoException | null) => void) => void

function syncInPool(operation: string, call: SyncCall, path: string, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    call(fd, (error) => (error === null ? resolve() : reject(storageFailed(operation, path, error))))
  })
}
