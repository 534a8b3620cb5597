import type { BrokerInfo, ClusterImage, PartitionInfo } from './metadata.ts'
import type { TopicPartition } from './topic-partition.ts'

/** Who leads a partition, as a broker tells that does not (any more): KIP-951. */
export interface ToldLeader extends TopicPartition {
  leaderId: number
  leaderEpoch: number
}

/** How to reach the brokers that an answer names. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/**
 * The image with the leaders that an answer to Produce or Fetch tells of. Only what is newer than what is known counts, and only where the
 * way to that broker is known: the answer of a broker that lags behind must not undo what metadata said.
 *
 * @returns the same image when nothing is news
 */
export function withLeaders(image: ClusterImage, leaders: readonly ToldLeader[], endpoints: readonly NodeEndpoint[]): ClusterImage {
  const news = leaders.filter((told) => isNews(image, told) && isReachable(image, told.leaderId, endpoints))
  if (news.length === 0) return image
  const topics = new Map(image.topics)
  for (const { topic, partition, leaderId, leaderEpoch } of news) {
    const info = topics.get(topic)!
    const partitions = info.partitions.with(partition, { ...info.partitions[partition]!, leader: leaderId, leaderEpoch })
    topics.set(topic, { ...info, partitions })
  }
  return { ...image, topics, brokers: withEndpoints(image.brokers, news, endpoints) }
}

function isNews(image: ClusterImage, { topic, partition, leaderId, leaderEpoch }: ToldLeader): boolean {
  const known: PartitionInfo | undefined = image.topics.get(topic)?.partitions[partition]
  return known !== undefined && leaderId >= 0 && leaderEpoch > known.leaderEpoch
}

function isReachable(image: ClusterImage, nodeId: number, endpoints: readonly NodeEndpoint[]): boolean {
  return image.brokers.has(nodeId) || endpoints.some((endpoint) => endpoint.nodeId === nodeId)
}

function withEndpoints(
  known: ReadonlyMap<number, BrokerInfo>,
  news: readonly ToldLeader[],
  endpoints: readonly NodeEndpoint[],
): ReadonlyMap<number, BrokerInfo> {
  const brokers = new Map(known)
  for (const { nodeId, host, port, rack } of endpoints) {
    if (news.some((told) => told.leaderId === nodeId)) brokers.set(nodeId, { nodeId, host, port, rack })
  }
  return brokers
}
