import { join } from 'node:path'
import { type Files, replaceFile } from '../base/files.ts'
import { Flusher } from './flusher.ts'

/**
 * Kafka's checkpoint files: a line with the version, a line with the number of entries, a line per entry. In the broker's folder they
 * hold an offset per partition.
 */

const VERSION = '0'

/** A checkpoint file in the broker's folder, and what belongs into it. */
export class CheckpointFile {
  readonly #files: Files
  readonly #path: string
  readonly #offsets: () => ReadonlyMap<string, number>
  readonly #flusher: Flusher
  /** What the file holds, so that nothing is written when nothing has changed. */
  #written: string | undefined

  /** @param offsets what the file should hold now, by {@link checkpointKey} */
  constructor(files: Files, directory: string, name: string, offsets: () => ReadonlyMap<string, number>) {
    this.#files = files
    this.#path = join(directory, name)
    this.#offsets = offsets
    this.#flusher = new Flusher(() => this.#write())
    this.#written = undefined
  }

  /**
   * A file that is missing or damaged gives none.
   *
   * @param onDamage told the path of a file that is there and cannot be understood
   */
  read(onDamage: (path: string) => void): Map<string, number> {
    const offsets = new Map<string, number>()
    if (this.#files.stat(this.#path) === undefined) return offsets
    const lines = readCheckpoint(this.#files, this.#path)
    for (const line of lines ?? []) {
      const match = /^(\S+ \d+) (\d+)$/.exec(line)
      if (match !== null) offsets.set(match[1]!, Number(match[2]))
    }
    if (lines?.length === offsets.size) return offsets
    onDamage(this.#path)
    return new Map()
  }

  /** Resolves when the offsets of now, or newer ones, are in the file and synced. The disk may take its time. */
  write(): Promise<void> {
    return this.#flusher.flush()
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#flusher.running?.catch(() => {})
  }

  async #write(): Promise<void> {
    const text = checkpointText(Array.from(this.#offsets(), ([key, offset]) => `${key} ${offset}`))
    if (text === this.#written) return
    // A failure may come before the new content is there, or after.
    this.#written = undefined
    await replaceFile(this.#files, this.#path, text)
    this.#written = text
  }
}

/** The key of a partition in these files. */
export function checkpointKey(topic: string, partition: number): string {
  return `${topic} ${partition}`
}

/** The lines of the entries, or `undefined` when the file is missing, its first two lines do not fit, or its end is missing. */
export function readCheckpoint(files: Files, path: string): string[] | undefined {
  const content = files.readFile(path)?.toString('latin1')
  if (content === undefined) return undefined
  const [version, count, ...lines] = content.split('\n')
  // Without a line feed at its end a number may be a part of what it was.
  const whole = lines.pop() === ''
  return whole && version === VERSION && count === String(lines.length) ? lines : undefined
}

export function checkpointText(lines: readonly string[]): string {
  return [VERSION, lines.length, ...lines, ''].join('\n')
}
