import { join } from 'node:path'
import { type Files, replaceFile } from '../base/files.ts'

/**
 * Kafka's checkpoint files: a line with the version, a line with the number of entries, a line per entry. In the broker's folder they
 * hold an offset per partition.
 */

const VERSION = '0'

/** Offsets by `topic partition`. A file that is missing or damaged gives none: everything is then recovered from its beginning. */
export function readOffsets(files: Files, directory: string, name: string): Map<string, number> {
  const offsets = new Map<string, number>()
  for (const line of readCheckpoint(files, join(directory, name)) ?? []) {
    const match = /^(\S+ \d+) (\d+)$/.exec(line)
    if (match === null) return new Map()
    offsets.set(match[1]!, Number(match[2]))
  }
  return offsets
}

export function writeOffsets(files: Files, directory: string, name: string, offsets: ReadonlyMap<string, number>): void {
  const lines = Array.from(offsets, ([key, offset]) => `${key} ${offset}`)
  replaceFile(files, join(directory, name), checkpointText(lines))
}

/** The key of a partition in these files. */
export function checkpointKey(topic: string, partition: number): string {
  return `${topic} ${partition}`
}

/** The lines of the entries, or `undefined` when the file is missing or its first two lines do not fit. */
export function readCheckpoint(files: Files, path: string): string[] | undefined {
  const content = files.readFile(path)?.toString('latin1')
  if (content === undefined) return undefined
  const [version, count, ...lines] = content.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return version === VERSION && Number(count) === lines.length ? lines : undefined
}

export function checkpointText(lines: readonly string[]): string {
  return [VERSION, lines.length, ...lines, ''].join('\n')
}
