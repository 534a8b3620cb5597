import { messageOf } from '../../base/errors.ts'
import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { ListOffsets } from '../../protocol/messages/list-offsets.ts'
import type { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import type { Input } from '../../protocol/schema.ts'
import type { Isolation, Partition } from '../../replica/partition.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'

type PartitionAnswer = Input<typeof ListOffsetsResponse>['topics'][number]['partitions'][number]
type Wanted = ListOffsetsRequest['topics'][number]['partitions'][number]

/** Timestamps with a meaning of their own. */
const at = { latest: -1, earliest: -2, maxTimestamp: -3, earliestLocal: -4, latestTiered: -5, earliestPendingUpload: -6 } as const

interface Found {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch?: number
}

const NOT_FOUND: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 }

/** Leader epochs came with version 4 (KIP-320). */
const EPOCHS_SINCE = 4

/**
 * ListOffsets 0 to 11: the first offset at or after a timestamp, or one of the ends. v0 answers several offsets, where segments begin.
 * v2 isolation level; v4 leader epochs; v7 the offset of the largest timestamp (KIP-734); v8 and v9 ends of tiered storage, of which there is none.
 */
export const listOffsets = handler({
  api: ListOffsets,
  minVersion: 0,
  maxVersion: 11,
  handle(request, context) {
    const isolation = request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    const answers = () => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((wanted) => answer(context, name, wanted, isolation)),
      })),
    })
    const caughtUp = context.broker.replicas.caughtUp(askedForEnds(request))
    return caughtUp === undefined ? answers() : caughtUp.then(answers)
  },
})

/** The partitions of whose end something is asked: records that their sender was answered for count, synced or not. */
function askedForEnds({ topics }: ListOffsetsRequest): { topic: string; index: number }[] {
  return topics.flatMap(({ name: topic, partitions }) =>
    partitions
      .filter(({ timestamp }) => timestamp !== at.earliest && timestamp !== at.earliestLocal)
      .map(({ partitionIndex: index }) => ({ topic, index })),
  )
}

function answer(context: RequestContext, topic: string, wanted: Wanted, isolation: Isolation): PartitionAnswer {
  const index = wanted.partitionIndex
  try {
    const partition = partitionOf(context.broker, topic, '', index, false)
    partition.checkLeaderEpoch(wanted.currentLeaderEpoch)
    if (context.version === 0) {
      return { partitionIndex: index, errorCode: 0, oldStyleOffsets: offsetsBefore(partition, wanted.timestamp, wanted.maxNumOffsets) }
    }
    const found = find(partition, wanted.timestamp, isolation)
    const { offset, timestamp: time, leaderEpoch = partition.leaderEpoch } = found
    return { partitionIndex: index, errorCode: 0, offset, timestamp: time, ...(context.version >= EPOCHS_SINCE && { leaderEpoch }) }
  } catch (error) {
    const known = error instanceof KafkaError
    if (!known) context.broker.logger.error({ partition: `${topic}-${index}`, err: error }, `ListOffsets failed: ${messageOf(error)}`)
    return { partitionIndex: index, errorCode: errorCode(known ? error.kafkaCode : 'KAFKA_STORAGE_ERROR') }
  }
}

function find(partition: Partition, timestamp: number, isolation: Isolation): Found {
  const { log } = partition
  switch (timestamp) {
    case at.latest:
      return { offset: partition.readableEnd(isolation), timestamp: -1 }
    case at.earliest:
    case at.earliestLocal:
      return { offset: log.logStartOffset, timestamp: -1 }
    case at.maxTimestamp:
      return visible(log.maxTimestamp(), partition, isolation)
    case at.latestTiered:
    case at.earliestPendingUpload:
      return NOT_FOUND
    default:
      if (timestamp < 0) throw kafkaError('UNSUPPORTED_VERSION', `timestamp ${timestamp} has no meaning`)
      return visible(log.offsetForTimestamp(timestamp), partition, isolation)
  }
}

/** Version 0: the starts of segments written at or before a time, and the end; newest first, none above the high watermark. */
function offsetsBefore({ log }: Partition, timestamp: number, count: number): number[] {
  const { highWatermark } = log
  const starts = log.segmentStarts()
  const offsets = starts.filter(({ modified }) => timestamp < 0 || modified <= timestamp).map(({ offset }) => offset)
  if (timestamp === at.earliest) offsets.length = Math.min(offsets.length, 1)
  else if (timestamp < 0 && log.logEndOffset > offsets.at(-1)!) offsets.push(log.logEndOffset)
  const newest = offsets.toReversed()
  const visible = newest.filter((offset) => offset <= highWatermark)
  if (visible.length < newest.length) visible.unshift(highWatermark)
  return visible.slice(0, Math.max(count, 0))
}

function visible(found: Found | undefined, partition: Partition, isolation: Isolation): Found {
  return found === undefined || found.offset >= partition.readableEnd(isolation) ? NOT_FOUND : found
}
