import type { Subscriber } from 'rxjs'
import type { Consumer } from '../client/consumer.ts'
import type { ConsumerBatch, TopicPartition } from '../client/types.ts'
import { tpKey } from '../cluster/topic-partition.ts'

/** A batch that was handed to a subscriber; {@link ObservedBatch.done} gives its credit back. */
export interface ObservedBatch extends ConsumerBatch {
  /** Says that the batch is dealt with. Calling it again does nothing. */
  done(): void
}

/**
 * Hands a batch to the subscriber; `done` gives its credit back.
 *
 * @returns the first offset that was not handed out, when the subscriber left in the middle
 */
export type HandOut<T> = (batch: ConsumerBatch, done: () => void, subscriber: Subscriber<T>) => number | undefined

/** As it is. */
export function wholeBatch(batch: ConsumerBatch, done: () => void, subscriber: Subscriber<ObservedBatch>): undefined {
  subscriber.next({ ...batch, done: once(done) })
}

/** Reads a consumer for one subscriber, who holds at most `credit` batches. */
export class BatchReading<T> {
  readonly #consumer: Consumer
  readonly #subscriber: Subscriber<T>
  readonly #handOutOne: HandOut<T>
  readonly #credit: number
  readonly #pollMs: number
  /** Polled and not handed out; bounded by the consumer's maxPollRecords. */
  #polled: ConsumerBatch[]
  #out: number
  #stopped: boolean
  #wake: (() => void) | undefined

  constructor(consumer: Consumer, subscriber: Subscriber<T>, handOut: HandOut<T>, options: { credit: number; pollMs: number }) {
    this.#consumer = consumer
    this.#subscriber = subscriber
    this.#handOutOne = handOut
    this.#credit = options.credit
    this.#pollMs = options.pollMs
    this.#polled = []
    this.#out = 0
    this.#stopped = false
    this.#wake = undefined
  }

  /** Reads until {@link BatchReading.stop}; rejects with what the consumer throws. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      this.#polled = await this.#consumer.poll(this.#pollMs)
      if (this.#stopped) this.#giveBack()
      else await this.#handOut()
    }
  }

  /** Ends at once, with the positions where the subscriber has got to; a poll under way follows when it is over. */
  stop(): void {
    this.#stopped = true
    this.#giveBack()
    this.#wake?.()
  }

  async #handOut(): Promise<void> {
    while (this.#polled.length > 0) {
      if (this.#out >= this.#credit) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        continue
      }
      const batch = this.#polled.shift()!
      this.#out++
      const left = this.#handOutOne(batch, () => this.#done(), this.#subscriber)
      // Lies before whatever else of the partition was given back when the subscriber left.
      if (left !== undefined) this.#goBack(batch, left)
    }
  }

  #done(): void {
    this.#out--
    this.#wake?.()
  }

  /** What was polled and not handed out is read again by whoever reads next. */
  #giveBack(): void {
    const seen = new Set<string>()
    for (const batch of this.#polled) {
      // The first of a partition counts.
      if (!seen.has(tpKey(batch))) this.#goBack(batch, batch.firstOffset)
      seen.add(tpKey(batch))
    }
    this.#polled = []
  }

  #goBack(tp: TopicPartition, offset: number): void {
    if (this.#consumer.assignment().some((mine) => tpKey(mine) === tpKey(tp))) this.#consumer.seek(tp, offset)
  }
}

export function once(run: () => void): () => void {
  let called = false
  return () => {
    if (called) return
    called = true
    run()
  }
}
