import { crc32c } from '../../base/crc32c.ts'
import { murmur2 } from '../../base/murmur2.ts'
import type { Assignor } from '../assignors/assignor.ts'
import { rangeAssignor } from '../assignors/range.ts'
import { uniformAssignor } from '../assignors/uniform.ts'
import { NO_PARTITIONS, samePartitions } from '../partitions.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import { type ConsumerGroup, wantedTopics } from './state.ts'

/** By the names that `group.consumer.assignors` and clients give them. */
export const assignors: Readonly<Record<string, Assignor>> = { uniform: uniformAssignor, range: rangeAssignor }

/** Raises the epoch of the group when members want something else (`changed`) or their topics are not what they were. */
export function bumpEpoch(group: ConsumerGroup, changed: boolean, context: ConsumerContext): void {
  const { topics } = context
  if (!changed && group.topicsVersion === topics.version) return
  const metadataHash = hashTopics(group, topics)
  group.topicsVersion = topics.version
  if (!changed && metadataHash === group.metadataHash) return
  decide(group, { kind: 'consumer group', group: group.id, value: { epoch: group.epoch + 1, metadataHash } }, context)
}

/** Stands for the subscribed topics that exist, their ids and numbers of partitions. Ours: Kafka reads another number as a change. */
function hashTopics(group: ConsumerGroup, topics: TopicCatalog): bigint {
  const names = new Set<string>()
  for (const { metadata } of group.members.values()) for (const name of wantedTopics(group, metadata)) names.add(name)
  const lines: string[] = []
  for (const name of [...names].sort()) {
    const topic = topics.get(name)
    if (topic !== undefined) lines.push(`${name} ${topic.id} ${topic.partitions}\n`)
  }
  if (lines.length === 0) return 0n
  const text = Buffer.from(lines.join(''))
  return BigInt.asIntN(64, (BigInt(crc32c(text) >>> 0) << 32n) | BigInt(murmur2(text) >>> 0))
}

/** Computes who shall have what, unless that has been done for this epoch, or was done a moment ago (consumer.assignment.interval.ms). */
export function updateTarget(group: ConsumerGroup, context: ConsumerContext): void {
  const { now, config, topics } = context
  if (group.epoch <= group.targetEpoch) return
  const since = now.wall - group.targetTimestamp
  if (since >= 0 && since < config.consumerAssignmentIntervalMs) return
  const members = [...group.members.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  const assign = assignors[preferredAssignor(group, config.consumerAssignors)] ?? uniformAssignor
  const partitionsById = new Map<string, number>()
  const target = assign({
    members: members.map(({ id, metadata }) => {
      const topicIds = new Set<string>()
      for (const name of wantedTopics(group, metadata)) {
        const topic = topics.get(name)
        if (topic === undefined) continue
        topicIds.add(topic.id)
        partitionsById.set(topic.id, topic.partitions)
      }
      return { id, instanceId: metadata.instanceId, topicIds, previous: group.targets.get(id) ?? NO_PARTITIONS }
    }),
    partitionsOf: (topicId) => partitionsById.get(topicId)!,
  })
  for (const { id } of members) {
    const before = group.targets.get(id)
    const value = target.get(id) ?? NO_PARTITIONS
    if (before === undefined || !samePartitions(before, value)) {
      decide(group, { kind: 'member target', group: group.id, member: id, value }, context)
    }
  }
  decide(group, { kind: 'target', group: group.id, value: { epoch: group.epoch, timestamp: now.wall } }, context)
}

/** The one that most members ask for, else the first that the broker has. */
export function preferredAssignor(group: ConsumerGroup, available: readonly string[]): string {
  const votes = new Map<string, number>()
  for (const { metadata } of group.members.values()) {
    if (metadata.serverAssignor !== null) votes.set(metadata.serverAssignor, (votes.get(metadata.serverAssignor) ?? 0) + 1)
  }
  let best = available[0] ?? 'uniform'
  let most = 0
  for (const [name, count] of votes) if (count > most) [best, most] = [name, count]
  return best
}
