import type { Dialer } from '../../core/net/dialer.ts'
import { tappedTransport } from './tapped-transport.ts'

export interface HoldingDialer extends Dialer {
  /** Requests of this API are kept from now on. */
  hold(apiKey: number): void
  /** Lets the requests of this API go that were kept, and all later ones. */
  release(apiKey: number): void
  /** Requests of this API that are kept. */
  held(apiKey: number): number
  /** Answers to requests of this API that have come. */
  answers(apiKey: number): number
}

interface Request {
  readonly apiKey: number
  readonly correlationId: number
}

/** Connections on which a test holds up requests by what they ask. */
export function holdingDialer(dialer: Dialer): HoldingDialer {
  const kept = new Map<number, (() => void)[]>()
  const answers = new Map<number, number>()
  return {
    hold: (apiKey) => void kept.set(apiKey, []),
    release(apiKey) {
      const sends = kept.get(apiKey) ?? []
      kept.delete(apiKey)
      for (const send of sends) send()
    },
    held: (apiKey) => kept.get(apiKey)?.length ?? 0,
    answers: (apiKey) => answers.get(apiKey) ?? 0,
    async dial(host, port) {
      const transport = await dialer.dial(host, port)
      const asked = new Map<number, number>()
      return tappedTransport(transport, {
        send(chunks) {
          const { apiKey, correlationId } = requestIn(chunks)
          asked.set(correlationId, apiKey)
          const sends = kept.get(apiKey)
          if (sends === undefined) transport.send(chunks)
          else sends.push(() => transport.send(chunks))
        },
        onFrame(handler) {
          transport.onFrame((frame) => {
            const apiKey = asked.get(frame.readInt32BE(0)) ?? -1
            answers.set(apiKey, (answers.get(apiKey) ?? 0) + 1)
            handler(frame)
          })
        },
      })
    },
  }
}

/** Length, key, version, correlation id: the first twelve bytes of every request. */
function requestIn(chunks: readonly Buffer[]): Request {
  const head = Buffer.concat(chunks).subarray(0, 12)
  return { apiKey: head.readInt16BE(4), correlationId: head.readInt32BE(8) }
}
