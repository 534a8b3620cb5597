import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import type { PartitionLog } from '../../core/log/partition-log.ts'
import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { batches } from '../../core/record/records.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { DIRECTORY, openLog, recordsOf } from '../support/logs.ts'

/** A batch as compaction leaves it: offsets missing before it, inside it, at its end, or all of them. */
interface Shape {
  /** Offsets missing before it. */
  gap: number
  /** Deltas of the records that are left. */
  deltas: number[]
  /** Offsets missing behind its last record, which it still speaks for. */
  rest: number
  times: number[]
  bytes: number
}

const shape: fc.Arbitrary<Shape> = fc.record({
  gap: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 9 }) }),
  deltas: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }).map((all) => all.toSorted((a, b) => a - b)),
  rest: fc.integer({ min: 0, max: 3 }),
  times: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 4, maxLength: 4 }),
  bytes: fc.constantFrom(1, 40, 400, 9000),
})

const layout = fc.record({
  base: fc.constantFrom(0, 5, 2 ** 32 - 7, 2 ** 40),
  /** So far behind the first batch of a segment stands the second: a relative offset beyond 2^30. */
  far: fc.constantFrom(0, 2 ** 31 - 1000),
  segments: fc.array(fc.array(shape, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
})

interface Known {
  first: number
  last: number
  bytes: Buffer
}

function bytesOf({ deltas, rest, times, bytes }: Shape, baseOffset: number): Buffer {
  const builder = new BatchBuilder({})
  deltas.forEach((delta, i) => builder.appendAt(delta, times[i]!, Buffer.from('key'), Buffer.alloc(bytes, delta)))
  if (deltas.length === 0) builder.append(times[0]!, null, null)
  let built = Buffer.from(builder.build())
  if (deltas.length === 0) {
    built = built.subarray(0, batch.BATCH_OVERHEAD)
    built.writeInt32BE(batch.BATCH_OVERHEAD - batch.LOG_OVERHEAD, batch.BatchField.length)
    built.writeInt32BE(0, batch.BatchField.recordCount)
  }
  built.writeInt32BE((deltas.at(-1) ?? 0) + rest, batch.BatchField.lastOffsetDelta)
  batch.setBaseOffset(built, 0, baseOffset)
  batch.setLeaderEpoch(built, 0, 0)
  batch.sealBatch(built, 0)
  return built
}

/** Writes the segments by hand. */
function write(files: FaultyFiles, { base, far, segments }: { base: number; far: number; segments: Shape[][] }): Known[] {
  files.mkdir(DIRECTORY)
  const all: Known[] = []
  let next = base
  for (const shapes of segments) {
    const inSegment: Known[] = []
    const start = next
    for (const [i, one] of shapes.entries()) {
      const first = next + one.gap + (i === 1 ? far : 0)
      const bytes = bytesOf(one, first)
      inSegment.push({ first, last: batch.lastOffset(bytes, 0), bytes })
      next = batch.nextOffset(bytes, 0)
    }
    files.writeFile(`${DIRECTORY}/${String(start).padStart(20, '0')}.log`, Buffer.concat(inSegment.map(({ bytes }) => bytes)))
    all.push(...inSegment)
  }
  return all
}

function agree(log: PartitionLog, known: readonly Known[], files: FaultyFiles): void {
  const end = known.at(-1)!.last + 1
  if (log.logEndOffset !== end) throw new Error(`ends at ${log.logEndOffset}, not ${end}`)
  const start = log.logStartOffset
  const near = new Set<number>()
  for (const { first, last } of known) for (const at of [first - 1, first, first + 1, last, last + 1]) near.add(at)
  const asked = [...near].filter((offset) => offset >= start && offset <= end)
  const tops = [end, ...asked.filter((_, i) => i % 5 === 0)]
  for (const offset of asked) {
    for (const upTo of tops) {
      for (const maxBytes of [1, 300, 10_000, 1e6]) {
        const wanted = known.filter(({ first, last }) => last >= offset && (last < upTo || upTo === end) && first < upTo)
        const { records } = log.read(offset, maxBytes, upTo)
        const what = `read ${offset} up to ${upTo}, ${maxBytes} bytes`
        const found = [...batches(records)].map((at) => records.subarray(at, at + batch.sizeInBytes(records, at)))
        // A batch that reaches the limit ends the read, also when smaller ones stand behind it.
        if (found.length === 0 && offset < upTo && wanted.length > 0) throw new Error(`${what}: nothing`)
        found.forEach((bytes, i) => {
          if (wanted[i] === undefined || !bytes.equals(wanted[i].bytes)) throw new Error(`${what}: batch ${i} is another one`)
        })
        if (found.length > 1 && records.length > maxBytes) throw new Error(`${what}: ${records.length} bytes`)
      }
    }
  }
  const records = known.flatMap(({ bytes }) => recordsOf(bytes))
  for (let time = 0; time <= 41; time += 3) {
    const wanted = records.find(({ timestamp }) => timestamp >= time)?.offset
    const found = log.offsetForTimestamp(time)?.offset
    if (found !== wanted) throw new Error(`time ${time}: ${found}, not ${wanted}`)
  }
  const newest = records.reduce((most, { timestamp }) => Math.max(most, timestamp), -1)
  if ((log.maxTimestamp()?.timestamp ?? -1) !== newest) throw new Error(`newest time is not ${newest}`)
  if (files.descriptors > 60) throw new Error('descriptors')
}

test('every offset, also one in a hole, is read and found by time as a naive model has it: cold, checked, and with indexes made again', async (t) => {
  await fc.assert(
    fc.asyncProperty(layout, async (shape) => {
      const files = new FaultyFiles()
      const known = write(files, shape)
      const clock = new ManualClock()
      const config = { cleanupPolicy: 'compact', indexIntervalBytes: 300, messageTimestampAfterMaxMs: -1 }
      const recoveryPoint = known.at(-1)!.last + 1
      // The checks made anew, then the same files closed in order and cold, read once unchecked and once more.
      let log = openLog({ files, clock, config, recoveryPoint, logStartOffset: shape.base })
      agree(log, known, files)
      await log.close()
      for (const damaged of [false, true]) {
        const disk = files.copy()
        if (damaged) for (const path of disk.paths()) if (path.endsWith('index')) disk.unlink(path)
        log = openLog({ files: disk, clock, config, clean: true, recoveryPoint, logStartOffset: shape.base })
        agree(log, known, disk)
        agree(log, known, disk)
        log.abandon()
      }
    }),
    { numRuns: 60 },
  )
  t.pass()
})
