import type { Clock } from '../core/base/clock.ts'
import type { RandomBytes } from '../core/base/uuid.ts'
import { type CallMetrics, CallSites } from './calls/call-site.ts'
import { type Counters, noCounts } from './stages/stage.ts'

/** How a pipeline is doing in this process. Counts are since the start of the job, and of committed epochs only. */
export interface PipelineMetrics {
  readonly pipeline: string
  readonly recordsIn: number
  /** Records written to the output; of repartitions in between none. */
  readonly recordsOut: number
  /** Dropped, since their window had closed. */
  readonly late: number
  /** Held back by `filter`. */
  readonly filtered: number
  /** Records that failed, as `onError` says: written to the dead letters, or passed over. */
  readonly deadLettered: number
  readonly skipped: number
  /**
   * Offsets of the inputs that were deleted before they were read, with `lostInput: 'skip'`; and records of epochs that failed under
   * guarantee 'at-most-once'.
   */
  readonly lost: number
  readonly epochs: number
  readonly commits: number
  /** Records of the inputs that are not yet processed; 0 of a source, which does not say. */
  readonly lag: number
  /** Least event time of the tasks, in milliseconds since 1970; -1 as long as there is none. */
  readonly watermark: number
  /** Records in per second, over the last second or so. */
  readonly rate: number
  /** Epochs and attempts that failed and were run again. */
  readonly restarts: number
  /** Tasks that are worked on here. */
  readonly tasks: number
  /** Tasks of others whose state is kept here, too. */
  readonly standbyTasks: number
  /** Changelog records that those copies have not taken yet; Infinity while that is being found out. */
  readonly standbyLag: number
  /** Changelog records that were read before tasks could be worked on here. */
  readonly restored: number
  /** Of each `mapAsync`: calls under way and held back, repetitions, time-outs, circuit breaker. */
  readonly calls?: readonly CallMetrics[]
  /** 0 to 1 of a bounded source that knows. */
  readonly progress?: number
}

/** How long the rate looks back, in milliseconds. */
const RATE_MS = 1000

/** The counters behind {@link PipelineMetrics}. */
export class Meter {
  readonly #pipeline: string
  readonly #clock: Clock
  readonly #started: number
  #counts: Counters
  #epochs: number
  #commits: number
  #restarts: number
  #restored: number
  #lost: number
  /** When and how many records, once per snapshot. */
  #history: { at: number; records: number }[]
  progress: number | undefined
  /** What the calls of the pipeline's tasks share. */
  calls: CallSites
  /** Asked when a snapshot is taken. */
  lag: () => number
  watermark: () => number
  tasks: () => number
  standbys: () => { readonly tasks: number; readonly lag: number }

  constructor(pipeline: string, clock: Clock, random: RandomBytes) {
    this.#pipeline = pipeline
    this.#clock = clock
    this.#started = clock.monotonic()
    this.#counts = noCounts()
    this.#epochs = 0
    this.#commits = 0
    this.#restarts = 0
    this.#restored = 0
    this.#lost = 0
    this.#history = [{ at: this.#started, records: 0 }]
    this.progress = undefined
    this.calls = new CallSites(clock, random)
    this.lag = () => 0
    this.watermark = () => -1
    this.tasks = () => 0
    this.standbys = () => ({ tasks: 0, lag: 0 })
  }

  add(counts: Readonly<Counters>): void {
    this.#counts.in += counts.in
    this.#counts.out += counts.out
    this.#counts.late += counts.late
    this.#counts.filtered += counts.filtered
    this.#counts.deadLettered += counts.deadLettered
    this.#counts.skipped += counts.skipped
  }

  epoch(): void {
    this.#epochs++
    this.#commits++
  }

  commit(): void {
    this.#commits++
  }

  restart(): void {
    this.#restarts++
  }

  restore(records: number): void {
    this.#restored += records
  }

  lose(records: number): void {
    this.#lost += records
  }

  snapshot(): PipelineMetrics {
    const { in: recordsIn, out: recordsOut, late, filtered, deadLettered, skipped } = this.#counts
    const standbys = this.standbys()
    const progress = this.progress === undefined ? {} : { progress: this.progress }
    const calls = this.calls.metrics()
    return {
      pipeline: this.#pipeline,
      recordsIn,
      recordsOut,
      late,
      filtered,
      deadLettered,
      skipped,
      lost: this.#lost,
      epochs: this.#epochs,
      commits: this.#commits,
      lag: this.lag(),
      watermark: this.watermark(),
      rate: this.#rate(recordsIn),
      restarts: this.#restarts,
      tasks: this.tasks(),
      standbyTasks: standbys.tasks,
      standbyLag: standbys.lag,
      restored: this.#restored,
      ...(calls.length > 0 && { calls }),
      ...progress,
    }
  }

  #rate(records: number): number {
    const at = this.#clock.monotonic()
    this.#history.push({ at, records })
    while (this.#history.length > 2 && this.#history[1]!.at <= at - RATE_MS) this.#history.shift()
    const oldest = this.#history[0]!
    return at > oldest.at ? Math.round(((records - oldest.records) * 1000) / (at - oldest.at)) : 0
  }
}
