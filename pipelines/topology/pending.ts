import type { Clock } from '../../core/base/clock.ts'
import type { EdgeIds } from './ids.ts'
import type { Anchor, EdgeTuple, Root } from './tuple.ts'

/** A tuple that a spout emitted with an id: not yet acked or failed, or not yet told to the spout. */
export class PendingRoot implements Root, Anchor {
  readonly id: unknown
  readonly emittedAt: number
  /** When it times out. */
  deadline: number
  isAcked: boolean
  previous: PendingRoot | undefined
  next: PendingRoot | undefined
  readonly #pending: Pending
  #high: number
  #low: number
  #settled: boolean

  constructor(pending: Pending, id: unknown, now: number, deadline: number) {
    this.id = id
    this.emittedAt = now
    this.deadline = deadline
    this.isAcked = false
    this.previous = undefined
    this.next = undefined
    this.#pending = pending
    this.#high = 0
    this.#low = 0
    this.#settled = false
  }

  tie(tuple: EdgeTuple, ids: EdgeIds): void {
    ids.next()
    this.#high ^= ids.high
    this.#low ^= ids.low
    tuple.hang(this, ids.high, ids.low)
  }

  xor(high: number, low: number): void {
    this.#high ^= high
    this.#low ^= low
    if (this.#high === 0 && this.#low === 0) this.settle(true)
  }

  fail(): void {
    this.settle(false)
  }

  touch(): void {
    if (!this.#settled) this.#pending.touch(this)
  }

  settle(isAcked: boolean): void {
    if (this.#settled) return
    this.#settled = true
    this.isAcked = isAcked
    this.#pending.settled(this)
  }
}

/**
 * What a spout task has emitted and not heard of: Storm's acker, in the worker of the spout. The time-out is the same for all, so the oldest is
 * always the first in the list, and looking for what has timed out looks at nothing else.
 */
export class Pending {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #wake: () => void
  #first: PendingRoot | undefined
  #last: PendingRoot | undefined
  /** Settled, and the spout was not told. */
  #told: PendingRoot[]
  #size: number

  /** @param wake called when there is something to tell */
  constructor(clock: Clock, timeoutMs: number, wake: () => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#wake = wake
    this.#first = undefined
    this.#last = undefined
    this.#told = []
    this.#size = 0
  }

  /** Neither acked nor failed. */
  get size(): number {
    return this.#size
  }

  get toTell(): number {
    return this.#told.length
  }

  /** When the first one times out. */
  get deadline(): number | undefined {
    return this.#first?.deadline
  }

  open(id: unknown): PendingRoot {
    const now = this.#clock.monotonic()
    const root = new PendingRoot(this, id, now, now + this.#timeoutMs)
    this.#append(root)
    this.#size++
    return root
  }

  /** The tuple has been emitted to all its subscribers; when there are none, it is done with. */
  emitted(root: PendingRoot): void {
    root.xor(0, 0)
  }

  touch(root: PendingRoot): void {
    this.#unlink(root)
    root.deadline = this.#clock.monotonic() + this.#timeoutMs
    this.#append(root)
  }

  settled(root: PendingRoot): void {
    this.#unlink(root)
    this.#size--
    this.#told.push(root)
    if (this.#told.length === 1) this.#wake()
  }

  /** Fails what has timed out. */
  expire(now: number): void {
    while (this.#first !== undefined && this.#first.deadline <= now) this.#first.fail()
  }

  /** What the spout has to be told, in the order in which it was settled. */
  take(): readonly PendingRoot[] {
    const told = this.#told
    this.#told = []
    return told
  }

  #append(root: PendingRoot): void {
    root.previous = this.#last
    root.next = undefined
    if (this.#last === undefined) this.#first = root
    else this.#last.next = root
    this.#last = root
  }

  #unlink(root: PendingRoot): void {
    if (root.previous === undefined) this.#first = root.next
    else root.previous.next = root.next
    if (root.next === undefined) this.#last = root.previous
    else root.next.previous = root.previous
    root.previous = undefined
    root.next = undefined
  }
}
