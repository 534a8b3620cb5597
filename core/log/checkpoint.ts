import { join } from 'node:path'
import { type Files, replaceFile } from '../base/files.ts'

/**
 * Kafka's checkpoint files: a line with the version, a line with the number of entries, a line per entry. In the broker's folder they
 * hold an offset per partition.
 */

const VERSION = '0'

/** Offsets by `topic partition`. A file that is missing or damaged gives none. */
export function readOffsets(files: Files, directory: string, name: string, onDamage: (path: string) => void): Map<string, number> {
  const path = join(directory, name)
  if (files.stat(path) === undefined) return new Map()
  const offsets = new Map<string, number>()
  const lines = readCheckpoint(files, path)
  for (const line of lines ?? []) {
    const match = /^(\S+ \d+) (\d+)$/.exec(line)
    if (match !== null) offsets.set(match[1]!, Number(match[2]))
  }
  if (lines?.length === offsets.size) return offsets
  onDamage(path)
  return new Map()
}

export function writeOffsets(files: Files, directory: string, name: string, offsets: ReadonlyMap<string, number>): void {
  const lines = Array.from(offsets, ([key, offset]) => `${key} ${offset}`)
  replaceFile(files, join(directory, name), checkpointText(lines))
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
