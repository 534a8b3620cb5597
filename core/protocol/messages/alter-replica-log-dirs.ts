import { api } from '../api.ts'
import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Moves replicas between the data directories of a broker (KIP-113). */

export const AlterReplicaLogDirsRequest = message('AlterReplicaLogDirsRequest', '0-2', '2+', {
  dirs: array({ path: string(), topics: array({ name: string(), partitions: array(int32()) }) }),
})
export type AlterReplicaLogDirsRequest = Infer<typeof AlterReplicaLogDirsRequest>

export const AlterReplicaLogDirsResponse = message('AlterReplicaLogDirsResponse', '0-2', '2+', {
  throttleTimeMs: int32(),
  results: array({ topicName: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
})
export type AlterReplicaLogDirsResponse = Infer<typeof AlterReplicaLogDirsResponse>

export const AlterReplicaLogDirs = api(34, 'AlterReplicaLogDirs', AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse)
