import { type Observable, Subject } from 'rxjs'
import type { Clock, Timer } from '../core/base/clock.ts'
import type { Meter, PipelineMetrics } from './metrics.ts'
import { globalsOf, type Plan, type PlannedOutput, topicsOf } from './plan.ts'
import { settleable, type StopOptions, type Worker } from './worker.ts'

/** How often metrics are told, in milliseconds. */
const METRICS_MS = 200

/** Pipelines that run. */
export interface Job {
  /** How each pipeline is doing, at most every 200 ms while the job runs, and once more at its end; then it completes. */
  readonly metrics$: Observable<readonly PipelineMetrics[]>
  /** Resolves when every pipeline has ended; rejects with the first failure, after the others were stopped. */
  readonly done: Promise<void>
  /** As {@link Job.done}: a bounded source ends its pipeline by itself, the end of the others is asked for by {@link Job.drain}. */
  drained(): Promise<void>
  /**
   * Asks for a bounded end and waits for it: pipelines that feed others end first, then each runs to what is the end of its topics now,
   * its watermark goes to the end of time so that the last windows close, everything is committed.
   */
  drain(): Promise<void>
  /** Finishes the epochs under way, and stops. What is not read yet is read by the next run, or at once by others with `leave`. */
  stop(options?: StopOptions): Promise<void>
}

/** A pipeline with its workers. */
export interface RunningPipeline {
  readonly plan: Plan
  /** Those that read what comes from outside the pipeline. */
  readonly first: readonly Worker[]
  /** Reads what they write, and topics: ends when they have. Undefined when there is nothing of the kind. */
  readonly behind: Worker | undefined
  readonly meter: Meter
}

export class RunningJob implements Job {
  readonly metrics$: Observable<readonly PipelineMetrics[]>
  readonly #pipelines: readonly RunningPipeline[]
  readonly #clock: Clock
  readonly #metrics: Subject<readonly PipelineMetrics[]>
  readonly #done: ReturnType<typeof settleable>
  #timer: Timer | undefined

  constructor(pipelines: readonly RunningPipeline[], clock: Clock) {
    this.#pipelines = pipelines
    this.#clock = clock
    this.#metrics = new Subject()
    this.metrics$ = this.#metrics.asObservable()
    this.#done = settleable()
    this.#timer = undefined
    this.#tell()
    for (const pipeline of pipelines) this.#chain(pipeline)
    void this.#watch()
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  drained(): Promise<void> {
    return this.#done.promise
  }

  async drain(): Promise<void> {
    for (const pipeline of this.#pipelines) void this.#drainBehind(pipeline)
    await this.#done.promise
  }

  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopAll(options)
    await this.#done.promise
  }

  /** Drains a pipeline when those that write what it reads have ended. */
  async #drainBehind(pipeline: RunningPipeline): Promise<void> {
    const upstream = upstreamOf(pipeline, this.#pipelines)
    await Promise.allSettled(upstream.flatMap((one) => workersOf(one).map((worker) => worker.done)))
    for (const worker of pipeline.first) worker.drain()
  }

  /** The worker behind others ends when they have; when one fails, all stop. */
  #chain(pipeline: RunningPipeline): void {
    const { first, behind } = pipeline
    for (const worker of workersOf(pipeline)) worker.done.catch(() => this.#stopAll())
    if (behind !== undefined)
      void Promise.all(first.map((worker) => worker.done)).then(
        () => behind.drain(),
        () => undefined,
      )
  }

  #stopAll(options: StopOptions = {}): void {
    for (const worker of this.#pipelines.flatMap(workersOf)) worker.stop(options)
  }

  async #watch(): Promise<void> {
    const ends = await Promise.allSettled(this.#pipelines.flatMap(workersOf).map((worker) => worker.done))
    this.#timer?.cancel()
    this.#metrics.next(this.#snapshot())
    this.#metrics.complete()
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed === undefined) this.#done.resolve()
    else this.#done.reject(failed.reason)
  }

  #tell(): void {
    this.#timer = this.#clock.after(METRICS_MS, () => {
      this.#metrics.next(this.#snapshot())
      this.#tell()
    })
  }

  #snapshot(): PipelineMetrics[] {
    return this.#pipelines.map(({ meter }) => meter.snapshot())
  }
}

export function workersOf({ first, behind }: RunningPipeline): Worker[] {
  return behind === undefined ? [...first] : [...first, behind]
}

/** The pipelines of the job whose output a pipeline reads, but for itself. */
function upstreamOf({ plan }: RunningPipeline, all: readonly RunningPipeline[]): RunningPipeline[] {
  const read = new Set([...plan.parts.flatMap(topicsOf), ...globalsOf(plan.parts)].map(({ name }) => name))
  const writes = ({ output }: PlannedOutput): boolean => output.kind === 'topic' && read.has(output.topic.name)
  return all.filter((other) => other.plan !== plan && other.plan.parts.some((part) => part.outputs.some(writes)))
}
