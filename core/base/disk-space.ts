import { statfsSync } from 'node:fs'

/** The size of the file system that holds a path, and what of it can still be used, in bytes; -1 where it does not tell. */
export function diskSpace(path: string): { totalBytes: number; usableBytes: number } {
  try {
    const { bsize, blocks, bavail } = statfsSync(path)
    return { totalBytes: bsize * blocks, usableBytes: bsize * bavail }
  } catch {
    return { totalBytes: -1, usableBytes: -1 }
  }
}
