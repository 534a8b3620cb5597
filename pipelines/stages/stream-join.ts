import { operatorFailed } from '../failure.ts'
import { json } from '../../core/serde/primitives.ts'
import type { AnySerde } from '../nodes.ts'
import { type Origin, timestampOf } from '../record.ts'
import { type FlowFacts, keysOf, type StagePlan, withoutKeys } from '../stage-spec.ts'
import { type TimelineStore, timelineStore, type Waiting } from '../state/timeline-store.ts'
import type { JoinWindows } from '../windows.ts'
import { joinName, type Joiner, type JoinKind, type LooseJoiner } from './joiner.ts'
import { keyOf } from './key-of.ts'
import { type Emit, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'
import { LATE_PORT } from './windowed.ts'

/** The port of what comes too late in the right stream; that of the left one is {@link LATE_PORT}. */
export const OTHER_LATE_PORT = LATE_PORT + 1

export interface StreamJoin {
  readonly how: JoinKind
  readonly joiner: Joiner
  readonly windows: JoinWindows
}

export interface StreamJoinStores {
  readonly name: string | undefined
  /** Serdes of the values that wait, of the left stream and of the right. */
  readonly states: readonly [AnySerde | undefined, AnySerde | undefined]
}

/** Records of two streams with the same key that are near each other in time. */
export function joinStreams(join: StreamJoin, { name: given, states }: StreamJoinStores): StagePlan {
  return (site) => {
    const { how } = join
    const label = site.label(joinName(how))
    const [left, right] = site.flows as readonly [FlowFacts, FlowFacts]
    const { key } = left
    if (key === undefined || right.key === undefined) throw withoutKeys(site, label)
    const name = site.storeName(given, how === 'inner' ? 'join' : `${how}-join`)
    const storeOf = (side: string, flow: FlowFacts, state: AnySerde | undefined) =>
      timelineStore(`${name}-${side}`, key, state ?? flow.value ?? (json() as AnySerde))
    const stores = [storeOf('left', left, states[0]), storeOf('right', right, states[1])] as const
    // What is given alone comes later than its time.
    const holdsTime = how !== 'inner'
    return {
      spec: {
        label,
        stores,
        holdsTime,
        build: ({ store, next, context, input, output }) => {
          const pair = [store(stores[0]), store(stores[1])] as const
          const late = [next(LATE_PORT), next(OTHER_LATE_PORT)] as const
          const stage = new StreamJoinStage(
            { label, join, next: next(), late, context, input, output: holdsTime ? output : undefined },
            pair,
          )
          return { stage, ports: [stage.left, stage.right] }
        },
      },
      gives: [keysOf(left), left, right],
    }
  }
}

/** Where a join runs. */
export interface JoinSite {
  readonly label: string
  readonly join: StreamJoin
  /** Takes the pairs. */
  readonly next: Emit
  /** Take what comes too late in the left stream and in the right. */
  readonly late: readonly [Emit, Emit]
  readonly context: StageContext
  readonly input: Progress
  /** undefined when nothing is given alone, later than its time. */
  readonly output: OwnProgress | undefined
}

/** One of the two streams, as the other one sees it. */
interface Side {
  readonly store: TimelineStore
  /** How much older and younger a record of the other side may be than one of this. */
  readonly beforeMs: number
  readonly afterMs: number
  /** It is given alone when it has found nothing. */
  readonly alone: boolean
  readonly join: LooseJoiner
  /** Takes what comes too late. */
  readonly late: Emit
}

/**
 * Records of two streams with the same key that are near enough in time, each pair once, when the second of them comes; the result has the
 * later time. Records wait until event time has passed all that they may be joined with, and the grace. As Kafka Streams' KStreamKStreamJoin, but
 * for when that is: here by the watermark that a record finds, and what is given alone comes when the epoch completes.
 */
export class StreamJoinStage implements Stage {
  readonly left: Emit
  readonly right: Emit
  readonly #site: JoinSite
  readonly #sides: readonly [Side, Side]

  constructor(site: JoinSite, stores: readonly [TimelineStore, TimelineStore]) {
    this.#site = site
    const { late, join } = site
    const { how, windows } = join
    const { beforeMs, afterMs } = windows
    const joiner = join.joiner as LooseJoiner
    this.#sides = [
      { store: stores[0], beforeMs, afterMs, alone: how !== 'inner', join: joiner, late: late[0] },
      {
        store: stores[1],
        beforeMs: afterMs,
        afterMs: beforeMs,
        alone: how === 'outer',
        join: (own, other, key) => joiner(other, own, key),
        late: late[1],
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
    const { input, output, join } = this.#site
    const { beforeMs, afterMs, graceMs } = join.windows
    if (output !== undefined) output.watermark = Math.max(output.watermark, input.watermark - Math.max(beforeMs, afterMs) - graceMs)
  }

  #taking(own: Side, other: Side): Emit {
    const { context, label } = this.#site
    const place = placeOf(context, label)
    return (item, origin) => {
      const timestamp = timestampOf(item, origin)
      const key = keyOf(item, origin, place)
      const { value } = item as { value: unknown }
      if (timestamp <= this.#closed(own)) {
        context.counters.late++
        return own.late(item, origin)
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
    return this.#site.input.watermark - afterMs - this.#site.join.windows.graceMs - 1
  }

  #close(side: Side, upTo: number): void {
    for (const waiting of side.store.takeUpTo(upTo)) if (side.alone && !waiting.matched) this.#giveAlone(side, waiting)
  }

  #giveAlone({ join }: Side, { key, value, timestamp }: Waiting): void {
    const origin: Origin = { ...this.#site.context.task, offset: -1, timestamp }
    this.#emit(key, () => join(value, null, key), timestamp, origin)
  }

  #emit(key: unknown, result: () => unknown, timestamp: number, origin: Origin): void {
    const { context, label, next } = this.#site
    let value: unknown
    try {
      value = result()
    } catch (error) {
      const failed = operatorFailed(placeOf(context, label), origin, error)
      if (origin.offset >= 0) throw failed
      return context.failures.passOverTimer(failed, { key, timestamp }, origin)
    }
    next({ key, value, timestamp }, origin)
  }
}
