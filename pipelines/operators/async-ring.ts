import type { Settled } from '../calls/call.ts'
import type { Order } from './safe.ts'

/** A call under way. */
export interface Running {
  /** It does not settle after this. */
  cancel(reason: unknown): void
}

export interface AsyncRingOptions<T, R> {
  concurrency: number
  order: Order
  /** Never settles at once. */
  run(item: T, settled: Settled<R>): Running
  emit(result: R, item: T): void
  /** Whether it goes on without the item; else it is cleared. */
  fail(error: unknown, item: T): boolean
  /** Called whenever the last pending item was emitted. */
  idle(): void
}

interface Slot<T, R> {
  readonly item: T
  readonly lane: Line<Slot<T, R>>
  readonly key: unknown
  state: 'pending' | 'done' | 'dropped'
  result: R | undefined
  call: Running | undefined
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

/** Items that wait for a call and calls that wait for their turn to be emitted. Bounded by its feeder: an epoch, or the source. */
export class AsyncRing<T, R> {
  readonly #options: AsyncRingOptions<T, R>
  #waiting: Line<Slot<T, R>>
  #lanes: Map<unknown, Line<Slot<T, R>>>
  #running: Set<Slot<T, R>>
  #pending: number
  #generation: number

  constructor(options: AsyncRingOptions<T, R>) {
    this.#options = options
    this.#waiting = new Line()
    this.#lanes = new Map()
    this.#running = new Set()
    this.#pending = 0
    this.#generation = 0
  }

  /** Items that were pushed and not yet emitted. */
  get size(): number {
    return this.#pending
  }

  /** The item whose call began first among those under way. */
  get oldest(): T | undefined {
    const [slot] = this.#running
    return slot?.item
  }

  push(item: T): void {
    const key = this.#options.order === 'key' ? laneKey(item) : undefined
    let lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, (lane = new Line()))
    const slot: Slot<T, R> = { item, lane, key, state: 'pending', result: undefined, call: undefined }
    if (this.#options.order !== 'none') lane.push(slot)
    this.#pending++
    this.#waiting.push(slot)
    this.#start()
  }

  /** Drops everything; calls under way are cancelled. */
  clear(reason: unknown): void {
    const running = this.#running
    this.#generation++
    this.#waiting = new Line()
    this.#lanes = new Map()
    this.#running = new Set()
    this.#pending = 0
    for (const { call } of running) call?.cancel(reason)
  }

  #start(): void {
    for (let slot = this.#waiting.first; slot !== undefined; slot = this.#waiting.first) {
      if (this.#running.size >= this.#options.concurrency) return
      this.#waiting.drop()
      this.#running.add(slot)
      this.#call(slot)
    }
  }

  #call(slot: Slot<T, R>): void {
    slot.call = this.#options.run(slot.item, {
      done: (result) => {
        if (!this.#running.has(slot)) return
        slot.state = 'done'
        slot.result = result
        this.#settled(slot)
      },
      fail: (error) => {
        if (!this.#running.has(slot)) return
        slot.state = 'dropped'
        if (this.#options.fail(error, slot.item)) this.#settled(slot)
        else this.clear(error)
      },
    })
  }

  #settled(slot: Slot<T, R>): void {
    const generation = this.#generation
    this.#running.delete(slot)
    this.#emitReady(slot)
    if (generation !== this.#generation) return
    this.#start()
    if (this.#pending === 0) this.#options.idle()
  }

  #emitReady(slot: Slot<T, R>): void {
    if (this.#options.order === 'none') return this.#emit(slot)
    const generation = this.#generation
    const { lane, key } = slot
    for (let next = lane.first; next !== undefined && next.state !== 'pending'; next = lane.first) {
      lane.drop()
      this.#emit(next)
      if (generation !== this.#generation) return
    }
    if (lane.first === undefined) this.#lanes.delete(key)
  }

  #emit({ state, result, item }: Slot<T, R>): void {
    this.#pending--
    if (state === 'done') this.#options.emit(result as R, item)
  }
}

function laneKey(item: unknown): unknown {
  const key = (item as { key?: unknown } | null | undefined)?.key
  if (key instanceof Uint8Array) return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
  return typeof key === 'object' && key !== null ? JSON.stringify(key) : key
}
