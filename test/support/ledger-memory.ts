import { MoldauError } from '../../core/base/errors.ts'
import { decodeEntry, type StoredEntry } from '../../connectors/hdfs/ledger/entry.ts'
import { parentOf, type FileStatus, type FileSystem, type FileWriter } from '../../connectors/hdfs/fs/types.ts'

/** A file system in memory, as HDFS behaves: every method is one atomic step of the server. */
export class MemoryTree {
  readonly files = new Map<string, Buffer>()
  readonly directories = new Set<string>([''])
  /** The first put at each number: the one that counts, for ever. */
  readonly committed = new Map<number, StoredEntry>()

  create(path: string, content: Buffer): boolean {
    if (this.files.has(path) || this.directories.has(path) || !this.directories.has(parentOf(path))) return false
    this.files.set(path, content)
    return true
  }

  move(from: string, to: string): boolean {
    const content = this.files.get(from)
    if (content === undefined || this.files.has(to) || this.directories.has(to) || !this.directories.has(parentOf(to))) return false
    this.files.delete(from)
    this.files.set(to, content)
    const seq = /\/ledger\/0*(\d+)\.json$/.exec(to)
    if (seq !== null && !this.committed.has(Number(seq[1]))) this.committed.set(Number(seq[1]), decodeEntry(content.toString(), to))
    return true
  }

  mkdirs(path: string): void {
    for (let at = path; !this.directories.has(at); at = parentOf(at)) this.directories.add(at)
  }

  list(path: string): FileStatus[] | undefined {
    if (!this.directories.has(path)) return undefined
    const prefix = path === '' ? '' : `${path}/`
    const names = [...this.files.keys(), ...this.directories].filter((name) => name.startsWith(prefix) && name.length > prefix.length)
    return names.filter((name) => !name.slice(prefix.length).includes('/')).map((name) => this.status(name)!)
  }

  status(path: string): FileStatus | undefined {
    const content = this.files.get(path)
    const directory = this.directories.has(path)
    if (content === undefined && !directory) return undefined
    return { name: path.slice(path.lastIndexOf('/') + 1), directory, bytes: content?.length ?? 0, modifiedAt: 0 }
  }

  delete(path: string): boolean {
    const there = this.status(path) !== undefined
    for (const name of this.files.keys()) if (name === path || name.startsWith(`${path}/`)) this.files.delete(name)
    for (const name of this.directories) if (name === path || name.startsWith(`${path}/`)) this.directories.delete(name)
    return there
  }

  /** What a Hive-style reader sees. */
  visible(): string[] {
    return [...this.files.keys()].filter((path) => !path.startsWith('_'))
  }
}

export type Operation = 'create' | 'putIfAbsent' | 'rename' | 'mkdirs' | 'list' | 'status' | 'read' | 'delete'

/** Stands between an agent and the store: `run` executes the request there, now, each time it is called. */
export type Interceptor = <T>(operation: Operation, path: string, run: () => T) => Promise<T>

/** The store as one agent sees it, through a network that a test controls. */
export class MemoryFiles implements FileSystem {
  readonly url = 'memory:'
  readonly #tree: MemoryTree
  intercept: Interceptor

  constructor(tree: MemoryTree, intercept: Interceptor = (_operation, _path, run) => Promise.resolve(run())) {
    this.#tree = tree
    this.intercept = intercept
  }

  probe(): Promise<void> {
    return Promise.resolve()
  }

  /** The content travels when the file is closed, as with WebHDFS: a request that is cut leaves a short file. */
  create(path: string): Promise<FileWriter> {
    const parts: Buffer[] = []
    return Promise.resolve({
      write: (chunks) => Promise.resolve(void parts.push(...chunks)),
      close: async () => {
        const created = await this.intercept('create', path, () => this.#tree.create(path, Buffer.concat(parts)))
        if (!created) throw new MoldauError('STORAGE_FAILED', `${path} could not be created`)
      },
      abandon: () => Promise.resolve(),
    })
  }

  putIfAbsent(from: string, to: string): Promise<boolean> {
    return this.intercept('putIfAbsent', to, () => this.#tree.move(from, to))
  }

  rename(from: string, to: string): Promise<boolean> {
    return this.intercept('rename', to, () => this.#tree.move(from, to))
  }

  mkdirs(path: string): Promise<void> {
    return this.intercept('mkdirs', path, () => this.#tree.mkdirs(path))
  }

  list(path: string): Promise<FileStatus[] | undefined> {
    return this.intercept('list', path, () => this.#tree.list(path))
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.intercept('status', path, () => this.#tree.status(path))
  }

  read(path: string): Promise<Buffer | undefined> {
    return this.intercept('read', path, () => this.#tree.files.get(path))
  }

  async stream(path: string): Promise<AsyncIterable<Buffer> | undefined> {
    const content = await this.read(path)
    return content === undefined ? undefined : ([content] as unknown as AsyncIterable<Buffer>)
  }

  delete(path: string): Promise<boolean> {
    return this.intercept('delete', path, () => this.#tree.delete(path))
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }
}
