import { operatorFailed } from '../failure.ts'
import type { StreamJoinSpec } from '../plan.ts'
import { type Origin, timestampOf } from '../record.ts'
import type { TimelineStore, Waiting } from '../state/timeline-store.ts'
import { keyOf } from './key-of.ts'
import { type Emit, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'

type LooseJoiner = (left: unknown, right: unknown, key: unknown) => unknown

/** One of the two streams, as the other one sees it. */
interface Side {
  readonly store: TimelineStore
  /** How much older and younger a record of the other side may be than one of this. */
  readonly beforeMs: number
  readonly afterMs: number
  /** It is given alone when it has found nothing. */
  readonly alone: boolean
  readonly join: LooseJoiner
}

/**
 * Records of two streams with the same key that are near enough in time, each pair once, when the second of them comes; the result has the
 * later time. Records wait until event time has passed all that they may be joined with, and the grace. As Kafka Streams' KStreamKStreamJoin, but
 * for when that is: here by the watermark that a record finds, and what is given alone comes when the epoch completes.
 */
export class StreamJoinStage implements Stage {
  readonly left: Emit
  readonly right: Emit
  readonly #spec: StreamJoinSpec
  readonly #sides: readonly [Side, Side]
  readonly #next: Emit
  readonly #context: StageContext
  readonly #input: Progress
  readonly #output: OwnProgress | undefined

  /** @param output undefined when nothing is given alone, later than its time */
  constructor(
    spec: StreamJoinSpec,
    stores: readonly [TimelineStore, TimelineStore],
    next: Emit,
    context: StageContext,
    input: Progress,
    output: OwnProgress | undefined,
  ) {
    this.#spec = spec
    this.#next = next
    this.#context = context
    this.#input = input
    this.#output = output
    const { how, windows } = spec
    const { beforeMs, afterMs } = windows
    const joiner = spec.joiner as LooseJoiner
    this.#sides = [
      { store: stores[0], beforeMs, afterMs, alone: how !== 'inner', join: joiner },
      {
        store: stores[1],
        beforeMs: afterMs,
        afterMs: beforeMs,
        alone: how === 'outer',
        join: (own, other, key) => joiner(other, own, key),
      },
    ]
    this.left = this.#taking(...this.#sides)
    this.right = this.#taking(this.#sides[1], this.#sides[0])
  }

  complete(ended: boolean): void {
    for (const side of this.#sides) this.#close(side, ended ? Infinity : this.#closed(side))
    this.seed()
  }

  reset(): void {}

  /** What is given alone later will be no older than this. */
  seed(): void {
    if (this.#output === undefined) return
    const { beforeMs, afterMs, graceMs } = this.#spec.windows
    this.#output.watermark = Math.max(this.#output.watermark, this.#input.watermark - Math.max(beforeMs, afterMs) - graceMs)
  }

  #taking(own: Side, other: Side): Emit {
    const place = placeOf(this.#context, this.#spec.label)
    return (item, origin) => {
      const timestamp = timestampOf(item, origin)
      const key = keyOf(item, origin, place)
      const { value } = item as { value: unknown }
      if (timestamp <= this.#closed(own)) {
        this.#context.counters.late++
        return
      }
      let matched = false
      // What finds nothing any more is passed over though it is there until the epoch completes: else results would depend on where that is.
      const from = Math.max(timestamp - own.beforeMs, this.#closed(other) + 1)
      for (const waiting of other.store.between(key, from, timestamp + own.afterMs)) {
        matched = true
        if (other.alone) other.store.match(waiting)
        this.#emit(key, () => own.join(value, waiting.value, key), Math.max(timestamp, waiting.timestamp), origin)
      }
      own.store.add(key, timestamp, value, matched)
    }
  }

  /** Records of this side that are as old as this or older find nothing any more. */
  #closed({ afterMs }: Side): number {
    return this.#input.watermark - afterMs - this.#spec.windows.graceMs - 1
  }

  #close(side: Side, upTo: number): void {
    for (const waiting of side.store.takeUpTo(upTo)) if (side.alone && !waiting.matched) this.#giveAlone(side, waiting)
  }

  #giveAlone({ join }: Side, { key, value, timestamp }: Waiting): void {
    const origin: Origin = { ...this.#context.task, offset: -1, timestamp }
    this.#emit(key, () => join(value, null, key), timestamp, origin)
  }

  #emit(key: unknown, result: () => unknown, timestamp: number, origin: Origin): void {
    let value: unknown
    try {
      value = result()
    } catch (error) {
      const failed = operatorFailed(placeOf(this.#context, this.#spec.label), origin, error)
      if (origin.offset >= 0) throw failed
      return this.#context.failures.passOverTimer(failed, { key, timestamp }, origin)
    }
    this.#next({ key, value, timestamp }, origin)
  }
}
