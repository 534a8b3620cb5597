/** A feature of the cluster, and the level it is finalised at (KIP-584). */
export interface Feature {
  readonly name: string
  readonly level: number
}

/**
 * Transactions v2 (KIP-890) is on: newer clients then let Produce and TxnOffsetCommit add partitions by themselves. So is the new group
 * protocol (KIP-848).
 */
export const features: readonly Feature[] = [
  { name: 'group.version', level: 1 },
  { name: 'transaction.version', level: 2 },
]
