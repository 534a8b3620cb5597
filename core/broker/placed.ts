import type { Partition } from '../replica/partition.ts'

/** Partitions as descriptions of topics show them: this node leads them, and has their only replica. */
export function placed(partitions: readonly Partition[], nodeId: number) {
  const nodes = [nodeId]
  return partitions.map(({ index, leaderEpoch }) => ({
    errorCode: 0,
    partitionIndex: index,
    leaderId: nodeId,
    leaderEpoch,
    replicaNodes: nodes,
    isrNodes: nodes,
  }))
}
