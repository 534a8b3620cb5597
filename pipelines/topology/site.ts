import type { Timer } from '../../core/base/clock.ts'
import { BoltTask, type TaskEvents } from './bolt-task.ts'
import type { TaskContext } from './component.ts'
import { BoltExecutor, type Executor, type Station } from './executors.ts'
import type { AnyBolt, AnySpout, Component, Graph, Subscription } from './graph.ts'
import { choiceOf } from './groupings.ts'
import { EdgeIds } from './ids.ts'
import { Loop } from './loop.ts'
import { noCounts } from './metrics.ts'
import type { TopologySettings } from './options.ts'
import { Outlet, type Route } from './outlet.ts'
import { Outlets } from './outputs.ts'
import type { Placed } from './placement.ts'
import { SpoutTask } from './spout-task.ts'
import type { Target } from './tuple.ts'

/** A component's share of a worker. */
export interface SiteStation extends Station {
  readonly component: Component
  blocked: number
  readonly upstream: SiteStation[]
  executors: readonly BoltExecutor[]
  spouts: readonly SpoutTask[]
}

interface Running {
  readonly station: SiteStation
  readonly outlets: Outlets
  readonly bolt: BoltTask | undefined
  readonly spout: SpoutTask | undefined
  ticking: Timer | undefined
}

export interface SiteOptions {
  readonly graph: Graph
  readonly settings: TopologySettings
  /** Number of this worker. */
  readonly worker: number
  readonly events: TaskEvents
  /** Called when there was work, and it is done. */
  readonly afterTurn: () => void
  /** Where tuples for a task of another worker go. */
  readonly remote: (placed: Placed) => Target
}

/** The tasks of one worker, with their executors: what is to run here can be changed while it runs. */
export class Site {
  readonly stations: readonly SiteStation[]
  readonly #options: SiteOptions
  readonly #ids: EdgeIds
  readonly #loop: Loop
  readonly #running: Map<number, Running>
  #placed: readonly Placed[]

  constructor(options: SiteOptions) {
    this.#options = options
    this.#ids = new EdgeIds(options.settings.random(Buffer.alloc(16)))
    this.#loop = new Loop(options.afterTurn)
    this.#running = new Map()
    this.#placed = []
    this.stations = stationsOf(options.graph)
  }

  get spouts(): readonly SpoutTask[] {
    return this.stations.flatMap(({ spouts }) => spouts)
  }

  /** Nothing waits, is under way, or is pending. */
  get isIdle(): boolean {
    return this.stations.every(
      ({ executors, spouts }) => executors.every((executor) => executor.isIdle) && spouts.every((spout) => spout.isIdle),
    )
  }

  /** Runs the tasks that belong here, and no others; those that stay keep what they have and what waits for them. */
  async apply(placed: readonly Placed[]): Promise<void> {
    const executors = this.stations.flatMap((station) => station.executors)
    await Promise.all(executors.map((executor) => executor.pause()))
    const waiting = executors.flatMap((executor) => executor.empty())
    this.#placed = placed
    const here = placed.filter(({ worker }) => worker === this.#options.worker)
    const stay = new Set(here.map(({ task }) => task))
    for (const task of this.#running.keys()) if (!stay.has(task)) await this.#close(task)
    const fresh = here.filter(({ task }) => !this.#running.has(task))
    for (const one of fresh) this.#make(one)
    for (const { outlets } of this.#running.values()) outlets.reset()
    for (const station of this.stations) this.#staff(station, here)
    // Those behind are ready before those in front begin.
    for (const { task } of fresh.toReversed()) await this.#open(this.#running.get(task)!)
    for (const tuple of waiting) if ((tuple.target as BoltTask).runner !== undefined) tuple.target.offer(tuple)
    this.#loop.setExecutors(this.#inTurn())
  }

  setActive(isActive: boolean): void {
    for (const spout of this.spouts) spout.setActive(isActive)
  }

  /** As if the process of a task had died: what waits for it and what it holds is lost. */
  async crash(task: number): Promise<boolean> {
    const running = this.#running.get(task)
    if (running?.bolt === undefined) return false
    const executor = running.station.executors.find(({ tasks }) => tasks.includes(running.bolt!))!
    await executor.pause()
    executor.drop(running.bolt)
    await running.bolt.crash()
    executor.resume()
    return true
  }

  wake(): void {
    this.#loop.wake()
  }

  /** Where tuples for a task of this worker go. */
  target(task: number): Target | undefined {
    return this.#running.get(task)?.bolt
  }

  /** Stops at once, spouts first. */
  async close(): Promise<void> {
    this.#loop.stop()
    await Promise.all(this.stations.flatMap(({ executors }) => executors.map((executor) => executor.pause())))
    for (const task of [...this.#running.keys()].toSorted((a, b) => a - b)) await this.#close(task)
  }

  #make({ component: name, task, index }: Placed): void {
    const { settings, graph, events } = this.#options
    const station = this.stations.find(({ component }) => component.name === name)!
    const { definition, onError, tasks } = station.component
    const outlets = new Outlets((stream) => this.#outlet(station, task, stream), station.counts)
    const context: TaskContext = {
      topology: graph.name,
      component: name,
      task,
      taskIndex: index,
      taskCount: tasks,
      clock: settings.clock,
      tasksOf: (other) => this.#placed.filter(({ component }) => component === other).map((one) => one.task),
      wake: () => (spout === undefined ? this.#loop.wake() : spout.wake()),
    }
    const bolt = definition.kind === 'bolt' ? new BoltTask(definition as AnyBolt, onError, context, outlets, events) : undefined
    const spout =
      definition.kind === 'spout'
        ? new SpoutTask(definition as AnySpout, context, outlets, {
            station,
            clock: settings.clock,
            wake: this.#loop.wake,
            events,
            acking: settings.acking,
            timeoutMs: settings.timeoutMs,
            pendingMax: settings.pendingMax,
            waitMs: settings.spoutWaitMs,
          })
        : undefined
    this.#running.set(task, { station, outlets, bolt, spout, ticking: undefined })
  }

  async #open(running: Running): Promise<void> {
    await (running.bolt ?? running.spout)!.open()
    const { tickMs } = running.station.component
    if (running.bolt !== undefined && tickMs !== undefined) this.#tick(running, running.bolt, tickMs)
  }

  #tick(running: Running, bolt: BoltTask, ms: number): void {
    running.ticking = this.#options.settings.clock.after(ms, () => {
      bolt.offerTick()
      this.#tick(running, bolt, ms)
    })
  }

  async #close(task: number): Promise<void> {
    const { bolt, spout, ticking } = this.#running.get(task)!
    this.#running.delete(task)
    ticking?.cancel()
    if (bolt !== undefined) bolt.runner = undefined
    await (bolt ?? spout)!.close()
  }

  /** Gives the tasks of a component that are here to its executors. */
  #staff(station: SiteStation, here: readonly Placed[]): void {
    const own = here.filter(({ component }) => component === station.component.name)
    station.spouts = own.flatMap(({ task }) => this.#running.get(task)!.spout ?? [])
    const byExecutor = Map.groupBy(own, ({ executor }) => executor)
    const { clock, queueMax } = this.#options.settings
    station.executors =
      station.component.definition.kind === 'spout'
        ? []
        : Array.from(byExecutor.values(), (tasks) => {
            const bolts = tasks.map(({ task }) => this.#running.get(task)!.bolt!)
            return new BoltExecutor({ station, clock, queueMax, wake: this.#loop.wake }, bolts)
          })
  }

  #inTurn(): Executor[] {
    const backwards = this.stations.toReversed()
    return [...backwards.flatMap(({ executors }) => executors), ...backwards.flatMap(({ spouts }) => spouts)]
  }

  #outlet(station: SiteStation, task: number, stream: string): Outlet {
    const { name } = station.component
    const direct = new Map<number, Target>()
    const routes = this.#options.graph.components.flatMap((subscriber) =>
      subscriber.subscriptions
        .filter((one) => one.component === name && one.stream === stream)
        .map((one) => this.#route(subscriber, one, direct)),
    )
    return new Outlet({ component: name, task, stream }, routes, direct, this.#ids, station.counts)
  }

  #route({ name }: Component, { grouping, component, stream }: Subscription, direct: Map<number, Target>): Route {
    const all = this.#placed.filter((one) => one.component === name)
    const near = all.filter(({ worker }) => worker === this.#options.worker)
    const chosen = grouping.kind === 'localOrShuffle' && near.length > 0 ? near : all
    const targets = chosen.map((one) => this.target(one.task) ?? this.#options.remote(one))
    if (grouping.kind === 'direct') for (const [i, { task }] of chosen.entries()) direct.set(task, targets[i]!)
    return { targets, choice: choiceOf(grouping, targets.length, this.#ids, `'${name}' of '${component}', stream '${stream}'`) }
  }
}

function stationsOf({ components }: Graph): SiteStation[] {
  const stations: SiteStation[] = []
  for (const component of components) {
    const before = new Set(component.subscriptions.map((subscription) => subscription.component))
    // A bolt that subscribes to itself would wait for itself.
    const upstream = stations.filter((station) => before.has(station.component.name))
    stations.push({ component, counts: noCounts(), blocked: 0, upstream, executors: [], spouts: [] })
  }
  return stations
}
