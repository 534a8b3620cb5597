import type { Connectable } from '../../core/cluster/address.ts'
import type { Dialer, Transport } from '../../core/net/dialer.ts'

/** A cluster that can be taken away from its clients all at once: to them it is as if they had been killed, to it as if they had died. */
export class CutOff implements Connectable {
  readonly bootstrap: string
  readonly dialer: Dialer
  readonly #open: Set<Transport>
  #isCut: boolean

  constructor(target: Connectable) {
    this.bootstrap = target.bootstrap
    this.#open = new Set()
    this.#isCut = false
    this.dialer = {
      dial: async (host, port) => {
        if (this.#isCut) throw new Error('cut off')
        const transport = await target.dialer.dial(host, port)
        this.#open.add(transport)
        if (this.#isCut) transport.destroy()
        return transport
      },
    }
  }

  cut(): void {
    this.#isCut = true
    for (const transport of this.#open) transport.destroy()
    this.#open.clear()
  }
}
