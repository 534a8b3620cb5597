import type { Files } from '../base/files.ts'
import { checkpointKey, readOffsets, writeOffsets } from './checkpoint.ts'
import type { PartitionLog } from './partition-log.ts'

const RECOVERY_POINTS = 'recovery-point-offset-checkpoint'
const LOG_START_OFFSETS = 'log-start-offset-checkpoint'
const HIGH_WATERMARKS = 'replication-offset-checkpoint'

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

  /** @param onDamage told the path of a file that is there and cannot be understood, and what that means */
  read(onDamage: (path: string, means: string) => void): (topic: string, partition: number) => CheckpointedOffsets {
    const read = (name: string, means: string): Map<string, number> =>
      readOffsets(this.#files, this.#directory, name, (path) => onDamage(path, means))
    const recoveryPoints = read(RECOVERY_POINTS, 'all partitions are checked from their beginning')
    const starts = read(LOG_START_OFFSETS, 'records that DeleteRecords has taken away may be seen again: repeat it')
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
