import { basename, dirname, join } from 'node:path'
import { type Files, type OpenFile, type OpenMode, storageFailed } from '../../core/base/files.ts'

/** A disk in memory that forgets what was not synced, fills up, and fails on demand. Deterministic: a seed replays a run. */

export type Operation = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'rename' | 'unlink' | 'readdir' | 'syncDirectory'

interface Inode {
  data: Buffer
  synced: Buffer
}

export class FaultyFiles implements Files {
  /** Names as they are. */
  #names: Map<string, Inode>
  /** Names as they are after a power loss. */
  #durable: Map<string, Inode>
  #directories: Set<string>
  #durableDirectories: Set<string>
  /** Answers an errno (`EIO`, `ENOSPC`) for what shall fail; a failing write leaves half of its bytes behind. */
  fault: (operation: Operation, path: string) => string | undefined
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
    this.#directories = new Set(['/'])
    this.#durableDirectories = new Set(['/'])
    this.fault = () => undefined
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
  powerLoss(keep: (unsynced: number) => number = () => 0, namesKept = false): void {
    if (namesKept) this.#durable = new Map(this.#names)
    this.#directories = new Set(this.#durableDirectories)
    for (const name of this.#durable.keys()) if (!this.#directories.has(dirname(name))) this.#durable.delete(name)
    this.#names = new Map(this.#durable)
    for (const inode of new Set(this.#names.values())) {
      const { data, synced } = inode
      const survivor = data.length > synced.length ? data.subarray(0, synced.length + keep(data.length - synced.length)) : synced
      inode.data = Buffer.from(survivor)
      inode.data.set(synced.subarray(0, inode.data.length))
      inode.synced = Buffer.from(inode.data)
    }
    this.descriptors = 0
    this.fault = () => undefined
  }

  /** Content of a file, to be damaged or compared. */
  content(path: string): Buffer {
    return this.#must('read', path).data
  }

  /** Overwrites a file, as a fault of the disk would: synced or not. */
  damage(path: string, content: Buffer): void {
    const inode = this.#must('write', path)
    inode.data = Buffer.from(content)
    inode.synced = Buffer.from(content)
  }

  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  /** A disk with the same content; changes to one do not show on the other. */
  copy(): FaultyFiles {
    const copy = new FaultyFiles()
    for (const directory of this.#directories) copy.#directories.add(directory)
    for (const [path, { data }] of this.#names) {
      const inode = { data: Buffer.from(data), synced: Buffer.from(data) }
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
      inode = { data: Buffer.alloc(0), synced: Buffer.alloc(0) }
      this.#names.set(path, inode)
    }
    return this.#handle(path, inode)
  }

  stat(path: string): { size: number; modified: number } | undefined {
    const inode = this.#names.get(path)
    return inode === undefined ? undefined : { size: inode.data.length, modified: 0 }
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
      for (const names of [this.#names, this.#durable]) {
        for (const [path, inode] of [...names].filter(([path]) => dirname(path) === from)) {
          names.delete(path)
          names.set(join(to, basename(path)), inode)
        }
      }
      return
    }
    const inode = this.#must('rename', from)
    this.#names.delete(from)
    this.#names.set(to, inode)
  }

  unlink(path: string): void {
    this.#may('unlink', path)
    this.#names.delete(path)
  }

  link(existing: string, name: string): boolean {
    if (this.#names.has(name)) return false
    this.#names.set(name, this.#must('link', existing))
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
    for (const names of [this.#names, this.#durable]) for (const name of names.keys()) if (dirname(name) === path) names.delete(name)
  }

  async syncDirectory(path: string): Promise<void> {
    this.syncDirectoryNow(path)
    await Promise.resolve()
  }

  syncDirectoryNow(path: string): void {
    this.#may('syncDirectory', path)
    for (const name of this.#durable.keys()) if (dirname(name) === path) this.#durable.delete(name)
    for (const [name, inode] of this.#names) if (dirname(name) === path) this.#durable.set(name, inode)
    for (const name of this.#directories) if (dirname(name) === path) this.#durableDirectories.add(name)
  }

  #handle(path: string, inode: Inode): OpenFile {
    this.descriptors++
    let open = true
    const syncNow = (): void => {
      this.#may('sync', path)
      this.syncs++
      inode.synced = Buffer.from(inode.data)
    }
    return {
      path,
      size: () => inode.data.length,
      read: (buffer, at, length, position) => {
        this.#may('read', path)
        if (!open) throw errno('read', path, 'EBADF')
        this.bytesRead += length
        return position >= inode.data.length ? 0 : inode.data.copy(buffer, at, position, position + length)
      },
      write: (chunks, position) => {
        if (!open) throw errno('write', path, 'EBADF')
        const bytes = Buffer.concat(chunks)
        const failure = this.fault('write', path) ?? (this.#used() + bytes.length > this.capacity ? 'ENOSPC' : undefined)
        const part = failure === undefined ? bytes : bytes.subarray(0, bytes.length >>> 1)
        const data = Buffer.alloc(Math.max(inode.data.length, position + part.length))
        data.set(inode.data)
        data.set(part, position)
        inode.data = data
        if (failure !== undefined) throw errno('write', path, failure)
      },
      truncate: (size) => {
        this.#may('truncate', path)
        const data = Buffer.alloc(size)
        data.set(inode.data.subarray(0, size))
        inode.data = data
      },
      sync: async () => {
        await Promise.resolve()
        if (!open) throw errno('sync', path, 'EBADF')
        syncNow()
      },
      syncNow,
      close: () => {
        if (open) this.descriptors--
        open = false
      },
    }
  }

  #used(): number {
    let total = 0
    for (const { data } of this.#names.values()) total += data.length
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
