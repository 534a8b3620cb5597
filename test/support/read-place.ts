import { AbortedTransactions } from '../../core/client/aborted-transactions.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { isControl, nextOffset } from '../../core/record/batch.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { batches } from '../../core/record/records.ts'
import { fetchFrom } from './wire.ts'

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly isCommitted: boolean
  /** Told what cannot be read. */
  readonly fault: (what: string) => void
  /** What is kept of a value; default all of it. */
  readonly text?: (value: Buffer | null) => string
}

/** Reads a partition to its end, in the eyes of one isolation level, as `offset:value`; markers are left out. */
export async function readPlace(channel: Channel, { topic, partition, isCommitted, fault, text = String }: Place): Promise<string[]> {
  const lines: string[] = []
  // Answered when all that is there has been synced, and can be seen.
  const { topics } = await channel.request(ListOffsets, 7, {
    replicaId: -1,
    isolationLevel: isCommitted ? 1 : 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
  })
  const end = topics[0]!.partitions[0]!.offset
  for (let from = 0; from < end;) {
    const fetched = await fetchFrom(channel, topic, from, { partition, maxWaitMs: 5, committed: isCommitted })
    if (fetched.errorCode !== 0) fault(`${topic}-${partition} at ${from}: ${errorName(fetched.errorCode)}`)
    const records = fetched.records ?? Buffer.alloc(0)
    if (records.length === 0) {
      fault(`${topic}-${partition}: nothing to read at ${from} of ${end}`)
      return lines
    }
    const aborted = new AbortedTransactions(fetched.abortedTransactions ?? [])
    for (const at of batches(records)) {
      from = nextOffset(records, at)
      const columns = decodeBatch(records, at)
      // Asked for every batch, in order: markers end what is aborted.
      if (aborted.includes(records, at) || isControl(records, at)) continue
      for (let i = 0; i < columns.count; i++) lines.push(`${columns.offset(i)}:${text(columns.value(i))}`)
    }
  }
  return lines
}
