import { MoldauError } from '../base/errors.ts'

export interface TopicPartition {
  topic: string
  partition: number
}

/** `topic-partition`, as Kafka writes it: the key of maps and the name in messages. */
export function tpKey(tp: TopicPartition): string {
  return `${tp.topic}-${tp.partition}`
}

/** Groups things of partitions by topic, in the order of their first appearance, as requests want them. */
export function byTopic<T extends { topic: string }>(items: Iterable<T>): Map<string, T[]> {
  const topics = new Map<string, T[]>()
  for (const item of items) {
    const list = topics.get(item.topic)
    if (list === undefined) topics.set(item.topic, [item])
    else list.push(item)
  }
  return topics
}

/** The error of a partition that a topic with so many does not have; undefined when it has it. */
export function noSuchPartition({ topic, partition }: TopicPartition, count: number): MoldauError | undefined {
  if (Number.isInteger(partition) && partition >= 0 && partition < count) return undefined
  return new MoldauError('INVALID_ARGUMENT', `topic '${topic}' has ${count} partitions (0 to ${count - 1}), there is no ${partition}`)
}
