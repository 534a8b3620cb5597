import { type Job, RunningJob, workersOf } from './job.ts'
import { readOptions, type RunOptions } from './options.ts'
import type { Pipeline } from './pipeline.ts'
import { prepare } from './prepare.ts'
import type { ModuleRunOptions } from './threads/module-options.ts'
import { runModule } from './threads/run-module.ts'

/**
 * Runs pipelines: each epoch's outputs, state and positions become durable in one step, so that a process may die at any moment and the
 * next one goes on as if nothing had happened.
 *
 * ```ts
 * const job = await run([delays, archive], { client, guarantee: 'exactly-once' })
 * job.metrics$.subscribe(console.log)
 * await job.drain()
 * ```
 *
 * Resolves when every pipeline has taken its identity and begun. Several processes may run the same pipelines, each with its own
 * `instanceId`: the partitions are shared among them.
 *
 * @throws PIPELINE_INVALID, INVALID_CONFIG, and what the cluster answers
 */
export function run(pipelines: Pipeline | readonly Pipeline[], options: RunOptions): Promise<Job>
/**
 * Runs the pipelines that a module exports, in worker threads. Each thread imports the module and has a client of its own; nothing of this
 * program's goes there but options. Threads share the tasks out as processes do.
 *
 * ```ts
 * const job = await run(import.meta.resolve('./jobs.ts'), { bootstrap: 'kafka-1:9092', threads: 4 })
 * await job.drain()
 * ```
 *
 * The job is one, whatever the number of threads: metrics are sums, `drain` and `stop` are for all. See
 * {@link ModuleRunOptions.uncaughtExceptionHandler} for what becomes of it when a thread fails.
 *
 * @param module a `file:` URL or an absolute path: of a `.ts` file as Node runs it, or of a `.js` file
 * @throws PIPELINE_INVALID, INVALID_CONFIG when an option does not go to other threads, INVALID_ARGUMENT when the module cannot be loaded,
 * INPUT_MISSING when it is not there, and what the cluster answers
 */
export function run(module: string | URL, options: ModuleRunOptions): Promise<Job>
export function run(what: Pipeline | readonly Pipeline[] | string | URL, options: RunOptions | ModuleRunOptions): Promise<Job> {
  if (typeof what === 'string' || what instanceof URL) return runModule(what, options as ModuleRunOptions)
  return runHere('kind' in what ? [what] : what, options as RunOptions)
}

async function runHere(pipelines: readonly Pipeline[], options: RunOptions): Promise<Job> {
  const settings = readOptions(options)
  const running = prepare(settings, pipelines)
  const workers = running.flatMap(workersOf)
  const started = await Promise.allSettled(workers.map((worker) => worker.start()))
  const failed = started.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    for (const worker of workers) worker.stop()
    throw failed.reason
  }
  return new RunningJob(running, settings)
}
