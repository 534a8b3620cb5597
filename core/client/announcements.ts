import type { Clock } from '../base/clock.ts'
import type { PartitionQueue } from './partition-queue.ts'

export interface AnnouncementsOptions {
  clock: Clock
  addPartitions: (queues: readonly PartitionQueue[]) => Promise<void>
  addGroup: (groupId: string) => Promise<void>
  onError: (error: unknown) => void
  /** False when the transaction has failed: nothing more need be announced. */
  goesOn: () => boolean
  /** Batches may go that could not before. */
  wake: () => void
}

/** Transactions version 1: what the coordinator has been told of one transaction. Partitions are announced together, one request at a time. */
export class Announcements {
  readonly #options: AnnouncementsOptions
  #partitions: Set<PartitionQueue>
  #newPartitions: Set<PartitionQueue>
  #adding: boolean
  #groups: Map<string, Promise<void>>

  constructor(options: AnnouncementsOptions) {
    this.#options = options
    this.#partitions = new Set()
    this.#newPartitions = new Set()
    this.#adding = false
    this.#groups = new Map()
  }

  /** Whether a partition may be written to; when not it is announced, and the producer woken. */
  admits(queue: PartitionQueue): boolean {
    if (this.#partitions.has(queue)) return true
    this.#newPartitions.add(queue)
    this.#addPartitions()
    return false
  }

  #addPartitions(): void {
    if (this.#adding) return
    this.#adding = true
    const { addPartitions, onError, goesOn, wake } = this.#options
    queueMicrotask(() => {
      const queues = [...this.#newPartitions]
      addPartitions(queues)
        .then(() => {
          for (const queue of queues) {
            this.#partitions.add(queue)
            this.#newPartitions.delete(queue)
          }
        })
        .catch(onError)
        .finally(() => {
          this.#adding = false
          if (this.#newPartitions.size > 0 && goesOn()) this.#addPartitions()
          wake()
        })
    })
  }

  /** Announces a group once, however many ask at the same time. */
  group(groupId: string): Promise<void> {
    let added = this.#groups.get(groupId)
    if (added === undefined) {
      added = this.#options.addGroup(groupId)
      this.#groups.set(groupId, added)
    }
    return added
  }

  /** Resolves when no partition is being announced. */
  async settled(): Promise<void> {
    while (this.#adding) await new Promise<void>((resolve) => this.#options.clock.after(1, resolve))
  }

  /** The transaction is over. */
  reset(): void {
    this.#partitions = new Set()
    this.#newPartitions = new Set()
    this.#groups = new Map()
  }
}
