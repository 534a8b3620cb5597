import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { logConfig } from '../../core/log/config.ts'
import { logPools } from '../../core/log/file-pool.ts'
import { PartitionLog } from '../../core/log/partition-log.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { type ReadRecord, batchOf, marker, openLog, readAll, recordsOf } from '../support/logs.ts'

const config = {
  segmentBytes: 600,
  indexIntervalBytes: 150,
  segmentMs: 1e12,
  retentionMs: -1,
  messageTimestampAfterMaxMs: -1,
  fileDeleteDelayMs: 10,
}

type Step =
  | { kind: 'append'; records: number; timestamp: number; newEpoch: boolean }
  | { kind: 'flush' | 'clean restart' | 'crash' | 'power loss' }
  | { kind: 'truncate' | 'delete records'; share: number }
  | { kind: 'retain'; bytes: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      records: fc.integer({ min: 1, max: 6 }),
      timestamp: fc.integer({ min: 0, max: 1000 }),
      newEpoch: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'clean restart' as const, 'crash' as const, 'power loss' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('truncate' as const, 'delete records' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retain' as const), bytes: fc.integer({ min: 0, max: 3000 }) }) },
)

/** What a log is, without files: the records, the start, and which epoch began where. */
class Model {
  records: ReadRecord[] = []
  /** Last offsets of batches. */
  batches: { first: number; last: number }[] = []
  epochs: { epoch: number; startOffset: number }[] = []
  start = 0
  end = 0
  epoch = 0

  cut(end: number): void {
    this.records = this.records.filter(({ offset }) => offset < end)
    this.batches = this.batches.filter(({ first }) => first < end)
    this.epochs = this.epochs.filter(({ startOffset }) => startOffset < end)
    this.end = end
    this.start = Math.min(this.start, end)
  }
}

async function apply(step: Step, log: PartitionLog, model: Model, files: FaultyFiles, clock: ManualClock): Promise<PartitionLog> {
  switch (step.kind) {
    case 'append': {
      if (step.newEpoch) model.epoch++
      const values = Array.from({ length: step.records }, (_, i) => `value ${model.end + i}`)
      const { baseOffset, lastOffset } = log.append(batchOf(values, { timestamp: step.timestamp }), { leaderEpoch: model.epoch })
      values.forEach((value, i) => model.records.push({ offset: model.end + i, timestamp: step.timestamp + i, value }))
      if ((model.epochs.at(-1)?.epoch ?? -1) < model.epoch) model.epochs.push({ epoch: model.epoch, startOffset: model.end })
      model.batches.push({ first: baseOffset, last: lastOffset })
      model.end = lastOffset + 1
      return log
    }
    case 'flush':
      await log.flush()
      return log
    case 'clean restart': {
      await log.close()
      const { flushedOffset: recoveryPoint } = log
      return openLog({ files, clock, config, clean: true, recoveryPoint, logStartOffset: model.start })
    }
    case 'crash': {
      const { flushedOffset: recoveryPoint } = log
      log.abandon()
      return openLog({ files, clock, config, recoveryPoint, logStartOffset: model.start })
    }
    case 'power loss': {
      const { flushedOffset } = log
      // A sync may be under way for a segment that was closed: its files must not be written to after the loss.
      await log.flush().catch(() => {})
      log.abandon()
      files.powerLoss((unsynced) => unsynced >>> 1)
      const next = openLog({ files, clock, config, recoveryPoint: flushedOffset, logStartOffset: model.start })
      if (next.logEndOffset < flushedOffset) throw new Error(`lost: ${next.logEndOffset} is below ${flushedOffset}`)
      model.cut(next.logEndOffset)
      return next
    }
    case 'truncate': {
      const offset = Math.floor(model.start + step.share * (model.end - model.start))
      const end = model.batches.find(({ first, last }) => first < offset && last >= offset)?.first ?? offset
      log.truncateTo(offset)
      // What was cut off may come back after a power loss until the cut is synced.
      await log.flush()
      model.cut(end)
      return log
    }
    case 'delete records':
      model.start = log.deleteRecordsBefore(Math.floor(model.start + step.share * (model.end - model.start)))
      return log
    case 'retain': {
      log.configure({ retentionBytes: step.bytes })
      log.applyRetention(clock.now())
      log.configure({ retentionBytes: -1 })
      model.start = log.logStartOffset
      clock.advance(100)
      return log
    }
  }
}

function agree(log: PartitionLog, model: Model): void {
  const same = (a: unknown, b: unknown, what: string): void => {
    if (JSON.stringify(a) !== JSON.stringify(b))
      throw new Error(`${what}: ${JSON.stringify(a)} in the log, ${JSON.stringify(b)} in the model`)
  }
  same([log.logStartOffset, log.logEndOffset], [model.start, model.end], 'bounds')
  const visible = model.records.filter(({ offset }) => offset >= model.start)
  same(readAll(log), visible, 'records')
  for (let offset = model.start; offset < model.end; offset += 3) {
    const [first] = recordsOf(log.read(offset, 1).records).filter((record) => record.offset >= offset)
    same(first, visible[offset - model.start], `record ${offset}`)
  }
  for (const timestamp of [0, 250, 500, 900, 1100]) {
    const found = log.offsetForTimestamp(timestamp)?.offset
    same(found, visible.find((record) => record.timestamp >= timestamp)?.offset, `time ${timestamp}`)
  }
  const newest = visible.reduce<ReadRecord | undefined>(
    (best, record) => (best && best.timestamp >= record.timestamp ? best : record),
    undefined,
  )
  same(log.maxTimestamp()?.timestamp, newest?.timestamp, 'largest timestamp')
  const { epochs } = model
  epochs.forEach(({ epoch, startOffset }, i) => {
    if (startOffset < model.start) return
    same(log.endOffsetForEpoch(epoch), { leaderEpoch: epoch, endOffset: epochs[i + 1]?.startOffset ?? model.end }, `epoch ${epoch}`)
  })
}

test('a log agrees with a naive model through appends, rolls, restarts, crashes, power losses, truncation, deletion and retention', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const files = new FaultyFiles()
      const clock = new ManualClock()
      const model = new Model()
      let log = openLog({ files, clock, config })
      for (const next of steps) {
        log = await apply(next, log, model, files, clock)
        agree(log, model)
      }
      log.abandon()
    }),
    { numRuns: 200 },
  )
  t.pass()
})

test('a log that takes appends keeps its indexes when others need the memory', async (t) => {
  const files = new FaultyFiles()
  const pools = logPools(files, { indexBytesMax: 600 })
  const clock = new ManualClock()
  const config = logConfig({ indexIntervalBytes: 100, segmentBytes: 3000 })
  const open = (partition: number, recoveryPoint?: number): PartitionLog => {
    const closed = recoveryPoint === undefined ? {} : { recoveryPoint, clean: true }
    return new PartitionLog({ topic: 'topic', partition, directory: `/data/topic-${partition}`, pools, clock, config, ...closed })
  }
  let logs = [open(0), open(1)]
  const batches = (from: number): void => {
    for (let i = from; i < from + 20; i++) {
      for (const log of logs) {
        log.append(batchOf([`${i}`], { timestamp: i, producerId: 7, producerEpoch: 0, baseSequence: i, transactional: true }), {
          leaderEpoch: 0,
        })
        if (i % 10 === 5) log.appendMarker(marker(7, 0, false))
      }
    }
  }
  for (let from = 0; from < 80; from += 20) {
    batches(from)
    for (const log of logs) await log.close()
    logs = logs.map((log, partition) => open(partition, log.flushedOffset))
    for (const log of logs) log.load()
  }
  batches(80)
  for (const log of logs) {
    t.true(log.segmentCount > 2)
    t.is(readAll(log).length, 100 + 10)
    for (const timestamp of [0, 33, 79, 80, 99]) t.is(log.offsetForTimestamp(timestamp)?.timestamp, timestamp)
    t.is(log.abortedTransactions(0, log.logEndOffset).length, 10)
  }
})
