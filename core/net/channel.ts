import type { Clock, Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Api } from '../protocol/api.ts'
import { decodeResponse, encodeRequest } from '../protocol/header.ts'
import type { Infer, Input, Message } from '../protocol/schema.ts'
import type { Transport } from './transport.ts'

/** Kafka's `request.timeout.ms`. */
export const REQUEST_TIMEOUT_MS = 30_000

/** Told of what goes over a connection, request by request: for metrics. */
export interface ChannelWatcher {
  sent(api: Api, bytes: number): void
  /** @param body the answer: `throttleTimeMs` and `errorCode` where it has them */
  answered(api: Api, latencyMs: number, bytes: number, body: unknown): void
}

export interface ChannelOptions {
  clientId: string
  watcher?: ChannelWatcher | undefined
  /** How long an answer may take; default 30 s. */
  requestTimeoutMs?: number
  clock: Clock
}

interface Pending {
  api: Api
  version: number
  correlationId: number
  sentAt: number
  deadline: number
  resolve: (body: never) => void
  reject: (error: Error) => void
}

/** The client's side of a connection: typed calls, answered in the order in which they were made. */
export class Channel {
  readonly remote: string
  readonly #transport: Transport
  readonly #clientId: string
  readonly #requestTimeoutMs: number
  readonly #clock: Clock
  readonly #watcher: ChannelWatcher | undefined
  readonly #pending: Pending[]
  readonly #closeHandlers: ((error?: Error) => void)[]
  #nextCorrelationId: number
  #timer: Timer | undefined
  #timerAt: number
  #closed: boolean

  constructor(transport: Transport, options: ChannelOptions) {
    this.remote = transport.remote
    this.#transport = transport
    this.#clientId = options.clientId
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#clock = options.clock
    this.#watcher = options.watcher
    this.#pending = []
    this.#closeHandlers = []
    this.#nextCorrelationId = 0
    this.#timer = undefined
    this.#timerAt = Infinity
    this.#closed = false
    transport.onFrame((frame) => this.#onFrame(frame))
    transport.onClose((error) => this.#onClosed(error))
  }

  get inFlight(): number {
    return this.#pending.length
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes sent that the other side has not taken yet. */
  get bufferedBytes(): number {
    return this.#transport.bufferedBytes
  }

  /** Calls `handler` once when the connection has ended; at once when it already has. */
  onClose(handler: (error?: Error) => void): void {
    if (this.#closed) handler()
    else this.#closeHandlers.push(handler)
  }

  /**
   * Asks and waits for the answer.
   * @throws MoldauError CONNECTION_LOST and TIMEOUT (both retriable; a time-out ends the connection, since answers come in order),
   *   INVALID_ARGUMENT when the body does not fit the version
   */
  request<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    body: Input<Req>,
    options: { timeoutMs?: number } = {},
  ): Promise<Infer<Res>> {
    if (this.#closed) return Promise.reject(this.#lost(api.name))
    return new Promise<Infer<Res>>((resolve, reject) => {
      const correlationId = this.#write(api, version, body)
      const sentAt = this.#clock.monotonic()
      const deadline = sentAt + (options.timeoutMs ?? this.#requestTimeoutMs)
      this.#pending.push({ api, version, correlationId, sentAt, deadline, resolve, reject })
      if (deadline < this.#timerAt) this.#arm(deadline)
    })
  }

  /** Sends a call that the protocol answers with nothing (Produce with acks=0). */
  send<Req extends Message>(api: Api<Req>, version: number, body: Input<Req>): void {
    if (this.#closed) throw this.#lost(api.name)
    this.#write(api, version, body)
  }

  /** Gives the calls that wait for an answer so many milliseconds more: the broker has said that it keeps silent meanwhile. */
  extendDeadlines(ms: number): void {
    for (const pending of this.#pending) pending.deadline += ms
  }

  /** Ends the connection; calls without an answer fail with CONNECTION_LOST. */
  close(): void {
    if (this.#closed) return
    this.#transport.close()
    this.#onClosed()
  }

  #write<Req extends Message>(api: Api<Req>, version: number, body: Input<Req>): number {
    const correlationId = this.#nextCorrelationId
    const chunks = encodeRequest(api, version, correlationId, this.#clientId, body)
    this.#transport.send(chunks)
    this.#watcher?.sent(api, sizeOf(chunks))
    this.#nextCorrelationId = (correlationId + 1) & 0x7fffffff
    return correlationId
  }

  #onFrame(frame: Buffer): void {
    const pending = this.#pending[0]
    if (pending === undefined || frame.length < 4 || frame.readInt32BE(0) !== pending.correlationId) {
      this.#transport.destroy(new MoldauError('CORRUPT_FRAME', `${this.remote} sent an answer that nobody asked for`))
      return
    }
    this.#pending.shift()
    try {
      const { body } = decodeResponse(pending.api, pending.version, frame)
      this.#watcher?.answered(pending.api, this.#clock.monotonic() - pending.sentAt, frame.length, body)
      pending.resolve(body as never)
    } catch (error) {
      pending.reject(error as Error)
      this.#transport.destroy(error as Error)
    }
  }

  #onClosed(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    for (const pending of this.#pending.splice(0)) pending.reject(this.#lost(pending.api.name, error))
    for (const handler of this.#closeHandlers.splice(0)) handler(error)
  }

  #lost(name: string, cause?: Error): MoldauError {
    const why = cause === undefined ? '' : ` (${cause.message})`
    return new MoldauError('CONNECTION_LOST', `the connection to ${this.remote} ended before ${name} was answered${why}`, {
      cause,
      retriable: true,
    })
  }

  #arm(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(at - this.#clock.monotonic())), () => this.#onTimer())
  }

  #onTimer(): void {
    this.#timerAt = Infinity
    const now = this.#clock.monotonic()
    const late = this.#pending.findIndex((pending) => pending.deadline <= now)
    if (late === -1) {
      if (this.#pending.length > 0) this.#arm(Math.min(...this.#pending.map((pending) => pending.deadline)))
      return
    }
    const [pending] = this.#pending.splice(late, 1)
    const message = `${this.remote} did not answer ${pending!.api.name} in time: is the broker overloaded or unreachable?`
    const error = new MoldauError('TIMEOUT', message, { retriable: true })
    pending!.reject(error)
    this.#transport.destroy(error)
  }
}

function sizeOf(chunks: readonly Buffer[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}
