import type { Clock } from '../base/clock.ts'
import { Backlog } from './backlog.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { Transport } from './transport.ts'

/** Requests of one connection that are being worked on; more are not read until one is answered. */
export const INFLIGHT_REQUESTS_MAX = 256

/** Bytes of answers that a slow reader may leave with us before we stop reading its requests. */
export const UNSENT_BYTES_MAX = 16 * 1024 * 1024

/** The same while the backlog of all connections is full. Not less than a socket holds before it tells when it has been emptied. */
const UNSENT_BYTES_MAX_WHEN_FULL = 64 * 1024

/** The answer to a frame: bytes to send, or undefined where the protocol wants none. A rejection ends the connection. */
export type Answer = readonly Buffer[] | undefined
/** The frame is lent for the time of the call: what is looked at later, or sent back, must be copied. */
export type FrameHandler = (frame: Buffer, connection: Connection) => Answer | Promise<Answer>

export interface ConnectionOptions {
  handle: FrameHandler
  onClose: (connection: Connection, error?: Error) => void
  clock: Clock
  inflightRequestsMax?: number
  unsentBytesMax?: number
  /** Of all connections of a broker. */
  backlog?: Backlog
  /** Told what requests under way take; who reads frames waits for it. */
  budget?: MemoryBudget | undefined
}

interface Slot {
  done: boolean
  answer: Answer
  /** Of the request, while it is worked on. */
  bytes: number
}

/**
 * The broker's side of a connection. Requests are worked on as they come, several at a time; answers leave in the order of
 * the requests. A peer that sends without reading is not read any further: memory stays bounded.
 */
export class Connection {
  readonly remote: string
  readonly #transport: Transport
  readonly #handle: FrameHandler
  readonly #inflightRequestsMax: number
  readonly #unsentBytesMax: number
  readonly #clock: Clock
  readonly #backlog: Backlog
  readonly #slots: Slot[]
  readonly #budget: MemoryBudget | undefined
  /** Bytes of answers that wait for an earlier one. */
  #heldBytes: number
  /** As far as the backlog knows. */
  #unsentBytes: number
  /** Since when something waits, or when it last became less. */
  #waitingSince: number
  #lastUse: number
  #held: boolean
  #finishing: boolean
  #closed: boolean

  constructor(transport: Transport, options: ConnectionOptions) {
    this.remote = transport.remote
    this.#transport = transport
    this.#handle = options.handle
    this.#inflightRequestsMax = options.inflightRequestsMax ?? INFLIGHT_REQUESTS_MAX
    this.#unsentBytesMax = options.unsentBytesMax ?? UNSENT_BYTES_MAX
    this.#clock = options.clock
    this.#backlog = options.backlog ?? new Backlog()
    this.#slots = []
    this.#budget = options.budget
    this.#heldBytes = 0
    this.#unsentBytes = 0
    this.#waitingSince = 0
    this.#lastUse = options.clock.monotonic()
    this.#held = false
    this.#finishing = false
    this.#closed = false
    transport.onFrame((frame) => this.#onFrame(frame))
    transport.onDrain(() => this.#balance())
    transport.onClose((error) => {
      this.#closed = true
      for (const slot of this.#slots) this.#giveBack(slot)
      this.#slots.length = 0
      this.#backlog.add(-this.#unsentBytes)
      this.#unsentBytes = 0
      options.onClose(this, error)
    })
  }

  /** Milliseconds since the last request came or was answered; 0 while one is being worked on. */
  get idleMs(): number {
    return this.#slots.length > 0 ? 0 : this.#clock.monotonic() - this.#lastUse
  }

  /** Milliseconds for which the client has taken no whole piece of what waits for it; 0 when nothing waits. */
  get stalledMs(): number {
    return this.#unsentBytes === 0 ? 0 : this.#clock.monotonic() - this.#waitingSince
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Hands out no further request before `work` is done. */
  holdUntil(work: Promise<unknown>): void {
    const goOn = (): void => {
      this.#held = false
      this.#balance()
    }
    this.#held = true
    work.then(goOn, goOn)
  }

  /** Reads no further requests, answers those that have come, then ends. */
  finish(): void {
    this.#finishing = true
    this.#transport.pause()
    if (this.#slots.length === 0) this.#transport.close()
  }

  /** Ends the connection at once. */
  destroy(error?: Error): void {
    this.#transport.destroy(error)
  }

  #onFrame(frame: Buffer): void {
    this.#lastUse = this.#clock.monotonic()
    const answer = this.#handle(frame, this)
    if (!(answer instanceof Promise)) {
      if (this.#slots.length > 0) this.#hold({ done: true, answer, bytes: 0 })
      else if (answer !== undefined) this.#transport.send(answer)
      this.#balance()
      return
    }
    const slot: Slot = { done: false, answer: undefined, bytes: frame.length }
    this.#slots.push(slot)
    this.#budget?.take(slot.bytes)
    this.#balance()
    answer.then(
      (value) => this.#complete(slot, value),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  }

  #hold(slot: Slot): void {
    this.#slots.push(slot)
    this.#heldBytes += sizeOf(slot.answer)
  }

  #complete(slot: Slot, answer: Answer): void {
    slot.done = true
    slot.answer = answer
    this.#giveBack(slot)
    this.#heldBytes += sizeOf(answer)
    const slots = this.#slots
    let sent = 0
    while (sent < slots.length && slots[sent]!.done) {
      const ready = slots[sent++]!.answer
      if (ready === undefined) continue
      this.#heldBytes -= sizeOf(ready)
      this.#transport.send(ready)
    }
    if (sent === 0) return
    slots.splice(0, sent)
    this.#lastUse = this.#clock.monotonic()
    if (this.#finishing && slots.length === 0) this.#transport.close()
    else this.#balance()
  }

  #giveBack(slot: Slot): void {
    if (slot.bytes > 0) this.#budget?.give(slot.bytes)
    slot.bytes = 0
  }

  /** Reads on, or stops reading, by what is being worked on and what waits to be sent. */
  #balance(): void {
    if (this.#closed) return
    const unsentBytes = this.#heldBytes + this.#transport.bufferedBytes
    if (unsentBytes !== this.#unsentBytes) {
      if (this.#unsentBytes === 0 || unsentBytes < this.#unsentBytes) this.#waitingSince = this.#clock.monotonic()
      const more = unsentBytes - this.#unsentBytes
      this.#unsentBytes = unsentBytes
      this.#backlog.add(more)
    }
    if (this.#finishing || this.#closed) return
    const unsentBytesMax = this.#backlog.isFull ? UNSENT_BYTES_MAX_WHEN_FULL : this.#unsentBytesMax
    if (this.#held || this.#slots.length >= this.#inflightRequestsMax || unsentBytes >= unsentBytesMax) this.#transport.pause()
    else this.#transport.resume()
  }
}

function sizeOf(answer: Answer): number {
  let bytes = 0
  if (answer !== undefined) for (const chunk of answer) bytes += chunk.length
  return bytes
}
