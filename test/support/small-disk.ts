import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Teardown } from './child-broker.ts'

const MEGABYTE = 1024 * 1024

export const fileSystems = ['tmpfs', 'ext4'] as const
export type FileSystem = (typeof fileSystems)[number]

/** A file system of its own that can be filled to the last byte. */
export class SmallDisk {
  readonly path: string
  readonly #ballast: string
  #ballastBytes: number

  private constructor(path: string, ballastBytes: number) {
    this.path = path
    this.#ballast = join(path, 'ballast')
    this.#ballastBytes = ballastBytes
    writeFileSync(this.#ballast, Buffer.alloc(ballastBytes, 1))
  }

  /** One in `parent`, of which `ballast` megabytes are taken. Answers why not, where this process may not mount any. */
  static mount(
    t: Teardown,
    parent: string,
    kind: FileSystem,
    { megabytes, ballast }: { megabytes: number; ballast: number },
  ): SmallDisk | string {
    const path = join(parent, 'disk')
    mkdirSync(path)
    const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: 'pipe' })
    try {
      if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path)
      else {
        const image = join(parent, 'image')
        writeFileSync(image, '')
        truncateSync(image, megabytes * MEGABYTE)
        run('mkfs.ext4', '-q', '-m', '0', image)
        run('mount', '-o', 'loop', image, path)
      }
    } catch (error) {
      return `no ${kind} can be mounted here (${String(error).split('\n')[0]}); run it as root`
    }
    t.teardown(() => execFileSync('umount', ['-l', path]))
    return new SmallDisk(path, ballast * MEGABYTE)
  }

  /** Makes room of so many megabytes. */
  free(megabytes: number): void {
    this.#ballastBytes = Math.max(0, this.#ballastBytes - megabytes * MEGABYTE)
    truncateSync(this.#ballast, this.#ballastBytes)
  }

  /** Takes the last byte. Answers how to give it back. */
  fill(): () => void {
    const path = join(this.path, 'filler')
    const file = openSync(path, 'w')
    try {
      for (const size of [4096, 1]) fillBy(file, size)
    } finally {
      closeSync(file)
    }
    return () => rmSync(path)
  }
}

function fillBy(file: number, size: number): void {
  const block = Buffer.alloc(size, 1)
  try {
    for (;;) writeSync(file, block)
  } catch {
    // Full.
  }
}
