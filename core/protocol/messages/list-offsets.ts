import { api } from '../api.ts'
import { array, int16, int32, int64, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Looks up offsets by timestamp: -1 latest, -2 earliest, -3 of the largest timestamp (KIP-734), -4 and -5 tiered storage. Version 0 answered with a list. */

export const ListOffsetsRequest = message('ListOffsetsRequest', '0-11', '6+', {
  replicaId: int32(),
  isolationLevel: int8('2+'),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      currentLeaderEpoch: int32('4+', { default: -1, ignorable: true }),
      timestamp: int64(),
      maxNumOffsets: int32('0', { default: 1 }),
    }),
  }),
  timeoutMs: int32('10+', { ignorable: true }),
})
export type ListOffsetsRequest = Infer<typeof ListOffsetsRequest>

export const ListOffsetsResponse = message('ListOffsetsResponse', '0-11', '6+', {
  throttleTimeMs: int32('2+', { ignorable: true }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      oldStyleOffsets: array(int64(), '0'),
      timestamp: int64('1+', { default: -1 }),
      offset: int64('1+', { default: -1 }),
      leaderEpoch: int32('4+', { default: -1 }),
    }),
  }),
})
export type ListOffsetsResponse = Infer<typeof ListOffsetsResponse>

export const ListOffsets = api(2, 'ListOffsets', ListOffsetsRequest, ListOffsetsResponse)
