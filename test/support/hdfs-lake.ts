import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { hdfs, type HdfsOptions } from '../../connectors/hdfs/index.ts'
import type { KafkaPosition, PartitionSink } from '../../connectors/types.ts'
import { numberedBatch, sinkContext, type KitContext } from './ledger-kit.ts'
import { lakeDirectory } from './ledger-lake.ts'

/** A folder for each day. */
export const byDay: Partial<HdfsOptions> = { partitionBy: { time: "'dt='yyyy-MM-dd" } }

/** The sink of one partition, and where it writes. */
export interface Lake {
  readonly directory: string
  readonly context: KitContext
  readonly sink: PartitionSink
}

/** A new instance on this directory; {@link PartitionSink.recover} is the caller's. */
export async function lake(
  t: ExecutionContext,
  options: Partial<HdfsOptions> = byDay,
  context = sinkContext(),
  directory = lakeDirectory(t),
): Promise<Lake> {
  const open = await hdfs({ url: directory, ...options }).open(context)
  return { directory, context, sink: open.partition('flights', 0) }
}

/** A lake of two commits of ten records, over two days. */
export async function written(t: ExecutionContext): Promise<Lake> {
  const made = await lake(t)
  await made.sink.recover!()
  for (const from of [230, 240]) {
    if (from === 230) await made.sink.write(numberedBatch('flights', 0, 0, 230))
    await made.sink.write(numberedBatch('flights', 0, from, from + 10))
    await made.sink.commit(at(from + 10))
  }
  await made.sink.close()
  return made
}

export function at(offset: number): KafkaPosition {
  return { offset, leaderEpoch: 0 }
}

/** The ledger of the partition, in order. */
export function entriesOf(
  directory: string,
): { from: string; next: string; kind: string; records: number; filtered: number; gaps: unknown[]; files: unknown[] }[] {
  const ledger = join(directory, '_moldau/archive/flights/0/ledger')
  return readdirSync(ledger)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(ledger, name), 'utf8')) as never)
}
