/** Who asks, and over which of its connections. */
export interface Caller {
  /** Client id and host: two producers that share them are one to us. */
  readonly client: string
  /** Where the connection stands in the order in which connections were made. */
  readonly connection: number
}

/** Calls that a client may send over connections of their own: to the coordinator of the transaction, and to that of the group. */
export type Lane = 'transaction' | 'offsets'

/**
 * Tells requests that a client has given up. With transactions v1 one that was held up on its way (EndTxn above all) looks like one of the
 * next transaction, which has the same epoch, and would end it half-way: the hole that v2 closes (KIP-890). A client that has lost patience
 * closes its connection and goes on over a new one, so what still comes over the old one is late. (Kafka takes it for good.)
 */
export class Callers {
  readonly #newest: Map<Lane, Caller>

  constructor() {
    this.#newest = new Map()
  }

  /** True when this client has been heard on a newer connection in the meantime. Otherwise remembers this one. */
  isLate(lane: Lane, caller: Caller): boolean {
    const newest = this.#newest.get(lane)
    if (newest?.client === caller.client && caller.connection < newest.connection) return true
    this.#newest.set(lane, caller)
    return false
  }

  /** Another instance has taken over. */
  clear(): void {
    this.#newest.clear()
  }
}
