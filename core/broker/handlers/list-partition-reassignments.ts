import { ListPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts'
import { handler } from '../handler.ts'

/** ListPartitionReassignments 0 (KIP-455): with one broker no partition is on its way to another. */
export const listPartitionReassignments = handler({
  api: ListPartitionReassignments,
  minVersion: 0,
  maxVersion: 0,
  handle: () => ({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] }),
})
