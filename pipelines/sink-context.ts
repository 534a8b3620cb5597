import type { ReportedPosition, SinkContext, SourcePartition } from '../connectors/types.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { AnyTopic } from './nodes.ts'
import type { Settings } from './options.ts'
import type { Plan } from './plan.ts'
import { keyOf } from './slices.ts'

/** What a sink may ask and tell while it is open. */
export function sinkContext(
  settings: Settings,
  plan: Plan,
  topics: readonly AnyTopic[],
  consumer: Consumer,
  report: (position: ReportedPosition) => void,
): SinkContext {
  const { client, clock, random, startAt } = settings
  return {
    clusterId: client.clusterId,
    pipeline: plan.name,
    clock,
    random,
    startAt,
    valueSerde: (name) => topics.find((topic) => topic.name === name)?.value,
    sourcePartition: (topic, partition) => sourcePartition(settings, topic, partition),
    report,
    reported: async (topic, partition) => {
      const committed = (await consumer.committed([{ topic, partition }])).get(keyOf({ topic, partition }))
      return committed ? { topic, partition, ...committed } : undefined
    },
  }
}

async function sourcePartition({ client }: Settings, topic: string, partition: number): Promise<SourcePartition> {
  const [described] = await client.admin.describeTopics([topic])
  const [begin, end] = await client.admin.listOffsets([
    { topic, partition, at: 'earliest' },
    { topic, partition, at: 'latest' },
  ])
  return { topicId: described!.topicId, logStartOffset: begin!.offset, logEndOffset: end!.offset }
}
