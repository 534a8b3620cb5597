import { constants } from 'node:fs'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink, type FileHandle } from 'node:fs/promises'

/** The calls to the operating system that the `file:` backend makes; a test puts a recording one in their place. */
export interface Disk {
  /** Exclusive. */
  create(path: string): Promise<DiskFile>
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** One directory; its parent is there. */
  mkdir(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  readdir(path: string): Promise<string[]>
  stat(path: string): Promise<DiskStat>
  readFile(path: string): Promise<Buffer>
  stream(path: string): Promise<AsyncIterable<Buffer>>
  removeTree(path: string): Promise<void>
}

export interface DiskFile {
  write(chunks: readonly Buffer[]): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

export interface DiskStat {
  readonly directory: boolean
  readonly bytes: number
  readonly modifiedAt: number
}

const STREAM_CHUNK_BYTES = 1024 * 1024

/** The machine's disk. */
export const nodeDisk: Disk = {
  create: async (path) => new NodeFile(await open(path, 'wx')),
  link,
  unlink,
  rename,
  mkdir: (path) => mkdir(path),
  syncDirectory,
  readdir: (path) => readdir(path),
  async stat(path) {
    const stat = await lstat(path)
    return { directory: stat.isDirectory(), bytes: stat.size, modifiedAt: stat.mtimeMs }
  },
  readFile: (path) => readFile(path),
  async stream(path) {
    const handle = await open(path, constants.O_RDONLY)
    return handle.createReadStream({ highWaterMark: STREAM_CHUNK_BYTES }) as AsyncIterable<Buffer>
  },
  removeTree: (path) => rm(path, { recursive: true }),
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for this; docs/connectors/hdfs.md says what that means.
  if (process.platform === 'win32') return
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

class NodeFile implements DiskFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(chunks: readonly Buffer[]): Promise<void> {
    let wanted = 0
    for (const chunk of chunks) wanted += chunk.length
    if (wanted === 0) return
    const { bytesWritten } = await this.#handle.writev(chunks as Buffer[])
    // A short write happens on a full disk; writing the rest gives the error that names it.
    if (bytesWritten < wanted) await this.#handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
