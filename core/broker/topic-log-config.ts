import { logConfig } from '../log/config.ts'
import type { LogConfig } from '../log/config.ts'
import { DECOMPRESSED_BYTES_MAX } from '../record/columns.ts'
import type { BrokerConfig } from './broker-config.ts'
import { parseConfig } from './config-type.ts'
import { topicConfigs } from './topic-config.ts'
import { resolveTopicConfig } from './topic-settings.ts'

/** From this on a number of Kafka's means "no limit" (it writes Long.MAX_VALUE); the log writes -1. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** What the log of a topic's partitions is told: the topic's settings, else the broker's, else the defaults. */
export function topicLogConfig(configs: ReadonlyMap<string, string>, broker: BrokerConfig): LogConfig {
  const text = (name: string): string => resolveTopicConfig(name, configs, broker)[0]!.value
  const number = (name: string): number => {
    const value = parseConfig(topicConfigs[name]!, text(name)) as number
    return value >= NO_LIMIT ? -1 : value
  }
  return logConfig({
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms') === -1 ? NO_LIMIT : number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms') === -1 ? NO_LIMIT : number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    maxMessageBytes: number('max.message.bytes'),
    messageTimestampType: text('message.timestamp.type') as LogConfig['messageTimestampType'],
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    cleanupPolicy: text('cleanup.policy'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    compressionType: text('compression.type') as LogConfig['compressionType'],
    compressionGzipLevel: number('compression.gzip.level'),
    compressionZstdLevel: number('compression.zstd.level'),
    maxDecompressedMessageBytes: Math.min(number('max.decompressed.message.bytes'), DECOMPRESSED_BYTES_MAX),
    messageDownconversionEnable: text('message.downconversion.enable') === 'true',
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    producerIdExpirationMs: broker.get('producer.id.expiration.ms'),
  })
}
