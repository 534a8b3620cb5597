import type { Dialer } from '../../core/net/dialer.ts'
import { tappedTransport } from './tapped-transport.ts'

export interface AnswerLoser extends Dialer {
  /** Answers that were lost so far. */
  readonly lost: number
}

/** Every third answer to a request of this API is lost with its connection, after the broker has done what was asked; `lossesMax` in all. */
export function answerLoser(inner: Dialer, apiKey: number, lossesMax: number): AnswerLoser {
  let answers = 0
  const loser = {
    lost: 0,
    async dial(host: string, port: number, timeoutMs?: number) {
      const transport = await inner.dial(host, port, timeoutMs)
      const asked = new Set<number>()
      return tappedTransport(transport, {
        send(chunks) {
          const head = Buffer.concat(chunks).subarray(0, 12)
          if (head.readInt16BE(4) === apiKey) asked.add(head.readInt32BE(8))
          transport.send(chunks)
        },
        onFrame(handler) {
          transport.onFrame((frame) => {
            if (!asked.delete(frame.readInt32BE(0)) || loser.lost === lossesMax || ++answers % 3 !== 0) handler(frame)
            else {
              loser.lost++
              transport.destroy(new Error('the answer was lost'))
            }
          })
        },
      })
    },
  }
  return loser
}
