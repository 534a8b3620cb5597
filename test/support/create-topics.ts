import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'

export interface Wanted {
  name: string
  numPartitions?: number
  replicationFactor?: number
  assignments?: { partitionIndex: number; brokerIds: number[] }[]
  configs?: { name: string; value: string | null }[]
}

/** Asks for topics, one partition each if nothing else is said. Answers error and message of each. */
export async function create(channel: Channel, wanted: readonly Wanted[], validateOnly = false): Promise<[string, string | null][]> {
  const defaults = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const { topics } = await channel.request(CreateTopics, 7, { topics: wanted.map((topic) => ({ ...defaults, ...topic })), validateOnly })
  return topics.map(({ errorCode, errorMessage }) => [errorName(errorCode), errorMessage])
}
