import { setTimeout as wait } from 'node:timers/promises'

import { tcpDialer } from '../../core/net/dialer.ts'
import { Listener } from '../../core/net/listener.ts'
import { REQUEST_BYTES_MAX, type Transport } from '../../core/net/transport.ts'
import { decodeRequestHeader, decodeResponse, encodeResponse } from '../../core/protocol/header.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'

export interface HoldOptions {
  /** The broker's port. */
  readonly target: number
  readonly random: () => number
  /** Which calls are held back, by key, and how often each: 0 to 1. */
  readonly shares: ReadonlyMap<number, number>
  /** How long a request is kept after its client has gone, at most. Milliseconds. */
  readonly lateMsMax: number
  /** A client that waits for so long is served after all. Milliseconds. */
  readonly patienceMs: number
  /** 1: clients are told that the cluster knows transactions v1 only. */
  readonly transactionVersion: 1 | 2
}

/** Requests and answers that pass, or that are changed on their way. */
const rewritten = new Map<number, typeof ApiVersions | typeof FindCoordinator | typeof Metadata>([
  [ApiVersions.key, ApiVersions],
  [FindCoordinator.key, FindCoordinator],
  [Metadata.key, Metadata],
])

/**
 * Stands between clients and a broker, and holds requests back: the client loses patience, closes its connection and tries again over another,
 * and some time later the broker gets what was held, as from a network that has kept it. In half of the cases it is the answer that is lost.
 */
export class HoldingProxy {
  readonly port: number
  /** Requests that were delivered when their client had gone, by key. */
  readonly late: Map<number, number>
  /** Answers that did not arrive. */
  lostAnswers: number
  readonly #options: HoldOptions
  readonly #listener: Listener
  readonly #open: Set<Transport>
  readonly #pending: Set<Promise<void>>
  #calm: boolean

  private constructor(listener: Listener, options: HoldOptions) {
    this.port = listener.port
    this.late = new Map()
    this.lostAnswers = 0
    this.#options = options
    this.#listener = listener
    this.#open = new Set()
    this.#pending = new Set()
    this.#calm = false
  }

  static async start(options: HoldOptions): Promise<HoldingProxy> {
    const made: { proxy?: HoldingProxy } = {}
    const onConnection = (transport: Transport): void => made.proxy!.#connect(transport)
    const listener = await Listener.listen({ host: '127.0.0.1', port: 0, onConnection, requestBytesMax: REQUEST_BYTES_MAX })
    return (made.proxy = new HoldingProxy(listener, options))
  }

  /** Holds nothing back from now on; resolves when all that was held has been delivered. */
  async calm(): Promise<void> {
    this.#calm = true
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async close(): Promise<void> {
    for (const transport of this.#open) transport.destroy()
    await this.#listener.close()
  }

  #connect(down: Transport): void {
    const link = new Link(down, this.#options)
    this.#open.add(down)
    const dialled = tcpDialer().dial('127.0.0.1', this.#options.target)
    dialled.then(
      (up) => {
        this.#open.add(up)
        link.onUp(up, this.port)
      },
      () => down.destroy(),
    )
    down.onFrame((frame) => {
      if (!this.#calm && link.holds(frame)) return
      link.pass(frame)
    })
    down.onClose(() => {
      this.#open.delete(down)
      const delivered = link.deliverLate((key) => this.late.set(key, (this.late.get(key) ?? 0) + 1))
      if (link.losesAnswer) this.lostAnswers++
      this.#pending.add(delivered)
      void delivered.finally(() => this.#pending.delete(delivered))
    })
  }
}

/** One connection of a client, and the one that was made for it. */
class Link {
  readonly #down: Transport
  readonly #options: HoldOptions
  readonly #asked: Map<number, { key: number; version: number }>
  /** Frames from the first that is held, in order; undefined while nothing is. */
  #held: Buffer[] | undefined
  #up: Transport | undefined
  /** Frames that came before the broker's side was there. */
  #early: Buffer[]
  #gone: boolean
  losesAnswer: boolean

  constructor(down: Transport, options: HoldOptions) {
    this.#down = down
    this.#options = options
    this.#asked = new Map()
    this.#held = undefined
    this.#up = undefined
    this.#early = []
    this.#gone = false
    this.losesAnswer = false
  }

  onUp(up: Transport, port: number): void {
    this.#up = up
    for (const frame of this.#early.splice(0)) up.send(withLength(frame))
    up.onFrame((frame) => {
      if (!this.#gone && !this.losesAnswer) this.#down.send(this.#rewritten(Buffer.from(frame), port))
    })
    up.onClose(() => {
      this.#up = undefined
      if (!this.#gone) this.#down.destroy()
    })
  }

  /** Whether the frame is kept. */
  holds(frame: Buffer): boolean {
    if (this.#held !== undefined) {
      this.#held.push(Buffer.from(frame))
      return true
    }
    const { random, shares, patienceMs } = this.#options
    const key = frame.readInt16BE(0)
    const share = shares.get(key)
    if (share === undefined || random() >= share) return false
    if (random() < 0.5) {
      this.losesAnswer = true
      return false
    }
    this.#held = [Buffer.from(frame)]
    void wait(patienceMs).then(() => {
      if (!this.#gone) this.#release()
    })
    return true
  }

  pass(lent: Buffer): void {
    const frame = Buffer.from(lent)
    const { apiKey: key, apiVersion: version, correlationId } = decodeRequestHeader(frame)
    if (rewritten.has(key)) this.#asked.set(correlationId, { key, version })
    if (this.#up === undefined) this.#early.push(frame)
    else this.#up.send(withLength(frame))
  }

  #release(): void {
    const frames = this.#held ?? []
    this.#held = undefined
    for (const frame of frames) this.pass(frame)
  }

  /** The client has gone: what it sent arrives some time after. */
  async deliverLate(onLate: (key: number) => void): Promise<void> {
    this.#gone = true
    const { random, lateMsMax } = this.#options
    if (this.#held !== undefined) {
      await wait(random() * lateMsMax)
      for (const frame of this.#held) onLate(frame.readInt16BE(0))
      this.#release()
    }
    // Until it has been read: a connection that is cut may lose what is on its way.
    await wait(50)
    this.#up?.close()
  }

  #rewritten(frame: Buffer, port: number): readonly Buffer[] {
    const correlationId = frame.readInt32BE(0)
    const asked = this.#asked.get(correlationId)
    if (asked === undefined) return withLength(frame)
    this.#asked.delete(correlationId)
    const { key, version } = asked
    if (key === Metadata.key) {
      const { body } = decodeResponse(Metadata, version, frame)
      return encodeResponse(Metadata, version, correlationId, { ...body, brokers: body.brokers.map((each) => ({ ...each, port })) })
    }
    if (key === FindCoordinator.key) {
      const { body } = decodeResponse(FindCoordinator, version, frame)
      const coordinators = body.coordinators.map((each) => ({ ...each, port }))
      return encodeResponse(FindCoordinator, version, correlationId, { ...body, ...(version < 4 ? { port } : {}), coordinators })
    }
    const { body } = decodeResponse(ApiVersions, version, frame)
    if (this.#options.transactionVersion === 2 || body.errorCode !== 0) return withLength(frame)
    const finalizedFeatures = body.finalizedFeatures.filter(({ name }) => name !== 'transaction.version')
    return encodeResponse(ApiVersions, version, correlationId, { ...body, finalizedFeatures })
  }
}

function withLength(frame: Buffer): readonly Buffer[] {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return [length, frame]
}
