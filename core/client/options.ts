import { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { Dialer } from '../net/dialer.ts'
import type { CompressionName } from '../record/compression-names.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import type { AssignorName } from './assignors.ts'
import { clientSecurity, securityNames } from './security-options.ts'
import type { SecuritySettings, SslOptions } from './security-options.ts'
import { readOptions } from './read-options.ts'
import type { Isolation, OffsetReset } from './types.ts'

/** Everything may also be written with Kafka's dotted name: `'client.id'`, `'request.timeout.ms'`. */
export interface ClientOptions extends SecuritySettings {
  /** Names this program in the broker's logs and quotas; default `moldau`. */
  clientId?: string
  /** Default 30 s. */
  requestTimeoutMs?: number
  /** How long `connect` tries the addresses; default 3 s. */
  bootstrapTimeoutMs?: number
  /** Default 100 ms. */
  retryBackoffMs?: number
  /** Default 1 s. */
  retryBackoffMaxMs?: number
  /** Default 5 minutes. */
  metadataMaxAgeMs?: number
  /** How long a topic may stay unknown before a call fails with UNKNOWN_TOPIC; default 5 s. */
  unknownTopicTimeoutMs?: number
  /** Speaks TLS with the brokers: true trusts whom Node.js trusts. */
  ssl?: boolean | SslOptions
  /** Who we are, for brokers that want to know. */
  sasl?: SaslOptions
  /** How connections are made; default TCP. A Broker brings its own. */
  dialer?: Dialer
  clock?: Clock
  random?: RandomBytes
  logger?: Logger
}

export interface ProducerOptions {
  /** Turns transactions on: stable across restarts, one living producer per id. */
  transactionalId?: string
  /** Who must have the record before it counts: all in-sync replicas (default), the leader, nobody. */
  acks?: 'all' | 1 | 0
  /** Default true with acks 'all': a resend never doubles or reorders. */
  idempotent?: boolean
  /** Default 'none'. */
  compression?: CompressionName
  /** How long an open batch waits for more; default 5 ms. */
  lingerMs?: number
  /** Largest batch before compression, in bytes; default 16384. */
  batchBytes?: number
  /** Largest request, and so largest record, in bytes; default 1 MiB. */
  maxRequestBytes?: number
  /** What may wait for acknowledgement before {@link Producer.ready} and send() wait, in bytes; default 64 MiB. */
  bufferBytes?: number
  /** From append to acknowledgement, retries included; default 2 minutes. */
  deliveryTimeoutMs?: number
  /** Default 30 s. */
  requestTimeoutMs?: number
  /** After this long without an end the coordinator aborts the transaction; default 1 minute. */
  transactionTimeoutMs?: number
  /** How long send() waits for buffer, and calls of transactions for the coordinator; default 1 minute (Kafka's `max.block.ms`). */
  maxBlockMs?: number
  /** Default: murmur2 of the key as in every Kafka client. */
  partitioner?: (topic: string, key: Buffer | null, partitionCount: number) => number
}

export interface ConsumerOptions {
  groupId?: string
  /** Static membership (KIP-345): a restart within the session timeout causes no rebalance. */
  groupInstanceId?: string
  /** Default 'read_uncommitted', as Kafka's. */
  isolation?: Isolation
  /** Where to begin without a committed offset, or when the offset is gone; default 'latest', as Kafka's. */
  autoOffsetReset?: OffsetReset
  /** A fetch is answered when so many bytes are there; default 1. */
  minBytes?: number
  /** ... or after so many milliseconds; default 500. */
  maxWaitMs?: number
  /** Largest answer to one fetch, in bytes; default 50 MiB. */
  maxBytes?: number
  /** Of one partition in one fetch, in bytes; default 1 MiB. */
  maxPartitionBytes?: number
  /** What may lie fetched and not yet polled, in bytes (one fetch answer more at most); default 50 MiB. */
  prefetchBytes?: number
  /** Most records of one poll, rounded up to whole batches; default 500. */
  maxPollRecords?: number
  /** Whether checksums are compared; default true. */
  checkCrcs?: boolean
  /** Default 45 s. */
  sessionTimeoutMs?: number
  /** How long a member may take between two polls (Kafka's `max.poll.interval.ms`); default 5 minutes. */
  rebalanceTimeoutMs?: number
  /** Default 3 s. */
  heartbeatIntervalMs?: number
  /** In order of preference; default range, then roundrobin. */
  assignors?: readonly AssignorName[]
  /** Offsets are committed by the program, with what it has done: false is the only value. */
  autoCommit?: false
}

const clientNames = [
  'clientId',
  'requestTimeoutMs',
  'bootstrapTimeoutMs',
  'retryBackoffMs',
  'retryBackoffMaxMs',
  'metadataMaxAgeMs',
  'unknownTopicTimeoutMs',
  'ssl',
  'sasl',
  'dialer',
  'clock',
  'random',
  'logger',
] as const
const producerNames = [
  'transactionalId',
  'acks',
  'idempotent',
  'compression',
  'lingerMs',
  'batchBytes',
  'maxRequestBytes',
  'bufferBytes',
  'deliveryTimeoutMs',
  'requestTimeoutMs',
  'transactionTimeoutMs',
  'maxBlockMs',
  'partitioner',
] as const
const consumerNames = [
  'groupId',
  'groupInstanceId',
  'isolation',
  'autoOffsetReset',
  'minBytes',
  'maxWaitMs',
  'maxBytes',
  'maxPartitionBytes',
  'prefetchBytes',
  'maxPollRecords',
  'checkCrcs',
  'sessionTimeoutMs',
  'rebalanceTimeoutMs',
  'heartbeatIntervalMs',
  'assignors',
  'autoCommit',
] as const

export function readClientOptions(options: ClientOptions): ClientOptions {
  const isSecurity = ([name]: [string, unknown]): boolean => (securityNames as readonly string[]).includes(name)
  const { ssl, ...read } = readOptions(
    'connect',
    Object.fromEntries(Object.entries(options).filter((each) => !isSecurity(each))),
    clientNames,
  ) as ClientOptions
  const kafka = Object.fromEntries(Object.entries(options).filter(isSecurity)) as Record<string, string>
  return {
    ...read,
    ...clientSecurity({ ...(ssl !== undefined && { ssl }), ...(read.sasl !== undefined && { sasl: read.sasl }) }, kafka),
    ...(read.dialer && { dialer: read.dialer }),
  }
}
export const acksCodes = { all: -1, 1: 1, 0: 0 } as const

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readProducerOptions(given: ProducerOptions) {
  const options = readOptions('producer', given, producerNames)
  const acks = options.acks ?? 'all'
  const idempotent = options.idempotent ?? acks === 'all'
  if (!(acks in acksCodes)) throw new MoldauError('INVALID_CONFIG', `producer: acks is 'all', 1 or 0, not ${JSON.stringify(acks)}`)
  if (idempotent && acks !== 'all') {
    throw new MoldauError('INVALID_CONFIG', `producer: idempotent needs acks 'all', not ${acks}: leave one of them out`)
  }
  if (options.transactionalId !== undefined && !idempotent) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `producer '${options.transactionalId}': transactions need acks 'all' and idempotent: leave them out`,
    )
  }
  const { transactionalId, partitioner, ...rest } = options
  return {
    compression: 'none' as const,
    lingerMs: 5,
    batchBytes: 16_384,
    maxRequestBytes: 1024 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    deliveryTimeoutMs: 120_000,
    requestTimeoutMs: 30_000,
    transactionTimeoutMs: 60_000,
    maxBlockMs: 60_000,
    ...rest,
    acks,
    idempotent,
    transactionalId,
    partitioner,
  }
}

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readConsumerOptions(given: ConsumerOptions) {
  const options = readOptions('consumer', given, consumerNames)
  if (options.autoCommit !== undefined && options.autoCommit !== false) {
    throw new MoldauError('INVALID_CONFIG', 'consumer: offsets are not committed behind your back: call commit() when the records are done')
  }
  return {
    groupId: undefined as string | undefined,
    isolation: 'read_uncommitted' as const,
    autoOffsetReset: 'latest' as const,
    minBytes: 1,
    maxWaitMs: 500,
    maxBytes: 50 * 1024 * 1024,
    maxPartitionBytes: 1024 * 1024,
    prefetchBytes: 50 * 1024 * 1024,
    maxPollRecords: 500,
    checkCrcs: true,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
    heartbeatIntervalMs: 3000,
    assignors: ['range', 'roundrobin'] as const,
    ...options,
    groupInstanceId: options.groupInstanceId ?? null,
  }
}
