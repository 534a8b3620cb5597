import { basename, dirname, join } from 'node:path'
import { type Files, type OpenFile, type OpenMode, storageFailed } from '../../core/base/files.ts'
import { Inode } from './faulty-inode.ts'

/** A disk in memory that forgets what was not synced, fills up, and fails on demand. Deterministic: a seed replays a run. */

export type Operation = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'rename' | 'unlink' | 'readdir' | 'syncDirectory'

/** A name that was made, or taken away, since its folder was synced. */
interface Pending {
  readonly path: string
  readonly inode: Inode | undefined
}

/** With `random` the disk keeps some of what was not synced: any sectors of a file, and the first so many changes of names in a folder. */
export interface PowerLoss {
  readonly random: () => number
}

export class FaultyFiles implements Files {
  /** Names as they are. */
  #names: Map<string, Inode>
  /** Names as they are after a power loss. */
  #durable: Map<string, Inode>
  /** Changes of names by folder, in order: journals keep the order. */
  readonly #pending: Map<string, Pending[]>
  #directories: Set<string>
  #durableDirectories: Set<string>
  /** Answers an errno (`EIO`, `ENOSPC`) for what shall fail; a failing write leaves half of its bytes behind. */
  fault: (operation: Operation, path: string) => string | undefined
  /** How long an asynchronous sync takes: what is written meanwhile is part of it or not, as on a real disk. */
  pause: (path: string) => Promise<void>
  /** Bytes that all files together may have. */
  capacity: number
  /** Descriptors open now. */
  descriptors: number
  /** The most that may be open: EMFILE beyond. */
  descriptorsMax: number
  /** File syncs so far. */
  syncs: number
  /** Bytes read so far. */
  bytesRead: number

  constructor() {
    this.#names = new Map()
    this.#durable = new Map()
    this.#pending = new Map()
    this.#directories = new Set(['/'])
    this.#durableDirectories = new Set(['/'])
    this.fault = () => undefined
    this.pause = () => Promise.resolve()
    this.capacity = Number.MAX_SAFE_INTEGER
    this.descriptors = 0
    this.descriptorsMax = Number.MAX_SAFE_INTEGER
    this.syncs = 0
    this.bytesRead = 0
  }

  /**
   * Every file is as the last sync left it, plus, where `keep` says so, any number of the bytes written since. A directory that was made
   * and whose parent was not synced is gone with all that is in it. `namesKept`: names were written all the same, as a journal may.
   */
  powerLoss(how: ((unsynced: number) => number) | PowerLoss = () => 0, namesKept = false): void {
    if (namesKept) this.#durable = new Map(this.#names)
    if (typeof how === 'object') this.#keepSomeNames(how.random)
    this.#pending.clear()
    this.#directories = new Set(this.#durableDirectories)
    for (const name of this.#durable.keys()) if (!this.#directories.has(dirname(name))) this.#durable.delete(name)
    this.#names = new Map(this.#durable)
    for (const inode of new Set(this.#names.values())) {
      if (typeof how === 'object') inode.tear(how.random)
      else inode.losePower(how)
    }
    this.descriptors = 0
    this.fault = () => undefined
  }

  /** The disk as the next start of the machine finds it; this one stays what the dying program sees. */
  afterPowerLoss(how: PowerLoss): FaultyFiles {
    const next = new FaultyFiles()
    const twins = new Map<Inode, Inode>()
    const twin = (inode: Inode): Inode => {
      const known = twins.get(inode) ?? inode.twin()
      twins.set(inode, known)
      return known
    }
    for (const name of this.#directories) next.#directories.add(name)
    for (const name of this.#durableDirectories) next.#durableDirectories.add(name)
    for (const [path, inode] of this.#durable) next.#durable.set(path, twin(inode))
    for (const [directory, changes] of this.#pending) {
      next.#pending.set(
        directory,
        changes.map(({ path, inode }) => ({ path, inode: inode && twin(inode) })),
      )
    }
    next.powerLoss(how)
    return next
  }

  /** The system drops what it takes for written: reads come from the disk again. */
  dropCaches(): void {
    for (const inode of new Set(this.#names.values())) inode.evict()
  }

  #keepSomeNames(random: () => number): void {
    for (const changes of this.#pending.values()) {
      const kept = random() < 0.5 ? changes.length : Math.floor(random() * (changes.length + 1))
      for (const change of changes.slice(0, kept)) this.#settle(change)
    }
    for (const name of this.#directories)
      if (random() < 0.5 && this.#durableDirectories.has(dirname(name))) this.#durableDirectories.add(name)
  }

  #settle({ path, inode }: Pending): void {
    if (inode === undefined) this.#durable.delete(path)
    else this.#durable.set(path, inode)
  }

  /** A name means `inode` from now on, or nothing. */
  #name(path: string, inode: Inode | undefined): void {
    if (inode === undefined) this.#names.delete(path)
    else this.#names.set(path, inode)
    const changes = this.#pending.get(dirname(path))
    if (changes === undefined) this.#pending.set(dirname(path), [{ path, inode }])
    else changes.push({ path, inode })
  }

  /** Content of a file, to be damaged or compared. */
  content(path: string): Buffer {
    return this.#must('read', path).data
  }

  /** Overwrites a file, as a fault of the disk would: synced or not. */
  damage(path: string, content: Buffer): void {
    const inode = this.#must('write', path)
    inode.truncate(0)
    inode.write(content, 0)
    inode.sync()
  }

  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  /** A disk with the same content; changes to one do not show on the other. */
  copy(): FaultyFiles {
    const copy = new FaultyFiles()
    for (const directory of this.#directories) copy.#directories.add(directory)
    for (const directory of this.#directories) copy.#durableDirectories.add(directory)
    for (const [path, original] of this.#names) {
      const inode = original.copy()
      copy.#names.set(path, inode)
      copy.#durable.set(path, inode)
    }
    return copy
  }

  open(path: string, mode: OpenMode): OpenFile {
    this.#may('open', path)
    if (this.descriptors >= this.descriptorsMax) throw errno('open', path, 'EMFILE')
    let inode = this.#names.get(path)
    if (inode !== undefined && mode === 'new') throw errno('open', path, 'EEXIST')
    if (inode === undefined && (mode === 'read' || !this.#directories.has(dirname(path)))) throw errno('open', path, 'ENOENT')
    if (inode === undefined) {
      inode = new Inode()
      this.#name(path, inode)
    }
    return this.#handle(path, inode)
  }

  stat(path: string): { size: number; modified: number } | undefined {
    const inode = this.#names.get(path)
    return inode === undefined ? undefined : { size: inode.size, modified: 0 }
  }

  readFile(path: string): Buffer | undefined {
    this.#may('read', path)
    const inode = this.#names.get(path)
    return inode === undefined ? undefined : Buffer.from(inode.data)
  }

  writeFile(path: string, content: Buffer | string): void {
    const file = this.open(path, 'write')
    try {
      file.truncate(0)
      file.write([Buffer.from(content as string)], 0)
    } finally {
      file.close()
    }
  }

  rename(from: string, to: string): void {
    this.#may('rename', from)
    if (this.#directories.delete(from)) {
      this.#directories.add(to)
      if (this.#durableDirectories.delete(from)) this.#durableDirectories.add(to)
      const changes = this.#pending.get(from) ?? []
      this.#pending.delete(from)
      this.#pending.set(
        to,
        changes.map(({ path, inode }) => ({ path: join(to, basename(path)), inode })),
      )
      for (const names of [this.#names, this.#durable]) {
        for (const [path, inode] of [...names].filter(([path]) => dirname(path) === from)) {
          names.delete(path)
          names.set(join(to, basename(path)), inode)
        }
      }
      return
    }
    const inode = this.#must('rename', from)
    this.#name(from, undefined)
    this.#name(to, inode)
  }

  unlink(path: string): void {
    this.#may('unlink', path)
    if (this.#names.has(path)) this.#name(path, undefined)
  }

  link(existing: string, name: string): boolean {
    if (this.#names.has(name)) return false
    this.#name(name, this.#must('link', existing))
    return true
  }

  readdir(path: string): { name: string; directory: boolean }[] {
    this.#may('readdir', path)
    const inside = (other: string): boolean => dirname(other) === path && other !== path
    const files = [...this.#names.keys()].filter(inside).map((file) => ({ name: basename(file), directory: false }))
    return [...[...this.#directories].filter(inside).map((name) => ({ name: basename(name), directory: true })), ...files]
  }

  mkdir(path: string): void {
    this.#directories.add(path)
    // Those above, and the one at the top, are the administrator's, who has synced them.
    for (let at = dirname(path) === '/' ? path : dirname(path); at !== '/'; at = dirname(at)) {
      this.#directories.add(at)
      this.#durableDirectories.add(at)
    }
  }

  removeDirectory(path: string): void {
    this.#directories.delete(path)
    this.#durableDirectories.delete(path)
    this.#pending.delete(path)
    for (const names of [this.#names, this.#durable]) for (const name of names.keys()) if (dirname(name) === path) names.delete(name)
  }

  async removeInPool(path: string): Promise<void> {
    if (this.#directories.has(path)) this.removeDirectory(path)
    else this.unlink(path)
    await Promise.resolve()
  }

  async syncDirectory(path: string): Promise<void> {
    await this.pause(path)
    this.syncDirectoryNow(path)
  }

  syncDirectoryNow(path: string): void {
    this.#may('syncDirectory', path)
    for (const name of this.#durable.keys()) if (dirname(name) === path) this.#durable.delete(name)
    for (const [name, inode] of this.#names) if (dirname(name) === path) this.#durable.set(name, inode)
    this.#pending.delete(path)
    for (const name of this.#directories) if (dirname(name) === path) this.#durableDirectories.add(name)
  }

  #handle(path: string, inode: Inode): OpenFile {
    this.descriptors++
    let open = true
    const syncNow = (): void => {
      const failure = this.fault('sync', path)
      if (failure !== undefined) {
        inode.failSync()
        throw errno('sync', path, failure)
      }
      this.syncs++
      inode.sync()
    }
    return {
      path,
      size: () => inode.size,
      read: (buffer, at, length, position) => {
        this.#may('read', path)
        if (!open) throw errno('read', path, 'EBADF')
        this.bytesRead += length
        return position >= inode.size ? 0 : inode.data.copy(buffer, at, position, position + length)
      },
      write: (chunks, position) => {
        if (!open) throw errno('write', path, 'EBADF')
        const bytes = Buffer.concat(chunks)
        const failure = this.fault('write', path) ?? (this.#used() + bytes.length > this.capacity ? 'ENOSPC' : undefined)
        const part = failure === undefined ? bytes : bytes.subarray(0, bytes.length >>> 1)
        inode.write(part, position)
        if (failure !== undefined) throw errno('write', path, failure)
      },
      truncate: (size) => {
        this.#may('truncate', path)
        inode.truncate(size)
      },
      sync: async () => {
        await this.pause(path)
        if (!open) throw errno('sync', path, 'EBADF')
        syncNow()
      },
      close: () => {
        if (open) this.descriptors--
        open = false
      },
    }
  }

  #used(): number {
    let total = 0
    for (const { size } of this.#names.values()) total += size
    return total
  }

  #must(operation: string, path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw errno(operation, path, 'ENOENT')
    return inode
  }

  #may(operation: Operation, path: string): void {
    const code = this.fault(operation, path)
    if (code !== undefined) throw errno(operation, path, code)
  }
}

function errno(operation: string, path: string, code: string): Error {
  return storageFailed(operation, path, Object.assign(new Error(`${code}: ${operation} ${path}`), { code }))
}
