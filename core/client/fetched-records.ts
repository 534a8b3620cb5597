import { MoldauError } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
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
  readonly #state: PartitionState
  readonly #answer: FetchAnswer
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
    this.bytes = answer.records.length
    let end = 0
    let nextOffset = -1
    for (let size = sizeAt(answer.records, end); size > 0; size = sizeAt(answer.records, end)) {
      nextOffset = batch.nextOffset(answer.records, end)
      end += size
    }
    this.#end = end
    this.nextOffset = nextOffset
  }

  /**
   * Moves past what nobody is to see (markers, aborted batches, holes, what lies below the position) and takes the position along.
   * @returns whether there is a batch to hand out
   */
  advance(): boolean {
    const { records } = this.#answer
    const state = this.#state
    while (this.#at < this.#end) {
      const at = this.#at
      const next = batch.nextOffset(records, at)
      if (this.#visibleAt === at) return true
      if (this.#isVisible(at) && next > state.position!) {
        this.#visibleAt = at
        return true
      }
      if (next > state.position!) state.position = next
      this.#at += batch.sizeInBytes(records, at)
    }
    return false
  }

  /** The batch that {@link FetchedRecords.advance} stopped at; undefined when all its records lie below the position. */
  take(): ConsumerBatch | undefined {
    const { records, highWatermark, logStartOffset } = this.#answer
    const state = this.#state
    const at = this.#at
    const columns = decodeBatch(records, at)
    const nextOffset = batch.nextOffset(records, at)
    let from = 0
    while (from < columns.count && columns.offset(from) < state.position!) from++
    this.#at += batch.sizeInBytes(records, at)
    state.position = nextOffset
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
      leaderEpoch: batch.leaderEpoch(records, at),
      highWatermark,
      logStartOffset,
      group: null,
    }
  }

  /** The same as it lies in the log. */
  takeRaw(): RawBatch {
    const { records, highWatermark, logStartOffset } = this.#answer
    const state = this.#state
    const { topic, partition, topicId } = state
    const end = this.#at + batch.sizeInBytes(records, this.#at)
    const raw = new RawBatch({ topic, partition, topicId, highWatermark, logStartOffset }, records.subarray(this.#at, end), this.#checkCrcs)
    this.#at = end
    state.position = raw.nextOffset
    return raw
  }

  #isVisible(at: number): boolean {
    const { records } = this.#answer
    this.#check(at)
    if (this.#isWhole) return true
    const aborted = this.#aborted?.includes(records, at) ?? false
    return !aborted && !batch.isControl(records, at) && batch.recordCount(records, at) > 0
  }

  #check(at: number): void {
    const { records } = this.#answer
    if (batch.magic(records, at) !== batch.MAGIC) {
      const message = `${this.#where(at)} is in the message format of Kafka before 0.11 (magic ${batch.magic(records, at)}), which this consumer does not read`
      throw new MoldauError('UNSUPPORTED_VERSION', message)
    }
    if (this.#checkCrcs && batch.checkBatch(records, at, this.#end) !== 'ok') {
      const message = `${this.#where(at)} does not match its checksum: seek() past it, or fetch it from another replica`
      throw new MoldauError('CORRUPT_BATCH', message)
    }
  }

  #where(at: number): string {
    return `the record batch at offset ${batch.baseOffset(this.#answer.records, at)} of ${tpKey(this.#state)}`
  }
}

/** Size of the whole batch at `at`, 0 when none is there: the end of an answer is cut off anywhere. */
function sizeAt(records: Buffer, at: number): number {
  if (records.length - at < batch.LOG_OVERHEAD) return 0
  const size = batch.sizeInBytes(records, at)
  if (size < batch.BATCH_OVERHEAD)
    throw new MoldauError('CORRUPT_BATCH', `a record batch in a fetch answer claims to be ${size} bytes long`)
  return size > records.length - at ? 0 : size
}
