import { setTimeout as sleep } from 'node:timers/promises'

import { parseAddresses } from '../../core/cluster/address.ts'
import { Cluster } from '../../core/cluster/cluster.ts'
import type { TopicInfo } from '../../core/cluster/metadata.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName, throwOnError } from '../../core/protocol/errors.ts'
import { AlterPartitionReassignments } from '../../core/protocol/messages/alter-partition-reassignments.ts'
import { ElectLeaders } from '../../core/protocol/messages/elect-leaders.ts'

/**
 * Has broker `to` lead each partition of a topic, which it must have a replica of: makes it the preferred one, and elects.
 * Returns when the controller has elected; brokers and clients hear of it in their own time.
 */
export async function moveLeaders(bootstrap: string, name: string, to: number): Promise<void> {
  const cluster = await Cluster.connect({ dialer: tcpDialer(), bootstrap: parseAddresses(bootstrap), bootstrapTimeoutMs: 30_000 })
  try {
    const topic = await cluster.topic(name)
    const controller = await cluster.controller()
    const partitions = topic.partitions.map((p) => ({
      partitionIndex: p.partition,
      replicas: [to, ...p.replicas.filter((node) => node !== to)],
    }))
    const moved = await controller.request(AlterPartitionReassignments, { topics: [{ name, partitions }] })
    throwOnError(moved.errorCode, `reassign ${name}`, moved.errorMessage)
    for (const { errorCode, errorMessage } of moved.responses.flatMap((each) => each.partitions)) {
      throwOnError(errorCode, `reassign ${name}`, errorMessage)
    }
    while (!(await elect(cluster, topic))) await sleep(100)
  } finally {
    cluster.close()
  }
}

/** False while the preferred one is not in sync. */
async function elect(cluster: Cluster, topic: TopicInfo): Promise<boolean> {
  const controller = await cluster.controller()
  const topicPartitions = [{ topic: topic.name, partitions: topic.partitions.map((p) => p.partition) }]
  const answer = await controller.request(ElectLeaders, { electionType: 0, topicPartitions, timeoutMs: 10_000 })
  throwOnError(answer.errorCode, `elect leaders of ${topic.name}`)
  const results = answer.replicaElectionResults.flatMap((each) => each.partitionResult).map((each) => errorName(each.errorCode))
  return results.every((error) => error === 'NONE' || error === 'ELECTION_NOT_NEEDED')
}
