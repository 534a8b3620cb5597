import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { CleanerConfig } from './cleaner/config.ts'
import type { LogConfig } from './config.ts'
import type { DirectoryState } from './directory-health.ts'
import type { Processes } from '../base/lock.ts'

export interface LogManagerOptions {
  /** The broker's folder; made when missing. */
  readonly dir: string
  /** For partitions without settings of their own. */
  readonly config?: Partial<LogConfig>
  /** Settings of a topic that was there before. */
  readonly topicConfig?: (topic: string) => Partial<LogConfig>
  /** Nothing that was written is lost: the machine has run on since the last stop. Default false: all of it is checked. */
  readonly writesSurvived?: boolean
  readonly files?: Files
  readonly clock?: Clock
  readonly logger?: Logger
  readonly random?: RandomBytes
  readonly processes?: Processes
  /** Default: what the folder says, or a new one. */
  readonly clusterId?: string
  /** Default: what the folder says, or 1. */
  readonly nodeId?: number
  /** Descriptors for segments. Default: half of what the system allows, at most 4096. */
  readonly openFilesMax?: number
  /** `log.retention.check.interval.ms`. Default 5 minutes. */
  readonly retentionCheckIntervalMs?: number
  /** Settings of the cleaner, which begins with `LogCleaner.start`. */
  readonly cleaner?: Partial<CleanerConfig>
  /** Topics whose old records say what is still to be done in other logs. Default: none. */
  readonly governsOthers?: (topic: string) => boolean
  /** `log.flush.offset.checkpoint.interval.ms`. Default 1 minute. */
  readonly checkpointIntervalMs?: number
  /** Consumers see what is synced, nothing else. Default false. */
  readonly showsSyncedOnly?: boolean
  /** Told when records that were never synced could not be read back after a failure of the disk. */
  readonly onRecordsLost?: (lost: { topic: string; partition: number; from: number; to: number }) => void
  /** Told when the folder begins to fail and when it works again. */
  readonly onStateChange?: (state: DirectoryState) => void
}
