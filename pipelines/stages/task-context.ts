import type { Clock } from '../../core/base/clock.ts'
import { operatorUnsafe, type Place } from '../failure.ts'
import type { ForwardingContext, RecordMetadata } from '../processor.ts'
import { type Origin, withValue } from '../record.ts'
import type { Access, StoreDeclarations } from '../state/declared/store-declaration.ts'
import type { Emit, Progress } from './stage.ts'

export interface TaskContextOptions {
  readonly place: Place
  readonly partition: number
  readonly clock: Clock
  readonly input: Progress
  readonly next: Emit
  /** Values are forwarded, with everything else of the record that is processed. */
  readonly keepsKeys: boolean
}

const nobody: Origin = { topic: '', partition: -1, offset: -1, timestamp: -1 }

/** What a processor works with in one task: only while it is its turn. */
export class TaskContext implements ForwardingContext<unknown, StoreDeclarations, unknown>, Access {
  /** Filled when the stores are there. */
  stores: Readonly<Record<string, never>>
  readonly forward: (item: unknown) => void
  readonly #options: TaskContextOptions
  #record: unknown
  #active: boolean
  #origin: Origin
  #timestamp: number
  #now: number | undefined
  /** What was thrown behind a `forward`: code of the user may have caught it, but it is not its business. */
  #failure: unknown

  constructor(options: TaskContextOptions) {
    this.#options = options
    this.stores = {}
    this.#active = false
    this.#origin = nobody
    this.#timestamp = -1
    this.#now = undefined
    this.#failure = undefined
    this.#record = undefined
    const { next, keepsKeys } = options
    // Given to functions of the user, it may be called without its context.
    this.forward = (given) => {
      this.check()
      if (keepsKeys && this.#record === undefined)
        throw this.#unsafe('a timer forwards a value, but there is no record that it could belong to')
      try {
        next(keepsKeys ? withValue(this.#record as { value: unknown }, given) : given, this.#origin)
      } catch (error) {
        this.#failure ??= error
        throw error
      }
    }
  }

  /**
   * It is the processor's turn.
   *
   * @param record undefined: of a timer
   * @param timestamp of the record or the timer
   * @param now event time; undefined: that of the input
   */
  enter(record: unknown, origin: Origin, timestamp: number, now?: number): void {
    this.#record = record
    this.#active = true
    this.#origin = origin.timestamp === timestamp ? origin : { ...origin, timestamp }
    this.#timestamp = timestamp
    this.#now = now
    this.#failure = undefined
  }

  /** Its turn is over. @returns what has failed behind it */
  leave(): unknown {
    this.#active = false
    return this.#failure
  }

  get now(): number {
    this.check()
    return this.#now ?? this.#options.input.watermark
  }

  get systemNow(): number {
    return this.#options.clock.now()
  }

  get timestamp(): number {
    this.check()
    return this.#timestamp
  }

  get recordMetadata(): RecordMetadata | undefined {
    this.check()
    const { topic, partition, offset } = this.#origin
    return offset < 0 ? undefined : { topic, partition, offset }
  }

  get partition(): number {
    return this.#options.partition
  }

  check(): void {
    if (!this.#active)
      throw this.#unsafe('its context or a store of it is used when it is not its turn, so what it does belongs to no epoch')
  }

  #unsafe(what: string): Error {
    return operatorUnsafe(
      this.#options.place,
      what,
      'Use them in process and punctuate only, before they return; what waits goes into mapAsync',
    )
  }
}
