import type { Clock } from '../../core/base/clock.ts'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import { countsOf, mergeMetrics } from '../merged-metrics.ts'
import type { PipelineMetrics } from '../metrics.ts'
import { settleable, type StopOptions, type Worker } from '../worker.ts'
import type { FromThread, ThreadPipeline, ToThread } from './messages.ts'
import type { ThreadData, UncaughtExceptionHandler } from './module-options.ts'
import { unpackError } from './packed-error.ts'
import { entryUrl, Thread } from './thread.ts'

/** Pauses before a thread is replaced that has failed soon after its start, in milliseconds: doubled each time. */
const PAUSE_MS = 100
const PAUSE_MAX_MS = 10_000
/** A thread that was up for so long, in milliseconds, has not failed again and again. */
const STEADY_MS = 60_000

export interface SeatOptions {
  readonly data: Omit<ThreadData, 'done'>
  readonly name: string
  readonly clock: Clock
  readonly handler: UncaughtExceptionHandler
}

/** A worker in the thread: what is asked of it is asked anew of the one that takes its place. */
class RemoteWorker implements Worker {
  readonly #place: number
  readonly #post: (message: ToThread) => void
  readonly #done: ReturnType<typeof settleable>
  isDone: boolean
  #draining: boolean
  #stop: StopOptions | undefined

  constructor(place: number, post: (message: ToThread) => void) {
    this.#place = place
    this.#post = post
    this.#done = settleable()
    this.isDone = false
    this.#draining = false
    this.#stop = undefined
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  get isStopping(): boolean {
    return this.#stop !== undefined
  }

  /** It starts with its thread. */
  start(): Promise<void> {
    return Promise.resolve()
  }

  drain(): void {
    this.#draining = true
    this.ask()
  }

  stop(options: StopOptions = {}): void {
    this.#stop = options
    this.ask()
  }

  /** Tells the thread what is wanted. */
  ask(): void {
    if (this.isDone) return
    if (this.#draining) this.#post({ kind: 'drain', worker: this.#place })
    if (this.#stop !== undefined) this.#post({ kind: 'stop', worker: this.#place, options: this.#stop })
  }

  end(error?: Error): void {
    if (this.isDone) return
    this.isDone = true
    if (error === undefined) this.#done.resolve()
    else this.#done.reject(error)
  }
}

/** A place for a thread in a job: who sits there may change. */
export class Seat {
  readonly #options: SeatOptions
  readonly #released: ReturnType<typeof settleable>
  #thread: Thread<ToThread, FromThread> | undefined
  /** Of the thread that runs; it takes orders from then on. */
  #isStarted: boolean
  #pipelines: readonly ThreadPipeline[]
  #workers: readonly RemoteWorker[]
  #metrics: readonly PipelineMetrics[]
  /** What threads have counted that are gone. */
  #before: readonly PipelineMetrics[]
  #startedAt: number
  #pauseMs: number

  constructor(options: SeatOptions) {
    this.#options = options
    this.#released = settleable()
    this.#thread = undefined
    this.#isStarted = false
    this.#pipelines = []
    this.#workers = []
    this.#metrics = []
    this.#before = []
    this.#startedAt = 0
    this.#pauseMs = PAUSE_MS
  }

  /** What is run in it; known when it has started. */
  get pipelines(): readonly ThreadPipeline[] {
    return this.#pipelines
  }

  get workers(): readonly Worker[] {
    return this.#workers
  }

  /** Resolves when no thread is left and none will come. */
  get released(): Promise<void> {
    return this.#released.promise
  }

  /** The first thread. @throws what it fails with before all of its workers have started: nothing is left of it then */
  async start(): Promise<void> {
    const started = Promise.withResolvers<void>()
    this.#seat((error) => {
      started.reject(error)
      this.#released.resolve()
    }, started.resolve)
    await started.promise
  }

  metricsOf(pipeline: string): PipelineMetrics[] {
    return [...this.#before, ...this.#metrics].filter((each) => each.pipeline === pipeline)
  }

  /** Starts a thread. @param failed it is gone before it has started */
  #seat(failed: (error: Error) => void, started: () => void): void {
    const { data, name, clock } = this.#options
    this.#startedAt = clock.monotonic()
    this.#isStarted = false
    const done = [...this.#workers.keys()].filter((place) => this.#workers[place]!.isDone)
    let failure: Error | undefined
    const thread: Thread<ToThread, FromThread> = new Thread<ToThread, FromThread>({
      entry: entryUrl(import.meta.url, 'job-thread'),
      name,
      data: { ...data, done } satisfies ThreadData,
      onMessage: (message) => {
        if (message.kind === 'metrics') this.#metrics = message.metrics
        else if (message.kind === 'done') this.#workers[message.worker]!.end()
        else if (message.kind === 'started') {
          const error = this.#meet(message.pipelines)
          if (error === undefined) return started()
          failure = error
          void thread.end()
        } else {
          if (message.kind === 'failed') failure = unpackError(message.error)
          void thread.retire()
        }
      },
    })
    this.#thread = thread
    void thread.gone.then((death) => {
      this.#thread = undefined
      const error = failure ?? death
      if (!this.#isStarted && error !== undefined) failed(error)
      else this.#ended(error)
    })
  }

  /** Its workers have started. @returns what is wrong when they are not those that were there before */
  #meet(pipelines: readonly ThreadPipeline[]): Error | undefined {
    if (this.#workers.length === 0) {
      const count = pipelines.reduce((sum, { first, behind }) => sum + first + behind, 0)
      this.#workers = Array.from({ length: count }, (_, place) => new RemoteWorker(place, (message) => this.#post(message)))
      this.#pipelines = pipelines
    } else if (JSON.stringify(pipelines) !== JSON.stringify(this.#pipelines)) {
      return new MoldauError('PIPELINE_INVALID', `${this.#options.name}: the module has changed since the job began; start the job anew`)
    }
    this.#isStarted = true
    for (const worker of this.#workers) worker.ask()
    return undefined
  }

  #post(message: ToThread): void {
    if (this.#isStarted) this.#thread?.post(message)
  }

  #ended(error: Error | undefined): void {
    this.#isStarted = false
    this.#before = mergedByName([...this.#before, ...this.#metrics.map(countsOf)])
    this.#metrics = []
    const left = this.#workers.filter(({ isDone }) => !isDone)
    if (left.length === 0) this.#released.resolve()
    else this.#fail(error ?? new MoldauError('THREAD_DIED', `${this.#options.name} has ended before its work`))
  }

  #fail(error: Error): void {
    const { clock } = this.#options
    if (this.#actionOn(error) === 'shutdown-client') return this.#close(error)
    if (clock.monotonic() - this.#startedAt >= STEADY_MS) this.#pauseMs = PAUSE_MS
    clock.after(this.#pauseMs, () => {
      // Of what was stopped meanwhile nothing is under way: the next run reads it.
      if (this.#workers.every(({ isDone, isStopping }) => isDone || isStopping)) return this.#close()
      this.#seat(
        (again) => this.#fail(again),
        () => undefined,
      )
    })
    this.#pauseMs = Math.min(PAUSE_MAX_MS, this.#pauseMs * 2)
  }

  #actionOn(error: Error): 'replace-thread' | 'shutdown-client' {
    const { handler, data } = this.#options
    // A thread in its place would fence who has fenced it.
    if (error instanceof MoldauError && error.code === 'FENCED') return 'shutdown-client'
    if (typeof handler !== 'function') return handler
    try {
      return handler(error, data.number) === 'replace-thread' ? 'replace-thread' : 'shutdown-client'
    } catch (thrown) {
      error.message += `; and the uncaughtExceptionHandler threw: ${messageOf(thrown)}`
      return 'shutdown-client'
    }
  }

  #close(error?: Error): void {
    for (const worker of this.#workers) worker.end(error)
    this.#released.resolve()
  }
}

function mergedByName(all: readonly PipelineMetrics[]): PipelineMetrics[] {
  return [...Map.groupBy(all, ({ pipeline }) => pipeline).values()].map(mergeMetrics)
}
