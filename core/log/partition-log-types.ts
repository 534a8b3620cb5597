import type { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { LogConfig } from './config.ts'
import type { LogPools } from './file-pool.ts'
import type { AppendOrigin } from './validate.ts'

export interface PartitionLogOptions {
  readonly topic: string
  readonly partition: number
  /** The partition's folder; made when missing. */
  readonly directory: string
  /** Shared by all partitions with the same settings. Default: Kafka's. */
  readonly config?: LogConfig
  readonly pools: LogPools
  readonly clock?: Clock
  /** Wall time by which things are old enough to be forgotten. Default: that of the clock. */
  readonly age?: Pick<Clock, 'now'>
  readonly logger?: Logger
  /** For `segment.jitter.ms`. */
  readonly random?: RandomBytes
  /** Everything below was synced, says the checkpoint. Default 0: all is checked. */
  readonly recoveryPoint?: number
  /** From the checkpoint; default: the first segment's. */
  readonly logStartOffset?: number
  /** Up to where the log was compacted, by the checkpoint of the cleaner. Default: nowhere. */
  readonly cleanedTo?: () => number
  /** The log was closed in order. Default false. */
  readonly clean?: boolean
  /** Nothing that was written is lost, though the log was not closed in order: the machine has run on. Default false. */
  readonly writesSurvived?: boolean
  /**
   * Consumers see what is synced, nothing else: {@link PartitionLog.highWatermark} follows the syncs. Default false: it follows the appends.
   */
  readonly showsSyncedOnly?: boolean
  /** Records that were never synced could not be read back after a failure of the disk: the log ends at `from` instead of `to`. */
  readonly onRecordsLost?: (from: number, to: number) => void
  /** After that: appends are taken again. */
  readonly onHealedWithLoss?: () => void
  /** A write or a sync has failed: the log takes no appends until it is healed. */
  readonly onFailure?: (error: MoldauError) => void
}

export interface AppendOptions {
  readonly leaderEpoch: number
  /** Default 'client'. */
  readonly origin?: AppendOrigin
  /** Of the transaction that the batch belongs to or ends: 2 with transactions v2 (KIP-890). Default 0. */
  readonly transactionVersion?: number
}

export interface AppendInfo {
  readonly baseOffset: number
  readonly lastOffset: number
  /**
   * Milliseconds since 1970 with `message.timestamp.type=LogAppendTime`, else -1. Of a duplicate, as in Kafka, the largest timestamp of the
   * batch that is in the log, whoever set it.
   */
  readonly logAppendTime: number
  /** The batch was here before: these are its offsets, nothing was appended. */
  readonly duplicate: boolean
}

export interface ReadResult {
  /** Whole batches, the first one even when it is larger than asked for; it may begin below `from`. */
  readonly records: Buffer
  /** The offset that was asked for. */
  readonly from: number
}
