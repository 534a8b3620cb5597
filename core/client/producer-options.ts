import { MoldauError } from '../base/errors.ts'
import { compressionNames } from '../record/compression-names.ts'
import type { ProducerInterceptor } from './interceptors.ts'
import { amount, flag, given, listOf, oneOf, positive, text } from './setting-kinds.ts'
import { ownSetting, readOptions, setting } from './settings.ts'
import type { Options, ReadOptions } from './settings.ts'

/** Chooses the partition of a record; `key` is null for a record without one. */
export type Partitioner = (topic: string, key: Buffer | null, partitionCount: number) => number

export const producerSettings = {
  /** Turns transactions on: stable across restarts, one living producer per id. */
  transactionalId: setting('transactional.id', text),
  /** Who must have the record before it counts: all in-sync replicas (default), the leader, nobody. */
  acks: setting('acks', oneOf('all', 1, 0), 'all'),
  /** A resend never doubles or reorders; default true with acks 'all'. */
  enableIdempotence: setting('enable.idempotence', flag),
  /** Default 'none'. */
  compressionType: setting('compression.type', oneOf(...compressionNames), 'none'),
  /** How long an open batch waits for more; default 5 ms, as Kafka since 4.0. */
  lingerMs: setting('linger.ms', amount, 5),
  /** Largest batch before compression, in bytes; default 16384. */
  batchSize: setting('batch.size', positive, 16_384),
  /** Largest request, and so largest record, in bytes; default 1 MiB. */
  maxRequestSize: setting('max.request.size', positive, 1024 * 1024),
  /** What may wait for acknowledgement before {@link Producer.ready} and send() wait, in bytes; default 64 MiB. */
  bufferMemory: setting('buffer.memory', positive, 64 * 1024 * 1024),
  /** From append to acknowledgement, retries included; default 2 minutes. */
  deliveryTimeoutMs: setting('delivery.timeout.ms', amount, 120_000),
  /** Default 30 s. */
  requestTimeoutMs: setting('request.timeout.ms', amount, 30_000),
  /** After this long without an end the coordinator aborts the transaction; default 1 minute. */
  transactionTimeoutMs: setting('transaction.timeout.ms', amount, 60_000),
  /** How long send() waits for buffer, and calls of transactions for the coordinator; default 1 minute. */
  maxBlockMs: setting('max.block.ms', amount, 60_000),
  /** Default: murmur2 of the key as in every Kafka client. */
  partitioner: ownSetting(given<Partitioner>('a function of topic, key and partition count')),
  /** See each record before it is written, and each batch after it. */
  interceptors: ownSetting(listOf<ProducerInterceptor>('a list of objects with onSend and onAcknowledgement'), []),
} as const

export type ProducerOptions = Options<typeof producerSettings>

export const acksCodes = { all: -1, 1: 1, 0: 0 } as const

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readProducerOptions(options: ProducerOptions): ReadOptions<typeof producerSettings> & { enableIdempotence: boolean } {
  const read = readOptions('producer', options, producerSettings)
  const { acks, transactionalId } = read
  const enableIdempotence = read.enableIdempotence ?? acks === 'all'
  if (enableIdempotence && acks !== 'all') {
    throw new MoldauError('INVALID_CONFIG', `producer: enableIdempotence needs acks 'all', not ${acks}: leave one of them out`)
  }
  if (transactionalId !== undefined && !enableIdempotence) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `producer '${transactionalId}': transactions need acks 'all' and enableIdempotence: leave them out`,
    )
  }
  return { ...read, enableIdempotence }
}
