import type { Transport } from '../../core/net/dialer.ts'

/** The transport as it is, but for how it sends and hears. */
export function tappedTransport(transport: Transport, tap: Pick<Transport, 'send' | 'onFrame'>): Transport {
  return {
    remote: transport.remote,
    get bufferedBytes() {
      return transport.bufferedBytes
    },
    send: (chunks) => tap.send(chunks),
    onFrame: (handler) => tap.onFrame(handler),
    onClose: (handler) => transport.onClose(handler),
    onDrain: (handler) => transport.onDrain(handler),
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    close: () => transport.close(),
    destroy: (error) => transport.destroy(error),
  }
}
