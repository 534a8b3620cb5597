import { MoldauError } from '../core/base/errors.ts'
import { SourceWorker } from './from-source.ts'
import { pipelineTopics, type RunningPipeline } from './job.ts'
import { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { type Part, type Plan, sinkOf, sourceOf, topicsOf } from './plan.ts'
import { plan } from './planner.ts'
import type { Pipeline } from './pipeline.ts'
import { SinkWorker } from './to-sink.ts'
import { TopicWorker } from './topic-worker.ts'
import type { Worker } from './worker.ts'

export interface PrepareOptions {
  /** Whether sources outside Kafka are read here; default true. Each is read by one worker at a time, so in one thread of a process. */
  readonly sources?: boolean
}

/**
 * Plans pipelines, and makes their workers, which have not started.
 *
 * @throws PIPELINE_INVALID
 */
export function prepare(settings: Settings, pipelines: readonly Pipeline[], options: PrepareOptions = {}): RunningPipeline[] {
  const plans = pipelines.map(plan)
  if (plans.length === 0) throw new MoldauError('PIPELINE_INVALID', 'run([…]) got no pipeline')
  const twice = plans.find(({ name }, i) => plans.findIndex((other) => other.name === name) < i)
  if (twice !== undefined)
    throw new MoldauError('PIPELINE_INVALID', `two pipelines are called "${twice.name}"; their state would be mixed up`)
  return plans.map((each) => prepareOne(settings, each, options))
}

function prepareOne(settings: Settings, each: Plan, { sources = true }: PrepareOptions): RunningPipeline {
  const meter = new Meter(each.name, settings.clock, settings.random)
  const known = { ...pipelineTopics(each), snapshot: () => meter.snapshot() }
  const [only] = each.parts
  const sink = only === undefined ? undefined : sinkOf(only)
  if (sink !== undefined) {
    return { ...known, first: [new SinkWorker(settings, each, only!, topicsOf(only!), sink, meter)], behind: [] }
  }
  const first: Worker[] = []
  const rest: Part[] = []
  for (const part of each.parts) {
    const source = sourceOf(part)
    if (source === undefined) rest.push(part)
    else if (sources) first.push(new SourceWorker(settings, each, part, source, meter))
  }
  const topics = rest.length > 0 ? [new TopicWorker(settings, each, rest, meter)] : []
  if (rest.length < each.parts.length) return { ...known, first, behind: topics }
  return { ...known, first: topics, behind: [] }
}
