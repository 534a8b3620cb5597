import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { logConfig } from '../../core/log/config.ts'
import { logPools } from '../../core/log/file-pool.ts'
import { PartitionLog } from '../../core/log/partition-log.ts'
import { encodeSnapshot } from '../../core/log/producer-snapshot.ts'
import { VerifiedRange } from '../../core/log/verified-range.ts'
import { BATCH_OVERHEAD, baseOffset, nextOffset } from '../../core/record/batch.ts'
import { batches } from '../../core/record/records.ts'
import { batchOf } from '../support/logs.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { SparseFiles } from '../support/sparse-files.ts'

const DIRECTORY = '/data/huge-0'
const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
/** Read at most to find the batch behind an index entry. */
const WALK_BYTES = 8 * KIB

/** A batch of 16 KiB with four records. */
const batch = batchOf(Array.from({ length: 4 }, () => 'x'.repeat(4 * KIB - 30)))

/** A log of that size in segments of half a GiB, closed in order, of which nothing has been read yet. */
function hugeLog(bytes: number): { files: SparseFiles; log: PartitionLog } {
  const segments = Math.ceil(bytes / (GIB / 2))
  const files = new SparseFiles({ directory: DIRECTORY, segments, batchesPerSegment: GIB / 2 / (16 * KIB), batch })
  files.writeFile(`${DIRECTORY}/leader-epoch-checkpoint`, '0\n1\n0 0\n')
  files.writeFile(`${DIRECTORY}/${String(files.endOffset).padStart(20, '0')}.snapshot`, encodeSnapshot([]))
  const clock = new ManualClock()
  const config = logConfig({ retentionMs: -1, retentionBytes: -1 })
  const options = { topic: 'huge', partition: 0, directory: DIRECTORY, pools: logPools(files), clock, config, clean: true }
  const log = new PartitionLog({ ...options, recoveryPoint: files.endOffset })
  log.load()
  return { files, log }
}

interface Counts {
  logReads: number
  logBytes: number
  indexReads: number
  indexBytes: number
}

function countsOf(files: SparseFiles, run: () => void): Counts {
  const { logReads, logBytes, indexReads, indexBytes } = files
  run()
  return {
    logReads: files.logReads - logReads,
    logBytes: files.logBytes - logBytes,
    indexReads: files.indexReads - indexReads,
    indexBytes: files.indexBytes - indexBytes,
  }
}

/** Reads once; answers where the next read begins. */
function readOnce(log: PartitionLog, offset: number, maxBytes: number): number {
  const { records } = log.read(offset, maxBytes)
  let next = offset
  for (const at of batches(records)) {
    if (baseOffset(records, at) > next) throw new Error(`${next} is missing`)
    next = nextOffset(records, at)
  }
  if (next <= offset) throw new Error(`nothing at ${offset}`)
  return next
}

/** Medians over what is done once each in logs that nobody has read before. */
function medians(
  bytes: number,
  rounds: number,
  run: (log: PartitionLog, share: number) => void,
  warm?: (log: PartitionLog) => void,
): Counts {
  const random = seededNumbers(5)
  const { files, log } = hugeLog(bytes)
  warm?.(log)
  const all = Array.from({ length: rounds }, () => {
    const share = random()
    if (warm !== undefined) return countsOf(files, () => run(log, share))
    const fresh = hugeLog(bytes)
    return countsOf(fresh.files, () => run(fresh.log, share))
  })
  const middle = (pick: (counts: Counts) => number): number => all.map(pick).toSorted((a, b) => a - b)[rounds >> 1]!
  return {
    logReads: middle(({ logReads }) => logReads),
    logBytes: middle(({ logBytes }) => logBytes),
    indexReads: middle(({ indexReads }) => indexReads),
    indexBytes: middle(({ indexBytes }) => indexBytes),
  }
}

/** An offset of a segment that takes no appends. */
function closedOffset(log: PartitionLog, share: number): number {
  return Math.floor(share * (log.logEndOffset - 2 ** 17))
}

test('a read of any offset costs the same in 100 GiB as in one: two reads of the file, and a page of the index per step', (t) => {
  const read = (log: PartitionLog, share: number): void => void readOnce(log, closedOffset(log, share), MIB)
  const [small, large] = [medians(GIB, 25, read), medians(100 * GIB, 25, read)]
  t.is(large.logReads, small.logReads)
  t.is(large.logReads, 2)
  t.true(large.logBytes <= MIB + BATCH_OVERHEAD + WALK_BYTES, `${large.logBytes} bytes`)
  t.true(Math.abs(large.logBytes - small.logBytes) <= 16 * KIB)
  t.true(Math.abs(large.indexReads - small.indexReads) <= 1, `${small.indexReads} and ${large.indexReads}`)
  t.true(large.indexReads <= 12, `${large.indexReads} pages`)
  t.true(large.indexBytes <= 12 * 512 * 12)
  t.log('a read of 1 MiB anywhere, in 1 GiB and in 100 GiB', small, large)
})

test('a look-up by time costs the same in 100 GiB as in one, once the newest time of each segment is known', (t) => {
  const find = (log: PartitionLog, share: number): void => {
    const wanted = Math.floor(share * (log.logEndOffset / 4 - 2 ** 15)) * 1000 - 1
    if (log.offsetForTimestamp(wanted)?.timestamp !== wanted + 1) throw new Error('not the first record of that time')
  }
  const warm = (log: PartitionLog): void => void log.offsetForTimestamp(Number.MAX_SAFE_INTEGER)
  const [small, large] = [medians(GIB, 41, find, warm), medians(100 * GIB, 41, find, warm)]
  t.is(large.logReads, small.logReads)
  t.true(large.logReads <= 6, `${large.logReads}`)
  t.true(large.logBytes <= 16 * KIB + 3 * WALK_BYTES + 2 * BATCH_OVERHEAD, `${large.logBytes} bytes`)
  // In the small log the pages of the one index are in memory soon.
  t.true(large.indexReads <= 20, `${large.indexReads}`)
  t.log('a look-up by time, in 1 GiB and in 100 GiB', small, large)
})

test('reading in order is one read of the file per fetch, checked or not, in both sizes', (t) => {
  for (const bytes of [GIB, 100 * GIB]) {
    const { files, log } = hugeLog(bytes)
    let offset = readOnce(log, closedOffset(log, 0.4), MIB)
    const begin = offset
    const fetches = 100
    for (const round of ['first', 'again']) {
      offset = begin
      const counts = countsOf(files, () => {
        for (let i = 0; i < fetches; i++) offset = readOnce(log, offset, MIB)
      })
      const served = ((offset - begin) / 4) * batch.length
      t.is(counts.logReads, fetches + (round === 'again' ? 1 : 0), round)
      t.true(counts.logBytes <= served + (fetches + 1) * WALK_BYTES, `${counts.logBytes} bytes read, ${served} served`)
      t.true(served > fetches * (MIB - 2 * batch.length))
      // 100 MiB of batches of 16 KiB have 6,400 entries, 512 a page.
      t.true(counts.indexReads <= 8 + 13, `${counts.indexReads}`)
    }
  }
})

test('what a fetch at the tail reads is what it answers, in both sizes', async (t) => {
  for (const bytes of [GIB, 100 * GIB]) {
    const { files, log } = hugeLog(bytes)
    readOnce(log, log.logEndOffset - 1, MIB)
    const counts = countsOf(files, () => readOnce(log, log.logEndOffset - 4, MIB))
    t.deepEqual([counts.logReads, counts.indexReads], [1, 0])
    t.is(counts.logBytes, batch.length)
  }
})

test('many consumers in one segment are each checked once, wherever they read', (t) => {
  const { files, log } = hugeLog(GIB)
  const consumers = 30
  const at = Array.from({ length: consumers }, (_, i) => closedOffset(log, i / consumers))
  for (let i = 0; i < consumers; i++) at[i] = readOnce(log, at[i]!, 64 * KIB)
  const counts = countsOf(files, () => {
    for (let round = 0; round < 20; round++) for (let i = 0; i < consumers; i++) at[i] = readOnce(log, at[i]!, 64 * KIB)
  })
  t.is(counts.logReads, 20 * consumers)
})

const stretch = fc.record({ from: fc.integer({ min: 0, max: 60 }), length: fc.integer({ min: 0, max: 12 }), cut: fc.boolean() })

test('a verified range covers what was added and nothing else', (t) => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 40 }), (steps) => {
      const range = new VerifiedRange()
      let known = new Set<number>()
      for (const { from, length, cut } of steps) {
        if (cut) {
          range.truncate(from)
          known = new Set([...known].filter((byte) => byte < from))
        } else {
          range.add(from, from + length)
          for (let byte = from; byte < from + length; byte++) known.add(byte)
        }
        for (let a = 0; a < 72; a += 3) {
          let all = true
          for (let b = a + 1; b < 72; b++) {
            all &&= known.has(b - 1)
            if (range.covers(a, b) !== all) throw new Error(`covers ${a} to ${b}`)
          }
        }
      }
    }),
    { numRuns: 300 },
  )
  t.pass()
})

test('a verified range is bounded: scattered reads are forgotten, the one that goes on is not', (t) => {
  const range = new VerifiedRange()
  for (let i = 0; i < 5000; i++) {
    range.add(1_000_000 + i * 10, 1_000_000 + i * 10 + 1)
    range.add(i * 100, i * 100 + 100)
    t.true(range.covers(0, i * 100 + 100))
  }
  let remembered = 0
  for (let i = 0; i < 5000; i++) if (range.covers(1_000_000 + i * 10, 1_000_000 + i * 10 + 1)) remembered++
  t.true(remembered < 64)
})
