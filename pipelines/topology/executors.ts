import type { Clock } from '../../core/base/clock.ts'
import type { BoltRunner, BoltTask } from './bolt-task.ts'
import { Inbox } from './inbox.ts'
import type { Counts } from './metrics.ts'
import type { EdgeTuple } from './tuple.ts'

/** What a component is in one worker, for those before and behind it. */
export interface Station {
  readonly counts: Counts
  /** How many executors behind this component have no room. */
  blocked: number
  /** Those that emit to this component; not itself. */
  readonly upstream: readonly Station[]
}

/** Something that works when it gets its turn. */
export interface Executor {
  /** Does a batch of work; answers how much there was. */
  run(): number
  /** Nothing waits here, and nothing is under way. */
  readonly isIdle: boolean
}

/** How much an executor does before the next one gets its turn. */
const BATCH = 256

export interface ExecutorOptions {
  readonly station: Station
  readonly clock: Clock
  /** With so many tuples it has no room for more. */
  readonly queueMax: number
  readonly wake: () => void
}

/** Runs the tasks of a bolt one tuple after the other, in the order in which they came. */
export class BoltExecutor implements Executor, BoltRunner {
  readonly #options: ExecutorOptions
  readonly #inbox: Inbox<EdgeTuple>
  #tasks: readonly BoltTask[]
  #isFull: boolean
  /** Settled when what a task does now is done. */
  #waiting: Promise<void> | undefined
  #isPaused: boolean

  constructor(options: ExecutorOptions, tasks: readonly BoltTask[]) {
    this.#options = options
    this.#inbox = new Inbox()
    this.#tasks = tasks
    this.#isFull = false
    this.#waiting = undefined
    this.#isPaused = false
    for (const task of tasks) task.runner = this
  }

  get tasks(): readonly BoltTask[] {
    return this.#tasks
  }

  get queued(): number {
    return this.#inbox.size
  }

  get isIdle(): boolean {
    return this.#inbox.size === 0 && this.#waiting === undefined
  }

  offer(tuple: EdgeTuple): void {
    this.#inbox.push(tuple)
    if (this.#inbox.size >= this.#options.queueMax && !this.#isFull) this.#full(true)
    this.#options.wake()
  }

  run(): number {
    const inbox = this.#inbox
    if (this.#waiting !== undefined || this.#isPaused || inbox.size === 0) return 0
    const { station, clock, queueMax } = this.#options
    const started = clock.monotonic()
    let done = 0
    while (done < BATCH && inbox.size > 0 && station.blocked === 0) {
      const tuple = inbox.take()
      done++
      const under = (tuple.target as BoltTask).execute(tuple)
      if (under === undefined) continue
      this.#wait(under, started)
      break
    }
    if (this.#waiting === undefined) station.counts.executeMs += clock.monotonic() - started
    if (this.#isFull && inbox.size <= queueMax / 2) this.#full(false)
    return done
  }

  /** Stops taking tuples, and waits for the one under way. */
  async pause(): Promise<void> {
    this.#isPaused = true
    await this.#waiting
  }

  resume(): void {
    this.#isPaused = false
    this.#options.wake()
  }

  /** Everything that waits, for others to run. Of an executor that is paused. */
  empty(): EdgeTuple[] {
    const tuples: EdgeTuple[] = []
    while (this.#inbox.size > 0) tuples.push(this.#inbox.take())
    if (this.#isFull) this.#full(false)
    return tuples
  }

  /** Drops what waits for a task. */
  drop(task: BoltTask): void {
    this.#inbox.remove(({ target }) => target === task)
    if (this.#isFull && this.#inbox.size <= this.#options.queueMax / 2) this.#full(false)
  }

  #wait(under: Promise<void>, started: number): void {
    const { station, clock, wake } = this.#options
    this.#waiting = under.then(() => {
      this.#waiting = undefined
      station.counts.executeMs += clock.monotonic() - started
      wake()
    })
  }

  #full(isFull: boolean): void {
    this.#isFull = isFull
    for (const station of this.#options.station.upstream) station.blocked += isFull ? 1 : -1
    if (!isFull) this.#options.wake()
  }
}
