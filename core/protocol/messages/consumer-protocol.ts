import { array, bytes, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/**
 * What consumers tell each other through the classic group protocol: the metadata of a JoinGroup and the assignment of a SyncGroup,
 * written with a version in front (see versioned.ts).
 */

export const ConsumerProtocolSubscription = message('ConsumerProtocolSubscription', '0-3', 'none', {
  topics: array(string()),
  userData: bytes({ nullable: true, default: null }),
  ownedPartitions: array({ topic: string(), partitions: array(int32()) }, '1+', { ignorable: true }),
  generationId: int32('2+', { default: -1, ignorable: true }),
  rackId: string('3+', { nullable: true, default: null, ignorable: true }),
})
export type ConsumerProtocolSubscription = Infer<typeof ConsumerProtocolSubscription>

export const ConsumerProtocolAssignment = message('ConsumerProtocolAssignment', '0-3', 'none', {
  assignedPartitions: array({ topic: string(), partitions: array(int32()) }),
  userData: bytes({ nullable: true, default: null }),
})
export type ConsumerProtocolAssignment = Infer<typeof ConsumerProtocolAssignment>
