import type { Dialer, Transport } from '../../core/net/dialer.ts'
import { SaslHandshake } from '../../core/protocol/messages/sasl-handshake.ts'
import { tappedTransport } from './tapped-transport.ts'

export interface CountingDialer extends Dialer {
  readonly dialled: number
  readonly sent: number
  /** Log-ins that were begun. */
  readonly logins: number
  /** Connections that are open. */
  readonly open: ReadonlySet<Transport>
}

/** Counts connections and what is sent over them. */
export function countingDialer(inner: Dialer): CountingDialer {
  const open = new Set<Transport>()
  const counting = {
    dialled: 0,
    sent: 0,
    logins: 0,
    open,
    async dial(host: string, port: number, timeoutMs?: number) {
      counting.dialled++
      const transport = await inner.dial(host, port, timeoutMs)
      open.add(transport)
      const tapped = tappedTransport(transport, {
        send(chunks) {
          counting.sent++
          if (chunks[0]!.readInt16BE(4) === SaslHandshake.key) counting.logins++
          transport.send(chunks)
        },
        onFrame: (handler) => transport.onFrame(handler),
      })
      const onClose = (handler: (error?: Error) => void): void =>
        transport.onClose((error) => {
          open.delete(transport)
          handler(error)
        })
      return Object.assign(tapped, { onClose })
    },
  }
  return counting
}
