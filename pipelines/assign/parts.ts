import type { GroupTopics } from '../../core/client/assignors/assignor.ts'
import type { TopicPartition } from '../../core/client/types.ts'

/** Topics that are read together, by some member at least: what has the same partition number belongs to one task. */
export interface PartTopics {
  /** The same for all members, whatever the order of their code. */
  readonly key: string
  readonly topics: readonly string[]
  readonly partitions: number
  readonly stateful: boolean
}

/**
 * Which topics go together, as all members say: while they run different versions of the code, whatever one of them reads together goes
 * together.
 *
 * @param topics those that exist
 */
export function partsOf(
  said: readonly { readonly topics: readonly string[]; readonly stateful: boolean }[],
  topics: GroupTopics,
): PartTopics[] {
  const roots = new Map([...topics.keys()].map((topic) => [topic, topic]))
  const rootOf = (topic: string): string => {
    let root = topic
    while (roots.get(root)! !== root) root = roots.get(root)!
    return root
  }
  const known = said.map((part) => ({ ...part, topics: part.topics.filter((topic) => topics.has(topic)) }))
  for (const part of known) {
    const [first, ...others] = part.topics
    if (first !== undefined) for (const other of others) roots.set(rootOf(other), rootOf(first))
  }
  const together = new Map<string, string[]>()
  for (const topic of [...topics.keys()].toSorted()) {
    const list = together.get(rootOf(topic))
    if (list === undefined) together.set(rootOf(topic), [topic])
    else list.push(topic)
  }
  return [...together.values()].map((list) => ({
    key: list.join(' '),
    topics: list,
    partitions: Math.max(...list.map((topic) => topics.get(topic)!.length)),
    stateful: known.some((part) => part.stateful && part.topics.some((topic) => list.includes(topic))),
  }))
}

export function taskId({ key }: PartTopics, partition: number): string {
  return `${key} ${partition}`
}

/** The partitions that a task reads. */
export function partitionsOf({ topics: names }: PartTopics, partition: number, topics: GroupTopics): TopicPartition[] {
  return names.filter((topic) => partition < topics.get(topic)!.length).map((topic) => ({ topic, partition }))
}
