import type { Logger } from '../../core/base/logger.ts'
import { type ManualClock } from '../../core/base/clock.ts'
import { type LogConfig, logConfig } from '../../core/log/config.ts'
import { logPools } from '../../core/log/file-pool.ts'
import { PartitionLog } from '../../core/log/partition-log.ts'
import { lastOffset } from '../../core/record/batch.ts'
import { BatchBuilder, type BatchIdentity } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { endTxnMarker } from '../../core/record/control.ts'
import { batches } from '../../core/record/records.ts'
import type { FaultyFiles } from './faulty-files.ts'

export const DIRECTORY = '/data/topic-0'

export interface LogFixture {
  files: FaultyFiles
  clock: ManualClock
  config?: Partial<LogConfig>
  recoveryPoint?: number
  logStartOffset?: number
  clean?: boolean
  writesSurvived?: boolean
  logger?: Logger
}

/** A log in memory. */
export function openLog({ files, config = {}, ...rest }: LogFixture): PartitionLog {
  return new PartitionLog({
    topic: 'topic',
    partition: 0,
    directory: DIRECTORY,
    pools: logPools(files),
    config: logConfig(config),
    ...rest,
  })
}

/** A batch of records with these values; record `i` has the time `timestamp + i`. */
export function batchOf(values: readonly string[], { timestamp = 0, ...identity }: BatchIdentity & { timestamp?: number } = {}): Buffer {
  const builder = new BatchBuilder({ sizeHint: 256 })
  values.forEach((value, i) => builder.append(timestamp + i, Buffer.from('key'), Buffer.from(value)))
  return builder.build(identity)
}

export function marker(producerId: number, producerEpoch: number, commit: boolean, coordinatorEpoch = 0): Buffer {
  return endTxnMarker({ producerId, producerEpoch, coordinatorEpoch, commit, timestamp: 1 })
}

export interface ReadRecord {
  offset: number
  timestamp: number
  value: string
}

/** The records of whole batches. */
export function recordsOf(buf: Buffer): ReadRecord[] {
  const records: ReadRecord[] = []
  for (const at of batches(buf)) {
    const columns = decodeBatch(buf, at)
    for (let i = 0; i < columns.count; i++) {
      records.push({ offset: columns.offset(i), timestamp: columns.timestamp(i), value: String(columns.value(i)) })
    }
  }
  return records
}

/** Reads from `from` to the end in steps of `maxBytes`, as a consumer does: what lies below `from` in the first batch is left out. */
export function readAll(log: PartitionLog, from = log.logStartOffset, maxBytes = 300, upTo = log.logEndOffset): ReadRecord[] {
  const all: ReadRecord[] = []
  for (let offset = from; offset < upTo;) {
    const { records } = log.read(offset, maxBytes, upTo)
    if (records.length === 0) break
    let next = offset
    for (const at of batches(records)) next = lastOffset(records, at) + 1
    all.push(...recordsOf(records).filter((record) => record.offset >= from))
    if (next <= offset) throw new Error(`no progress at ${offset}`)
    offset = next
  }
  return all
}
