import type { Dialer } from '../../core/net/dialer.ts'
import type { Api } from '../../core/protocol/api.ts'
import { decodeResponse } from '../../core/protocol/header.ts'
import { tappedTransport } from './tapped-transport.ts'

export interface ThrottleListener extends Dialer {
  /** Milliseconds of silence that answers of this API have asked for so far. */
  throttledMs(api: Api): number
}

/** Hears what brokers say of quotas. */
export function throttleListener(inner: Dialer, apis: readonly Api[]): ThrottleListener {
  const told = new Map<number, number>()
  return {
    throttledMs: (api) => told.get(api.key) ?? 0,
    async dial(host, port, timeoutMs) {
      const transport = await inner.dial(host, port, timeoutMs)
      const asked = new Map<number, { api: Api; version: number }>()
      return tappedTransport(transport, {
        send(chunks) {
          const head = Buffer.concat(chunks).subarray(0, 12)
          const api = apis.find((each) => each.key === head.readInt16BE(4))
          if (api !== undefined) asked.set(head.readInt32BE(8), { api, version: head.readInt16BE(6) })
          transport.send(chunks)
        },
        onFrame(handler) {
          transport.onFrame((frame) => {
            const question = asked.get(frame.readInt32BE(0))
            if (question !== undefined) {
              const { throttleTimeMs } = decodeResponse(question.api, question.version, frame).body as { throttleTimeMs: number }
              told.set(question.api.key, (told.get(question.api.key) ?? 0) + throttleTimeMs)
            }
            handler(frame)
          })
        },
      })
    },
  }
}
