import type { Order } from './safe.ts'

export interface AsyncRingOptions<T, R> {
  concurrency: number
  order: Order
  run(item: T): Promise<R>
  emit(result: R, item: T): void
  fail(error: unknown, item: T): void
  /** Called whenever the last pending item was emitted. */
  idle(): void
}

interface Slot<T, R> {
  readonly item: T
  readonly lane: Line<Slot<T, R>>
  readonly key: unknown
  done: boolean
  result: R | undefined
}

/** From how many taken slots on a line gives their memory back. */
const TRIM_MIN = 1024

/** A queue whose head is a number: `shift` on an array costs a copy beyond 16k elements. */
class Line<S> {
  #slots: S[]
  #head: number

  constructor() {
    this.#slots = []
    this.#head = 0
  }

  get first(): S | undefined {
    return this.#slots[this.#head]
  }

  push(slot: S): void {
    this.#slots.push(slot)
  }

  drop(): void {
    this.#head++
    if (this.#head < TRIM_MIN || this.#head * 2 < this.#slots.length) return
    this.#slots = this.#slots.slice(this.#head)
    this.#head = 0
  }
}

/**
 * Items that wait for a call and calls that wait for their turn to be emitted. Bounded by its feeder: an epoch, or the source.
 * After {@link AsyncRing.clear} results of calls still under way are dropped.
 */
export class AsyncRing<T, R> {
  readonly #options: AsyncRingOptions<T, R>
  #waiting: Line<Slot<T, R>>
  #lanes: Map<unknown, Line<Slot<T, R>>>
  #running: number
  #pending: number
  #generation: number

  constructor(options: AsyncRingOptions<T, R>) {
    this.#options = options
    this.#waiting = new Line()
    this.#lanes = new Map()
    this.#running = 0
    this.#pending = 0
    this.#generation = 0
  }

  /** Items that were pushed and not yet emitted. */
  get size(): number {
    return this.#pending
  }

  push(item: T): void {
    const key = this.#options.order === 'key' ? laneKey(item) : undefined
    let lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, (lane = new Line()))
    const slot: Slot<T, R> = { item, lane, key, done: false, result: undefined }
    if (this.#options.order !== 'none') lane.push(slot)
    this.#pending++
    this.#waiting.push(slot)
    this.#start()
  }

  clear(): void {
    this.#generation++
    this.#waiting = new Line()
    this.#lanes = new Map()
    this.#running = 0
    this.#pending = 0
  }

  #start(): void {
    for (let slot = this.#waiting.first; slot !== undefined; slot = this.#waiting.first) {
      if (this.#running >= this.#options.concurrency) return
      this.#waiting.drop()
      this.#running++
      void this.#call(slot, this.#generation)
    }
  }

  async #call(slot: Slot<T, R>, generation: number): Promise<void> {
    try {
      slot.result = await this.#options.run(slot.item)
    } catch (error) {
      if (generation === this.#generation) this.#options.fail(error, slot.item)
      return
    }
    if (generation !== this.#generation) return
    slot.done = true
    this.#running--
    this.#emitReady(slot, generation)
    if (generation !== this.#generation) return
    this.#start()
    if (this.#pending === 0) this.#options.idle()
  }

  #emitReady(slot: Slot<T, R>, generation: number): void {
    if (this.#options.order === 'none') {
      this.#pending--
      this.#options.emit(slot.result as R, slot.item)
      return
    }
    const { lane, key } = slot
    for (let next = lane.first; next?.done === true; next = lane.first) {
      lane.drop()
      this.#pending--
      this.#options.emit(next.result as R, next.item)
      if (generation !== this.#generation) return
    }
    if (lane.first === undefined) this.#lanes.delete(key)
  }
}

function laneKey(item: unknown): unknown {
  const key = (item as { key?: unknown } | null | undefined)?.key
  if (key instanceof Uint8Array) return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
  return typeof key === 'object' && key !== null ? JSON.stringify(key) : key
}
