import { kafkaError } from '../protocol/errors.ts'
import type { KafkaErrorName } from '../protocol/errors.ts'

/** So many are named in the message of the batch: a topic without keys refuses each record of it. */
const NAMED_MAX = 5

/**
 * The broker has said which records of a batch it does not take (KIP-467). It takes none of the others either: their error says because of which.
 *
 * @param detail the partition, and what the broker says of the whole
 */
export function refusedRecords(
  name: KafkaErrorName,
  detail: string,
  refused: readonly { batchIndex: number; batchIndexErrorMessage: string | null }[],
): { error: Error; culprits: ReadonlyMap<number, Error> } {
  const culprits = new Map<number, Error>()
  const named: string[] = []
  for (const { batchIndex, batchIndexErrorMessage } of refused) {
    const text = `record ${batchIndex} of the batch${batchIndexErrorMessage === null ? '' : `: ${batchIndexErrorMessage}`}`
    culprits.set(batchIndex, kafkaError(name, `${detail}; ${text}`))
    if (named.length < NAMED_MAX) named.push(text)
  }
  if (refused.length > named.length) named.push(`${refused.length - named.length} more`)
  return { error: kafkaError(name, `${detail}; nothing of its batch was written because of ${named.join('; ')}`), culprits }
}
