import { operations, supportedOperations } from '../security/acl.ts'
import type { Operation } from '../security/acl.ts'

const bits = (some: readonly Operation[]): number => some.reduce((set, operation) => set | (1 << operations[operation]), 0)

/** What may be done with a topic, as a bit set (KIP-430): everything, as long as there is no access control. */
export const topicOperations = bits(supportedOperations.topic)

/** What may be done with the cluster. */
export const clusterOperations = bits(supportedOperations.cluster)

/** What may be done with a group. */
export const groupOperations = bits(supportedOperations.group)
