import { MoldauError, messageOf } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { batchesOnly, MESSAGE_OVERHEAD } from '../record/legacy-upgrade.ts'
import { AbortedTransactions } from './aborted-transactions.ts'
import type { PartitionState } from './partition-state.ts'
import { RawBatch } from './raw-batch.ts'
import type { ConsumerBatch } from './types.ts'

export interface FetchAnswer {
  records: Buffer
  /** Null under read_uncommitted. */
  aborted: readonly { producerId: number; firstOffset: number }[] | null
  highWatermark: number
  logStartOffset: number
}

/** What one fetch brought for one partition: handed out batch by batch, decoded only then. */
export class FetchedRecords {
  readonly bytes: number
  /** The offset after the last whole batch: where the next fetch goes on. */
  readonly nextOffset: number
  /** Of that batch; -1 when there is none. */
  readonly leaderEpoch: number
  readonly #state: PartitionState
  readonly #answer: FetchAnswer
  /** Those of the answer; messages of before Kafka 0.11 as batches. */
  readonly #records: Buffer
  readonly #aborted: AbortedTransactions | undefined
  readonly #checkCrcs: boolean
  /** Nothing is decoded, and under read_uncommitted nothing passed over: markers are told, too. */
  readonly #isWhole: boolean
  readonly #end: number
  #at: number
  #visibleAt: number

  /** @param raw batches are taken by {@link FetchedRecords.takeRaw} */
  constructor(state: PartitionState, answer: FetchAnswer, checkCrcs: boolean, raw = false) {
    this.#state = state
    this.#answer = answer
    this.#aborted = answer.aborted === null || answer.aborted.length === 0 ? undefined : new AbortedTransactions(answer.aborted)
    this.#checkCrcs = checkCrcs
    this.#isWhole = raw && answer.aborted === null
    this.#at = 0
    this.#visibleAt = -1
    let { records } = answer
    let end = 0
    let nextOffset = -1
    let leaderEpoch = -1
    for (let size = sizeAt(records, end); size > 0; size = sizeAt(records, end)) {
      if (batch.magic(records, end) < batch.MAGIC) {
        try {
          records = batchesOnly(records, end)
          continue
        } catch (error) {
          // What lies before it is handed out first.
          if (nextOffset >= 0) break
          const message = `${whereIn(records, end, state)} is damaged: ${messageOf(error)}; seek() past it`
          throw new MoldauError('CORRUPT_BATCH', message, { cause: error })
        }
      }
      nextOffset = batch.nextOffset(records, end)
      leaderEpoch = batch.leaderEpoch(records, end)
      end += size
    }
    this.#records = records
    this.bytes = records.length
    this.#end = end
    this.nextOffset = nextOffset
    this.leaderEpoch = leaderEpoch
  }

  /**
   * Moves past what nobody is to see (markers, aborted batches, holes, what lies below the position) and takes the position along.
   * @returns whether there is a batch to hand out
   */
  advance(): boolean {
    const records = this.#records
    const state = this.#state
    while (this.#at < this.#end) {
      const at = this.#at
      const next = batch.nextOffset(records, at)
      if (this.#visibleAt === at) return true
      if (this.#isVisible(at) && next > state.position!) {
        this.#visibleAt = at
        return true
      }
      if (next > state.position!) state.passed(next, batch.leaderEpoch(records, at))
      this.#at += batch.sizeInBytes(records, at)
    }
    return false
  }

  /** The batch that {@link FetchedRecords.advance} stopped at; undefined when all its records lie below the position. */
  take(): ConsumerBatch | undefined {
    const records = this.#records
    const { highWatermark, logStartOffset } = this.#answer
    const state = this.#state
    const at = this.#at
    const columns = decodeBatch(records, at)
    const nextOffset = batch.nextOffset(records, at)
    const leaderEpoch = batch.leaderEpoch(records, at)
    let from = 0
    while (from < columns.count && columns.offset(from) < state.position!) from++
    this.#at += batch.sizeInBytes(records, at)
    state.passed(nextOffset, leaderEpoch)
    if (from === columns.count) return undefined
    return {
      topic: state.topic,
      partition: state.partition,
      topicId: state.topicId,
      columns,
      from,
      count: columns.count - from,
      firstOffset: columns.offset(from),
      nextOffset,
      leaderEpoch,
      highWatermark,
      logStartOffset,
      group: null,
    }
  }

  /** The same as it lies in the log. */
  takeRaw(): RawBatch {
    const records = this.#records
    const { highWatermark, logStartOffset } = this.#answer
    const state = this.#state
    const { topic, partition, topicId } = state
    const end = this.#at + batch.sizeInBytes(records, this.#at)
    const raw = new RawBatch({ topic, partition, topicId, highWatermark, logStartOffset }, records.subarray(this.#at, end), this.#checkCrcs)
    this.#at = end
    state.passed(raw.nextOffset, raw.leaderEpoch)
    return raw
  }

  #isVisible(at: number): boolean {
    const records = this.#records
    this.#check(at)
    if (this.#isWhole) return true
    const aborted = this.#aborted?.includes(records, at) ?? false
    return !aborted && !batch.isControl(records, at) && batch.recordCount(records, at) > 0
  }

  #check(at: number): void {
    const records = this.#records
    if (batch.magic(records, at) !== batch.MAGIC) {
      const message = `${this.#where(at)} is in a format that this consumer does not know (magic ${batch.magic(records, at)})`
      throw new MoldauError('UNSUPPORTED_VERSION', message)
    }
    if (this.#checkCrcs && batch.checkBatch(records, at, this.#end) !== 'ok') {
      const message = `${this.#where(at)} does not match its checksum: seek() past it, or fetch it from another replica`
      throw new MoldauError('CORRUPT_BATCH', message)
    }
  }

  #where(at: number): string {
    return whereIn(this.#records, at, this.#state)
  }
}

function whereIn(records: Buffer, at: number, tp: TopicPartition): string {
  return `the record batch at offset ${batch.baseOffset(records, at)} of ${tpKey(tp)}`
}

/** Size of the whole batch, or message of before Kafka 0.11, at `at`; 0 when none is there: the end of an answer is cut off anywhere. */
function sizeAt(records: Buffer, at: number): number {
  if (records.length - at < MESSAGE_OVERHEAD) return 0
  const size = batch.sizeInBytes(records, at)
  if (size < (batch.magic(records, at) < batch.MAGIC ? MESSAGE_OVERHEAD : batch.BATCH_OVERHEAD))
    throw new MoldauError('CORRUPT_BATCH', `a record batch in a fetch answer claims to be ${size} bytes long`)
  return size > records.length - at ? 0 : size
}
