import { ManualClock } from '../../core/base/clock.ts'
import { systemRandom, type RandomBytes } from '../../core/base/uuid.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { avro } from '../../core/serde/avro.ts'
import type { ReportedPosition, SinkBatch, SinkContext, SourcePartition, ValueSerde } from '../../connectors/types.ts'
import { seededNumbers } from './seeded-numbers.ts'

/** The numbered records that tests of sinks write and audit. */
export interface Numbered {
  n: number
  text: string
}

export const numbered = avro<Numbered>({
  type: 'record',
  name: 'Numbered',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'text', type: 'string' },
  ],
})

export interface KitRecord {
  offset: number
  timestamp: number
  value: Buffer | null
}

export const DAY = 86_400_000
export const START = Date.UTC(2001, 0, 1)

/** Record `offset` of a topic in which each hour has ten records. */
export function numberedRecord(offset: number): KitRecord {
  return { offset, timestamp: START + offset * 360_000, value: numbered.serialize({ n: offset, text: `record ${offset}` }) }
}

/** A batch as the consumer hands it out. */
export function batchOf(topic: string, partition: number, records: readonly KitRecord[], nextOffset?: number): SinkBatch {
  const builder = new BatchBuilder({ compression: 'none' })
  const base = records[0]!.offset
  for (const { offset, timestamp, value } of records) builder.appendAt(offset - base, timestamp, null, value)
  const columns = decodeBatch(Buffer.from(builder.build({ baseOffset: base, leaderEpoch: 0 })), 0)
  return { topic, partition, columns, from: 0, count: columns.count, nextOffset: nextOffset ?? records.at(-1)!.offset + 1, leaderEpoch: 0 }
}

export function numberedBatch(topic: string, partition: number, from: number, next: number): SinkBatch {
  return batchOf(
    topic,
    partition,
    Array.from({ length: next - from }, (_, i) => numberedRecord(from + i)),
    next,
  )
}

/** Random bytes that are the same for the same seed. */
export function seededRandom(seed: number): RandomBytes {
  const next = seededNumbers(seed)
  return (buffer) => {
    for (let i = 0; i < buffer.length; i++) buffer[i] = next() * 256
    return buffer
  }
}

export interface KitContext extends SinkContext {
  readonly clock: ManualClock
  /** What the consumer group was told, by topic-partition. */
  readonly reports: Map<string, ReportedPosition>
  source: SourcePartition
}

/** What a pipeline gives a sink, with a topic of `logEndOffset` records behind it. */
export function sinkContext(overrides: Partial<SinkContext> & { logEndOffset?: number; serde?: ValueSerde } = {}): KitContext {
  const reports = new Map<string, ReportedPosition>()
  const context: KitContext = {
    clusterId: 'cluster-a',
    pipeline: 'archive',
    clock: new ManualClock(),
    random: systemRandom,
    startAt: 'earliest',
    reports,
    source: { topicId: 'topic-id-000000000000A', logStartOffset: 0, logEndOffset: overrides.logEndOffset ?? 1_000_000 },
    valueSerde: () => overrides.serde ?? numbered,
    sourcePartition: () => Promise.resolve(context.source),
    report: (position) => void reports.set(`${position.topic}-${position.partition}`, position),
    reported: (topic, partition) => Promise.resolve(reports.get(`${topic}-${partition}`)),
    ...(overrides as object),
  }
  return context
}
