import { invalid } from './failure.ts'
import { compacted, type InternalTopic, kept } from './internal-topics.ts'
import { changelogsOf, type Part, type PartInput, type Plan, topicsOf } from './plan.ts'

/** An input topic of a worker: which part reads it, and which of the part's channels it is. */
export interface Input {
  readonly topic: string
  readonly part: Part
  /** It is the pipeline's own, between two of its parts. */
  readonly repartition: boolean
  /** First channel of the watermarks that a partition of this topic feeds, and the one behind the last. */
  readonly channels: readonly [number, number]
}

/** Which part reads what in how many tasks, and what topics of its own that takes. */
export interface Layout {
  /** Upstream first. */
  readonly inputs: readonly Input[]
  readonly own: readonly InternalTopic[]
  /** How many channels of time an input has. */
  readonly channelsOf: (input: PartInput) => number
}

/**
 * Lays a pipeline out on topics with so many partitions.
 *
 * @param topicName name of a topic of the pipeline's own
 * @param partitions how many a topic that is read has
 * @throws PIPELINE_INVALID when topics that are read together differ in their number of partitions
 */
export function layOut(plan: Plan, topicName: (name: string) => string, partitions: (topic: string) => number): Layout {
  const inputs: Input[] = []
  const own: InternalTopic[] = []
  /** Tasks that write each repartition. */
  const writers = new Map<PartInput, number>()
  const channelsOf = (input: PartInput): number => writers.get(input) ?? 1
  for (const part of plan.parts) {
    const tasks = tasksOf(plan, part, channelsOf, partitions)
    let channel = 0
    for (const input of part.inputs) {
      if (input.kind === 'source') continue
      const repartition = input.kind === 'repartition'
      const topic = repartition ? topicName(input.name) : input.topic.name
      const next = channel + channelsOf(input)
      if (repartition) own.push({ name: topic, partitions: tasks, configs: kept })
      inputs.push({ topic, part, repartition, channels: [channel, next] })
      channel = next
    }
    for (const name of changelogsOf(part)) own.push({ name: topicName(name), partitions: tasks, configs: compacted })
    for (const { output } of part.outputs) if (output.kind === 'repartition') writers.set(output, tasks)
  }
  return { inputs, own, channelsOf }
}

/** How many tasks a part has: one for each partition of its topics; of repartitions alone, as many as it is told or as write them. */
function tasksOf(plan: Plan, part: Part, channelsOf: Layout['channelsOf'], partitions: (topic: string) => number): number {
  const counts = new Map<string, number>()
  for (const { name } of topicsOf(part)) counts.set(name, partitions(name))
  for (const input of part.inputs) {
    if (input.kind === 'repartition' && input.partitions !== undefined) counts.set(input.label, input.partitions)
  }
  const [first, ...others] = new Set(counts.values())
  if (others.length > 0) {
    const list = Array.from(counts, ([name, count]) => `${name} ${count}`).join(', ')
    throw invalid(plan.name, `topics that are read together need the same number of partitions, not ${list}; read them in two pipelines`)
  }
  return first ?? Math.max(...part.inputs.map(channelsOf))
}
