import type { Connectable } from '../../core/cluster/address.ts'
import type { Dialer, Transport } from '../../core/net/dialer.ts'

/**
 * A cluster that can be taken away from its clients all at once: cut, to them it is as if they had been killed, to it as if they had
 * died; frozen, nothing passes in either direction until the thaw, as with a process that is stopped and goes on later.
 */
export class CutOff implements Connectable {
  readonly bootstrap: string
  readonly dialer: Dialer
  readonly #open: Set<Transport>
  #isCut: boolean
  /** What is to happen at the thaw; undefined when nothing is frozen. */
  #held: (() => void)[] | undefined

  constructor(target: Connectable) {
    this.bootstrap = target.bootstrap
    this.#open = new Set()
    this.#isCut = false
    this.#held = undefined
    this.dialer = {
      dial: async (host, port) => {
        if (this.#isCut) throw new Error('cut off')
        const transport = await target.dialer.dial(host, port)
        this.#open.add(transport)
        if (this.#isCut) transport.destroy()
        return this.#freezable(transport)
      },
    }
  }

  cut(): void {
    this.#isCut = true
    for (const transport of this.#open) transport.destroy()
    this.#open.clear()
  }

  freeze(): void {
    this.#held ??= []
  }

  thaw(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const run of held) run()
  }

  #freezable(inner: Transport): Transport {
    const later = (run: () => void) => (this.#held === undefined ? run() : void this.#held.push(run))
    return {
      get remote() {
        return inner.remote
      },
      get bufferedBytes() {
        return inner.bufferedBytes
      },
      send: (chunks) => later(() => inner.send(chunks)),
      onFrame: (handler) => inner.onFrame((frame) => later(() => handler(frame))),
      onClose: (handler) => inner.onClose((error) => later(() => handler(error))),
      onDrain: (handler) => inner.onDrain(handler),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      close: () => later(() => inner.close()),
      destroy: (error) => inner.destroy(error),
    }
  }
}
