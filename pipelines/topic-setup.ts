import { policyOf } from './errors/policy-of.ts'
import { ensureTopic, ensureTopics, kept } from './internal-topics.ts'
import { type Input, layOut, type Layout } from './layout.ts'
import { internalTopic } from './names.ts'
import type { Settings } from './options.ts'
import { type Part, type Plan, topicsOf } from './plan.ts'
import type { Transaction } from './commit/transaction.ts'

export interface Setup extends Pick<Layout, 'channelsOf'> {
  readonly inputs: readonly Input[]
}

/**
 * Looks up the topics of a pipeline, creates those of its own, and says which part reads what.
 *
 * @param parts those that the worker runs
 * @throws PIPELINE_INVALID when topics that are read together differ in their number of partitions
 */
export async function setUp(settings: Settings, plan: Plan, parts: readonly Part[], transaction: Transaction): Promise<Setup> {
  for (const { name } of plan.parts.flatMap(topicsOf)) await transaction.know(name)
  const nameOf = (name: string): string => internalTopic(settings, name)
  const { inputs, own, channelsOf } = layOut(plan, nameOf, (topic) => transaction.partitions(topic))
  await ensureTopics(settings.client, plan.name, own)
  for (const { name } of own) await transaction.know(name)
  for (const { output } of plan.parts.flatMap((part) => part.outputs)) {
    if (output.kind === 'topic') await transaction.know(output.topic.name)
  }
  const { writes, deadLetters } = policyOf(settings, plan)
  if (writes) {
    await ensureTopic(settings.client, { name: deadLetters, partitions: 1, configs: kept })
    await transaction.know(deadLetters)
  }
  return { inputs: inputs.filter(({ part }) => parts.includes(part)), channelsOf }
}
