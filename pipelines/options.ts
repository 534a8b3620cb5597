import { hostname } from 'node:os'
import { type Clock, systemClock } from '../core/base/clock.ts'
import { MoldauError } from '../core/base/errors.ts'
import { type Logger, silentLogger } from '../core/base/logger.ts'
import { type RandomBytes, systemRandom } from '../core/base/uuid.ts'
import type { Client } from '../core/client/client.ts'
import { isOnError, type OnError } from './errors/on-error.ts'
import { type Guarantee, guarantees } from './guarantee.ts'
import { type Part, waits } from './plan.ts'
import { checkName } from './topic.ts'

export interface EpochOptions {
  /** Most records of an epoch; default 50,000, and 10,000 with RxJS or waiting operators, whose queues become slow beyond that. */
  records?: number
  /** Most bytes of an epoch, as decompressed batches; default 16 MiB, rounded up to a whole batch. */
  bytes?: number
  /** How long records may wait for a commit, in milliseconds; default 100. */
  ms?: number
}

export interface RunOptions {
  /** The cluster. It is not closed by the job. */
  client: Client
  /** Default 'exactly-once'. */
  guarantee?: Guarantee
  /** Begins the names of groups, transactional ids and internal topics; default 'moldau'. Two applications on one cluster need two. */
  applicationId?: string
  /**
   * Who this process is among those that run the same pipelines: stable across restarts, so that a killed process gets its partitions back
   * at once; different in each process, for of two with the same one the older is fenced. Default: the host's name.
   */
  instanceId?: string
  epoch?: EpochOptions
  /** 'low' commits every 10 ms in place of 100, at the price of more work for the broker. */
  latency?: 'low'
  /**
   * After how long at its end an input no longer holds event time back, in milliseconds; default 10 s. What comes to it later may be
   * late then, the more so when its process is dead at that moment.
   */
  idleMs?: number
  /** How long the operators of an epoch may take to complete, in milliseconds; default 30 s. */
  watchdogMs?: number
  /** How long errors that may pass are tried again before the job fails, in milliseconds; default 5 minutes. */
  retryMs?: number
  /** After how long without a heartbeat a process counts as dead and its partitions go to others, in milliseconds; default 45 s. */
  sessionTimeoutMs?: number
  /**
   * How many processes, beside the one that works on a task, keep a copy of its state, to take over with little to read; default 0. Kafka
   * Streams' `num.standby.replicas`.
   */
  standbys?: number
  /**
   * How many changelog records a process may be behind to be given a task at once, while another has all of its state; default 10,000. One that
   * is further behind makes a copy first (`acceptable.recovery.lag`, KIP-441).
   */
  acceptableRecoveryLag?: number
  /** How many such copies a group makes at a time; default 2 (`max.warmup.replicas`). */
  maxWarmups?: number
  /**
   * What to do when records of an input are gone before they were read, by retention or by hand: 'fail' (the default) stops the pipeline with
   * INPUT_LOST, which says what is missing; 'skip' goes on with what is there, at the begin of the partition, and counts them in `metrics$`.
   * Kafka Streams' `auto.offset.reset` skips.
   */
  lostInput?: 'fail' | 'skip'
  /** Where a sink that was never committed begins; default 'earliest'. */
  startAt?: 'earliest' | 'latest'
  /**
   * What becomes of records that cannot be read, run or written, unless pipeline or operator say otherwise: 'fail' (the default) stops the
   * pipeline, 'skip' passes the record over, 'dead-letter' writes it to a topic in the transaction of its epoch, a function decides.
   */
  onError?: OnError
  /** Name of the topic of dead letters; default: of each pipeline its own, `<application>-<pipeline>-dead-letters`. */
  deadLetters?: string
  /** How many records of one epoch may fail before it is held to be the fault of the code, which stops the pipeline; default 10. */
  poisonMax?: number
  /** What dead letters say about the code that could not take them; default: `npm_package_version` of the environment. */
  codeVersion?: string
  clock?: Clock
  random?: RandomBytes
  logger?: Logger
}

/** The options with every default filled in. */
export interface Settings {
  readonly client: Client
  readonly guarantee: Guarantee
  readonly applicationId: string
  readonly instanceId: string
  /** Workers with the same one die together: the instanceId of the process, which each of its threads has with a number behind it. */
  readonly process: string
  /** undefined: as the operators of the pipeline allow. */
  readonly epochRecords: number | undefined
  readonly epochBytes: number
  readonly epochMs: number
  readonly idleMs: number
  readonly watchdogMs: number
  readonly retryMs: number
  readonly sessionTimeoutMs: number
  readonly standbys: number
  readonly acceptableRecoveryLag: number
  readonly maxWarmups: number
  readonly lostInput: 'fail' | 'skip'
  readonly startAt: 'earliest' | 'latest'
  readonly onError: OnError
  readonly deadLetters: string | undefined
  readonly poisonMax: number
  readonly codeVersion: string | undefined
  readonly clock: Clock
  readonly random: RandomBytes
  readonly logger: Logger
}

const MIB = 1024 * 1024
const names = [
  'client',
  'guarantee',
  'applicationId',
  'instanceId',
  'epoch',
  'latency',
  'idleMs',
  'watchdogMs',
  'retryMs',
  'sessionTimeoutMs',
  'standbys',
  'acceptableRecoveryLag',
  'maxWarmups',
  'lostInput',
  'startAt',
  'onError',
  'deadLetters',
  'poisonMax',
  'codeVersion',
  'clock',
  'random',
  'logger',
]

/** @throws INVALID_CONFIG naming the option and what it takes */
export function readOptions(options: RunOptions): Settings {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw wrong(name, `does not exist; there are: ${names.join(', ')}`)
  }
  const { guarantee = 'exactly-once', applicationId = 'moldau', latency, epoch = {}, onError = 'fail' } = options
  if (!guarantees.includes(guarantee)) throw wrong('guarantee', `is one of ${guarantees.join(', ')}, not '${String(guarantee)}'`)
  if (latency !== undefined && latency !== 'low') throw wrong('latency', `is 'low' or not there, not '${String(latency)}'`)
  const { lostInput = 'fail' } = options
  if (lostInput !== 'fail' && lostInput !== 'skip') throw wrong('lostInput', `is 'fail' or 'skip', not '${String(lostInput)}'`)
  if (!isOnError(onError)) throw wrong('onError', `is 'fail', 'skip', 'dead-letter' or a function, not '${String(onError)}'`)
  if (options.deadLetters !== undefined) checkName('run: deadLetters', options.deadLetters)
  const instanceId = options.instanceId ?? hostname().replaceAll(/[^a-zA-Z0-9._-]/g, '-')
  checkName('run: applicationId', applicationId)
  checkName('run: instanceId', instanceId)
  return {
    client: options.client,
    guarantee,
    applicationId,
    instanceId,
    process: instanceId,
    epochRecords: epoch.records === undefined ? undefined : atLeast('epoch.records', epoch.records, 1),
    epochBytes: atLeast('epoch.bytes', epoch.bytes ?? 16 * MIB, 1),
    epochMs: atLeast('epoch.ms', epoch.ms ?? (latency === 'low' ? 10 : 100), 0),
    idleMs: atLeast('idleMs', options.idleMs ?? 10_000, 1),
    watchdogMs: atLeast('watchdogMs', options.watchdogMs ?? 30_000, 1),
    retryMs: atLeast('retryMs', options.retryMs ?? 300_000, 0),
    sessionTimeoutMs: atLeast('sessionTimeoutMs', options.sessionTimeoutMs ?? 45_000, 1),
    standbys: whole('standbys', options.standbys ?? 0, 0),
    acceptableRecoveryLag: whole('acceptableRecoveryLag', options.acceptableRecoveryLag ?? 10_000, 0),
    maxWarmups: whole('maxWarmups', options.maxWarmups ?? 2, 1),
    lostInput,
    startAt: options.startAt ?? 'earliest',
    onError,
    deadLetters: options.deadLetters,
    poisonMax: options.poisonMax === Infinity ? Infinity : atLeast('poisonMax', options.poisonMax ?? 10, 1),
    codeVersion: options.codeVersion ?? process.env['npm_package_version'],
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    logger: options.logger ?? silentLogger,
  }
}

/** Beyond this RxJS's mergeMap and concatMap move arrays that V8 no longer moves cheaply. */
const RXJS_RECORDS_MAX = 10_000
const FUSED_RECORDS_MAX = 50_000

/** Most records of an epoch of these parts. */
export function epochRecordsOf({ epochRecords }: Settings, parts: readonly Part[]): number {
  return epochRecords ?? (waits(parts) ? RXJS_RECORDS_MAX : FUSED_RECORDS_MAX)
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least) return value
  throw wrong(name, `must be a number of at least ${least}, not ${String(value)}`)
}

function whole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw wrong(name, `must be a whole number of at least ${least}, not ${String(value)}`)
}

function wrong(name: string, what: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `run: option '${name}' ${what}`)
}
