import type { Socket } from 'node:net'

import type { Clock, Timer } from '../base/clock.ts'
import { addressOf } from './address.ts'

/** Says how fast connections may come in at a listener. */
export interface ConnectionGate {
  /** Takes note of a connection that is the next to come in. Answers for how long it has to wait, and all behind it with it: milliseconds. */
  delayMs(): number
  /** Asked when it comes in. Answers 0 when it may, otherwise in how many milliseconds it is ended: who tries again and again is slowed down. */
  refusalMs(address: string): number
}

/** An accepted socket that has not been read from. */
interface Arrival {
  readonly socket: Socket
  readonly done: (isIn: boolean) => void
}

/**
 * Lets accepted sockets in one after the other, as fast as a {@link ConnectionGate} allows (KIP-612). Node accepts whatever comes: those that wait are not read
 * from, which for their clients is as if they had not been accepted. They count as connections, so `max.connections` bounds how many there are.
 */
export class Turnstile {
  readonly #gate: ConnectionGate
  readonly #clock: Clock
  readonly #waiting: Arrival[]
  readonly #refused: Map<Socket, Timer>
  #timer: Timer | undefined

  constructor(gate: ConnectionGate, clock: Clock) {
    this.#gate = gate
    this.#clock = clock
    this.#waiting = []
    this.#refused = new Map()
    this.#timer = undefined
  }

  /** @param done is called once: with true when it is the turn of the socket, with false when it is ended before it has come in */
  take(socket: Socket, done: (isIn: boolean) => void): void {
    // Nobody else listens to it yet.
    socket.on('error', () => {})
    this.#waiting.push({ socket, done })
    if (this.#waiting.length === 1) this.#next()
  }

  /** Ends those that wait. */
  close(): void {
    this.#timer?.cancel()
    for (const { socket, done } of this.#waiting.splice(0)) {
      socket.destroy()
      done(false)
    }
    for (const socket of this.#refused.keys()) socket.destroy()
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const delayMs = this.#gate.delayMs()
      if (delayMs > 0) {
        this.#timer = this.#clock.after(delayMs, () => {
          this.#enter()
          this.#next()
        })
        return
      }
      this.#enter()
    }
  }

  #enter(): void {
    const arrival = this.#waiting.shift()!
    const refusalMs = this.#gate.refusalMs(addressOf(arrival.socket))
    if (refusalMs === 0) arrival.done(true)
    else this.#refuse(arrival, refusalMs)
  }

  #refuse({ socket, done }: Arrival, ms: number): void {
    this.#refused.set(
      socket,
      this.#clock.after(ms, () => socket.destroy()),
    )
    socket.once('close', () => {
      this.#refused.get(socket)?.cancel()
      this.#refused.delete(socket)
      done(false)
    })
  }
}
