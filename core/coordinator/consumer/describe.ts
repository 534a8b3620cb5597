import { NO_PARTITIONS, type Partitions, type TopicPartitionList, listOf, setsOf } from '../partitions.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import { type ConsumerGroup, type ConsumerGroupStateName, consumerGroupState } from './state.ts'
import { preferredAssignor } from './target.ts'

type NamedPartitions = TopicPartitionList & { topicName: string }

export interface ConsumerGroupDescription {
  readonly groupId: string
  readonly state: ConsumerGroupStateName
  readonly epoch: number
  readonly assignmentEpoch: number
  readonly assignor: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly rackId: string | null
    readonly epoch: number
    readonly clientId: string
    readonly clientHost: string
    readonly topicNames: readonly string[]
    /** Empty when it has none. */
    readonly topicRegex: string
    readonly assigned: readonly NamedPartitions[]
    readonly target: readonly NamedPartitions[]
    readonly speaksClassic: boolean
  }[]
}

/** As ConsumerGroupDescribe shows it. */
export function describeConsumerGroup(group: ConsumerGroup, assignors: readonly string[], topics: TopicCatalog): ConsumerGroupDescription {
  return {
    groupId: group.id,
    state: consumerGroupState(group),
    epoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignor: preferredAssignor(group, assignors),
    members: [...group.members.values()].map(({ id, metadata, current }) => ({
      memberId: id,
      instanceId: metadata.instanceId,
      rackId: metadata.rackId,
      epoch: current.epoch,
      clientId: metadata.clientId,
      clientHost: metadata.clientHost,
      topicNames: [...metadata.topicNames].sort(),
      topicRegex: metadata.topicRegex,
      // What it has been told to give up it still has.
      assigned: named(united(current.assigned, current.revoking), topics),
      target: named(group.targets.get(id) ?? NO_PARTITIONS, topics),
      speaksClassic: metadata.classic !== null,
    })),
  }
}

function united(a: Partitions, b: Partitions): Partitions {
  return setsOf([...listOf(a), ...listOf(b)])
}

/** Topics that are gone have no name to be shown by. */
function named(partitions: Partitions, topics: TopicCatalog): NamedPartitions[] {
  return listOf(partitions).flatMap(({ topicId, partitions: ids }) => {
    const topic = topics.byId(topicId)
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions: ids }]
  })
}
