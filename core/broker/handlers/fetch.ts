import { MoldauError, messageOf } from '../../base/errors.ts'
import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { PIECE_BYTES_MIN } from '../../net/backlog.ts'
import type { BufferPool } from '../../net/buffer-pool.ts'
import { Fetch } from '../../protocol/messages/fetch.ts'
import type { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import type { Input } from '../../protocol/schema.ts'
import { nextOffset } from '../../record/batch.ts'
import { batches } from '../../record/records.ts'
import type { Isolation, Partition } from '../../replica/partition.ts'
import { type Patience, newPatience, nextMessages, readLegacy } from '../../replica/read-legacy.ts'
import { FetchWait } from '../../replica/waiting.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'

type Response = Input<typeof FetchResponse>
type PartitionAnswer = Response['responses'][number]['partitions'][number]
type Wanted = FetchRequest['topics'][number]['partitions'][number]

/** A fetch may not be held longer than this, whatever the client says: one timer, one slot of the connection. */
const MAX_WAIT_MS = 5 * 60_000

/** Messages have timestamps (format 1) since version 2, and batches (format 2) are answered since version 4. */
const TIMESTAMPS_SINCE = 2
const BATCHES_SINCE = 4
/** Zstandard came with version 10 (KIP-110). */
const ZSTD_SINCE = 10
/**
 * Consumers see what is synced. A fetch that finds nothing but records that are being synced waits for them at least so long, however little
 * it wants to wait: who was answered for an append finds the record with the next fetch, as on a Kafka of one node.
 */
const SYNC_WAIT_MS = 1000

const EMPTY = Buffer.alloc(0)

/** Where the next message for an old client is, as far as that is known: behind what it asked for. */
type Places = Map<Partition, number>

/** A partition with so much in it that is not for old clients that it is looked through beside the other work. */
interface Behind {
  readonly partition: Partition
  readonly from: number
  readonly offset: number
}

/** One pass over all partitions. */
interface Pass {
  readonly responses: Response['responses']
  readonly isolation: Isolation
  readonly version: number
  /** Of the whole answer. */
  readonly maxBytes: number
  readonly buffers: BufferPool
  readonly partitions: Partition[]
  readonly places: Places | undefined
  readonly patience: Patience
  readonly behind: Behind[]
  bytes: number
  /** Asks for more than something: then it matters whether there is more than may be answered. */
  readonly isDemanding: boolean
  /** There is more than the whole answer may carry. */
  full: boolean
  /** There are records that are not synced yet. */
  hidden: boolean
  /** Something is to be answered at once, whatever minBytes says. */
  urgent: boolean
}

/**
 * Fetch 0 to 18: whole batches from partitions, as many as maxBytes allows and at least one; before version 4 in the message formats of before 0.11.
 * Waits up to maxWaitMs for minBytes. v4 isolation levels; v7 sessions (KIP-227), which may be declined: session id 0 is answered,
 * so every request names all its partitions; v9 leader epochs (KIP-320); v12 divergence by last fetched epoch (KIP-595); v13 topic ids (KIP-516).
 */
export const fetch = handler({
  api: Fetch,
  minVersion: 0,
  maxVersion: 18,
  handle(request, context) {
    // The epoch tells, not the id: who begins a session (0) or wants none (-1) names all its partitions.
    if (request.sessionEpoch !== 0 && request.sessionEpoch !== -1) {
      throw kafkaError('FETCH_SESSION_ID_NOT_FOUND', `session ${request.sessionId}`)
    }
    return answer(request, context, context.version < BATCHES_SINCE ? new Map() : undefined)
  },
})

/** Answers what is there, or waits for more. */
function answer(request: FetchRequest, context: RequestContext, places: Places | undefined): Response | Promise<Response> {
  const pass = read(request, context, places)
  if (pass.behind.length > 0) return passOver(pass).then(() => answer(request, context, places))
  if (mustWaitForRoom(pass, context)) return room(pass, context).then(() => readOn(request, context, places, true))
  // Who wants more than it may have at once does not wait for it.
  const missingBytes = Math.min(request.minBytes, pass.maxBytes) - pass.bytes
  const leastMs = pass.hidden && pass.bytes === 0 ? SYNC_WAIT_MS : 0
  const maxWaitMs = Math.max(leastMs, Math.min(request.maxWaitMs, MAX_WAIT_MS))
  if (pass.urgent || pass.full || missingBytes <= 0 || maxWaitMs <= 0 || pass.partitions.length === 0) return { responses: pass.responses }
  for (const { partitions } of pass.responses) giveBack(context, partitions)
  const wait = new FetchWait({
    places: pass.partitions,
    missingBytes,
    maxWaitMs,
    committed: isolationOf(request) === 'read_committed',
    clock: context.broker.clock,
  })
  return wait.done.then(() => readOn(request, context, places, false))
}

/** What there is by now. */
async function readOn(request: FetchRequest, context: RequestContext, places: Places | undefined, hasRoom: boolean): Promise<Response> {
  for (;;) {
    const pass = read(request, context, places)
    if (pass.behind.length > 0) await passOver(pass)
    else if (!hasRoom && mustWaitForRoom(pass, context)) {
      await room(pass, context)
      hasRoom = true
    } else return { responses: pass.responses }
  }
}

async function passOver({ behind, places }: Pass): Promise<void> {
  for (const { partition, from, offset } of behind) places?.set(partition, await nextMessages(partition, from, offset))
}

/** Others have left so much with us that one who may do the same gets his batch when there is room. */
function mustWaitForRoom({ bytes }: Pass, { broker, connection }: RequestContext): boolean {
  return bytes > PIECE_BYTES_MIN && broker.backlog.isOver && !connection.isReader
}

function room(pass: Pass, context: RequestContext): Promise<void> {
  for (const { partitions } of pass.responses) giveBack(context, partitions)
  return context.broker.backlog.room()
}

/** What was read and is not answered, because more is waited for. */
function giveBack({ broker: { buffers } }: RequestContext, partitions: readonly PartitionAnswer[]): void {
  for (const { records } of partitions) if (records) buffers.sent(buffers.ofPool(Buffer.isBuffer(records) ? [records] : records))
}

function isolationOf(request: FetchRequest): Isolation {
  return request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
}

function read(request: FetchRequest, context: RequestContext, places: Places | undefined): Pass {
  const maxBytes = Math.min(request.maxBytes, context.broker.config.get('fetch.max.bytes'), context.broker.backlog.pieceBytes)
  const { buffers } = context.broker
  const pass: Pass = {
    responses: [],
    isolation: isolationOf(request),
    version: context.version,
    maxBytes,
    buffers,
    partitions: [],
    places,
    patience: newPatience(),
    behind: [],
    bytes: 0,
    isDemanding: request.minBytes > 1,
    full: false,
    hidden: false,
    urgent: false,
  }
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map((wanted): PartitionAnswer => {
      try {
        const partition = partitionOf(context.broker, topic, topicId, wanted.partition, context.version >= 13)
        return readPartition(pass, partition, wanted)
      } catch (error) {
        pass.urgent = true
        const name = topic || context.broker.topics.byId(topicId)?.name || topicId
        return failed(context, `${name}-${wanted.partition}`, wanted.partition, error)
      }
    }),
  }))
  return { ...pass, responses }
}

function readPartition(pass: Pass, partition: Partition, wanted: Wanted): PartitionAnswer {
  partition.checkLeaderEpoch(wanted.currentLeaderEpoch)
  const { log } = partition
  const answer = {
    partitionIndex: partition.index,
    errorCode: 0,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
  }
  const diverging = divergence(partition, wanted)
  if (diverging !== undefined) {
    pass.urgent = true
    return { ...answer, divergingEpoch: diverging, abortedTransactions: null, records: EMPTY }
  }
  const offset = wanted.fetchOffset
  if (offset < log.logStartOffset || offset > log.logEndOffset)
    throw kafkaError('OFFSET_OUT_OF_RANGE', `${offset} is not in ${partition.topic}-${partition.index}`)
  pass.partitions.push(partition)
  const records = readRecords(pass, partition, wanted)
  pass.bytes += records.length
  return { ...answer, abortedTransactions: pass.isolation === 'read_committed' ? aborted(partition, offset, records) : null, records }
}

/** At least one whole batch for the first partition that has any; after that only what still fits. */
function readRecords(pass: Pass, partition: Partition, { fetchOffset, partitionMaxBytes }: Wanted): Buffer {
  const left = pass.maxBytes - pass.bytes
  const end = partition.readableEnd(pass.isolation)
  pass.hidden ||= partition.awaitsSync
  if (fetchOffset >= end) return EMPTY
  if (left <= 0 && pass.bytes > 0) return leftOut(pass)
  const maxBytes = Math.max(0, Math.min(partitionMaxBytes, left))
  if (pass.version < ZSTD_SINCE && partition.log.config.compressionType === 'zstd') {
    throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `${partition.topic}-${partition.index}: zstd needs Fetch ${ZSTD_SINCE} or newer`)
  }
  if (pass.version < BATCHES_SINCE) {
    const records = readOld(pass, partition, { offset: fetchOffset, maxBytes, end })
    return records.length > left && pass.bytes > 0 ? EMPTY : records
  }
  const { records } = partition.log.read(fetchOffset, maxBytes, end, (size) => pass.buffers.toSend(size))
  if (records.length > left && pass.bytes > 0) return leftOut(pass)
  if (pass.isDemanding && records.length > 0 && left < partitionMaxBytes) pass.full ||= endOf(records, fetchOffset) < end
  return records
}

/** Nothing of a partition that has something: the answer can carry no more. */
function leftOut(pass: Pass): Buffer {
  pass.full = true
  return EMPTY
}

/** As a message set. */
function readOld(pass: Pass, partition: Partition, wanted: { offset: number; maxBytes: number; end: number }): Buffer {
  const { places, patience } = pass
  const from = places?.get(partition)
  const magic = pass.version < TIMESTAMPS_SINCE ? 0 : 1
  const { records, goOnAt } = readLegacy(partition, { ...wanted, magic, patience, ...(from !== undefined && { from }) })
  if (goOnAt !== undefined) pass.behind.push({ partition, from: goOnAt, offset: wanted.offset })
  return records
}

function aborted(partition: Partition, offset: number, records: Buffer): { producerId: number; firstOffset: number }[] {
  return records.length === 0 ? [] : partition.log.abortedTransactions(offset, endOf(records, offset))
}

/** Behind the last batch, or where it was asked for when there is none. */
function endOf(records: Buffer, offset: number): number {
  let end = offset
  for (const at of batches(records)) end = nextOffset(records, at)
  return end
}

/** Where a client that has read `lastFetchedEpoch` parted from this log, if it did (KIP-595). */
function divergence(partition: Partition, wanted: Wanted): { epoch: number; endOffset: number } | undefined {
  if (wanted.lastFetchedEpoch < 0) return undefined
  const { leaderEpoch: epoch, endOffset } = partition.log.endOffsetForEpoch(wanted.lastFetchedEpoch)
  const agrees = epoch === wanted.lastFetchedEpoch && endOffset >= wanted.fetchOffset
  return agrees || epoch === -1 ? undefined : { epoch, endOffset }
}

function failed({ broker, remote }: RequestContext, name: string, index: number, error: unknown): PartitionAnswer {
  if (!(error instanceof KafkaError)) {
    const message = `fetch from ${name} failed: ${messageOf(error)}`
    broker.logger.error({ partition: name, remote, err: error }, message)
    broker.events.emit('error', { message, cause: error })
  }
  const code = errorCode(error instanceof KafkaError ? error.kafkaCode : isCorrupt(error) ? 'CORRUPT_MESSAGE' : 'KAFKA_STORAGE_ERROR')
  return { partitionIndex: index, errorCode: code, highWatermark: -1, abortedTransactions: null, records: EMPTY }
}

/** Damage on the disk does not pass, other than a disk that refuses: a consumer must be told. */
function isCorrupt(error: unknown): boolean {
  return error instanceof MoldauError && error.code === 'CORRUPT_BATCH'
}
