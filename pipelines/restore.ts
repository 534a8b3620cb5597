import { MoldauError } from '../core/base/errors.ts'
import type { TopicPartition } from '../core/client/types.ts'
import type { RecordColumns } from '../core/record/columns.ts'
import type { Settings } from './options.ts'
import { keyOf } from './slices.ts'

/** How long reading a topic to its end may go without a step forward, in milliseconds: longer than any transaction may stay open. */
const STALLED_MS = 120_000

export type ChangelogBatch = TopicPartition & { readonly columns: RecordColumns; readonly from: number; readonly count: number }

/**
 * Reads partitions from their beginning, or from an offset, to where they end now, committed records only; waits for transactions that are
 * still being decided. Used for changelogs and for positions.
 */
export async function readToEnd(
  settings: Settings,
  partitions: readonly (TopicPartition & { readonly offset?: number | undefined })[],
  take: (batch: ChangelogBatch) => void,
): Promise<void> {
  if (partitions.length === 0) return
  const { client, clock } = settings
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest', maxPollRecords: 10_000 })
  try {
    const begins = await consumer.beginningOffsets(partitions)
    for (const { offset, ...partition } of partitions) {
      const key = keyOf(partition)
      if (offset !== undefined) begins.set(key, Math.max(offset, begins.get(key)!))
    }
    const ends = await endOffsets(settings, partitions)
    const open = new Map(partitions.map((partition) => [keyOf(partition), partition]))
    for (const [key] of open) if (ends.get(key)! <= begins.get(key)!) open.delete(key)
    if (open.size === 0) return
    consumer.assign([...open].map(([key, { topic, partition }]) => ({ topic, partition, offset: begins.get(key)! })))
    let moved = clock.monotonic()
    while (open.size > 0) {
      const batches = await consumer.poll(100)
      for (const batch of batches) take(batch)
      if (batches.length > 0) moved = clock.monotonic()
      for (const [key, partition] of open) if ((consumer.position(partition) ?? 0) >= ends.get(key)!) open.delete(key)
      if (clock.monotonic() - moved > STALLED_MS) throw stalled([...open.keys()])
    }
  } finally {
    await consumer.close()
  }
}

/** Where the logs end, open transactions included: what has begun by now is waited for. */
export async function endOffsets({ client }: Settings, partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const }))
  const answers = await client.admin.listOffsets(asked)
  return new Map(partitions.map((partition, i) => [keyOf(partition), answers[i]!.offset]))
}

function stalled(partitions: readonly string[]): MoldauError {
  return new MoldauError(
    'TIMEOUT',
    `reading ${partitions.join(', ')} to the end has come no further for ${STALLED_MS / 1000} s; is a transaction open on it, or its leader away?`,
    { retriable: true },
  )
}
