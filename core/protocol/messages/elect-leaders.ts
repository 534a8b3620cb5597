import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Elects leaders of partitions: preferred (0) or unclean (1) ones (KIP-460). */

export const ElectLeadersRequest = message('ElectLeadersRequest', '0-2', '2+', {
  electionType: int8('1+'),
  topicPartitions: array({ topic: string(), partitions: array(int32()) }, { nullable: true }),
  timeoutMs: int32({ default: 60000 }),
})
export type ElectLeadersRequest = Infer<typeof ElectLeadersRequest>

export const ElectLeadersResponse = message('ElectLeadersResponse', '0-2', '2+', {
  throttleTimeMs: int32(),
  errorCode: int16('1+'),
  replicaElectionResults: array({
    topic: string(),
    partitionResult: array({ partitionId: int32(), errorCode: int16(), errorMessage: string({ nullable: true }) }),
  }),
})
export type ElectLeadersResponse = Infer<typeof ElectLeadersResponse>

export const ElectLeaders = api(43, 'ElectLeaders', ElectLeadersRequest, ElectLeadersResponse)
