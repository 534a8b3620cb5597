import type { KafkaPosition, PartitionSink, SinkBatch } from '../connectors/types.ts'
import { MoldauError } from '../core/base/errors.ts'
import type { ConsumerBatch, TopicPartition } from '../core/client/types.ts'
import type { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { Patience } from './retry.ts'
import { bytesOf } from './slices.ts'
import { noCounts } from './stages/stage.ts'

/** What may wait in front of one partition of a sink, in bytes of batches; then its reading is paused. */
const WAITING_BYTES_MAX = 2 * 1024 * 1024

export interface LaneOptions {
  readonly settings: Settings
  readonly sink: PartitionSink
  readonly partition: TopicPartition
  readonly meter: Meter
  /** Where reading goes on when the sink knows no position of its own. */
  readonly committed: KafkaPosition
  /** Runs the operators between topic and sink. */
  readonly convert: (batch: ConsumerBatch) => SinkBatch
  /** Reading goes on from here: after recovery. */
  readonly seek: (offset: number) => void
  readonly pause: () => void
  readonly resume: () => void
  /** A position became durable in the sink. */
  readonly committedAt: (position: KafkaPosition) => void
}

/**
 * One partition on its way into a sink: batches wait in line, are written, and committed when the sink says so. Partitions go on side by
 * side, so that one that commits does not hold up the others.
 */
export class SinkLane {
  readonly #options: LaneOptions
  #waiting: ConsumerBatch[]
  #waitingBytes: number
  #paused: boolean
  #position: KafkaPosition
  /** Where the sink was committed last. */
  #durable: number
  #working: Promise<void> | undefined
  #failure: unknown
  #interruption: unknown
  #closed: boolean

  constructor(options: LaneOptions) {
    this.#options = options
    this.#waiting = []
    this.#waitingBytes = 0
    this.#paused = false
    this.#position = options.committed
    this.#durable = options.committed.offset
    this.#working = undefined
    this.#failure = undefined
    this.#interruption = undefined
    this.#closed = false
  }

  /** The offset behind what is durable in the sink. */
  get durable(): number {
    return this.#durable
  }

  /** Behind what was written. */
  get position(): number {
    return this.#position.offset
  }

  get isIdle(): boolean {
    return this.#working === undefined && this.#waiting.length === 0 && this.#interruption === undefined
  }

  get failure(): unknown {
    return this.#failure
  }

  /** Why it has to be reopened: another instance committed, or a call failed in passing. */
  get interruption(): unknown {
    return this.#interruption
  }

  /**
   * Begins again where the sink is. Not while a poll is under way: what that has read ahead would leave a gap.
   *
   * @throws what does not pass within `retryMs`
   */
  async reopen(): Promise<void> {
    await this.#working
    const patience = new Patience(this.#options.settings)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#options.meter.restart()
    for (;;) {
      try {
        await this.open()
        break
      } catch (error) {
        await patience.wait(error)
      }
    }
    this.#interruption = undefined
    this.#resume()
  }

  /** Finishes what an earlier instance has committed and goes on behind it. */
  async open(): Promise<void> {
    const { sink, committed, seek } = this.#options
    const position = sink.recover === undefined ? committed : await sink.recover()
    this.#position = position
    this.#durable = position.offset
    seek(position.offset)
  }

  push(batch: ConsumerBatch): void {
    if (this.#closed || this.#interruption !== undefined) return
    this.#waiting.push(batch)
    this.#waitingBytes += bytesOf(batch, batch.from, batch.count)
    if (!this.#paused && this.#waitingBytes > WAITING_BYTES_MAX) {
      this.#paused = true
      this.#options.pause()
    }
    this.#work()
  }

  /** Control markers and holes behind the last record count as read. */
  passMarkers(offset: number): void {
    if (this.isIdle && offset > this.#position.offset) this.#position = { ...this.#position, offset }
  }

  /** Commits when the sink wants it though no record has come. */
  tick(): void {
    if (this.isIdle && !this.#isStuck && this.#options.sink.due?.(this.#options.settings.clock.now()) === true)
      this.#start(() => this.#commit())
  }

  /** Commits everything that was written, for an end or a revocation; what waits is dropped, to be read by whoever comes next. */
  async finish(): Promise<void> {
    this.#closed = true
    this.#waiting = []
    await this.#working
    try {
      if (!this.#isStuck) await this.#commit()
    } finally {
      await this.#options.sink.close()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Ends without a commit: the partition belongs to somebody else already. */
  async drop(): Promise<void> {
    this.#closed = true
    this.#waiting = []
    await this.#working
    await this.#options.sink.close()
  }

  get #isStuck(): boolean {
    return this.#failure !== undefined || this.#interruption !== undefined
  }

  #work(): void {
    if (!this.#isStuck && this.#working === undefined) this.#start(() => this.#writeAll())
  }

  #start(run: () => Promise<void>): void {
    this.#working = this.#attempt(run).then(() => {
      this.#working = undefined
      if (this.#waiting.length > 0 && !this.#closed) this.#work()
    })
  }

  /** Never rejects. */
  async #attempt(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const again = error instanceof MoldauError && (error.retriable || error.code === 'ATTEMPT_DEAD')
      if (again && this.#options.sink.recover !== undefined) this.#interruption = error
      else this.#failure ??= error
    }
  }

  async #writeAll(): Promise<void> {
    const { sink, settings, convert, meter } = this.#options
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      const converted = convert(batch)
      const written = sink.write(converted)
      if (written !== undefined) await written
      this.#waiting.shift()
      this.#waitingBytes -= bytesOf(batch, batch.from, batch.count)
      this.#position = { offset: batch.nextOffset, leaderEpoch: batch.leaderEpoch }
      const kept = converted.selected?.length ?? batch.count
      meter.add({ ...noCounts(), in: batch.count, out: kept, filtered: batch.count - kept })
      if (sink.due?.(settings.clock.now()) === true) await this.#commit()
      if (this.#waitingBytes < WAITING_BYTES_MAX / 2) this.#resume()
    }
  }

  #resume(): void {
    if (!this.#paused || this.#closed) return
    this.#paused = false
    this.#options.resume()
  }

  async #commit(): Promise<void> {
    if (this.#position.offset <= this.#durable) return
    const position = this.#position
    await this.#options.sink.commit(position)
    this.#durable = position.offset
    this.#options.meter.commit()
    this.#options.committedAt(position)
  }
}
