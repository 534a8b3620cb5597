import type { Clock, Timer } from '../base/clock.ts'
import { Backlog } from './backlog.ts'
import type { Transport } from './transport.ts'

/** Requests of one connection that are being worked on; more are not read until one is answered. */
export const INFLIGHT_REQUESTS_MAX = 256

/** Bytes of answers that a slow reader may leave with us before we stop reading its requests. */
export const UNSENT_BYTES_MAX = 16 * 1024 * 1024

/** The same while the backlog of all connections is full. Not less than a socket holds before it tells when it has been emptied. */
const UNSENT_BYTES_MAX_WHEN_FULL = 64 * 1024

/** What the buffers of the two ends of a socket may swallow (`tcp_wmem` and `tcp_rmem`: 4 and 6 MiB) while nobody reads, and then some. */
const READER_BYTES_MIN = 16 * 1024 * 1024

/** The answer to a frame: bytes to send, or undefined where the protocol wants none. A rejection ends the connection. */
export type Answer = readonly Buffer[] | undefined
/** The frame is lent for the time of the call: what is looked at later, or sent back, must be copied. */
export type FrameHandler = (frame: Buffer, connection: Connection) => Answer | Promise<Answer>

/** What the other end has said of itself; empty before it has. */
export interface Peer {
  softwareName: string
  softwareVersion: string
}

export interface ConnectionOptions {
  handle: FrameHandler
  onClose: (connection: Connection, error?: Error) => void
  clock: Clock
  /** See {@link Connection.number}. */
  number?: number
  inflightRequestsMax?: number
  unsentBytesMax?: number
  /** Of all connections of a broker. */
  backlog?: Backlog
}

interface Slot {
  done: boolean
  answer: Answer
}

/**
 * The broker's side of a connection. Requests are worked on as they come, several at a time; answers leave in the order of
 * the requests. A peer that sends without reading is not read any further: memory stays bounded.
 */
export class Connection {
  readonly remote: string
  /** Where it stands in the order in which connections were made. */
  readonly number: number
  readonly peer: Peer
  readonly #transport: Transport
  readonly #handle: FrameHandler
  readonly #inflightRequestsMax: number
  readonly #unsentBytesMax: number
  readonly #clock: Clock
  readonly #backlog: Backlog
  readonly #slots: Slot[]
  /** Bytes of answers that wait for an earlier one. */
  #heldBytes: number
  /** As far as the backlog knows. */
  #unsentBytes: number
  #takenBytes: number
  /** Since when something waits, or when it last became less. */
  #waitingSince: number
  #lastUse: number
  /** Who wants no further requests to be read. */
  #holds: number
  #muted: { readonly timer: Timer; readonly release: () => void } | undefined
  #finishing: boolean
  #closed: boolean

  constructor(transport: Transport, options: ConnectionOptions) {
    this.remote = transport.remote
    this.number = options.number ?? 0
    this.peer = { softwareName: '', softwareVersion: '' }
    this.#transport = transport
    this.#handle = options.handle
    this.#inflightRequestsMax = options.inflightRequestsMax ?? INFLIGHT_REQUESTS_MAX
    this.#unsentBytesMax = options.unsentBytesMax ?? UNSENT_BYTES_MAX
    this.#clock = options.clock
    this.#backlog = options.backlog ?? new Backlog()
    this.#slots = []
    this.#heldBytes = 0
    this.#unsentBytes = 0
    this.#takenBytes = 0
    this.#waitingSince = 0
    this.#lastUse = options.clock.monotonic()
    this.#holds = 0
    this.#muted = undefined
    this.#finishing = false
    this.#closed = false
    transport.onFrame((frame) => this.#onFrame(frame))
    transport.onDrain(() => this.#balance())
    transport.onClose((error) => {
      this.#closed = true
      this.#muted?.timer.cancel()
      this.#slots.length = 0
      this.#backlog.add(-this.#unsentBytes)
      this.#unsentBytes = 0
      options.onClose(this, error)
    })
  }

  /** Milliseconds since the last request came or was answered; 0 while one is being worked on. */
  get idleMs(): number {
    return this.#slots.length > 0 || this.#holds > 0 ? 0 : this.#clock.monotonic() - this.#lastUse
  }

  /** Milliseconds for which the client has taken no whole piece of what waits for it; 0 when nothing waits. */
  get stalledMs(): number {
    return this.#unsentBytes === 0 ? 0 : this.#clock.monotonic() - this.#waitingSince
  }

  /** Its other end takes what it is answered: more of it than the system keeps for somebody who reads nothing, and nothing waits. */
  get isReader(): boolean {
    return this.#unsentBytes === 0 && this.#takenBytes >= READER_BYTES_MIN
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Reads no further requests until the function that it answers is called; those that have come are worked on. */
  hold(): () => void {
    this.#holds++
    this.#transport.pause()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holds--
      this.#lastUse = this.#clock.monotonic()
      this.#balance()
    }
  }

  /** Reads no further requests for a time, in milliseconds: the peer is over its quota. What has come is answered. */
  mute(ms: number): void {
    if (this.#closed || this.#finishing) return
    const release = this.#muted?.release ?? this.hold()
    this.#muted?.timer.cancel()
    const timer = this.#clock.after(ms, () => {
      this.#muted = undefined
      release()
    })
    this.#muted = { timer, release }
  }

  /** Reads no further requests, answers those that have come, then ends. */
  finish(): void {
    this.#finishing = true
    this.#muted?.timer.cancel()
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
      if (this.#slots.length > 0) this.#hold({ done: true, answer })
      else if (answer !== undefined) this.#transport.send(answer)
      this.#balance()
      return
    }
    const slot: Slot = { done: false, answer: undefined }
    this.#slots.push(slot)
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

  /** Reads on, or stops reading, by what is being worked on and what waits to be sent. */
  #balance(): void {
    if (this.#closed) return
    const unsentBytes = this.#heldBytes + this.#transport.bufferedBytes
    if (unsentBytes !== this.#unsentBytes) {
      if (this.#unsentBytes === 0 || unsentBytes < this.#unsentBytes) this.#waitingSince = this.#clock.monotonic()
      const more = unsentBytes - this.#unsentBytes
      if (more < 0) this.#takenBytes -= more
      this.#unsentBytes = unsentBytes
      this.#backlog.add(more)
    }
    if (this.#finishing || this.#closed || this.#holds > 0) return
    const unsentBytesMax = this.#backlog.isFull ? UNSENT_BYTES_MAX_WHEN_FULL : this.#unsentBytesMax
    if (this.#slots.length >= this.#inflightRequestsMax || unsentBytes >= unsentBytesMax) this.#transport.pause()
    else this.#transport.resume()
  }
}

function sizeOf(answer: Answer): number {
  let bytes = 0
  if (answer !== undefined) for (const chunk of answer) bytes += chunk.length
  return bytes
}
