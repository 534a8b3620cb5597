import { type KafkaError, kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { readControl, readCoordinatorEpoch } from '../record/control.ts'
import { RefusedSequences } from './refused-sequences.ts'

/** Batches remembered per producer: as many as a client may have in flight. A repetition of one of them is answered, not appended. */
export const BATCHES_REMEMBERED = 5
/** Producers remembered per partition; beyond it those that wrote longest ago are forgotten. */
export const PRODUCERS_MAX = 100_000

export interface ProducerBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  /** Its largest timestamp: what a repetition is answered. */
  readonly timestamp: number
}

/** What the log does not say of a batch: who sent it, and by which rules. */
export interface ProducerRules {
  /** False for batches of a coordinator, whose sequences nobody counts. */
  readonly sequences: boolean
  /** Of the transaction that the batch belongs to or ends. 2: every transaction has an epoch of its own (KIP-890). */
  readonly transactionVersion: number
}

/** What a partition knows of one idempotent producer. */
export interface ProducerEntry {
  readonly producerId: number
  epoch: number
  /** Of the coordinator that wrote the last marker; -1 before the first. */
  coordinatorEpoch: number
  /** Oldest first, of the current epoch only. */
  batches: ProducerBatch[]
  /** Offset of the first record of the open transaction, -1 when none is open. */
  transactionStart: number
  /** When the producer last wrote, milliseconds since 1970 on the broker's clock. */
  lastTimestamp: number
}

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** The marker's. */
  readonly lastOffset: number
  readonly aborted: boolean
}

const NO_EPOCH = -1
/** Kafka lets a marker of the last epoch through: there is none above it. */
const EPOCH_MAX = 0x7fff

/**
 * The idempotent and transactional producers of one partition: who wrote what last, and which transactions are open. Kafka's
 * `ProducerStateManager` and `ProducerAppendInfo`. Checks and changes are apart, so that a failed write changes nothing.
 */
export class ProducerState {
  readonly #producers: Map<number, ProducerEntry>
  /** Open transactions in order of their first offsets. */
  readonly #ongoing: Map<number, number>
  /** Ended, but the marker is not below the high watermark yet; in order of their markers. */
  #unreplicated: CompletedTransaction[]
  readonly #refused: RefusedSequences

  constructor(entries: Iterable<ProducerEntry> = []) {
    this.#refused = new RefusedSequences()
    this.#producers = new Map()
    this.#ongoing = new Map()
    this.#unreplicated = []
    for (const entry of entries) this.#producers.set(entry.producerId, entry)
    const open = [...this.#producers.values()].filter((entry) => entry.transactionStart >= 0)
    for (const entry of open.sort((a, b) => a.transactionStart - b.transactionStart)) {
      this.#ongoing.set(entry.producerId, entry.transactionStart)
    }
  }

  get size(): number {
    return this.#producers.size
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#producers.get(producerId)
  }

  entries(): Iterable<ProducerEntry> {
    return this.#producers.values()
  }

  /** Producers with an open transaction, in order of their first offsets. */
  ongoing(): ProducerEntry[] {
    return Array.from(this.#ongoing.keys(), (producerId) => this.#producers.get(producerId)!)
  }

  /** The first offset that a transaction not yet settled has; `undefined` when there is none. */
  get firstUnstableOffset(): number | undefined {
    const open = this.#ongoing.values().next().value
    let first = open
    for (const { firstOffset } of this.#unreplicated) if (first === undefined || firstOffset < first) first = firstOffset
    return first
  }

  /** Everything below `highWatermark` is on all replicas: transactions whose marker is there are settled. */
  replicated(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= highWatermark)
  }

  /**
   * Whether the batch may be appended. Answers the batch remembered when it is a repetition of it.
   *
   * @throws KafkaError INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE
   */
  check(buf: Buffer, at: number, { sequences, transactionVersion }: ProducerRules): ProducerBatch | undefined {
    const producerId = batch.producerId(buf, at)
    const entry = this.#producers.get(producerId)
    const epoch = batch.producerEpoch(buf, at)
    const first = batch.baseSequence(buf, at)
    if (entry === undefined || entry.epoch === NO_EPOCH) {
      if (sequences) this.#checkBeginning(producerId, epoch, first, transactionVersion >= 2 && batch.isTransactional(buf, at))
      return undefined
    }
    if (sequences && epoch === entry.epoch) {
      const last = batch.lastSequence(buf, at)
      for (const known of entry.batches) if (known.firstSequence === first && known.lastSequence === last) return known
    }
    if (epoch < entry.epoch) {
      throw kafkaError('INVALID_PRODUCER_EPOCH', `producer ${producerId} has epoch ${epoch}, the partition knows ${entry.epoch}`)
    }
    if (sequences) checkSequence(entry, epoch, first)
    if (entry.transactionStart >= 0 && !batch.isTransactional(buf, at)) {
      throw kafkaError('INVALID_TXN_STATE', `producer ${producerId} has an open transaction: the batch must belong to it`)
    }
    return undefined
  }

  /**
   * Whether the marker may be appended. With transactions v2 its epoch is above that of the records: one of the same epoch is late, and would
   * end the transaction after its own. Where none is open it is a repetition, which does no harm.
   *
   * @throws KafkaError INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, INVALID_RECORD
   */
  checkMarker(buf: Buffer, at: number, { transactionVersion }: ProducerRules): void {
    const columns = decodeBatch(buf, at)
    if (readControl(columns) === 'other') throw kafkaError('INVALID_RECORD', 'a control batch that neither commits nor aborts')
    const entry = this.#producers.get(batch.producerId(buf, at))
    if (entry === undefined) return
    const { producerId } = entry
    const epoch = batch.producerEpoch(buf, at)
    const late = transactionVersion >= 2 && epoch === entry.epoch && entry.transactionStart >= 0 && epoch !== EPOCH_MAX
    if (epoch < entry.epoch || late) {
      throw kafkaError('INVALID_PRODUCER_EPOCH', `marker of producer ${producerId} has epoch ${epoch}, the partition knows ${entry.epoch}`)
    }
    const coordinatorEpoch = readCoordinatorEpoch(columns)
    if (coordinatorEpoch < entry.coordinatorEpoch) {
      const known = entry.coordinatorEpoch
      throw kafkaError('TRANSACTION_COORDINATOR_FENCED', `marker of coordinator epoch ${coordinatorEpoch}, the partition knows ${known}`)
    }
  }

  /** Takes note of a transactional batch that could not be appended because its transaction could not be asked for: it comes again. */
  refused(buf: Buffer, at: number): void {
    const sequence = batch.baseSequence(buf, at)
    // Without one it will be refused for that, however often it comes.
    if (sequence >= 0) this.#refused.add(batch.producerId(buf, at), batch.producerEpoch(buf, at), sequence)
  }

  /** Takes note of a batch that is in the log, its offsets final. Answers the transaction that it ended, if it is a marker. */
  apply(buf: Buffer, at: number, now: number): CompletedTransaction | undefined {
    const producerId = batch.producerId(buf, at)
    if (producerId < 0) return undefined
    this.#refused.forget(producerId)
    const entry = this.#entry(producerId)
    const epoch = batch.producerEpoch(buf, at)
    if (epoch !== entry.epoch) {
      entry.epoch = epoch
      entry.batches = []
    }
    entry.lastTimestamp = now
    if (batch.isControl(buf, at)) return this.#end(entry, buf, at)
    if (batch.baseSequence(buf, at) >= 0) {
      if (entry.batches.length === BATCHES_REMEMBERED) entry.batches.shift()
      entry.batches.push(describe(buf, at))
    }
    if (batch.isTransactional(buf, at) && entry.transactionStart < 0) {
      entry.transactionStart = batch.baseOffset(buf, at)
      this.#ongoing.set(producerId, entry.transactionStart)
    }
    return undefined
  }

  /** Completes what a snapshot said with a batch that was in the log before: called in the order of the log. */
  remember(buf: Buffer, at: number): void {
    if (batch.baseSequence(buf, at) < 0 || batch.isControl(buf, at)) return
    const entry = this.#producers.get(batch.producerId(buf, at))
    const newest = entry?.batches.at(-1)
    if (entry === undefined || newest === undefined || entry.epoch !== batch.producerEpoch(buf, at)) return
    const known = describe(buf, at)
    // The snapshot does not say when the records were written.
    if (known.lastOffset === newest.lastOffset) entry.batches.splice(-1, 1, known)
    if (known.lastOffset >= newest.lastOffset) return
    entry.batches.splice(-1, 0, known)
    if (entry.batches.length > BATCHES_REMEMBERED) entry.batches.shift()
  }

  /** The last stable offset once `ended` counts as settled: what the transaction index keeps with an abort. */
  stableOffsetAfter(ended: CompletedTransaction): number {
    return this.#ongoing.values().next().value ?? ended.lastOffset + 1
  }

  /** Forgets producers without an open transaction that have not written since `before`. */
  expire(before: number): void {
    for (const [producerId, entry] of this.#producers) {
      if (entry.transactionStart < 0 && entry.lastTimestamp <= before) this.#producers.delete(producerId)
    }
  }

  /** An unknown producer may begin with any sequence, since its state may have been deleted with its records (KIP-360), but for what is known. */
  #checkBeginning(producerId: number, epoch: number, first: number, v2: boolean): void {
    // With transactions v2 each transaction begins anew: a sequence that is not the first has lost the batches before it.
    if (v2 && first !== 0) throw outOfOrder(`producer ${producerId} begins its transaction with sequence ${first}, it must be 0`)
    const missing = this.#refused.before(producerId, epoch, first)
    if (missing !== undefined) throw outOfOrder(`producer ${producerId} sent sequence ${first}, ${missing} was refused and comes first`)
  }

  #entry(producerId: number): ProducerEntry {
    let entry = this.#producers.get(producerId)
    if (entry === undefined) {
      if (this.#producers.size >= PRODUCERS_MAX) this.#evict()
      entry = { producerId, epoch: NO_EPOCH, coordinatorEpoch: -1, batches: [], transactionStart: -1, lastTimestamp: 0 }
      this.#producers.set(producerId, entry)
    }
    return entry
  }

  #end(entry: ProducerEntry, buf: Buffer, at: number): CompletedTransaction | undefined {
    const columns = decodeBatch(buf, at)
    const kind = readControl(columns)
    if (kind === 'other') return undefined
    entry.coordinatorEpoch = readCoordinatorEpoch(columns)
    if (entry.transactionStart < 0) return undefined
    const { producerId, transactionStart: firstOffset } = entry
    const ended = { producerId, firstOffset, lastOffset: batch.lastOffset(buf, at), aborted: kind === 'abort' }
    entry.transactionStart = -1
    this.#ongoing.delete(producerId)
    this.#unreplicated.push(ended)
    return ended
  }

  /** Drops a tenth at once, so that the search is paid for seldom. */
  #evict(): void {
    const idle = [...this.#producers.values()].filter((entry) => entry.transactionStart < 0)
    idle.sort((a, b) => a.lastTimestamp - b.lastTimestamp)
    for (const { producerId } of idle.slice(0, PRODUCERS_MAX / 10)) this.#producers.delete(producerId)
  }
}

function describe(buf: Buffer, at: number): ProducerBatch {
  return {
    firstSequence: batch.baseSequence(buf, at),
    lastSequence: batch.lastSequence(buf, at),
    lastOffset: batch.lastOffset(buf, at),
    offsetDelta: batch.lastOffsetDelta(buf, at),
    timestamp: batch.maxTimestamp(buf, at),
  }
}

function checkSequence(entry: ProducerEntry, epoch: number, first: number): void {
  const { producerId } = entry
  if (epoch !== entry.epoch) {
    if (first === 0) return
    throw outOfOrder(`producer ${producerId} begins epoch ${epoch} with sequence ${first}, it must be 0`)
  }
  const last = entry.batches.at(-1)?.lastSequence ?? batch.NO_SEQUENCE
  const expected = batch.addSequence(last, 1)
  if (first === expected) return
  throw outOfOrder(`producer ${producerId} sent sequence ${first}, expected was ${expected}`)
}

function outOfOrder(what: string): KafkaError {
  return kafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER', what)
}
