import type { Client } from '../core/client/client.ts'
import { invalid } from './failure.ts'
import { kafkaCode } from './retry.ts'

export interface InternalTopic {
  readonly name: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

/** Keeps the last record of each key. */
export const compacted = { 'cleanup.policy': 'compact' } as const

/** Keeps everything until it is deleted: what has been read of a repartition (purge.ts), dead letters when somebody has looked at them. */
export const kept = { 'cleanup.policy': 'delete', 'retention.ms': '-1' } as const

/**
 * Creates the topics that are not there yet.
 *
 * @throws PIPELINE_INVALID when one is there with another number of partitions: keys would be looked for in the wrong one
 */
export async function ensureTopics(client: Client, pipeline: string, topics: readonly InternalTopic[]): Promise<void> {
  if (topics.length === 0) return
  const existing = new Map<string, number>()
  const listed = new Set((await client.admin.listTopics()).map(({ name }) => name))
  const there = topics.filter(({ name }) => listed.has(name)).map(({ name }) => name)
  if (there.length > 0) {
    for (const { name, partitions } of await client.admin.describeTopics(there)) existing.set(name, partitions.length)
  }
  for (const { name, partitions, configs } of topics) {
    const count = existing.get(name) ?? (await create(client, name, partitions, configs))
    if (count === partitions) continue
    throw invalid(
      pipeline,
      `its topic '${name}' has ${count} partitions and needs ${partitions}, as many as its input has now; ` +
        'give the pipeline another name to begin anew, or delete the topic when its state is not needed',
    )
  }
}

/** Creates a topic that is not there yet; one that is may have any number of partitions. */
export async function ensureTopic(client: Client, { name, partitions, configs }: InternalTopic): Promise<void> {
  const listed = await client.admin.listTopics()
  if (!listed.some((each) => each.name === name)) await create(client, name, partitions, configs)
}

async function create(client: Client, name: string, partitions: number, configs: Readonly<Record<string, string>>): Promise<number> {
  try {
    await client.admin.createTopics([{ name, partitions, configs }])
    return partitions
  } catch (error) {
    // Another process of the same pipeline was faster.
    if (kafkaCode(error) !== 'TOPIC_ALREADY_EXISTS') throw error
    const [topic] = await client.admin.describeTopics([name])
    return topic?.partitions.length ?? partitions
  }
}
