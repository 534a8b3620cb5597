import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Assignment } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ReadConsumerOptions } from './read-consumer-options.ts'
import type { ConsumerView } from './consumer-view.ts'
import { FetchLoop } from './fetch-loop.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { Handout } from './handout.ts'
import type { PartitionState } from './partition-state.ts'
import { PollWait } from './poll-wait.ts'
import { Polling } from './polling.ts'
import { Positions } from './positions.ts'
import type { RawBatch } from './raw-batch.ts'
import type { ConsumerBatch } from './types.ts'

export interface ReadingOptions {
  cluster: Cluster
  options: ReadConsumerOptions
  /** The partitions that are read. */
  assignment: Assignment
  /** Undefined outside of a group. */
  group: ConsumerGroup | undefined
  view: ConsumerView
}

/** How what was fetched is handed out. */
export interface Taking<T> {
  /** One of what was fetched; undefined when it is past. */
  take: (fetched: FetchedRecords) => T | undefined
  /** Shown what was taken, before it is handed out. */
  seen: (taken: T[]) => T[]
}

/** Keeps records coming: finds out where partitions begin, fetches ahead, and hands out by polls, which also throw what went wrong in between. */
export class Reading {
  readonly #options: ReadingOptions
  readonly #fetchLoop: FetchLoop
  readonly #positions: Positions
  readonly #handout: Handout
  readonly #pollWait: PollWait
  readonly #polling: Polling
  #error: Error | undefined
  #closed: boolean

  constructor(given: ReadingOptions) {
    const { cluster, options, assignment: partitions, group, view } = given
    this.#options = given
    this.#pollWait = new PollWait(cluster.clock)
    const onProgress = (): void => this.#onProgress()
    const onError = (error: Error): void => this.#onError(error)
    const onOutOfRange = (state: PartitionState): void => this.#outOfRange(state)
    const { watcher } = view
    this.#fetchLoop = new FetchLoop({ ...options, cluster, watcher, partitions, onProgress, onOutOfRange, onError })
    this.#positions = new Positions({ ...options, cluster, group, partitions, onProgress, onError })
    this.#handout = new Handout(partitions, onOutOfRange, view.stats, () => this.#fetchLoop.wake())
    this.#polling = new Polling({
      clock: cluster.clock,
      handout: this.#handout,
      wait: this.#pollWait,
      group,
      maxWaitMs: options.maxPollIntervalMs / 2,
      check: () => this.#throwIfFailed(),
      before: () => this.#positions.wake(),
      view,
    })
    this.#error = undefined
    this.#closed = false
  }

  get closed(): boolean {
    return this.#closed
  }

  /** What has come, or comes within `timeoutMs`: batches with at least `recordsMax` records, or all that there are. */
  poll<T extends ConsumerBatch | RawBatch>(timeoutMs: number, taking: Taking<T>, recordsMax: number, signal?: AbortSignal): Promise<T[]> {
    const take = (): T[] => {
      const taken = this.#take(taking, recordsMax)
      this.#options.view.stats.handedOut()
      return taken
    }
    return this.#polling.run(timeoutMs, take, signal)
  }

  /** One batch more of what lies here, for whoever goes through it batch by batch; none where a poll has something to see to first. */
  another<T extends ConsumerBatch | RawBatch>(taking: Taking<T>): T[] {
    return this.#closed || this.#error !== undefined || this.#options.group?.ready ? [] : this.#take(taking, 1)
  }

  #take<T extends ConsumerBatch | RawBatch>({ take, seen }: Taking<T>, recordsMax: number): T[] {
    return seen(this.#handout.take(recordsMax, this.#options.group?.metadata ?? null, take))
  }

  /** Partitions have come, or go on elsewhere. */
  wake(): void {
    this.#positions.wake()
    this.#fetchLoop.wake()
  }

  /** Others may be fetched now: some were paused. */
  refill(): void {
    this.#fetchLoop.wake()
  }

  /** A poll that waits has something to see to. */
  attend(): void {
    this.#pollWait.wake()
  }

  /** Polls throw CLOSED from now on. Resolves when nothing is under way any more. */
  close(): Promise<void> {
    this.#closed = true
    const ended = this.#fetchLoop.close()
    this.#pollWait.wake()
    return ended
  }

  #onProgress(): void {
    try {
      this.#handout.skipUnseen()
    } catch (error) {
      this.#error = error as Error
    }
    this.#fetchLoop.wake()
    this.#pollWait.wake()
  }

  #outOfRange(state: PartitionState): void {
    const { logger } = this.#options.cluster
    logger.warn({ topic: state.topic, partition: state.partition, offset: state.position }, 'consumer: the offset is out of range')
    state.restart('reset')
    this.#positions.wake()
  }

  #onError(error: Error): void {
    this.#error ??= error
    this.#pollWait.wake()
  }

  /** Each failure is thrown once: a program that catches it may seek and go on. */
  #throwIfFailed(): void {
    if (this.#closed) throw new MoldauError('CLOSED', 'the consumer is closed: make another one')
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
  }
}
