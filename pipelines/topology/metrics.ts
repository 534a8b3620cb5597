import type { Clock } from '../../core/base/clock.ts'

/** What a component counts in one worker. */
export interface Counts {
  emitted: number
  transferred: number
  executed: number
  acked: number
  failed: number
  errors: number
  /** Time in `execute`, in milliseconds. */
  executeMs: number
  /** Time from `emit` of a spout to its ack, added up, in milliseconds. */
  completeMs: number
  lastError: string | undefined
}

export function noCounts(): Counts {
  return { emitted: 0, transferred: 0, executed: 0, acked: 0, failed: 0, errors: 0, executeMs: 0, completeMs: 0, lastError: undefined }
}

/** How a component is doing. Counts are since the start of the topology. */
export interface ComponentMetrics {
  readonly topology: string
  readonly component: string
  readonly kind: 'spout' | 'bolt'
  readonly executors: number
  readonly tasks: number
  /** Calls of `emit`. */
  readonly emitted: number
  /** Tuples that were given to tasks: more than emitted when there are several subscribers. */
  readonly transferred: number
  /** Tuples that a bolt has executed. */
  readonly executed: number
  /** Of a bolt: tuples that it acked. Of a spout: tuples whose whole tree is done with. */
  readonly acked: number
  /** Of a bolt: tuples that it failed. Of a spout: tuples that failed or timed out. */
  readonly failed: number
  /** Tuples that wait before a bolt. */
  readonly queued: number
  /** Tuples of a spout that are neither acked nor failed. */
  readonly pending: number
  /** Mean time in `execute`, in milliseconds. */
  readonly executeLatencyMs: number
  /** Mean time from `emit` of a spout to its `ack`, in milliseconds. */
  readonly completeLatencyMs: number
  /** Share of its time that a bolt's executor spends in `execute`, over the last snapshot or so: 1 is all it can do. */
  readonly capacity: number
  readonly errors: number
  readonly lastError: string | undefined
}

/** A component, as far as it is measured. */
export interface Measured {
  readonly component: { readonly name: string; readonly definition: { readonly kind: 'spout' | 'bolt' }; readonly tasks: number }
  readonly counts: Readonly<Counts>
  readonly executors: readonly { readonly queued: number }[]
  readonly spouts: readonly { readonly pending: number }[]
}

/** Makes {@link ComponentMetrics} of what is counted. */
export class ComponentMeters {
  readonly #topology: string
  readonly #clock: Clock
  /** Of the last snapshots: when, and how long `execute` had taken until then, by component. */
  readonly #before: Map<string, { at: number; executeMs: number }>

  constructor(topology: string, clock: Clock) {
    this.#topology = topology
    this.#clock = clock
    this.#before = new Map()
  }

  snapshot(measured: readonly Measured[]): ComponentMetrics[] {
    const now = this.#clock.monotonic()
    return measured.map((one) => this.#of(one, now))
  }

  #of({ component, counts, executors, spouts }: Measured, now: number): ComponentMetrics {
    const { name, definition, tasks } = component
    const { executeMs, completeMs, ...rest } = counts
    const before = this.#before.get(name) ?? { at: now, executeMs: 0 }
    this.#before.set(name, { at: now, executeMs })
    const available = (now - before.at) * executors.length
    return {
      topology: this.#topology,
      component: name,
      kind: definition.kind,
      executors: definition.kind === 'spout' ? spouts.length : executors.length,
      tasks,
      ...rest,
      queued: executors.reduce((sum, { queued }) => sum + queued, 0),
      pending: spouts.reduce((sum, { pending }) => sum + pending, 0),
      executeLatencyMs: counts.executed === 0 ? 0 : executeMs / counts.executed,
      completeLatencyMs: definition.kind === 'bolt' || counts.acked === 0 ? 0 : completeMs / counts.acked,
      capacity: available <= 0 ? 0 : Math.min(1, (executeMs - before.executeMs) / available),
    }
  }
}
