import { compressionNames } from '../record/compression-names.ts'
import type { ProducerInterceptor } from './interceptors.ts'
import { amount, flag, listOf, memory, nonEmpty, oneOf, positive, whole } from './setting-kinds.ts'
import { ownSetting, setting } from './settings.ts'
import type { Kind, Options, ReadOptions } from './settings.ts'

/** Chooses the partition of a record; `key` is null for a record without one. `roundrobin`: each partition in turn, whatever the key. */
export type Partitioner = 'roundrobin' | ((topic: string, key: Buffer | null, partitionCount: number) => number)

const partitionerKind: Kind<Partitioner> = {
  what: "'roundrobin', or a function of topic, key and partition count",
  read: (value) => {
    if (typeof value === 'function') return value as Partitioner
    return value === 'roundrobin' || value === 'org.apache.kafka.clients.producer.RoundRobinPartitioner' ? 'roundrobin' : undefined
  },
}

const acksKind: Kind<'all' | 1 | 0, 'all' | 1 | 0 | -1> = {
  what: 'one of all, -1 (the same), 1, 0',
  read: (value, name) => (value === -1 || value === '-1' ? 'all' : oneOf('all', 1, 0).read(value, name)),
}

export const producerSettings = {
  /** Turns transactions on: stable across restarts, one living producer per id. */
  transactionalId: setting('transactional.id', nonEmpty),
  /** Who must have the record before it counts: all in-sync replicas ('all', default, or -1), the leader (1), nobody (0). */
  acks: setting('acks', acksKind, 'all'),
  /** A resend never doubles or reorders; default true with acks 'all'. */
  enableIdempotence: setting('enable.idempotence', flag),
  /** What batches are compressed with: 'none' (default), 'gzip', 'snappy', 'lz4', 'zstd'. */
  compressionType: setting('compression.type', oneOf(...compressionNames), 'none'),
  /** -1 (gzip's own choice) to 9; default -1. */
  compressionGzipLevel: setting('compression.gzip.level', whole(-1, 9), -1),
  /** 1 to 17, as in Kafka; the lz4 used here has one level, whatever is given. */
  compressionLz4Level: setting('compression.lz4.level', whole(1, 17), 9),
  /** -131072 (fastest) to 22; default 3. */
  compressionZstdLevel: setting('compression.zstd.level', whole(-131_072, 22), 3),
  /** How long an open batch waits for more; default 5 ms, as Kafka since 4.0. */
  lingerMs: setting('linger.ms', amount, 5),
  /** Largest batch before compression, in bytes; default 16384. */
  batchSize: setting('batch.size', positive, 16_384),
  /** Largest request, and so largest record, in bytes; default 1 MiB. */
  maxRequestSize: setting('max.request.size', positive, 1024 * 1024),
  /** What may wait for acknowledgement before {@link Producer.ready} and send() wait, in bytes; default 64 MiB. */
  bufferMemory: setting('buffer.memory', memory, 64 * 1024 * 1024),
  /**
   * Requests on their way to one broker at once; default 5. Order is kept whatever the number: of an idempotent producer at most five batches
   * of a partition are under way. Without idempotence batches change places when one has to be sent again, unless this is 1.
   */
  maxInFlightRequestsPerConnection: setting('max.in.flight.requests.per.connection', positive, 5),
  /** From append to acknowledgement, retries included: `lingerMs` and `requestTimeoutMs` together, at least. Default 2 minutes. */
  deliveryTimeoutMs: setting('delivery.timeout.ms', amount, 120_000),
  /** How long a broker may take to acknowledge a request before it is sent again; default 30 s. */
  requestTimeoutMs: setting('request.timeout.ms', amount, 30_000),
  /** After this long without an end the coordinator aborts the transaction; default 1 minute. */
  transactionTimeoutMs: setting('transaction.timeout.ms', amount, 60_000),
  /** How long send() waits for buffer, and calls of transactions for the coordinator; default 1 minute. */
  maxBlockMs: setting('max.block.ms', amount, 60_000),
  /** Default: murmur2 of the key as in every Kafka client; without a key one partition for a batch, then another. */
  partitioner: setting('partitioner.class', partitionerKind),
  /** Without a partitioner: true spreads records with a key as those without; default false. */
  partitionerIgnoreKeys: setting('partitioner.ignore.keys', flag, false),
  /** Of records without a key a partition gets the more, the less waits for it (KIP-794); default true. */
  partitionerAdaptivePartitioningEnable: setting('partitioner.adaptive.partitioning.enable', flag, true),
  /** Of records without a key a partition gets none while its leader has taken nothing for so long; default 0, never. */
  partitionerAvailabilityTimeoutMs: setting('partitioner.availability.timeout.ms', amount, 0),
  /** See each record before it is written, and each batch after it. */
  interceptors: ownSetting(listOf<ProducerInterceptor>('onSend', 'onAcknowledgement'), []),
} as const

export type ProducerOptions = Options<typeof producerSettings>

export const acksCodes = { all: -1, 1: 1, 0: 0 } as const

/** Of the compression that is chosen; undefined where there is nothing to choose. */
export function compressionLevelOf(options: ReadOptions<typeof producerSettings>): number | undefined {
  if (options.compressionType === 'gzip') return options.compressionGzipLevel
  return options.compressionType === 'zstd' ? options.compressionZstdLevel : undefined
}
