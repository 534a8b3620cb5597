import type { Input } from './assignment.ts'
import { invalid } from './failure.ts'
import { compacted, ensureTopics, type InternalTopic } from './internal-topics.ts'
import { internalTopic } from './names.ts'
import type { Settings } from './options.ts'
import type { Part, Plan } from './plan.ts'
import type { Transaction } from './transaction.ts'

/** Of repartition topics; purge.ts deletes what has been read. */
const keptUntilRead = { 'cleanup.policy': 'delete', 'retention.ms': '-1' } as const

export interface Setup {
  readonly inputs: readonly Input[]
  readonly channels: ReadonlyMap<Part, number>
}

/**
 * Looks up the topics of a pipeline, creates those of its own, and says which part reads what.
 *
 * @param parts those that the worker runs; a source outside Kafka is run by another worker and counts as one upstream task
 * @throws PIPELINE_INVALID when topics that are read together differ in their number of partitions
 */
export async function setUp(settings: Settings, plan: Plan, parts: readonly Part[], transaction: Transaction): Promise<Setup> {
  const inputs: Input[] = []
  const channels = new Map<Part, number>()
  const own: InternalTopic[] = []
  let upstream = 1
  for (const part of plan.parts) {
    let tasks = 1
    if (part.input.kind === 'topics') {
      tasks = await copartitioned(plan, part, transaction)
      part.input.topics.forEach(({ name }, i) => inputs.push({ topic: name, part, channels: [i, i + 1] }))
      channels.set(part, part.input.topics.length)
    } else if (part.input.kind === 'repartition') {
      tasks = part.input.partitions ?? Math.max(upstream, 1)
      const topic = internalTopic(settings, part.input.name)
      own.push({ name: topic, partitions: tasks, configs: keptUntilRead })
      inputs.push({ topic, part, channels: [0, upstream] })
      channels.set(part, upstream)
    }
    for (const stage of part.stages) {
      if (stage.kind !== 'aggregate') continue
      own.push({ name: internalTopic(settings, `${stage.store}-changelog`), partitions: tasks, configs: compacted })
    }
    upstream = tasks
  }
  await ensureTopics(settings.client, plan.name, own)
  for (const { name } of own) await transaction.know(name)
  const { output } = plan.parts.at(-1)!
  if (output.kind === 'topic') await transaction.know(output.topic.name)
  return { inputs: inputs.filter((input) => parts.includes(input.part)), channels }
}

async function copartitioned(plan: Plan, part: Part, transaction: Transaction): Promise<number> {
  if (part.input.kind !== 'topics') return 1
  const counts: number[] = []
  for (const { name } of part.input.topics) counts.push(await transaction.know(name))
  if (new Set(counts).size > 1) {
    const list = part.input.topics.map(({ name }, i) => `${name} ${counts[i]}`).join(', ')
    throw invalid(plan.name, `topics that are read together need the same number of partitions, not ${list}; read them in two pipelines`)
  }
  return counts[0]!
}
