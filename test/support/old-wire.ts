import { type Socket, connect } from 'node:net'

import type { ExecutionContext } from 'ava'

/**
 * Kafka's protocol as clients of 0.8 to 0.10 had it, spelled out field by field after its published description: nothing of core is used, so that
 * a mistake there does not cancel itself out.
 */

export const i8 = (n: number): Buffer => Buffer.of(n)
export const i16 = (n: number): Buffer => number(2, (buf) => buf.writeInt16BE(n))
export const i32 = (n: number): Buffer => number(4, (buf) => buf.writeInt32BE(n))
export const i64 = (n: number): Buffer => number(8, (buf) => buf.writeBigInt64BE(BigInt(n)))
export const text = (value: string | null): Buffer =>
  value === null ? i16(-1) : Buffer.concat([i16(Buffer.byteLength(value)), Buffer.from(value)])
export const blob = (value: Buffer): Buffer => Buffer.concat([i32(value.length), value])
export const list = (...items: Buffer[][]): Buffer => Buffer.concat([i32(items.length), ...items.flat()])

function number(size: number, write: (buf: Buffer) => void): Buffer {
  const buf = Buffer.alloc(size)
  write(buf)
  return buf
}

/** Reads an answer in order. */
export class Answer {
  readonly #buf: Buffer
  #at: number

  constructor(buf: Buffer) {
    this.#buf = buf
    this.#at = 0
  }

  get left(): number {
    return this.#buf.length - this.#at
  }

  i16(): number {
    return this.#buf.readInt16BE(this.#skip(2))
  }

  i32(): number {
    return this.#buf.readInt32BE(this.#skip(4))
  }

  i64(): number {
    return Number(this.#buf.readBigInt64BE(this.#skip(8)))
  }

  text(): string | null {
    const length = this.i16()
    return length < 0 ? null : this.#buf.toString('utf8', this.#skip(length), this.#at)
  }

  blob(): Buffer {
    const length = this.i32()
    return this.#buf.subarray(this.#skip(length), this.#at)
  }

  list<T>(item: (answer: Answer) => T): T[] {
    const count = this.i32()
    return Array.from({ length: count }, () => item(this))
  }

  #skip(length: number): number {
    const at = this.#at
    if (length < 0 || at + length > this.#buf.length) throw new Error(`${length} bytes at ${at} of ${this.#buf.length}`)
    this.#at += length
    return at
  }
}

/** A connection that sends a request when the answer to the one before is there. */
export class OldClient {
  readonly #socket: Socket
  readonly #clientId: string
  #correlation: number
  #received: Buffer
  #waiting: (() => void) | undefined

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket
    this.#clientId = clientId
    this.#correlation = 0
    this.#received = Buffer.alloc(0)
    this.#waiting = undefined
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#waiting?.()
    })
  }

  static async open(t: ExecutionContext, bootstrap: string, clientId = 'old'): Promise<OldClient> {
    const [host, port] = bootstrap.split(':')
    const socket = connect(Number(port), host)
    t.teardown(() => socket.destroy())
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new OldClient(socket, clientId)
  }

  /** Answers what `read` makes of the response, of which nothing may be left. */
  async ask<T>(apiKey: number, version: number, body: readonly Buffer[], read: (answer: Answer) => T): Promise<T> {
    const correlation = ++this.#correlation
    const header = [i16(apiKey), i16(version), i32(correlation), text(this.#clientId)]
    this.#socket.write(blob(Buffer.concat([...header, ...body])))
    while (this.#received.length < 4 || this.#received.length < 4 + this.#received.readInt32BE(0)) {
      await new Promise<void>((resolve) => (this.#waiting = resolve))
    }
    const size = this.#received.readInt32BE(0)
    const answer = new Answer(this.#received.subarray(4, 4 + size))
    this.#received = this.#received.subarray(4 + size)
    if (answer.i32() !== correlation) throw new Error('the answer to another request')
    const result = read(answer)
    if (answer.left > 0) throw new Error(`${answer.left} bytes are left of the answer to ${apiKey} v${version}`)
    return result
  }
}
