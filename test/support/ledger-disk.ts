import { dirname, basename } from 'node:path'
import type { Disk, DiskFile, DiskStat } from '../../connectors/hdfs/fs/disk.ts'

/** A change of a directory that a loss of power may undo, until that directory is synced. */
type Change =
  | { kind: 'name'; path: string; inode: Inode }
  | { kind: 'unname'; path: string; inode: Inode }
  | { kind: 'rename'; from: string; to: string; inode: Inode }
  | { kind: 'mkdir'; path: string }
  | { kind: 'remove'; path: string }

export type Recorded =
  | Change
  | { kind: 'sync-file'; inode: Inode; length: number }
  | { kind: 'sync-directory'; path: string }
  | { kind: 'note'; note: unknown }

interface Inode {
  content: Buffer
}

/** Which syncs a test leaves out; the disk then answers as if they had been made. */
export interface Unsynced {
  directory?: (path: string) => boolean
  file?: boolean
}

/** A disk in memory that writes down what was done to it, so that a test can lose what was not synced. */
export class RecordingDisk implements Disk {
  readonly names = new Map<string, Inode>()
  readonly directories: Set<string>
  readonly log: Recorded[] = []
  readonly #unsynced: Unsynced
  /** Makes link(2) fail with this code; `linked` says whether the link was made all the same. */
  linkFailure: { code: string; linked: boolean } | undefined

  constructor(unsynced: Unsynced = {}) {
    this.directories = new Set(['/'])
    this.#unsynced = unsynced
    this.linkFailure = undefined
  }

  note(note: unknown): void {
    this.log.push({ kind: 'note', note })
  }

  create(path: string): Promise<DiskFile> {
    return call(() => {
      if (this.names.has(path)) throw failure('EEXIST')
      this.#mustExist(dirname(path))
      const inode: Inode = { content: Buffer.alloc(0) }
      this.#name(path, inode)
      return {
        write: (chunks) => call(() => void (inode.content = Buffer.concat([inode.content, ...chunks]))),
        sync: () =>
          call(() => void (this.#unsynced.file === true || this.log.push({ kind: 'sync-file', inode, length: inode.content.length }))),
        close: () => Promise.resolve(),
      }
    })
  }

  link(from: string, to: string): Promise<void> {
    return call(() => {
      const inode = this.#inode(from)
      this.#mustExist(dirname(to))
      if (this.names.has(to)) throw failure('EEXIST')
      const failing = this.linkFailure
      if (failing === undefined || failing.linked) this.#name(to, inode)
      this.linkFailure = undefined
      if (failing !== undefined) throw failure(failing.code)
    })
  }

  unlink(path: string): Promise<void> {
    return call(() => {
      const inode = this.#inode(path)
      this.names.delete(path)
      this.log.push({ kind: 'unname', path, inode })
    })
  }

  rename(from: string, to: string): Promise<void> {
    return call(() => {
      const inode = this.#inode(from)
      this.#mustExist(dirname(to))
      this.names.delete(from)
      this.names.set(to, inode)
      this.log.push({ kind: 'rename', from, to, inode })
    })
  }

  mkdir(path: string): Promise<void> {
    return call(() => {
      this.#mustExist(dirname(path))
      if (this.directories.has(path) || this.names.has(path)) throw failure('EEXIST')
      this.directories.add(path)
      this.log.push({ kind: 'mkdir', path })
    })
  }

  syncDirectory(path: string): Promise<void> {
    return call(() => {
      this.#mustExist(path)
      if (this.#unsynced.directory?.(path) !== true) this.log.push({ kind: 'sync-directory', path })
    })
  }

  readdir(path: string): Promise<string[]> {
    return call(() => {
      this.#mustExist(path)
      return [...this.names.keys(), ...this.directories]
        .filter((name) => name !== '/' && dirname(name) === path)
        .map((name) => basename(name))
    })
  }

  stat(path: string): Promise<DiskStat> {
    return call(() => {
      if (this.directories.has(path)) return { directory: true, bytes: 0, modifiedAt: 0 }
      return { directory: false, bytes: this.#inode(path).content.length, modifiedAt: 0 }
    })
  }

  readFile(path: string): Promise<Buffer> {
    return call(() => this.#inode(path).content)
  }

  stream(path: string): Promise<AsyncIterable<Buffer>> {
    return call(() => [this.#inode(path).content] as unknown as AsyncIterable<Buffer>)
  }

  removeTree(path: string): Promise<void> {
    return call(() => {
      if (!this.names.has(path)) this.#mustExist(path)
      this.#forget(path)
      this.log.push({ kind: 'remove', path })
    })
  }

  /** The disk after the changes in `log` that `kept` lets through; files not synced are torn. */
  static after(log: readonly Recorded[], kept: (change: Change, at: number) => boolean): RecordingDisk {
    const disk = new RecordingDisk()
    const whole = new Map<Inode, number>()
    for (const entry of log) if (entry.kind === 'sync-file') whole.set(entry.inode, entry.length)
    const copies = new Map<Inode, Inode>()
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode) ?? { content: inode.content.subarray(0, whole.get(inode) ?? Math.floor(inode.content.length / 2)) }
      copies.set(inode, known)
      return known
    }
    for (const [at, entry] of log.entries()) {
      if (!isChange(entry) || !kept(entry, at)) continue
      if (entry.kind === 'name') disk.names.set(entry.path, copy(entry.inode))
      else if (entry.kind === 'unname') disk.names.delete(entry.path)
      else if (entry.kind === 'mkdir') disk.directories.add(entry.path)
      else if (entry.kind === 'remove') disk.#forget(entry.path)
      else {
        disk.names.delete(entry.from)
        disk.names.set(entry.to, copy(entry.inode))
      }
    }
    disk.#dropUnreachable()
    return disk
  }

  #name(path: string, inode: Inode): void {
    this.names.set(path, inode)
    this.log.push({ kind: 'name', path, inode })
  }

  #forget(path: string): void {
    for (const name of this.names.keys()) if (name === path || name.startsWith(`${path}/`)) this.names.delete(name)
    for (const name of this.directories) if (name === path || name.startsWith(`${path}/`)) this.directories.delete(name)
  }

  /** What lies in a directory whose own name was lost is lost with it. */
  #dropUnreachable(): void {
    const reachable = (path: string): boolean => path === '/' || (this.directories.has(path) && reachable(dirname(path)))
    for (const path of this.directories) if (!reachable(path)) this.directories.delete(path)
    for (const path of this.names.keys()) if (!reachable(dirname(path))) this.names.delete(path)
  }

  #inode(path: string): Inode {
    const inode = this.names.get(path)
    if (inode === undefined) throw failure('ENOENT')
    return inode
  }

  #mustExist(path: string): void {
    if (!this.directories.has(path)) throw failure('ENOENT')
  }
}

function isChange(entry: Recorded): entry is Change {
  return entry.kind !== 'sync-file' && entry.kind !== 'sync-directory' && entry.kind !== 'note'
}

function directoriesOf(change: Change): string[] {
  return change.kind === 'rename' ? [dirname(change.from), dirname(change.to)] : [dirname(change.path)]
}

/** Positions in `log` of the changes that a loss of power after its end may undo: not all their directories were synced since. */
export function volatileChanges(log: readonly Recorded[]): number[] {
  const open = new Map<number, Set<string>>()
  for (const [at, entry] of log.entries()) {
    if (isChange(entry)) open.set(at, new Set(directoriesOf(entry)))
    if (entry.kind !== 'sync-directory') continue
    for (const [change, directories] of open) {
      directories.delete(entry.path)
      if (directories.size === 0) open.delete(change)
    }
  }
  return [...open.keys()]
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

async function call<T>(run: () => T): Promise<T> {
  await Promise.resolve()
  return run()
}
