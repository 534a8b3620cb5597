import type { Clock, Timer } from '../../core/base/clock.ts'
import type { TaskEvents } from './bolt-task.ts'
import type { Spout, TaskContext } from './component.ts'
import type { Executor, Station } from './executors.ts'
import type { AnySpout } from './graph.ts'
import { type Outlets, TrackingOutput } from './outputs.ts'
import { Pending } from './pending.ts'

export interface SpoutTaskOptions {
  readonly station: Station
  readonly clock: Clock
  readonly wake: () => void
  readonly events: TaskEvents
  /** Whether tuples with an id are tracked. */
  readonly acking: boolean
  readonly timeoutMs: number
  /** So many tuples may be neither acked nor failed. */
  readonly pendingMax: number
  /** How long a spout that had nothing is left alone, in milliseconds. */
  readonly waitMs: number
}

/** How often a spout is asked before others get their turn. */
const BATCH = 64

/** One task of a spout: asks it, tracks what it emits, and tells it what became of that. */
export class SpoutTask implements Executor {
  readonly context: TaskContext
  readonly #definition: AnySpout
  readonly #options: SpoutTaskOptions
  readonly #outlets: Outlets
  readonly #pending: Pending
  readonly #out: TrackingOutput
  #untracked: unknown[]
  #spout: Spout | undefined
  #isActive: boolean
  #hasEnded: boolean
  /** It had nothing, and is left alone until this fires. */
  #resting: Timer | undefined
  #expiring: Timer | undefined
  /** Fulfilled when the promise of its nextTuple is. */
  #waiting: Promise<void> | undefined

  constructor(definition: AnySpout, context: TaskContext, outlets: Outlets, options: SpoutTaskOptions) {
    this.context = context
    this.#definition = definition
    this.#options = options
    this.#outlets = outlets
    this.#pending = new Pending(options.clock, options.timeoutMs, options.wake)
    this.#untracked = []
    this.#out = new TrackingOutput(outlets, options.acking ? this.#pending : undefined, (id) => this.#untracked.push(id))
    this.#spout = undefined
    this.#isActive = true
    this.#hasEnded = false
    this.#resting = undefined
    this.#expiring = undefined
    this.#waiting = undefined
  }

  get pending(): number {
    return this.#pending.size
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Nothing is pending, and there is nothing to tell the spout. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#pending.toTell === 0 && this.#untracked.length === 0
  }

  async open(): Promise<void> {
    this.#spout = this.#definition.make(this.#out as never, this.context)
    await this.#spout.open?.()
  }

  /** Does not wait for a `nextTuple` under way. */
  async close(): Promise<void> {
    this.#isActive = false
    this.#resting?.cancel()
    this.#expiring?.cancel()
    await this.#spout?.close?.()
    this.#spout = undefined
  }

  /** It is not asked for tuples any more, but still told what becomes of them. */
  setActive(isActive: boolean): void {
    if (this.#isActive === isActive) return
    this.#isActive = isActive
    if (isActive) this.#spout?.activate?.()
    else this.#spout?.deactivate?.()
    this.wake()
  }

  wake(): void {
    this.#resting?.cancel()
    this.#resting = undefined
    this.#options.wake()
  }

  run(): number {
    if (this.#spout === undefined) return 0
    try {
      const done = this.#tell() + this.#ask()
      this.#watch()
      return done
    } catch (error) {
      this.#failed(error)
      return 0
    }
  }

  #tell(): number {
    const spout = this.#spout!
    const { counts } = this.#options.station
    const untracked = this.#untracked
    if (untracked.length > 0) {
      this.#untracked = []
      for (const id of untracked) spout.ack?.(id as never)
    }
    if (this.#pending.toTell === 0) return untracked.length
    const now = this.#options.clock.monotonic()
    const told = this.#pending.take()
    for (const { id, isAcked, emittedAt } of told) {
      if (isAcked) {
        counts.acked++
        counts.completeMs += now - emittedAt
        spout.ack?.(id as never)
      } else {
        counts.failed++
        spout.fail?.(id as never)
      }
    }
    // There is room again, or something to replay.
    this.#resting?.cancel()
    this.#resting = undefined
    return told.length + untracked.length
  }

  #ask(): number {
    const { station, pendingMax } = this.#options
    let asked = 0
    while (asked < BATCH && this.#mayAsk && station.blocked === 0 && this.#pending.size < pendingMax) {
      const before = this.#out.sent
      const done = this.#spout!.nextTuple()
      asked++
      if (done !== undefined) this.#wait(done)
      else if (this.#out.sent === before) {
        this.#rest()
        return asked - 1
      }
    }
    return asked
  }

  get #mayAsk(): boolean {
    return this.#isActive && !this.#hasEnded && this.#waiting === undefined && this.#resting === undefined
  }

  #wait(done: Promise<void>): void {
    const before = this.#out.sent
    this.#waiting = done
      .then(
        () => {
          if (this.#out.sent === before && this.#isActive) this.#rest()
        },
        (error: unknown) => this.#failed(error),
      )
      .then(() => {
        this.#waiting = undefined
        this.#options.wake()
      })
  }

  /** It had nothing: it has ended, or is asked again later. */
  #rest(): void {
    if (this.isIdle && this.#spout?.ended?.() === true) {
      this.#hasEnded = true
      this.#options.wake()
      return
    }
    const { clock, waitMs } = this.#options
    this.#resting = clock.after(waitMs, () => {
      this.#resting = undefined
      this.#options.wake()
    })
  }

  /** Sees to it that what nobody acks times out. */
  #watch(): void {
    const { deadline } = this.#pending
    if (deadline === undefined || this.#expiring !== undefined) return
    const { clock } = this.#options
    this.#expiring = clock.after(Math.max(0, deadline - clock.monotonic()), () => {
      this.#expiring = undefined
      this.#pending.expire(clock.monotonic())
      this.#options.wake()
    })
  }

  #failed(error: unknown): void {
    this.#outlets.reportError(error)
    this.#options.events.stop(this.context.component, error)
  }
}
