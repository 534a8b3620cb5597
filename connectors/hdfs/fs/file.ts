import { dirname, join, resolve } from 'node:path'
import { MoldauError } from '../../../core/base/errors.ts'
import { nodeDisk, type Disk, type DiskFile } from './disk.ts'
import { absent, codeOf, refusals, remedy } from './outcome.ts'
import { parentOf, type FileStatus, type FileSystem, type FileWriter } from './types.ts'

/** Bound of the memory of directories known to be on disk. */
const LASTING_MAX = 10_000

/**
 * A directory of the local disk. The entry is put by link(2), which refuses a taken name; data moves by rename(2), which is atomic: the two
 * are not exchanged (link and unlink are two steps for data; rename(2) overwrites). A loss of power may undo any change of a directory
 * that was not synced, so every promise of {@link FileSystem} that outlives one ends with a sync, in the order tested by
 * test/connectors/ledger-power.test.ts.
 */
export class LocalFiles implements FileSystem {
  readonly url: string
  readonly #root: string
  readonly #disk: Disk
  /** Directories whose own name is known to be on disk. */
  readonly #lasting: Set<string>

  constructor(root: string, disk: Disk = nodeDisk) {
    this.#root = resolve(root)
    this.url = `file:${this.#root}`
    this.#disk = disk
    this.#lasting = new Set()
  }

  async probe(directory: string, unique: string): Promise<void> {
    const name = this.#path(`${directory}/.probe-${unique}`)
    try {
      const file = await this.#disk.create(name)
      await file.close()
      await this.#disk.link(name, `${name}-link`)
      await this.#disk.unlink(`${name}-link`)
    } catch (error) {
      throw this.#unusable(error, directory, 'create files and hard links in')
    } finally {
      await this.#disk.unlink(name).catch(() => undefined)
    }
  }

  async create(path: string): Promise<FileWriter> {
    return new LocalWriter(await this.#guard(path, 'create', () => this.#disk.create(this.#path(path))))
  }

  async putIfAbsent(from: string, to: string): Promise<boolean> {
    const linked = await this.#guard(to, 'put', () => refusals(this.#disk.link(this.#path(from), this.#path(to)), ['EEXIST', 'ENOENT']))
    if (!linked) return false
    // The new name must be on disk before the old one goes: between the two a loss of power may keep either.
    await this.sync([parentOf(to)])
    await this.#guard(from, 'unlink', () => refusals(this.#disk.unlink(this.#path(from)), ['ENOENT']))
    return true
  }

  async rename(from: string, to: string): Promise<boolean> {
    // rename(2) overwrites. The name is unique to one attempt, so only a foreign file can be there, and it was there before.
    if ((await this.status(to)) !== undefined) return false
    return await this.#guard(to, 'rename', () => refusals(this.#disk.rename(this.#path(from), this.#path(to)), ['ENOENT', 'ENOTDIR']))
  }

  async mkdirs(path: string): Promise<void> {
    await this.#mkdirs(this.#path(path))
  }

  async list(path: string): Promise<FileStatus[] | undefined> {
    const names = await this.#guard(path, 'list', () => absent(this.#disk.readdir(this.#path(path))))
    if (names === undefined) return undefined
    const all = await Promise.all(names.map((name) => this.status(path === '' ? name : `${path}/${name}`)))
    return all.filter((status) => status !== undefined)
  }

  async status(path: string): Promise<FileStatus | undefined> {
    const stat = await this.#guard(path, 'look at', () => absent(this.#disk.stat(this.#path(path))))
    return stat === undefined ? undefined : { name: path.slice(path.lastIndexOf('/') + 1), ...stat }
  }

  read(path: string): Promise<Buffer | undefined> {
    return this.#guard(path, 'read', () => absent(this.#disk.readFile(this.#path(path))))
  }

  stream(path: string): Promise<AsyncIterable<Buffer> | undefined> {
    return this.#guard(path, 'read', () => absent(this.#disk.stream(this.#path(path))))
  }

  delete(path: string): Promise<boolean> {
    return this.#guard(path, 'delete', () => refusals(this.#disk.removeTree(this.#path(path)), ['ENOENT']))
  }

  async sync(directories: Iterable<string>): Promise<void> {
    const unique = new Set([...directories].map((path) => this.#path(path)))
    await Promise.all([...unique].map((path) => this.#syncWithAncestors(path)))
  }

  /**
   * A directory is worth nothing while its own name may be lost, and whoever made it may have died before it synced that: so all above it
   * are synced too, once in the life of this object.
   */
  async #syncWithAncestors(path: string): Promise<void> {
    await this.#sync(path)
    for (let above = path; !this.#lasting.has(above); above = dirname(above)) {
      await this.#sync(dirname(above))
      this.#remember(above)
      if (above === this.#root) break
    }
  }

  async #sync(path: string): Promise<void> {
    // Gone: swept, or expired by its owner; nothing is left that could be lost. Not readable: above the lake, and not made by us.
    const harmless = path === dirname(this.#root) ? ['ENOENT', 'EACCES', 'EPERM'] : ['ENOENT']
    await this.#guard(path, 'sync', () => refusals(this.#disk.syncDirectory(path), harmless))
  }

  #remember(path: string): void {
    if (this.#lasting.size >= LASTING_MAX) this.#lasting.clear()
    this.#lasting.add(path)
  }

  /** Each new directory is synced in its parent, from the top down. */
  /** @param again the parent was there, or made: what is missing now, as below /proc, no further walk upwards will bring */
  async #mkdirs(path: string, again = false): Promise<void> {
    try {
      await this.#disk.mkdir(path)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EEXIST' && (await this.#disk.stat(path)).directory) return
      if (code !== 'ENOENT' || again || dirname(path) === path) throw this.#unusable(error, path, 'make the directory')
      await this.#mkdirs(dirname(path))
      return await this.#mkdirs(path, true)
    }
    await this.#sync(path)
    await this.#sync(dirname(path))
    this.#remember(path)
  }

  #path(path: string): string {
    return join(this.#root, path)
  }

  async #guard<T>(path: string, what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      throw new MoldauError('STORAGE_FAILED', `cannot ${what} ${path} in ${this.url}: ${remedy(error)}`, { cause: error })
    }
  }

  #unusable(error: unknown, directory: string, what: string): MoldauError {
    const noLinks = codeOf(error) === 'EPERM' || codeOf(error) === 'ENOTSUP' || codeOf(error) === 'EOPNOTSUPP' || codeOf(error) === 'ENOSYS'
    const why = noLinks
      ? 'this file system has no hard links, which the commit needs; choose a directory on another one (ext4, xfs, apfs, ntfs)'
      : remedy(error)
    return new MoldauError('DIRECTORY_UNUSABLE', `cannot ${what} ${directory} in ${this.url}: ${why}`, { cause: error })
  }
}

class LocalWriter implements FileWriter {
  readonly #file: DiskFile
  #open: boolean

  constructor(file: DiskFile) {
    this.#file = file
    this.#open = true
  }

  write(chunks: readonly Buffer[]): Promise<void> {
    return this.#file.write(chunks).catch(failed)
  }

  async close(): Promise<void> {
    try {
      await this.#file.sync()
    } catch (error) {
      failed(error)
    } finally {
      await this.abandon()
    }
  }

  async abandon(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#file.close().catch(() => undefined)
  }
}

function failed(error: unknown): never {
  throw new MoldauError('STORAGE_FAILED', `cannot write a staged file: ${remedy(error)}`, { cause: error })
}
