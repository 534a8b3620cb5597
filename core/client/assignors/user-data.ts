import { byTopic } from '../../cluster/topic-partition.ts'
import { decodeBuffer, encodeBuffer } from '../../protocol/codec.ts'
import { array, int32, message, string } from '../../protocol/schema.ts'
import type { LastAssignment } from './assignor.ts'

/** What members with the sticky assignors tell the leader, as Kafka's do; written without a version in front. */

const StickyUserData = message('StickyUserData', '0-1', 'none', {
  previousAssignment: array({ topic: string(), partitions: array(int32()) }),
  generation: int32('1+', { default: -1, ignorable: true }),
})

const CooperativeStickyUserData = message('CooperativeStickyUserData', '0', 'none', { generation: int32() })

const nothing: LastAssignment = { partitions: [], generation: -1 }

export function writeStickyUserData({ partitions, generation }: LastAssignment): Buffer {
  const previousAssignment = [...byTopic(partitions)].map(([topic, list]) => ({ topic, partitions: list.map((p) => p.partition) }))
  return encodeBuffer(StickyUserData, 1, { previousAssignment, generation })
}

/** Of any version. What cannot be read counts for nothing: the member is new to us. */
export function readStickyUserData(userData: Buffer | null): LastAssignment {
  if (userData === null || userData.length === 0) return nothing
  for (const version of [1, 0]) {
    try {
      const { previousAssignment, generation } = decodeBuffer(StickyUserData, version, userData)
      return {
        partitions: previousAssignment.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
        generation,
      }
    } catch {
      // It may be of the version before.
    }
  }
  return nothing
}

export function writeCooperativeUserData(generation: number): Buffer {
  return encodeBuffer(CooperativeStickyUserData, 0, { generation })
}

/** -1 where there is none. */
export function readCooperativeUserData(userData: Buffer | null): number {
  if (userData === null) return -1
  try {
    return decodeBuffer(CooperativeStickyUserData, 0, userData).generation
  } catch {
    return -1
  }
}
