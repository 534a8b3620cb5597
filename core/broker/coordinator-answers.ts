import { errorCode, KafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import type { TopicPartition } from '../coordinator/partition-writer.ts'
import type { Caller } from '../coordinator/callers.ts'
import type { RequestContext } from './handler.ts'
import { remoteParts } from './remote.ts'
import type { BrokerServices } from './services.ts'

/** What handlers of groups and transactions share. */

/** Nobody asked what may be done. */
export const NOT_ASKED = -0x8000_0000

/** How group descriptions show where a member is: `/127.0.0.1`. */
export function hostOf(remote: string): string {
  return `/${remoteParts(remote).address}`
}

/** Who asks, as transactions tell clients apart. */
export function callerOf({ clientId, remote, connection }: RequestContext): Caller {
  return { client: `${clientId ?? ''}${hostOf(remote)}`, connection: connection.number }
}

/** The name of a protocol error that was thrown; anything else is a failure of the whole call. */
export function nameOf(error: unknown): KafkaErrorName {
  if (error instanceof KafkaError) return error.kafkaCode
  throw error
}

/** Runs a call that answers an error per item; an error for all of them is given to each. */
export async function errorsFor(
  items: readonly unknown[],
  run: () => KafkaErrorName[] | Promise<KafkaErrorName[]>,
): Promise<KafkaErrorName[]> {
  try {
    return await run()
  } catch (error) {
    const name = nameOf(error)
    return items.map(() => name)
  }
}

export function exists(broker: BrokerServices, { topic, partition }: TopicPartition): boolean {
  return broker.replicas.partition(topic, partition) !== undefined
}

/** Before version 2 of the calls of a transaction, clients know only the older of the two errors that fence (KIP-588). */
export function fencedAs(error: KafkaErrorName, knowsProducerFenced: boolean): number {
  return errorCode(error === 'PRODUCER_FENCED' && !knowsProducerFenced ? 'INVALID_PRODUCER_EPOCH' : error)
}

/** Clients that do not know TRANSACTION_ABORTABLE yet (KIP-890 part 1) are told the error that there was before. */
export function abortableAs(error: KafkaErrorName, knowsAbortable: boolean): KafkaErrorName {
  return error === 'TRANSACTION_ABORTABLE' && !knowsAbortable ? 'INVALID_TXN_STATE' : error
}

/** Puts items of one topic that follow each other under that topic, as responses have them. */
export function byTopic<Item extends { topic: string }, Answer>(
  items: readonly Item[],
  answer: (item: Item) => Answer,
): { topic: string; partitions: Answer[] }[] {
  const topics: { topic: string; partitions: Answer[] }[] = []
  for (const item of items) {
    let last = topics.at(-1)
    if (last?.topic !== item.topic) topics.push((last = { topic: item.topic, partitions: [] }))
    last.partitions.push(answer(item))
  }
  return topics
}
