import { join } from 'node:path'
import { type Files, replaceFile } from '../base/files.ts'
import type { PartitionLog } from './partition-log.ts'

/**
 * Kafka's checkpoint files: a line with the version, a line with the number of entries, a line per entry. In the broker's folder they
 * hold an offset per partition.
 */

const RECOVERY_POINTS = 'recovery-point-offset-checkpoint'
const LOG_START_OFFSETS = 'log-start-offset-checkpoint'
const HIGH_WATERMARKS = 'replication-offset-checkpoint'

const VERSION = '0'

export interface CheckpointedOffsets {
  /** Everything below is synced; `undefined` when nothing is noted. */
  readonly recoveryPoint: number | undefined
  readonly startOffset: number | undefined
}

/** What is noted of the partitions in a broker's folder: up to where each is synced, where it begins, its high watermark. */
export class OffsetCheckpoints {
  readonly #files: Files
  readonly #directory: string
  /** What the files hold, so that nothing is written when nothing has changed. */
  #written: string
  #writtenStarts: string | undefined

  constructor(files: Files, directory: string) {
    this.#files = files
    this.#directory = directory
    this.#written = ''
    this.#writtenStarts = undefined
  }

  read(): (topic: string, partition: number) => CheckpointedOffsets {
    const recoveryPoints = readOffsets(this.#files, this.#directory, RECOVERY_POINTS)
    const starts = readOffsets(this.#files, this.#directory, LOG_START_OFFSETS)
    return (topic, partition) => {
      const key = checkpointKey(topic, partition)
      return { recoveryPoint: recoveryPoints.get(key), startOffset: starts.get(key) }
    }
  }

  write(logs: readonly PartitionLog[]): void {
    const recoveryPoints = new Map<string, number>()
    const starts = startsOf(logs)
    const watermarks = new Map<string, number>()
    for (const log of logs) {
      const key = checkpointKey(log.topic, log.partition)
      recoveryPoints.set(key, log.flushedOffset)
      watermarks.set(key, log.checkpointed.highWatermark)
    }
    const all = JSON.stringify([[...recoveryPoints], [...starts], [...watermarks]])
    if (all === this.#written) return
    writeOffsets(this.#files, this.#directory, RECOVERY_POINTS, recoveryPoints)
    this.#writeStarts(starts)
    writeOffsets(this.#files, this.#directory, HIGH_WATERMARKS, watermarks)
    this.#written = all
  }

  /** The same for where partitions begin alone. */
  writeStarts(logs: readonly PartitionLog[]): void {
    const starts = startsOf(logs)
    if (JSON.stringify([...starts]) !== this.#writtenStarts) this.#writeStarts(starts)
  }

  #writeStarts(starts: ReadonlyMap<string, number>): void {
    writeOffsets(this.#files, this.#directory, LOG_START_OFFSETS, starts)
    this.#writtenStarts = JSON.stringify([...starts])
  }
}

/** Where partitions begin that do not begin with 0. */
function startsOf(logs: readonly PartitionLog[]): Map<string, number> {
  const starts = new Map<string, number>()
  for (const { topic, partition, checkpointed } of logs) {
    if (checkpointed.startOffset > 0) starts.set(checkpointKey(topic, partition), checkpointed.startOffset)
  }
  return starts
}

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
