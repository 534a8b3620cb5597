export interface ConnectionLimitsOptions {
  /** Connections at the same time, over all listeners. */
  connectionsMax: number
  /** From one address. */
  perIpMax: number
  /** Other bounds for single addresses. */
  overrides: ReadonlyMap<string, number>
}

/** Counts connections, in all and by address, and says which are too many (Kafka's ConnectionQuotas). */
export class ConnectionLimits {
  #options: ConnectionLimitsOptions
  readonly #byIp: Map<string, number>
  #count: number

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options
    this.#byIp = new Map()
    this.#count = 0
  }

  /** Other bounds from now on; those who are in stay. */
  configure(options: ConnectionLimitsOptions): void {
    this.#options = options
  }

  /** Lets a connection in: the answer is to be called when it ends. Undefined when it is one too many. */
  admit(address: string): (() => void) | undefined {
    const { connectionsMax, perIpMax, overrides } = this.#options
    const fromIp = this.#byIp.get(address) ?? 0
    if (this.#count >= connectionsMax || fromIp >= (overrides.get(address) ?? perIpMax)) return undefined
    this.#count++
    this.#byIp.set(address, fromIp + 1)
    return () => this.#leave(address)
  }

  #leave(address: string): void {
    this.#count--
    const left = this.#byIp.get(address)! - 1
    if (left === 0) this.#byIp.delete(address)
    else this.#byIp.set(address, left)
  }
}
