import { LONG_MAX, double, flag, int, list, long, text } from './config-type.ts'
import type { ConfigKey } from './config-type.ts'

/** A setting of a topic, and the broker's settings that its default comes from: the first that is set, in order. */
export type TopicConfigKey = ConfigKey & { readonly synonyms: readonly BrokerSynonym[] }

/** A broker setting that stands for a topic's; some count in a larger unit. */
interface BrokerSynonym {
  readonly name: string
  readonly factor: number
}

const MINUTES = 60_000
const HOURS = 3_600_000

/** `'log.roll.ms', 'log.roll.hours*3600000'` and the like. */
function from(key: ConfigKey, ...synonyms: (string | [string, number])[]): TopicConfigKey {
  return {
    ...key,
    synonyms: synonyms.map((entry) => (typeof entry === 'string' ? { name: entry, factor: 1 } : { name: entry[0], factor: entry[1] })),
  }
}

/** Every topic setting of Kafka, with its default there. Those about tiered storage and other brokers are kept and shown, and change nothing here. */
export const topicConfigs: Readonly<Record<string, TopicConfigKey>> = {
  'cleanup.policy': from(
    list('delete', 'what happens to old records: delete, compact, or both', ['delete', 'compact']),
    'log.cleanup.policy',
  ),
  'compression.gzip.level': from(int(-1, 'level when the broker compresses with gzip', { min: -1, max: 9 }), 'compression.gzip.level'),
  'compression.lz4.level': from(int(9, 'level when the broker compresses with lz4', { min: 1, max: 17 }), 'compression.lz4.level'),
  'compression.type': from(
    text('producer', 'how batches are kept: as the producer sent them, or in one form', [
      'uncompressed',
      'zstd',
      'lz4',
      'snappy',
      'gzip',
      'producer',
    ]),
    'compression.type',
  ),
  'compression.zstd.level': from(int(3, 'level when the broker compresses with zstd', { min: -131072, max: 22 }), 'compression.zstd.level'),
  'delete.retention.ms': from(
    long(86_400_000, 'how long a compacted topic keeps tombstones', { min: 0 }),
    'log.cleaner.delete.retention.ms',
  ),
  'file.delete.delay.ms': from(long(60_000, 'how long a deleted segment stays on disk', { min: 0 }), 'log.segment.delete.delay.ms'),
  'flush.messages': from(long(LONG_MAX, 'records after which the log is synced to disk', { min: 1 }), 'log.flush.interval.messages'),
  'flush.ms': from(
    long(LONG_MAX, 'milliseconds after which the log is synced to disk', { min: 0 }),
    'log.flush.interval.ms',
    'log.flush.scheduler.interval.ms',
  ),
  'follower.replication.throttled.replicas': from(list('', 'followers whose fetching is throttled')),
  'index.interval.bytes': from(int(4096, 'bytes of log per entry of the offset index', { min: 0 }), 'log.index.interval.bytes'),
  'leader.replication.throttled.replicas': from(list('', 'leaders whose followers are throttled')),
  'local.retention.bytes': from(long(-2, 'bytes kept locally under tiered storage', { min: -2 }), 'log.local.retention.bytes'),
  'local.retention.ms': from(long(-2, 'time kept locally under tiered storage', { min: -2 }), 'log.local.retention.ms'),
  'max.compaction.lag.ms': from(
    long(LONG_MAX, 'longest time a record may stay uncompacted', { min: 1 }),
    'log.cleaner.max.compaction.lag.ms',
  ),
  'max.decompressed.message.bytes': from(int(2_147_483_647, 'largest batch after decompression', { min: 0 })),
  'max.message.bytes': from(int(1_048_588, 'largest record batch', { min: 0 }), 'message.max.bytes'),
  'message.downconversion.enable': from(flag(true, 'may old clients get batches in an older format'), 'log.message.downconversion.enable'),
  'message.timestamp.after.max.ms': from(
    long(3_600_000, 'how far in the future a timestamp may lie', { min: 0 }),
    'log.message.timestamp.after.max.ms',
  ),
  'message.timestamp.before.max.ms': from(
    long(LONG_MAX, 'how far in the past a timestamp may lie', { min: 0 }),
    'log.message.timestamp.before.max.ms',
  ),
  'message.timestamp.type': from(
    text('CreateTime', "whether records keep the producer's time or get the broker's", ['CreateTime', 'LogAppendTime']),
    'log.message.timestamp.type',
  ),
  'min.cleanable.dirty.ratio': from(
    double(0.5, 'share of uncompacted bytes from which a log is compacted', { min: 0, max: 1 }),
    'log.cleaner.min.cleanable.ratio',
  ),
  'min.compaction.lag.ms': from(long(0, 'shortest time a record stays uncompacted', { min: 0 }), 'log.cleaner.min.compaction.lag.ms'),
  'min.insync.replicas': from(int(1, 'replicas that must have a record before acks=all is answered', { min: 1 }), 'min.insync.replicas'),
  preallocate: from(flag(false, 'reserve disk space when a segment is made'), 'log.preallocate'),
  'remote.log.copy.disable': from(flag(false, 'stop copying to tiered storage')),
  'remote.log.delete.on.disable': from(flag(false, 'delete tiered data when it is switched off')),
  'remote.storage.enable': from(flag(false, 'keep old segments in tiered storage')),
  'retention.bytes': from(long(-1, 'bytes a partition keeps; -1 is no limit', { min: -1 }), 'log.retention.bytes'),
  'retention.ms': from(
    long(604_800_000, 'how long records are kept; -1 is for ever', { min: -1 }),
    'log.retention.ms',
    ['log.retention.minutes', MINUTES],
    ['log.retention.hours', HOURS],
  ),
  'segment.bytes': from(int(1_073_741_824, 'size at which a segment ends', { min: 14 }), 'log.segment.bytes'),
  'segment.index.bytes': from(int(10_485_760, 'largest size of an index file', { min: 4 }), 'log.index.size.max.bytes'),
  'segment.jitter.ms': from(long(0, 'random part taken off segment.ms', { min: 0 }), 'log.roll.jitter.ms', [
    'log.roll.jitter.hours',
    HOURS,
  ]),
  'segment.ms': from(long(604_800_000, 'age at which a segment ends', { min: 1 }), 'log.roll.ms', ['log.roll.hours', HOURS]),
  'unclean.leader.election.enable': from(flag(false, 'may a replica that lags become leader'), 'unclean.leader.election.enable'),
}
