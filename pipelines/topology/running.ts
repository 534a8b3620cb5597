import { Subject, type Observable } from 'rxjs'
import type { Timer } from '../../core/base/clock.ts'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import { type Duration, milliseconds } from '../duration.ts'
import { settleable } from '../worker.ts'
import type { Graph } from './graph.ts'
import { ComponentMeters, type ComponentMetrics } from './metrics.ts'
import type { TopologySettings } from './options.ts'
import { type Parallelism, place } from './placement.ts'
import { Site } from './site.ts'

/** How often metrics are told, in milliseconds. */
const METRICS_MS = 200

export interface StopOptions {
  /** How long what is under way may take before it is given up; default: the message time-out. Storm's `kill -w`. */
  wait?: Duration
}

export interface RebalanceOptions {
  /** Executors of components by name; those left out stay as they are. At most as many as the component has tasks. */
  parallelism?: Parallelism
}

/** A topology that runs. */
export interface RunningTopology {
  readonly name: string
  /** How each component is doing, every 200 ms while the topology runs, and once more at its end; then it completes. */
  readonly metrics$: Observable<readonly ComponentMetrics[]>
  /** How each component is doing now. */
  metrics(): readonly ComponentMetrics[]
  /** Resolves when it was stopped, or all its spouts have ended and everything is done with; rejects when it failed. */
  readonly done: Promise<void>
  /** Lets the spouts go on. Storm's `activate`. */
  activate(): void
  /** Spouts are not asked for tuples any more; what is under way goes on. Storm's `deactivate`. */
  deactivate(): void
  /** Waits until nothing is queued, under way or pending. */
  settled(): Promise<void>
  /** Changes how many executors components have, while they run: no tuple is lost, tasks keep their state. Storm's `rebalance`. */
  rebalance(options: RebalanceOptions): Promise<void>
  /**
   * A task dies as if its process had: what waits for it and what it holds times out, and is replayed by reliable spouts; then it is made anew.
   * For tests, and for a task that hangs. Storm's `kill_workers`.
   *
   * @throws INVALID_ARGUMENT when there is no such task of a bolt
   */
  killTask(task: number): Promise<void>
  /** Spouts stop, what is under way is finished, tasks are closed. */
  stop(options?: StopOptions): Promise<void>
}

/** A topology in this thread: Storm's `LocalCluster`. */
export class LocalTopology implements RunningTopology {
  readonly name: string
  readonly metrics$: Observable<readonly ComponentMetrics[]>
  readonly #settings: TopologySettings
  readonly #graph: Graph
  readonly #site: Site
  readonly #meters: ComponentMeters
  readonly #metrics: Subject<readonly ComponentMetrics[]>
  readonly #done: ReturnType<typeof settleable>
  #parallelism: Parallelism
  #timer: Timer | undefined
  #waiting: (() => void)[]
  #closing: Promise<void> | undefined
  /** Changes of placement come one after the other. */
  #placing: Promise<void>

  constructor(graph: Graph, settings: TopologySettings) {
    this.name = graph.name
    this.#settings = settings
    this.#graph = graph
    this.#metrics = new Subject()
    this.metrics$ = this.#metrics.asObservable()
    this.#done = settleable()
    this.#parallelism = {}
    this.#timer = undefined
    this.#waiting = []
    this.#closing = undefined
    this.#placing = Promise.resolve()
    this.#site = new Site({
      graph,
      settings,
      worker: 0,
      events: { stop: (component, error) => this.#fail(component, error) },
      afterTurn: () => this.#look(),
      remote: ({ task }) => {
        throw new Error(`moldau bug: task ${task} is not in this thread`)
      },
    })
    this.#meters = new ComponentMeters(graph.name, settings.clock)
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  async start(): Promise<void> {
    try {
      await this.#site.apply(place(this.#graph, 1))
    } catch (error) {
      await this.#site.close().catch(() => undefined)
      throw error
    }
    this.#tell()
  }

  metrics(): readonly ComponentMetrics[] {
    return this.#meters.snapshot(this.#site.stations)
  }

  activate(): void {
    this.#site.setActive(true)
  }

  deactivate(): void {
    this.#site.setActive(false)
  }

  settled(): Promise<void> {
    const settled = new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#site.wake()
    return settled
  }

  async rebalance({ parallelism = {} }: RebalanceOptions): Promise<void> {
    const wanted = { ...this.#parallelism, ...parallelism }
    const placed = place(this.#graph, 1, wanted)
    const before = this.#placing
    this.#placing = before.then(async () => {
      if (this.#closing !== undefined) return
      await this.#site.apply(placed)
      this.#parallelism = wanted
    })
    await this.#placing
  }

  async killTask(task: number): Promise<void> {
    if (await this.#site.crash(task)) return
    throw new MoldauError('INVALID_ARGUMENT', `killTask: topology "${this.name}" has no task ${task} of a bolt`)
  }

  async stop({ wait }: StopOptions = {}): Promise<void> {
    const waitMs = wait === undefined ? this.#settings.timeoutMs : milliseconds(wait, 'stop, wait')
    if (this.#closing === undefined) {
      this.deactivate()
      await this.#settledWithin(waitMs)
      this.#close(undefined)
    }
    await this.#closing
  }

  async #settledWithin(ms: number): Promise<void> {
    if (ms === 0) return
    let timer: Timer | undefined
    const late = new Promise<void>((resolve) => (timer = this.#settings.clock.after(ms, resolve)))
    await Promise.race([this.settled(), late, this.done.catch(() => undefined)])
    timer!.cancel()
  }

  /** There was work: is it done? */
  #look(): void {
    if (this.#closing !== undefined || !this.#site.isIdle) return
    for (const resolve of this.#waiting.splice(0)) resolve()
    if (this.#site.spouts.every(({ hasEnded }) => hasEnded)) this.#close(undefined)
  }

  #fail(component: string, error: unknown): void {
    const what = `topology "${this.name}", '${component}': ${messageOf(error)}`
    this.#close(new MoldauError('OPERATOR_FAILED', what, { cause: error }))
  }

  #close(failure: Error | undefined): void {
    this.#closing ??= this.#finish(failure)
  }

  /** Never rejects. */
  async #finish(failure: Error | undefined): Promise<void> {
    this.#timer?.cancel()
    await this.#placing.catch(() => undefined)
    const closed = await this.#site.close().catch((error: unknown) => error)
    this.#metrics.next(this.metrics())
    this.#metrics.complete()
    const error = failure ?? closed
    if (error === undefined) this.#done.resolve()
    else this.#done.reject(error)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #tell(): void {
    this.#timer = this.#settings.clock.after(METRICS_MS, () => {
      this.#metrics.next(this.metrics())
      this.#tell()
    })
  }
}
