import type { Cluster } from '../cluster/cluster.ts'
import type { Assignment } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { readConsumerOptions } from './consumer-options.ts'
import { FetchLoop } from './fetch-loop.ts'
import { Handout } from './handout.ts'
import type { PartitionState } from './partition-state.ts'
import type { PollWait } from './poll-wait.ts'
import { Positions } from './positions.ts'

export interface ReadingOptions {
  cluster: Cluster
  options: ReturnType<typeof readConsumerOptions>
  assignment: Assignment
  /** Undefined outside of a group. */
  group: ConsumerGroup | undefined
  /** Whoever waits for records. */
  wait: PollWait
}

/** Reads ahead of the program, in the background: finds out where to begin in what is assigned, fetches, and keeps what has come for a poll. */
export class Reading {
  readonly handout: Handout
  readonly #cluster: Cluster
  readonly #wait: PollWait
  readonly #fetchLoop: FetchLoop
  readonly #positions: Positions
  #error: Error | undefined

  constructor({ cluster, options, assignment, group, wait }: ReadingOptions) {
    const onOutOfRange = (state: PartitionState): void => this.#outOfRange(state)
    const told = {
      onProgress: (): void => this.#onProgress(),
      onError: (error: Error): void => this.#onError(error),
    }
    this.#cluster = cluster
    this.#wait = wait
    this.handout = new Handout(assignment, onOutOfRange)
    this.#fetchLoop = new FetchLoop({ ...options, ...told, cluster, partitions: assignment, onOutOfRange })
    this.#positions = new Positions({ ...options, ...told, cluster, group, partitions: assignment })
    this.#error = undefined
  }

  /** Something else is to be read, or from another place. */
  wake(): void {
    this.#positions.wake()
    this.#fetchLoop.wake()
  }

  /** There may be room for more. */
  fetch(): void {
    this.#fetchLoop.wake()
  }

  /** Goes on after a failure that was thrown: each is thrown once, and a program that catches it may seek and go on. */
  resume(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
    this.#positions.wake()
  }

  /** Resolves when no fetch is under way any more. */
  close(): Promise<void> {
    return this.#fetchLoop.close()
  }

  #onProgress(): void {
    try {
      this.handout.skipUnseen()
    } catch (error) {
      this.#error = error as Error
    }
    this.#fetchLoop.wake()
    this.#wait.wake()
  }

  #outOfRange(state: PartitionState): void {
    const { topic, partition, position: offset } = state
    this.#cluster.logger.warn({ topic, partition, offset }, 'consumer: the offset is out of range')
    state.restart('reset')
    this.#positions.wake()
  }

  #onError(error: Error): void {
    this.#error ??= error
    this.#wait.wake()
  }
}
