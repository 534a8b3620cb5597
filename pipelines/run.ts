import { MoldauError } from '../core/base/errors.ts'
import { SourceWorker } from './from-source.ts'
import { type Job, RunningJob, type RunningPipeline } from './job.ts'
import { Meter } from './metrics.ts'
import { readOptions, type RunOptions, type Settings } from './options.ts'
import { plan, type Plan } from './plan.ts'
import type { Pipeline } from './stream.ts'
import { SinkWorker } from './to-sink.ts'
import { TopicWorker } from './topic-worker.ts'
import type { Worker } from './worker.ts'

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
export async function run(pipelines: Pipeline | readonly Pipeline[], options: RunOptions): Promise<Job> {
  const settings = readOptions(options)
  const declared = 'kind' in pipelines ? [pipelines] : pipelines
  const plans = declared.map(plan)
  if (plans.length === 0) throw new MoldauError('PIPELINE_INVALID', 'run([…]) got no pipeline')
  const twice = plans.find(({ name }, i) => plans.findIndex((other) => other.name === name) < i)
  if (twice !== undefined)
    throw new MoldauError('PIPELINE_INVALID', `two pipelines are called "${twice.name}"; their state would be mixed up`)
  const running = plans.map((each) => workersOf(settings, each))
  const workers = running.flatMap((pipeline) => pipeline.workers)
  const started = await Promise.allSettled(workers.map((worker) => worker.start()))
  const failed = started.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    for (const worker of workers) worker.stop()
    throw failed.reason
  }
  return new RunningJob(running, settings.clock)
}

function workersOf(settings: Settings, each: Plan): RunningPipeline {
  const meter = new Meter(each.name, settings.clock)
  const workers: Worker[] = []
  const [first] = each.parts
  const { input, output } = first!
  if (input.kind === 'topics' && output.kind === 'sink') {
    workers.push(new SinkWorker(settings, each, first!, input.topics, output.sink, meter))
    return { plan: each, workers, meter }
  }
  if (input.kind === 'source') workers.push(new SourceWorker(settings, each, first!, input.source, meter))
  const rest = each.parts.filter((part) => part.input.kind !== 'source')
  if (rest.length > 0) workers.push(new TopicWorker(settings, each, rest, meter))
  return { plan: each, workers, meter }
}
