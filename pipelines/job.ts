import { type Observable, Subject } from 'rxjs'
import type { Clock, Timer } from '../core/base/clock.ts'
import type { PipelineMetrics } from './metrics.ts'
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

/** Which topics a pipeline reads and writes: says which of a job's pipelines feed others. */
export interface PipelineTopics {
  readonly name: string
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

/** A pipeline with its workers. */
export interface RunningPipeline extends PipelineTopics {
  /** Those that read what comes from outside the pipeline. */
  readonly first: readonly Worker[]
  /** Read what they write, and topics: end when they have. */
  readonly behind: readonly Worker[]
  readonly snapshot: () => PipelineMetrics
}

export interface JobOptions {
  readonly clock: Clock
  /** Gives back what the job has taken, when all workers have ended. */
  readonly release?: () => Promise<void>
}

export class RunningJob implements Job {
  readonly metrics$: Observable<readonly PipelineMetrics[]>
  readonly #pipelines: readonly RunningPipeline[]
  readonly #clock: Clock
  readonly #release: () => Promise<void>
  readonly #metrics: Subject<readonly PipelineMetrics[]>
  readonly #done: ReturnType<typeof settleable>
  #timer: Timer | undefined

  constructor(pipelines: readonly RunningPipeline[], { clock, release = () => Promise.resolve() }: JobOptions) {
    this.#pipelines = pipelines
    this.#clock = clock
    this.#release = release
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
    if (first.length === 0) return
    void Promise.all(first.map((worker) => worker.done)).then(
      () => behind.forEach((worker) => worker.drain()),
      () => undefined,
    )
  }

  #stopAll(options: StopOptions = {}): void {
    for (const worker of this.#pipelines.flatMap(workersOf)) worker.stop(options)
  }

  async #watch(): Promise<void> {
    const ends = await Promise.allSettled(this.#pipelines.flatMap(workersOf).map((worker) => worker.done))
    this.#timer?.cancel()
    await this.#release()
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
    return this.#pipelines.map(({ snapshot }) => snapshot())
  }
}

export function workersOf({ first, behind }: RunningPipeline): Worker[] {
  return [...first, ...behind]
}

export function pipelineTopics({ name, parts }: Plan): PipelineTopics {
  const reads = new Set([...parts.flatMap(topicsOf), ...globalsOf(parts)].map((topic) => topic.name))
  const written = ({ output }: PlannedOutput): string[] => (output.kind === 'topic' ? [output.topic.name] : [])
  return { name, reads: [...reads], writes: parts.flatMap((part) => part.outputs.flatMap(written)) }
}

/** The pipelines of the job whose output a pipeline reads, but for itself. */
function upstreamOf({ name, reads }: RunningPipeline, all: readonly RunningPipeline[]): RunningPipeline[] {
  return all.filter((other) => other.name !== name && other.writes.some((topic) => reads.includes(topic)))
}
