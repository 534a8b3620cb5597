import type { MoldauError } from '../../base/errors.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { errorName, kafkaError, throwOnError } from '../../protocol/errors.ts'
import { AlterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts'
import { ElectLeaders } from '../../protocol/messages/elect-leaders.ts'
import { ListPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts'
import { check } from '../checks.ts'
import { AdminError } from './admin-error.ts'
import type { AdminOptions } from './calls.ts'
import { electionTypes } from './placement-types.ts'
import type { AlterReassignmentsOptions, ElectionType, OngoingReassignment, Reassignment } from './placement-types.ts'
import { QuotaAdmin } from './quotas.ts'
import * as specs from './specs.ts'

/** Which brokers have partitions, and which lead them. */
export class PlacementAdmin extends QuotaAdmin {
  /**
   * Elects leaders (Kafka's `Admin.electLeaders`, KIP-460), and answers the partitions that have a new one.
   *
   * @param partitions null: all that need it
   * @throws AdminError by `topic-partition`: ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE
   */
  async electLeaders(
    type: ElectionType,
    partitions: readonly TopicPartition[] | null,
    options: AdminOptions = {},
  ): Promise<TopicPartition[]> {
    check('admin.electLeaders()', 'type', type, specs.electionType)
    check('admin.electLeaders()', 'partitions', partitions, specs.partitionsOrNull)
    const what = 'elect the leader of'
    const answer = await this.calls.controller(what, options, async (connection, timeoutMs) => {
      const topicPartitions =
        partitions === null ? null : named(partitions).map(({ name, indexes }) => ({ topic: name, partitions: indexes }))
      // Version 0 knows preferred ones only, and does not take the question.
      const kind = type === 'preferred' ? {} : { electionType: electionTypes[type] }
      const found = await connection.request(ElectLeaders, { topicPartitions, timeoutMs, ...kind })
      throwOnError(found.errorCode, what)
      return found
    })
    const failures = new Map<string, MoldauError>()
    const elected = new Map<string, TopicPartition>()
    for (const { topic, partitionResult } of answer.replicaElectionResults) {
      for (const { partitionId: partition, errorCode, errorMessage } of partitionResult) {
        const name = tpKey({ topic, partition })
        const detail = errorMessage === null ? name : `${name}: ${errorMessage}`
        if (errorCode === 0) elected.set(name, { topic, partition })
        else failures.set(name, kafkaError(errorName(errorCode), detail))
      }
    }
    if (failures.size > 0) throw new AdminError(what, failures, elected)
    return [...elected.values()]
  }

  /**
   * Moves partitions to other brokers, or calls that off (Kafka's `Admin.alterPartitionReassignments`, KIP-455). Answers when it has begun;
   * {@link PlacementAdmin.listPartitionReassignments} tells what is still on its way.
   *
   * @throws AdminError by `topic-partition`: INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, UNKNOWN_TOPIC_OR_PARTITION
   */
  async alterPartitionReassignments(reassignments: readonly Reassignment[], options: AlterReassignmentsOptions = {}): Promise<void> {
    await this.calls.onController<Reassignment, void>({
      what: 'reassign partition',
      items: reassignments,
      each: specs.reassignment,
      nameOf: tpKey,
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked, timeoutMs) => {
        const topics = [...byTopic(asked)].map(([name, list]) => ({
          name,
          partitions: list.map(({ partition, replicas }) => ({
            partitionIndex: partition,
            replicas: replicas === null ? null : [...replicas],
          })),
        }))
        const keep = options.allowReplicationFactorChange === false && { allowReplicationFactorChange: false }
        const answer = await connection.request(AlterPartitionReassignments, { timeoutMs, topics, ...keep })
        const { errorCode: whole, errorMessage } = answer
        if (whole !== 0) return asked.map((tp) => ({ name: tpKey(tp), errorCode: whole, errorMessage }))
        return answer.responses.flatMap(({ name: topic, partitions }) =>
          partitions.map((each) => ({ ...each, name: tpKey({ topic, partition: each.partitionIndex }) })),
        )
      },
    })
  }

  /** What is on its way to other brokers (Kafka's `Admin.listPartitionReassignments`, KIP-455). @param partitions null: all */
  async listPartitionReassignments(
    partitions: readonly TopicPartition[] | null = null,
    options: AdminOptions = {},
  ): Promise<OngoingReassignment[]> {
    check('admin.listPartitionReassignments()', 'partitions', partitions, specs.partitionsOrNull)
    const what = 'list reassignments'
    const { topics } = await this.calls.controller(what, options, async (connection, timeoutMs) => {
      const asked = partitions === null ? null : named(partitions).map(({ name, indexes }) => ({ name, partitionIndexes: indexes }))
      const found = await connection.request(ListPartitionReassignments, { timeoutMs, topics: asked })
      throwOnError(found.errorCode, what, found.errorMessage)
      return found
    })
    return topics.flatMap(({ name: topic, partitions: list }) =>
      list.map(({ partitionIndex: partition, replicas, addingReplicas, removingReplicas }) => {
        return { topic, partition, replicas, addingReplicas, removingReplicas }
      }),
    )
  }
}

function named(partitions: readonly TopicPartition[]) {
  return [...byTopic(partitions)].map(([name, list]) => ({ name, indexes: list.map(({ partition }) => partition) }))
}
