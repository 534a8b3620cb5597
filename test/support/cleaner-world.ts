import { ManualClock } from '../../core/base/clock.ts'
import { type Logger, silentLogger } from '../../core/base/logger.ts'
import { LogCleaner, type CleanedLog } from '../../core/log/cleaner/cleaner.ts'
import { type CleanerConfig, cleanerConfig } from '../../core/log/cleaner/config.ts'
import type { LogConfig } from '../../core/log/config.ts'
import type { PartitionLog } from '../../core/log/partition-log.ts'
import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import type { CompressionName } from '../../core/record/compression-names.ts'
import { batches } from '../../core/record/records.ts'
import { FaultyFiles } from './faulty-files.ts'
import { marker, openLog } from './logs.ts'

export const DELETE_RETENTION_MS = 1000
export const CHECKPOINT = '/data/cleaner-offset-checkpoint'
const settings: Partial<LogConfig> = {
  segmentBytes: 600,
  indexIntervalBytes: 150,
  cleanupPolicy: 'compact',
  minCleanableDirtyRatio: 0,
  deleteRetentionMs: DELETE_RETENTION_MS,
  fileDeleteDelayMs: 10,
  messageTimestampAfterMaxMs: -1,
}

interface Found {
  key: string
  value: string | null
  timestamp: number
}

interface Sent extends Found {
  /** The transaction it belongs to. */
  txn: { state: 'open' | 'committed' | 'aborted' } | undefined
}

export const random = (buffer: Buffer): Buffer => {
  for (let i = 0; i < buffer.length; i++) buffer[i] = i * 37 + 11
  return buffer
}

/** A log on a disk that fails, with a cleaner, and what was written to it. */
export class World {
  files = new FaultyFiles()
  readonly clock = new ManualClock()
  readonly config: Partial<LogConfig>
  readonly cleanerSettings: Partial<CleanerConfig>
  readonly sent = new Map<number, Sent>()
  /** Sequence, epoch and transaction of the producers by id. */
  readonly producers = new Map<number, { next: number; txn: Sent['txn']; lastOffset: number }>()
  readonly cleanings: CleanedLog[] = []
  readonly errors: object[] = []
  log: PartitionLog
  cleaner: LogCleaner

  constructor(config: Partial<LogConfig> = {}, cleanerSettings: Partial<CleanerConfig> = {}) {
    this.config = { ...settings, ...config }
    this.cleanerSettings = cleanerSettings
    this.files.mkdir('/data')
    this.log = this.open()
    this.cleaner = this.newCleaner()
  }

  open(hints: { clean?: boolean; recoveryPoint?: number } = {}): PartitionLog {
    return openLog({ files: this.files, clock: this.clock, config: this.config, ...hints })
  }

  newCleaner(): LogCleaner {
    const logger: Logger = { ...silentLogger, error: (fields: object) => void this.errors.push(fields) }
    const cleaner = new LogCleaner({
      dir: '/data',
      config: cleanerConfig(this.cleanerSettings),
      files: this.files,
      clock: this.clock,
      logger,
      random,
      logs: () => [this.log],
      checkpoint: () => Promise.resolve(),
    })
    cleaner.onCleaned = (cleaned) => void this.cleanings.push(cleaned)
    return cleaner
  }

  /** The process ends here; what the disk has decides. */
  reopen(how: 'close' | 'kill' | 'power' | 'power, names kept', recoveryPoint = how === 'close' ? undefined : 0): void {
    if (how !== 'close') this.log.abandon()
    if (how === 'power') this.files.powerLoss()
    if (how === 'power, names kept') this.files.powerLoss(() => 0, true)
    this.files.fault = () => undefined
    this.log = this.open(how === 'close' ? { clean: true, recoveryPoint: this.log.flushedOffset } : { recoveryPoint: recoveryPoint! })
    this.cleaner = this.newCleaner()
    const end = this.log.logEndOffset
    for (const offset of this.sent.keys()) if (offset >= end) this.sent.delete(offset)
  }

  send(records: readonly [string, string | null][], producerId = -1, txn = false, compression: CompressionName = 'none'): void {
    const timestamp = this.clock.now()
    const builder = new BatchBuilder({ compression })
    for (const [i, [key, value]] of records.entries())
      builder.append(timestamp + i, Buffer.from(key), value === null ? null : Buffer.from(value))
    const producer = this.producers.get(producerId) ?? { next: 0, txn: undefined, lastOffset: -1 }
    if (txn) producer.txn ??= { state: 'open' }
    const identity = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: producer.next, transactional: txn }
    const { baseOffset, lastOffset } = this.log.append(builder.build(identity), { leaderEpoch: 0 })
    for (const [i, [key, value]] of records.entries()) {
      this.sent.set(baseOffset + i, { key, value, timestamp: timestamp + i, txn: txn ? producer.txn : undefined })
    }
    if (producerId < 0) return
    producer.next += records.length
    producer.lastOffset = lastOffset
    this.producers.set(producerId, producer)
  }

  end(producerId: number, commit: boolean): void {
    const producer = this.producers.get(producerId)
    if (producer?.txn === undefined) return
    this.log.appendMarker(marker(producerId, 0, commit), 0)
    producer.txn.state = commit ? 'committed' : 'aborted'
    producer.txn = undefined
  }

  /** What a consumer of committed records sees, from the beginning. */
  committed(): Map<number, Found> {
    const found = new Map<number, Found>()
    const upTo = this.log.lastStableOffset
    const aborted = new Set<number>()
    for (let offset = this.log.logStartOffset; offset < upTo;) {
      const { records } = this.log.read(offset, 400, upTo)
      if (records.length === 0) throw new Error(`nothing to read at ${offset}, the end is ${upTo}`)
      const begun = offset
      const list = [...batches(records)]
      const end = batch.nextOffset(records, list.at(-1)!)
      const pending = this.log.abortedTransactions(offset, end).sort((a, b) => a.firstOffset - b.firstOffset)
      for (const at of list) {
        const producerId = batch.producerId(records, at)
        while (pending.length > 0 && pending[0]!.firstOffset <= batch.lastOffset(records, at)) aborted.add(pending.shift()!.producerId)
        offset = batch.nextOffset(records, at)
        if (batch.isControl(records, at)) {
          aborted.delete(producerId)
          continue
        }
        if (batch.isTransactional(records, at) && aborted.has(producerId)) continue
        const columns = decodeBatch(records, at)
        for (let i = 0; i < columns.count; i++) {
          const value = columns.value(i)
          if (columns.offset(i) < begun) continue
          found.set(columns.offset(i), {
            key: String(columns.key(i)),
            value: value === null ? null : String(value),
            timestamp: columns.timestamp(i),
          })
        }
      }
    }
    return found
  }

  /** Compares what can be read with what was sent. */
  problems(): string[] {
    const problems: string[] = []
    const upTo = this.log.lastStableOffset
    const found = this.committed()
    const newest = new Map<string, number>()
    for (const [offset, { key, txn }] of this.sent) {
      if (offset < upTo && (txn === undefined || txn.state === 'committed')) newest.set(key, Math.max(newest.get(key) ?? -1, offset))
    }
    let previous = -1
    const seen = new Map<string, number>()
    for (const [offset, record] of found) {
      if (offset <= previous) problems.push(`offset ${offset} after ${previous}`)
      previous = offset
      seen.set(record.key, offset)
      const was = this.sent.get(offset)
      if (was === undefined || was.key !== record.key || was.value !== record.value || was.timestamp !== record.timestamp) {
        problems.push(`offset ${offset} is ${JSON.stringify(record)}, it was ${JSON.stringify(was)}`)
      } else if (was.txn !== undefined && was.txn.state !== 'committed')
        problems.push(`offset ${offset} is of a transaction that is ${was.txn.state}`)
    }
    for (const [key, offset] of newest) {
      if (seen.get(key) === offset) continue
      const isTombstone = this.sent.get(offset)!.value === null
      if (!isTombstone || seen.has(key)) problems.push(`${key} is at ${seen.get(key)}, its newest record is at ${offset}`)
    }
    const { active } = this.log.load().segments
    for (const [offset, { txn }] of this.sent) {
      if (offset < active.baseOffset || offset >= upTo || (txn !== undefined && txn.state !== 'committed')) continue
      if (!found.has(offset)) problems.push(`offset ${offset} was taken from the active segment`)
    }
    for (const entry of this.log.ongoingTransactions) {
      if (this.producers.get(entry.producerId)?.txn === undefined)
        problems.push(`producer ${entry.producerId} has a transaction that nobody began`)
    }
    for (const [timestamp] of [[0], [this.clock.now() - 50]] as const) {
      const naive = [...found].find(([, record]) => record.timestamp >= timestamp)
      const answer = this.log.offsetForTimestamp(timestamp)
      if (naive !== undefined && (answer === undefined || answer.offset > naive[0]))
        problems.push(`time ${timestamp} is at ${answer?.offset}, not ${naive[0]}`)
    }
    return problems
  }

  /** The producers as the log knows them, whatever the last offset that the model knows was kept. */
  sequences(): string[] {
    const wrong: string[] = []
    const known = new Map(Array.from(this.log.producers, (entry) => [entry.producerId, entry.batches.at(-1)?.lastSequence]))
    for (const [producerId, { next, lastOffset }] of this.producers) {
      if (lastOffset < this.log.logEndOffset && known.get(producerId) !== next - 1)
        wrong.push(`${producerId}: ${known.get(producerId)}, ${next - 1} was sent`)
    }
    return wrong
  }

  noIndexes(): void {
    for (const path of this.files.paths()) if (/\.(index|timeindex|txnindex|snapshot)$/.test(path)) this.files.unlink(path)
  }
}

/** Upserts, tombstones, and transactions of both ends, over several segments. */
export function fill(world: World, rounds: number, from = 0): void {
  for (let i = from; i < from + rounds; i++) {
    world.send([
      [`k${i % 7}`, `value ${i}`],
      [`only${i % 11}`, i % 5 === 0 ? null : `v${i}`],
    ])
    world.send([[`t${i % 3}`, `txn ${i}`]], 1, true, (['none', 'zstd', 'lz4'] as const)[i % 3]!)
    world.send(
      [
        [`i${i % 4}`, `idempotent ${i}`],
        ['same', `${i}`],
      ],
      2,
    )
    world.send([[`k${i % 7}`, `t ${i}`]], 1, true)
    world.end(1, i % 3 !== 1)
    if (i === from) world.send([['once', 'x']], 3)
    world.clock.advance(7)
  }
}
