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

/** Kafka's names where they are not ours with dots. */
const kafkaNames: Readonly<Record<string, string>> = {
  'enable.idempotence': 'idempotent',
  'compression.type': 'compression',
  'batch.size': 'batchBytes',
  'max.request.size': 'maxRequestBytes',
  'buffer.memory': 'bufferBytes',
  'partitioner.class': 'partitioner',
  'isolation.level': 'isolation',
  'fetch.min.bytes': 'minBytes',
  'fetch.max.wait.ms': 'maxWaitMs',
  'fetch.max.bytes': 'maxBytes',
  'max.partition.fetch.bytes': 'maxPartitionBytes',
  'check.crcs': 'checkCrcs',
  'max.poll.interval.ms': 'rebalanceTimeoutMs',
  'enable.auto.commit': 'autoCommit',
  'partition.assignment.strategy': 'assignors',
  'metadata.max.age.ms': 'metadataMaxAgeMs',
}

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
export const readProducerOptions = (options: ProducerOptions): ProducerOptions => readOptions('producer', options, producerNames)
export const readConsumerOptions = (options: ConsumerOptions): ConsumerOptions => readOptions('consumer', options, consumerNames)

/**
 * Brings dotted names into our spelling and refuses unknown ones and impossible numbers.
 *
 * @throws MoldauError INVALID_CONFIG naming the option, with the nearest name that exists
 */
function readOptions<T extends object>(who: string, options: T, names: readonly string[]): T {
  const read: Record<string, unknown> = {}
  for (const [given, value] of Object.entries(options)) {
    if (value === undefined) continue
    const name =
      kafkaNames[given] ?? (given.includes('.') ? given.replaceAll(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase()) : given)
    if (!names.includes(name)) throw new MoldauError('INVALID_CONFIG', `${who}: there is no option '${given}'${suggestion(name, names)}`)
    if (typeof value === 'number' && name !== 'acks' && (!Number.isFinite(value) || value < 0)) {
      throw new MoldauError('INVALID_CONFIG', `${who}: ${given} must be a number of at least 0, not ${value}`)
    }
    read[name] = value
  }
  return read as T
}

function suggestion(name: string, names: readonly string[]): string {
  let best = ''
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best === '' ? `; there are: ${names.join(', ')}` : `: did you mean '${best}'?`
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
