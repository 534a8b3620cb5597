import { MoldauError } from '../core/base/errors.ts'
import { SourceWorker } from './from-source.ts'
import { type Job, RunningJob, type RunningPipeline, workersOf } from './job.ts'
import { Meter } from './metrics.ts'
import { readOptions, type RunOptions, type Settings } from './options.ts'
import { type Part, type Plan, sinkOf, sourceOf, topicsOf } from './plan.ts'
import { plan } from './planner.ts'
import type { Pipeline } from './pipeline.ts'
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
  const running = plans.map((each) => prepare(settings, each))
  const workers = running.flatMap(workersOf)
  const started = await Promise.allSettled(workers.map((worker) => worker.start()))
  const failed = started.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    for (const worker of workers) worker.stop()
    throw failed.reason
  }
  return new RunningJob(running, settings.clock)
}

function prepare(settings: Settings, each: Plan): RunningPipeline {
  const meter = new Meter(each.name, settings.clock, settings.random)
  const [only] = each.parts
  const sink = only === undefined ? undefined : sinkOf(only)
  if (sink !== undefined) {
    return { plan: each, first: [new SinkWorker(settings, each, only!, topicsOf(only!), sink, meter)], behind: undefined, meter }
  }
  const sources: Worker[] = []
  const rest: Part[] = []
  for (const part of each.parts) {
    const source = sourceOf(part)
    if (source === undefined) rest.push(part)
    else sources.push(new SourceWorker(settings, each, part, source, meter))
  }
  const topics = rest.length > 0 ? new TopicWorker(settings, each, rest, meter) : undefined
  if (sources.length > 0 || topics === undefined) return { plan: each, first: sources, behind: topics, meter }
  return { plan: each, first: [topics], behind: undefined, meter }
}
