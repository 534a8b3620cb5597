import type { PartitionQueue } from './partition-queue.ts'

/**
 * Which partitions have joined a transaction by being written to (KIP-890), and who may let others join now. A broker of Kafka asks the coordinator
 * for one request of a producer at a time: another one that brings new partitions, or positions, makes it give up the first with
 * NETWORK_EXCEPTION (told as NOT_ENOUGH_REPLICAS), which costs a back-off each time. So there is one such request at a time to each broker.
 */
export class Joins {
  readonly #joined: Set<PartitionQueue>
  /** Brokers that are asking for us. */
  readonly #asking: Set<number>
  /** Positions wait for their turn, or are on their way: nobody else begins to ask. */
  #exclusive: number
  #idle: (() => void)[]
  readonly #wake: () => void

  constructor(wake: () => void) {
    this.#joined = new Set()
    this.#asking = new Set()
    this.#exclusive = 0
    this.#idle = []
    this.#wake = wake
  }

  has(queue: PartitionQueue): boolean {
    return this.#joined.has(queue)
  }

  add(queue: PartitionQueue): void {
    this.#joined.add(queue)
  }

  /** Whether a request to the broker may bring new partitions now. */
  mayAsk(node: number): boolean {
    return this.#exclusive === 0 && !this.#asking.has(node)
  }

  asks(node: number): void {
    this.#asking.add(node)
  }

  answered(node: number): void {
    this.#asking.delete(node)
    if (this.#asking.size === 0) for (const go of this.#idle.splice(0)) go()
  }

  /** Runs something that no broker may be asking beside. */
  async alone(run: () => Promise<void>): Promise<void> {
    this.#exclusive++
    try {
      if (this.#asking.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
      await run()
    } finally {
      this.#exclusive--
      this.#wake()
    }
  }

  /** The transaction is over. */
  reset(): void {
    this.#joined.clear()
  }
}
