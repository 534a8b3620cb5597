import { MoldauError } from '../base/errors.ts'
import type { BrokerConnection } from './connection.ts'

/**
 * The connections of one purpose, one per broker. A broker answers a connection in order, so whoever waits long has connections of its own:
 *
 * - the cluster one set for short questions (metadata, coordinators, offsets, admin), shared by all of a client;
 * - each producer one for records, and one for its transactions;
 * - each consumer one for fetches, and in a group one for heartbeats and commits, and one for joining, which may take minutes.
 */
export class Connections {
  readonly #dial: (node: number) => Promise<BrokerConnection>
  readonly #open: Map<number, BrokerConnection>
  readonly #dialing: Map<number, Promise<BrokerConnection>>
  #closed: boolean

  constructor(dial: (node: number) => Promise<BrokerConnection>) {
    this.#dial = dial
    this.#open = new Map()
    this.#dialing = new Map()
    this.#closed = false
  }

  /** The open connection, without waiting. */
  peek(node: number): BrokerConnection | undefined {
    const connection = this.#open.get(node)
    return connection === undefined || connection.closed ? undefined : connection
  }

  /** The open connection, or a new one; callers share the attempt. */
  async get(node: number): Promise<BrokerConnection> {
    if (this.#closed) throw new MoldauError('CLOSED', 'the client is closed: connect again')
    const open = this.peek(node)
    if (open !== undefined) return open
    let dialing = this.#dialing.get(node)
    if (dialing === undefined) {
      dialing = this.#connect(node)
      this.#dialing.set(node, dialing)
    }
    return dialing
  }

  /** Ends the connection to one broker, so that the next call makes a new one. */
  drop(node: number): void {
    this.#open.get(node)?.close()
    this.#open.delete(node)
  }

  /** Closes those that were not used for so many milliseconds: before the broker does so under a request. */
  closeIdle(maxIdleMs: number): void {
    for (const connection of this.#open.values()) if (connection.idleMs > maxIdleMs) connection.close()
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#open.values()) connection.close()
    this.#open.clear()
  }

  async #connect(node: number): Promise<BrokerConnection> {
    try {
      const connection = await this.#dial(node)
      if (this.#closed) {
        connection.close()
        throw new MoldauError('CLOSED', 'the client was closed while it connected')
      }
      this.#open.set(node, connection)
      connection.onClose(() => {
        if (this.#open.get(node) === connection) this.#open.delete(node)
      })
      return connection
    } finally {
      this.#dialing.delete(node)
    }
  }
}
