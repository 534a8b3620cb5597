import { MoldauError } from '../../base/errors.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { noSuchPartition, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { kafkaError } from '../../protocol/errors.ts'

/**
 * The leader of each partition, or why there is none to ask: the topic or the partition does not exist, or nobody leads it now (retriable).
 *
 * @param again what is known may be old
 */
export async function placeOnLeaders<Item extends TopicPartition>(
  cluster: Cluster,
  items: readonly Item[],
  again: boolean,
): Promise<Map<Item, number | MoldauError>> {
  const names = [...new Set(items.map(({ topic }) => topic))]
  const asked = again ? names : names.filter((name) => !cluster.image.topics.has(name))
  // All in one question; what is still unknown after it is waited for one by one.
  if (asked.length > 0) await cluster.refresh(asked)
  const missing = new Map<string, MoldauError>()
  await Promise.all(
    names.map(async (name) => {
      try {
        await cluster.topic(name, false)
      } catch (error) {
        if (!(error instanceof MoldauError)) throw error
        missing.set(name, notRetriable(error))
      }
    }),
  )
  return new Map(items.map((item) => [item, missing.get(item.topic) ?? leaderOf(cluster, item)]))
}

/** Whoever looked for the topic has been patient already. */
function notRetriable(error: MoldauError): MoldauError {
  return error.code === 'UNKNOWN_TOPIC' ? new MoldauError('UNKNOWN_TOPIC', error.message, { cause: error }) : error
}

function leaderOf(cluster: Cluster, tp: TopicPartition): number | MoldauError {
  const count = cluster.image.topics.get(tp.topic)?.partitions.length ?? 0
  const error = noSuchPartition(tp, count)
  if (error !== undefined) return error
  const leader = cluster.leader(tp.topic, tp.partition)
  return leader < 0 ? kafkaError('LEADER_NOT_AVAILABLE', tpKey(tp)) : leader
}
