import type { Declared } from '../assign/group-talk.ts'
import type { PipelineSubscription } from '../assign/messages.ts'
import type { Input } from '../layout.ts'
import type { Settings } from '../options.ts'
import { changelogsOf as storesOf } from '../plan.ts'
import type { TaskMaker } from '../task-maker.ts'
import type { Copy } from './copy.ts'
import { Standbys, type WantedCopy } from './standbys.ts'
import type { Suspended } from './suspended.ts'

export interface ReplicasOptions {
  readonly settings: Settings
  readonly pipeline: string
  readonly maker: TaskMaker
  /** What the worker reads. */
  readonly inputs: readonly Input[]
  readonly suspended: Suspended
  /** A copy that was wanted for a move is good enough for that now. */
  readonly onWarm: () => void
}

/** The state that a worker has without working on it: copies that the group wants here, and what a rebalance has taken for the moment. */
export class Replicas {
  readonly declared: Declared
  readonly #standbys: Standbys
  readonly #suspended: Suspended

  constructor({ settings, pipeline, maker, inputs, suspended, onWarm }: ReplicasOptions) {
    const parts = [...Map.groupBy(inputs, ({ part }) => part)].map(([part, own]) => ({
      topics: own.map(({ topic }) => topic),
      stateful: storesOf(part).length > 0,
    }))
    this.declared = { settings, parts, endpoint: '' }
    this.#suspended = suspended
    this.#standbys = new Standbys({ settings, pipeline, maker, onWarm })
  }

  get standbys(): { readonly tasks: number; readonly lag: number } {
    return { tasks: this.#standbys.size, lag: this.#standbys.lag }
  }

  /** Hands a copy over, to be worked on. */
  take(id: string): Copy | undefined {
    return this.#standbys.take(id)
  }

  /** A rebalance is over: these copies are wanted here. What was worked on until now and is not wanted is forgotten. */
  keep(wanted: readonly WantedCopy[]): void {
    this.#standbys.keep(wanted, (id) => this.#suspended.takeCopy(id))
    this.#suspended.clear()
  }

  /** What the group is told: offsets are sums over the changelogs of a task. */
  reports(): PipelineSubscription['copies'] {
    const left = this.#suspended.copies.map(({ assigned, positions }) => {
      const end = [...positions.values()].reduce((sum, offset) => sum + offset, 0)
      return { assigned, offset: end, end }
    })
    return [...left, ...this.#standbys.reports()].map(({ assigned, offset, end }) => {
      const { topic, partition } = assigned.inputs[0]!
      return { topic, partition, offset, end }
    })
  }

  close(): Promise<void> {
    return this.#standbys.close()
  }
}
