import type { Files } from '../base/files.ts'
import { CheckpointFile, checkpointKey } from './checkpoint.ts'
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
  readonly #recoveryPoints: CheckpointFile
  readonly #starts: CheckpointFile
  readonly #highWatermarks: CheckpointFile

  constructor(files: Files, directory: string, logs: Iterable<PartitionLog>) {
    const file = (name: string, offsetOf: (log: PartitionLog) => number | undefined): CheckpointFile =>
      new CheckpointFile(files, directory, name, () => offsetsOf(logs, offsetOf))
    this.#recoveryPoints = file(RECOVERY_POINTS, (log) => log.flushedOffset)
    // Those that do not begin with 0.
    this.#starts = file(LOG_START_OFFSETS, ({ checkpointed: { startOffset } }) => (startOffset > 0 ? startOffset : undefined))
    this.#highWatermarks = file(HIGH_WATERMARKS, (log) => log.checkpointed.highWatermark)
  }

  /** @param onDamage told the path of a file that is there and cannot be understood, and what that means */
  read(onDamage: (path: string, means: string) => void): (topic: string, partition: number) => CheckpointedOffsets {
    const recoveryPoints = this.#recoveryPoints.read((path) => onDamage(path, 'all partitions are checked from their beginning'))
    const starts = this.#starts.read((path) => onDamage(path, 'records that DeleteRecords has taken away may be seen again: repeat it'))
    return (topic, partition) => {
      const key = checkpointKey(topic, partition)
      return { recoveryPoint: recoveryPoints.get(key), startOffset: starts.get(key) }
    }
  }

  /** Resolves when all three are written; see {@link CheckpointFile.write}. */
  async write(): Promise<void> {
    for (const file of [this.#recoveryPoints, this.#starts, this.#highWatermarks]) await file.write()
  }

  /** Where partitions begin alone. */
  writeStarts(): Promise<void> {
    return this.#starts.write()
  }
}

function offsetsOf(logs: Iterable<PartitionLog>, offsetOf: (log: PartitionLog) => number | undefined): Map<string, number> {
  const offsets = new Map<string, number>()
  for (const log of logs) {
    const offset = offsetOf(log)
    if (offset !== undefined) offsets.set(checkpointKey(log.topic, log.partition), offset)
  }
  return offsets
}
