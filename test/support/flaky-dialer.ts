import type { Dialer, Transport } from '../../core/net/dialer.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { tappedTransport } from './tapped-transport.ts'

export interface FlakyOptions {
  seed: number
  /** How many frames pass in either direction before a connection breaks, at most. */
  framesMax: number
  /** Breaks are over after so many, so that every test ends. */
  breaks: number
}

export interface FlakyDialer extends Dialer {
  /** How often a connection was cut so far. */
  readonly cuts: number
}

/**
 * Connections that break at a random frame: sometimes before a request has left, sometimes when it has arrived and only the answer is
 * lost. The same seed breaks at the same counts.
 */
export function flakyDialer(dialer: Dialer, options: FlakyOptions): FlakyDialer {
  const random = seededNumbers(options.seed)
  let cuts = 0
  return {
    get cuts() {
      return cuts
    },
    async dial(host, port) {
      const transport = await dialer.dial(host, port)
      if (cuts >= options.breaks) return transport
      let left = 3 + Math.floor(random() * options.framesMax)
      const asAnswer = random() < 0.5
      const cut = (): boolean => {
        if (left-- !== 0 || cuts >= options.breaks) return false
        cuts++
        setImmediate(() => transport.destroy(new Error('cut by the test')))
        return true
      }
      return breaking(transport, asAnswer, cut)
    },
  }
}

function breaking(transport: Transport, asAnswer: boolean, cut: () => boolean): Transport {
  let broken = false
  return tappedTransport(transport, {
    send(chunks) {
      if (broken || (!asAnswer && (broken = cut()))) return
      transport.send(chunks)
    },
    onFrame(handler) {
      transport.onFrame((frame) => {
        if (broken || (asAnswer && (broken = cut()))) return
        handler(frame)
      })
    },
  })
}
