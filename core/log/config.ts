import { MoldauError } from '../base/errors.ts'
import { DECOMPRESSED_BYTES_MAX } from '../record/columns.ts'

/** Settings of one partition's log: Kafka's topic settings in camelCase, with Kafka's defaults. -1 stands for "no limit". */
export interface LogConfig {
  /** `segment.bytes`: a segment takes no batch that would make it larger. 1 GiB. */
  readonly segmentBytes: number
  /** `segment.ms`: a segment older than this is closed by the next append. 7 days. */
  readonly segmentMs: number
  /** `segment.jitter.ms`: up to so much, drawn per segment, is taken off `segment.ms`. 0. */
  readonly segmentJitterMs: number
  /** `segment.index.bytes`: a segment whose offset index is full is closed. 10 MiB. */
  readonly segmentIndexBytes: number
  /** `index.interval.bytes`: one index entry per so many bytes. 4096. */
  readonly indexIntervalBytes: number
  /** `retention.ms`: segments whose newest record is older are deleted. 7 days. */
  readonly retentionMs: number
  /** `retention.bytes`: the oldest segments beyond this size are deleted. No limit. */
  readonly retentionBytes: number
  /** `max.message.bytes`: the largest batch. 1 MiB and a header. */
  readonly maxMessageBytes: number
  /** `message.timestamp.type`: who sets the timestamps. CreateTime. */
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  /** `message.timestamp.before.max.ms`: how far in the past a producer's timestamp may be. No limit. */
  readonly messageTimestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms`: how far in the future. 1 hour. */
  readonly messageTimestampAfterMaxMs: number
  /** `cleanup.policy`: one of both, or both joined by a comma. */
  readonly cleanupPolicy: string
  /** `min.cleanable.dirty.ratio`: the share of dirty bytes from which a log is compacted. 0.5. */
  readonly minCleanableDirtyRatio: number
  /** `min.compaction.lag.ms`: younger records are not compacted. 0. */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms`: a record that has waited this long is compacted whatever the ratio. No limit. */
  readonly maxCompactionLagMs: number
  /** `delete.retention.ms`: how long a tombstone or a marker stays after the cleaning that found it. 1 day. */
  readonly deleteRetentionMs: number
  /** `compression.type`: what batches are stored as; 'producer' leaves them as they come. */
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** `compression.gzip.level`: 1 to 9, -1 for gzip's own choice, when the broker compresses. -1. */
  readonly compressionGzipLevel: number
  /** `compression.zstd.level`. 3. */
  readonly compressionZstdLevel: number
  /** `max.decompressed.message.bytes`: what the records of one batch may grow to. 128 MiB at most, whatever the setting says. */
  readonly maxDecompressedMessageBytes: number
  /** `message.downconversion.enable`: may clients of before Kafka 0.11 read here. True. */
  readonly messageDownconversionEnable: boolean
  /** `file.delete.delay.ms`: between taking a segment out of the log and removing its files. 1 minute. */
  readonly fileDeleteDelayMs: number
  /** `flush.messages`: sync after so many records. No limit. */
  readonly flushMessages: number
  /** `flush.ms`: sync no later than this after an append. No limit. */
  readonly flushMs: number
  /** `producer.id.expiration.ms` (of the broker): an idle idempotent producer is forgotten. 1 day. */
  readonly producerIdExpirationMs: number
}

const DAY_MS = 24 * 60 * 60 * 1000

export const logConfigDefaults: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * DAY_MS,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionMs: 7 * DAY_MS,
  retentionBytes: -1,
  maxMessageBytes: 1024 * 1024 + 12,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: -1,
  messageTimestampAfterMaxMs: 60 * 60 * 1000,
  cleanupPolicy: 'delete',
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: -1,
  deleteRetentionMs: DAY_MS,
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionZstdLevel: 3,
  maxDecompressedMessageBytes: DECOMPRESSED_BYTES_MAX,
  messageDownconversionEnable: true,
  fileDeleteDelayMs: 60_000,
  flushMessages: -1,
  flushMs: -1,
  producerIdExpirationMs: DAY_MS,
}

/** A position in a segment is an int32, as is an offset relative to its base. */
const SEGMENT_BYTES_MAX = 0x7fff_ffff

const least: Partial<Record<keyof LogConfig, number>> = {
  segmentBytes: 14,
  segmentMs: 1,
  segmentJitterMs: 0,
  segmentIndexBytes: 4,
  indexIntervalBytes: 0,
  retentionMs: -1,
  retentionBytes: -1,
  maxMessageBytes: 0,
  messageTimestampBeforeMaxMs: -1,
  messageTimestampAfterMaxMs: -1,
  maxDecompressedMessageBytes: 0,
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: -1,
  deleteRetentionMs: 0,
  fileDeleteDelayMs: 0,
  flushMessages: -1,
  flushMs: -1,
  producerIdExpirationMs: 1,
}

/** The defaults with the given settings on top. INVALID_CONFIG for a number that a setting cannot have. */
export function logConfig(settings: Partial<LogConfig> = {}, base: LogConfig = logConfigDefaults): LogConfig {
  const config = { ...base, ...settings }
  for (const [name, minimum] of Object.entries(least) as [keyof LogConfig, number][]) {
    const value = config[name]
    if (typeof value === 'number' && value >= minimum && !Number.isNaN(value)) continue
    throw new MoldauError('INVALID_CONFIG', `log: ${name} is ${String(value)}, it must be a number from ${minimum} on`)
  }
  if (config.segmentBytes > SEGMENT_BYTES_MAX) {
    throw new MoldauError('INVALID_CONFIG', `log: segmentBytes is ${config.segmentBytes}, a segment holds at most ${SEGMENT_BYTES_MAX}`)
  }
  return config
}

export function isCompacted(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('compact')
}

/** Age at which a segment ends: what `max.compaction.lag.ms` promises needs a segment that is closed by then. Kafka's `maxSegmentMs`. */
export function rollMs({ segmentMs, maxCompactionLagMs, cleanupPolicy }: LogConfig): number {
  const bounded = maxCompactionLagMs > 0 && cleanupPolicy.includes('compact')
  return bounded ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs
}

export function isDeleting(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('delete')
}
