import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import type { LogConfig } from '../../core/log/config.ts'
import { LogManager } from '../../core/log/log-manager.ts'
import type { PartitionLog } from '../../core/log/partition-log.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { DIRECTORY, batchOf, openLog, readAll } from '../support/logs.ts'
import { FaultyFiles } from '../support/faulty-files.ts'

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const NONE = -1

type Step =
  | { kind: 'append'; records: number; age: number; timed: boolean }
  | { kind: 'wait'; ms: number }
  | { kind: 'delete records'; share: number; watermark: number }
  | { kind: 'settings'; retentionMs: number; retentionBytes: number; segmentBytes: number; policy: string }
  | { kind: 'retain' | 'restart' | 'crash' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      records: fc.integer({ min: 1, max: 4 }),
      // Below 0: from the future.
      age: fc.integer({ min: -3000, max: 5000 }),
      timed: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete records' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      watermark: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('settings' as const),
      retentionMs: fc.constantFrom(NONE, 0, 1000, 3000),
      retentionBytes: fc.constantFrom(NONE, 0, 300, 1000),
      segmentBytes: fc.constantFrom(150, 400, 1000),
      policy: fc.constantFrom('delete', 'delete,compact', 'compact'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('retain' as const, 'retain' as const, 'restart' as const, 'crash' as const) }),
  },
)

interface Part {
  base: number
  end: number
  bytes: number
  newest: number
  /** Of the file. */
  modified: number
}

/** A log as a list of segments that are lists of numbers; where segments begin is the only thing it takes from the disk. */
class Model {
  parts: Part[] = [{ base: 0, end: 0, bytes: 0, newest: NONE, modified: 0 }]
  values: { offset: number; value: string }[] = []
  start = 0
  highWatermark = 0
  retentionMs = NONE
  retentionBytes = NONE
  deletes = true

  get active(): Part {
    return this.parts.at(-1)!
  }

  /** Kafka's three passes, each over the oldest segments until one is not due; the last segment only when there is something in it. */
  retain(now: number): void {
    let parts = this.parts
    const pass = (due: (part: Part, next: Part | undefined) => boolean): void => {
      while (parts.length > 0) {
        const [part, next] = parts
        const below = (next?.base ?? part!.end) <= this.highWatermark
        if (!below || (next === undefined && part!.bytes === 0) || !due(part!, next)) return
        parts = parts.slice(1)
      }
    }
    pass((_, next) => next !== undefined && next.base <= this.start)
    if (this.deletes && this.retentionBytes >= 0) {
      let excess = parts.reduce((sum, { bytes }) => sum + bytes, 0) - this.retentionBytes
      if (excess > 0)
        pass(({ bytes }) => {
          const due = excess - bytes >= 0
          if (due) excess -= bytes
          return due
        })
    }
    if (this.deletes && this.retentionMs >= 0) {
      pass(({ newest, modified }) => now - (newest >= 0 ? newest : modified) > this.retentionMs)
    }
    if (parts.length === 0) {
      const { end } = this.active
      parts = [{ base: end, end, bytes: 0, newest: NONE, modified: now }]
    }
    this.parts = parts
    this.start = Math.max(this.start, parts[0]!.base)
  }
}

function basesOnDisk(files: FaultyFiles): number[] {
  const names = files.readdir(DIRECTORY).map(({ name }) => name)
  return names
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number.parseInt(name, 10))
    .toSorted((a, b) => a - b)
}

/** A disk whose files have the time of their last change by the clock. */
class TimedFiles extends FaultyFiles {
  readonly clock: ManualClock
  readonly model: Model

  constructor(clock: ManualClock, model: Model) {
    super()
    this.clock = clock
    this.model = model
  }

  override stat(path: string): { size: number; modified: number } | undefined {
    const stat = super.stat(path)
    const base = Number.parseInt(path.slice(path.lastIndexOf('/') + 1), 10)
    const part = this.model.parts.find((one) => one.base === base)
    return stat === undefined ? undefined : { ...stat, modified: part?.modified ?? this.clock.now() }
  }
}

function agree(log: PartitionLog, model: Model, files: FaultyFiles): void {
  const bases = model.parts.map(({ base }) => base)
  const wanted = JSON.stringify([model.start, model.active.end, bases])
  const found = JSON.stringify([log.logStartOffset, log.logEndOffset, basesOnDisk(files)])
  if (found !== wanted) throw new Error(`start, end, segments are ${found}, not ${wanted}`)
  const visible = model.values.filter(({ offset }) => offset >= model.start)
  const read = readAll(log).map(({ offset, value }) => ({ offset, value }))
  if (JSON.stringify(read) !== JSON.stringify(visible)) throw new Error(`records: ${JSON.stringify(read)}, not ${JSON.stringify(visible)}`)
}

async function run(steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock()
  const model = new Model()
  const files = new TimedFiles(clock, model)
  let config: Partial<LogConfig> = {
    segmentBytes: 400,
    segmentMs: 1e12,
    messageTimestampAfterMaxMs: -1,
    retentionMs: -1,
    fileDeleteDelayMs: 500,
    indexIntervalBytes: 100,
  }
  clock.advance(100_000)
  model.active.modified = clock.now()
  let log = openLog({ files, clock, config })
  for (const next of steps) {
    switch (next.kind) {
      case 'append': {
        const timestamp = clock.now() - next.age
        const values = Array.from({ length: next.records }, (_, i) => `${model.active.end + i}`)
        const batch = next.timed ? batchOf(values, { timestamp }) : untimed(values)
        const { baseOffset, lastOffset } = log.append(batch, { leaderEpoch: 0 })
        if (basesOnDisk(files).at(-1) !== model.active.base) {
          model.parts.push({ base: baseOffset, end: baseOffset, bytes: 0, newest: NONE, modified: clock.now() })
        }
        const { active } = model
        active.bytes += batch.length
        active.end = lastOffset + 1
        active.modified = clock.now()
        if (next.timed) active.newest = Math.max(active.newest, timestamp + next.records - 1)
        for (const value of values) model.values.push({ offset: Number(value), value })
        model.highWatermark = active.end
        log.highWatermark = active.end
        break
      }
      case 'wait':
        clock.advance(next.ms)
        break
      case 'delete records': {
        const { end } = model.active
        model.highWatermark = Math.floor(model.start + next.watermark * (end - model.start))
        log.highWatermark = model.highWatermark
        const offset = Math.floor(model.start + next.share * (end - model.start))
        if (offset > model.highWatermark) {
          try {
            log.deleteRecordsBefore(offset)
          } catch {
            break
          }
          throw new Error('records above the high watermark were deleted')
        }
        model.start = Math.max(model.start, offset)
        if (log.deleteRecordsBefore(offset) !== model.start) throw new Error('another low watermark')
        break
      }
      case 'settings': {
        const { retentionMs, retentionBytes, segmentBytes, policy } = next
        Object.assign(model, { retentionMs, retentionBytes, deletes: policy.includes('delete') })
        config = { ...config, retentionMs, segmentBytes, retentionBytes, cleanupPolicy: policy }
        log.configure({ retentionMs, retentionBytes, segmentBytes, cleanupPolicy: policy })
        break
      }
      case 'retain': {
        const before = model.parts.length
        const untouched = model.parts.at(-1)!
        model.retain(clock.now())
        const gone = model.parts.includes(untouched) ? before - model.parts.length : before
        const answered = log.applyRetention(clock.now())
        if (answered !== gone) throw new Error(`${answered} segments went, not ${gone}`)
        break
      }
      case 'restart':
      case 'crash': {
        await log.flush()
        if (next.kind === 'restart') await log.close()
        else log.abandon()
        const { flushedOffset: recoveryPoint } = log
        log = openLog({ files, clock, config, clean: next.kind === 'restart', recoveryPoint, logStartOffset: model.start })
        log.highWatermark = model.highWatermark
        break
      }
    }
    agree(log, model, files)
  }
  clock.advance(1000)
  // Files are removed one after the other, none of them waited for.
  await new Promise((resolve) => setImmediate(resolve))
  if (files.paths().some((path) => path.endsWith('.deleted'))) throw new Error('files of deleted segments remain')
  log.abandon()
}

/** A batch without times, as old producers send. */
function untimed(values: readonly string[]): Buffer {
  const builder = new BatchBuilder({})
  for (const value of values) builder.append(NONE, Buffer.from('key'), Buffer.from(value))
  return builder.build()
}

test('retention and DeleteRecords agree with a naive model through settings that change, times that lie, restarts and crashes', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), run), { numRuns: 400 })
  t.pass()
})

test('segments of many partitions do not roll at once with segment.jitter.ms, and none rolls too early or too late', async (t) => {
  const clock = new ManualClock()
  const segmentMs = 10_000
  const rolledAt = async (segmentJitterMs: number): Promise<number[]> => {
    const logs = await LogManager.open({ dir: '/data', files: new FaultyFiles(), clock, config: { segmentMs, segmentJitterMs } })
    const all = Array.from({ length: 40 }, (_, partition) => logs.create('t', partition, TOPIC_ID))
    const times = all.map(() => 0)
    const begin = clock.now()
    for (; clock.now() - begin <= segmentMs + 100; clock.advance(100)) {
      for (const [i, log] of all.entries()) {
        log.append(batchOf(['v'], { timestamp: clock.now() }), { leaderEpoch: 0 })
        if (log.segmentCount > 1 && times[i] === 0) times[i] = clock.now() - begin
      }
    }
    await logs.close()
    return times
  }
  t.deepEqual(new Set(await rolledAt(0)), new Set([segmentMs + 100]))
  const spread = await rolledAt(4000)
  t.true(
    spread.every((time) => time > segmentMs - 4000 && time <= segmentMs + 100),
    `${spread.join()}`,
  )
  t.true(new Set(spread).size > 10, `${spread.join()}`)
})

test('another segment.bytes, segment.index.bytes or segment.ms counts from the next append on', (t) => {
  const clock = new ManualClock()
  const log = openLog({ files: new FaultyFiles(), clock, config: { indexIntervalBytes: 50 } })
  const append = (): number => {
    log.append(batchOf(['v'.repeat(100)], { timestamp: clock.now() }), { leaderEpoch: 0 })
    return log.segmentCount
  }
  for (let i = 0; i < 5; i++) t.is(append(), 1)
  log.configure({ segmentBytes: 400 })
  t.is(append(), 2)
  log.configure({ segmentBytes: 1e6, segmentMs: 1000 })
  t.is(append(), 2)
  clock.advance(1001)
  t.is(append(), 3)
  log.configure({ segmentMs: 1e9, segmentIndexBytes: 24 })
  // The first batch has no entry; three fit.
  t.deepEqual([append(), append(), append(), append()], [3, 3, 3, 4])
})
