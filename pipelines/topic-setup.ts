import type { Input } from './assignment.ts'
import { invalid } from './failure.ts'
import { compacted, ensureTopics, type InternalTopic } from './internal-topics.ts'
import { internalTopic } from './names.ts'
import type { Settings } from './options.ts'
import { changelogsOf, type Part, type PartInput, type Plan, topicsOf } from './plan.ts'
import type { Transaction } from './transaction.ts'

/** Of repartition topics; purge.ts deletes what has been read. */
const keptUntilRead = { 'cleanup.policy': 'delete', 'retention.ms': '-1' } as const

export interface Setup {
  readonly inputs: readonly Input[]
  /** How many channels of time an input has. */
  readonly channelsOf: (input: PartInput) => number
}

/**
 * Looks up the topics of a pipeline, creates those of its own, and says which part reads what.
 *
 * @param parts those that the worker runs
 * @throws PIPELINE_INVALID when topics that are read together differ in their number of partitions
 */
export async function setUp(settings: Settings, plan: Plan, parts: readonly Part[], transaction: Transaction): Promise<Setup> {
  const inputs: Input[] = []
  const own: InternalTopic[] = []
  /** Tasks that write each repartition. */
  const writers = new Map<PartInput, number>()
  const channelsOf = (input: PartInput): number => writers.get(input) ?? 1
  for (const part of plan.parts) {
    const tasks = await tasksOf(plan, part, channelsOf, transaction)
    let channel = 0
    for (const input of part.inputs) {
      if (input.kind === 'source') continue
      const repartition = input.kind === 'repartition'
      const topic = repartition ? internalTopic(settings, input.name) : input.topic.name
      const next = channel + channelsOf(input)
      if (repartition) own.push({ name: topic, partitions: tasks, configs: keptUntilRead })
      if (parts.includes(part)) inputs.push({ topic, part, repartition, channels: [channel, next] })
      channel = next
    }
    for (const name of changelogsOf(part)) own.push({ name: internalTopic(settings, name), partitions: tasks, configs: compacted })
    for (const { output } of part.outputs) if (output.kind === 'repartition') writers.set(output, tasks)
  }
  await ensureTopics(settings.client, plan.name, own)
  for (const { name } of own) await transaction.know(name)
  for (const { output } of plan.parts.flatMap((part) => part.outputs)) {
    if (output.kind === 'topic') await transaction.know(output.topic.name)
  }
  return { inputs, channelsOf }
}

/** How many tasks a part has: one for each partition of its topics; of repartitions alone, as many as it is told or as write them. */
async function tasksOf(plan: Plan, part: Part, channelsOf: (input: PartInput) => number, transaction: Transaction): Promise<number> {
  const counts = new Map<string, number>()
  for (const { name } of topicsOf(part)) counts.set(name, await transaction.know(name))
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
