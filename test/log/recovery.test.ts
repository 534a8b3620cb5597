import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Headers } from '../../core/log/headers.ts'
import type { PartitionLog } from '../../core/log/partition-log.ts'
import { sizeInBytes } from '../../core/record/batch.ts'
import { baseOffset } from '../../core/record/batch.ts'
import { batches } from '../../core/record/records.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { DIRECTORY, type ReadRecord, batchOf, marker, openLog, readAll, recordsOf } from '../support/logs.ts'

const clock = new ManualClock()
const config = { segmentBytes: 900, indexIntervalBytes: 150, messageTimestampAfterMaxMs: -1, retentionMs: -1 }

interface Written {
  files: FaultyFiles
  records: ReadRecord[]
  /** End of the log and position in the last segment before its last batch. */
  beforeLast: { offset: number; size: number }
  lastSegment: string
  end: number
}

/** Forty batches in several segments, among them an aborted transaction per segment, closed in order. */
async function written(): Promise<Written> {
  const files = new FaultyFiles()
  const log = openLog({ files, clock, config })
  for (let i = 0; i < 20; i++) {
    log.append(batchOf([`a${i}`, `b${i}`], { timestamp: 1000 + 10 * i }), { leaderEpoch: i >> 3 })
    const identity = { producerId: 7, producerEpoch: 0, baseSequence: i, transactional: true }
    log.append(batchOf([`t${i}`], { timestamp: 1005 + 10 * i, ...identity }), { leaderEpoch: i >> 3 })
    log.appendMarker(marker(7, 0, i % 3 > 0))
  }
  const lastSegment = files.paths().findLast((path) => path.endsWith('.log'))!
  const beforeLast = { offset: log.logEndOffset, size: files.content(lastSegment).length }
  log.append(batchOf(['last', 'batch'], { timestamp: 2000 }), { leaderEpoch: 5 })
  const records = readAll(log)
  const end = log.logEndOffset
  await log.close()
  return { files, records, beforeLast, lastSegment, end }
}

test('a log whose last batch is cut at any byte starts, drops only that batch, and goes on at its offset', async (t) => {
  const { files, records, beforeLast, lastSegment } = await written()
  const whole = files.content(lastSegment)
  const kept = records.filter(({ offset }) => offset < beforeLast.offset)
  for (let size = beforeLast.size; size < whole.length; size++) {
    const disk = files.copy()
    disk.damage(lastSegment, whole.subarray(0, size))
    const log = openLog({ files: disk, clock, config, recoveryPoint: beforeLast.offset, writesSurvived: size % 2 === 0 })
    t.is(log.logEndOffset, beforeLast.offset)
    t.deepEqual(readAll(log), kept)
    t.is(disk.content(lastSegment).length, beforeLast.size)
    t.is(log.append(batchOf(['again']), { leaderEpoch: 6 }).baseOffset, beforeLast.offset)
  }
})

test('zeros or garbage behind the last batch are cut off', async (t) => {
  const { files, records, lastSegment, end } = await written()
  const whole = files.content(lastSegment)
  const garbage = Array.from({ length: 20 }, (_, i) =>
    Buffer.from(fc.sample(fc.uint8Array({ minLength: 1, maxLength: 200 }), { numRuns: 1, seed: i })[0]!),
  )
  for (const tail of [Buffer.alloc(1), Buffer.alloc(61), Buffer.alloc(5000), ...garbage, whole.subarray(0, 80)]) {
    const disk = files.copy()
    disk.damage(lastSegment, Buffer.concat([whole, tail]))
    for (const writesSurvived of [false, true]) {
      const log = openLog({ files: disk.copy(), clock, config, writesSurvived })
      t.is(log.logEndOffset, end)
      t.deepEqual(readAll(log), records)
    }
  }
})

test('where writes have survived, headers tell as much as a check of everything, and records are passed over', async (t) => {
  const { files, records, lastSegment, end } = await written()
  const state = (disk: FaultyFiles, writesSurvived: boolean): unknown => {
    const log = openLog({ files: disk, clock, config, writesSurvived })
    const { segmentCount, latestEpoch } = log
    const aborted = log.abortedTransactions(0, end)
    return {
      records: readAll(log),
      end: log.logEndOffset,
      producers: [...log.producers],
      segmentCount,
      latestEpoch,
      aborted,
      max: log.maxTimestamp(),
    }
  }
  t.deepEqual(state(files.copy(), true), state(files.copy(), false))
  t.deepEqual(readAll(openLog({ files: files.copy(), clock, config, writesSurvived: true })), records)
  // The last batch is looked at as a whole.
  const torn = files.copy()
  const content = torn.content(lastSegment)
  content[content.length - 1]! ^= 1
  t.true(openLog({ files: torn, clock, config, writesSurvived: true }).logEndOffset < end)
  // Any other is when it is read: damage is named, never served.
  const damaged = files.copy()
  const inside = damaged.content(lastSegment)
  inside[sizeInBytes(inside, 0) - 1]! ^= 1
  const log = openLog({ files: damaged, clock, config, writesSurvived: true })
  t.is(log.logEndOffset, end)
  t.is(t.throws(() => readAll(log), { instanceOf: MoldauError }).code, 'CORRUPT_BATCH')
  const large = new FaultyFiles()
  const before = openLog({ files: large, clock })
  const records1m = batchOf(Array.from({ length: 1000 }, () => 'x'.repeat(1000)))
  for (let i = 0; i < 20; i++) before.append(Buffer.from(records1m), { leaderEpoch: 0 })
  before.abandon()
  large.bytesRead = 0
  t.is(openLog({ files: large, clock, writesSurvived: true }).logEndOffset, 20_000)
  t.true(large.bytesRead < 2.5 * records1m.length, `${large.bytesRead} bytes read of ${20 * records1m.length}`)
})

test('where writes have survived and no transaction has ended, headers are read once, and tell the same', async (t) => {
  const written = (count: number): FaultyFiles => {
    const files = new FaultyFiles()
    const log = openLog({ files, clock, config: { ...config, segmentBytes: 20_000 } })
    for (let i = 0; i < count; i++) {
      const identity = { producerId: 7 + (i % 3), producerEpoch: 0, baseSequence: Math.floor(i / 3), transactional: i % 3 === 2 }
      log.append(batchOf([`v${i}`, 'x'.repeat((i * 37) % 300)].slice(0, i % 3 === 0 ? 2 : 1), { timestamp: 1000 + ((i * 7) % 50) }), {
        leaderEpoch: i >> 6,
      })
      log.append(batchOf([`p${i}`], { timestamp: 1000 + i, ...identity }), { leaderEpoch: i >> 6 })
    }
    log.abandon()
    return files
  }
  for (const count of [1, 2, 33, 200]) {
    const files = written(count)
    const [quick, slow] = [true, false].map((writesSurvived) => {
      const disk = files.copy()
      disk.bytesRead = 0
      const log = openLog({ files: disk, clock, config: { ...config, segmentBytes: 20_000 }, writesSurvived, recoveryPoint: 0 })
      const { segmentCount, latestEpoch, logEndOffset, lastStableOffset } = log
      const { bytesRead } = disk
      const max = log.maxTimestamp()
      return {
        bytesRead,
        state: { records: readAll(log), producers: [...log.producers], segmentCount, latestEpoch, logEndOffset, lastStableOffset, max },
      }
    })
    t.deepEqual(quick!.state, slow!.state)
    // Once more for the last batch of each segment.
    t.true(
      quick!.bytesRead < slow!.bytesRead + 2000 * slow!.state.segmentCount,
      `${quick!.bytesRead} bytes read, ${slow!.bytesRead} with all`,
    )
    t.is(quick!.state.records.length, count + Math.ceil(count / 3) + count)
  }
})

test('headers of a segment are kept while they are few and none is of a control batch', (t) => {
  const one = batchOf(['one'])
  const headers = new Headers()
  for (let i = 0; i < 65_536; i++) headers.add(one, 0)
  t.true(headers.complete)
  t.is(headers.visit(() => true, 0).position, 65_536 * one.length)
  t.is(headers.visit((_, at) => at < 61 * 3, 0).position, 3 * one.length)
  headers.add(one, 0)
  t.false(headers.complete)
  const ended = new Headers()
  ended.add(marker(7, 0, true), 0)
  t.false(ended.complete)
})

test('a damaged batch above the recovery point ends the log, and later segments go', async (t) => {
  const { files, records } = await written()
  const logs = files.paths().filter((path) => path.endsWith('.log'))
  files.content(logs[1]!)[100]! ^= 1
  const log = openLog({ files, clock, config })
  t.is(log.segmentCount, 2)
  const read = readAll(log)
  t.true(read.length > 0 && log.logEndOffset < records.at(-1)!.offset)
  t.deepEqual(read, records.slice(0, read.length))
  for (const { batches } of log.producers) for (const { lastOffset } of batches) t.true(lastOffset < log.logEndOffset)
})

test('a segment whose last batches were never written ends the log, though the disk has kept the next segment', async (t) => {
  const { files, records } = await written()
  const logs = files.paths().filter((path) => path.endsWith('.log'))
  const whole = files.content(logs[1]!)
  const starts = [...batches(whole)]
  for (const [i, size] of starts.entries()) {
    if (i === 0) continue
    const disk = files.copy()
    disk.damage(logs[1]!, whole.subarray(0, size))
    const log = openLog({ files: disk, clock, config })
    const end = baseOffset(whole, size)
    t.is(log.logEndOffset, end)
    t.deepEqual(
      readAll(log),
      records.filter(({ offset }) => offset < end),
    )
    t.is(log.append(batchOf(['again']), { leaderEpoch: 6 }).baseOffset, end)
  }
  t.true(starts.length > 3)
})

test('indexes that are missing, cut, empty, too large or garbage are made again', async (t) => {
  const { files, records, end } = await written()
  const indexes = files.paths().filter((path) => path.endsWith('index'))
  t.true(indexes.length > 9)
  for (const path of indexes) {
    const content = files.content(path)
    const cases = [undefined, content.subarray(0, -1), Buffer.concat([content, Buffer.alloc(34 * 12)]), Buffer.alloc(content.length, 0xff)]
    for (const clean of [true, false]) {
      for (const damaged of path.endsWith('.txnindex') ? cases.slice(1) : [...cases, Buffer.alloc(0)]) {
        const disk = files.copy()
        if (damaged === undefined) disk.unlink(path)
        else disk.damage(path, damaged)
        const log = openLog({ files: disk, clock, config, clean, recoveryPoint: end })
        t.deepEqual(readAll(log, 0, 100), records, path)
        for (const { timestamp } of records) t.true((log.offsetForTimestamp(timestamp)?.timestamp ?? -1) >= timestamp)
        t.is(log.abortedTransactions(0, end).length, 7, path)
      }
    }
  }
})

test('no flipped bit in an index changes what is read, found by time or known as aborted', async (t) => {
  const { files, records, end } = await written()
  const sane = openLog({ files: files.copy(), clock, config, clean: true, recoveryPoint: end })
  const times = [0, 1003, 1057, 1100, 1190, 1999, 2001, 3000]
  const byTime = times.map((timestamp) => sane.offsetForTimestamp(timestamp))
  const aborted = sane.abortedTransactions(0, end)
  for (const path of files.paths().filter((name) => name.endsWith('index'))) {
    for (let bit = 0; bit < files.content(path).length * 8; bit++) {
      const disk = files.copy()
      disk.content(path)[bit >> 3]! ^= 1 << (bit & 7)
      const log = openLog({ files: disk, clock, config, clean: true, recoveryPoint: end })
      const what = `${path} bit ${bit}`
      if (JSON.stringify(readAll(log, 0, 250)) !== JSON.stringify(records)) t.fail(`${what}: records`)
      if (JSON.stringify(times.map((timestamp) => log.offsetForTimestamp(timestamp))) !== JSON.stringify(byTime)) t.fail(`${what}: times`)
      if (JSON.stringify(log.maxTimestamp()) !== JSON.stringify(sane.maxTimestamp())) t.fail(`${what}: largest time`)
      if (JSON.stringify(log.abortedTransactions(0, end)) !== JSON.stringify(aborted)) t.fail(`${what}: aborted`)
    }
  }
  t.is(aborted.length, 7)
})

test('a flipped bit in synced records is never served, is named, and hides no other batch', async (t) => {
  const { files, records, end } = await written()
  const logs = files.paths().filter((path) => path.endsWith('.log'))
  for (const path of logs) {
    for (let byte = 0; byte < files.content(path).length; byte += 17) {
      for (const clean of [true, false]) {
        const disk = files.copy()
        disk.content(path)[byte]! ^= 1 << (byte % 8)
        const log = openLog({ files: disk, clock, config, clean, recoveryPoint: end })
        const { errors, read } = readAround(log, end)
        // The leader epoch of a batch is outside its checksum and not part of a record.
        for (const record of read) {
          const original = records.find(({ offset }) => offset === record.offset)
          if (JSON.stringify(original) !== JSON.stringify(record)) t.fail(`${path} byte ${byte}: ${JSON.stringify(record)} was served`)
        }
        for (const error of errors) {
          t.is(error.code, 'CORRUPT_BATCH')
          t.true(error.message.includes(path) && error.message.includes('topic-0'), error.message)
        }
        const offsets = new Set(read.map(({ offset }) => offset))
        // A marker makes no record here, but is a batch like any other.
        const lost = records.filter(({ offset }) => !offsets.has(offset)).length
        if (lost > 2) t.fail(`${path} byte ${byte} (${clean ? 'clean' : 'recovered'}): ${lost} records lost`)
        if (lost > 0 && errors.length === 0) t.fail(`${path} byte ${byte}: lost without a word`)
        t.is(log.logEndOffset, end)
      }
    }
  }
})

/** Reads batch by batch, stepping over what cannot be read. */
function readAround(log: PartitionLog, end: number): { errors: MoldauError[]; read: ReadRecord[] } {
  const errors: MoldauError[] = []
  const read: ReadRecord[] = []
  for (let offset = 0; offset < end;) {
    try {
      const records = recordsOf(log.read(offset, 1, end).records)
      read.push(...records)
      offset = Math.max(offset, ...records.map((record) => record.offset)) + 1
    } catch (error) {
      if (!(error instanceof MoldauError)) throw error
      errors.push(error)
      offset++
    }
  }
  return { errors, read }
}

test('a damaged checkpoint of leader epochs is made again from the log', async (t) => {
  const { files, end } = await written()
  for (const content of ['', '0\n9\n0 0\n', '0\n1\nx y\n', '0\n2\n3 10\n1 20\n']) {
    const disk = files.copy()
    disk.damage(`${DIRECTORY}/leader-epoch-checkpoint`, Buffer.from(content))
    const log = openLog({ files: disk, clock, config, clean: true, recoveryPoint: end })
    t.is(log.endOffsetForEpoch(0).endOffset, 8 * 4)
    t.deepEqual(log.endOffsetForEpoch(5), { leaderEpoch: 5, endOffset: end })
  }
})

test('an index, a snapshot or a list of epochs that is cut at any byte changes nothing of what is read, found, known as aborted or repeated', async (t) => {
  const { files, records, end } = await written()
  const observe = (log: PartitionLog): string => {
    const times = [0, 1003, 1057, 1100, 1190, 1191, 1195, 1196, 1999, 2000, 2001, 3000]
    const epochs = [0, 1, 2, 5, 6]
    const known = [...log.producers].map(({ producerId, epoch, transactionStart }) => [producerId, epoch, transactionStart])
    return JSON.stringify([
      readAll(log, 0, 250),
      log.logEndOffset,
      log.lastStableOffset,
      times.map((timestamp) => log.offsetForTimestamp(timestamp)),
      log.maxTimestamp(),
      log.abortedTransactions(0, end),
      epochs.map((epoch) => log.endOffsetForEpoch(epoch)),
      known,
      again(log),
    ])
  }
  /** What a repetition of the last transactional batch is answered. */
  const again = (log: PartitionLog): unknown =>
    log.append(batchOf(['t19'], { timestamp: 1195, producerId: 7, producerEpoch: 0, baseSequence: 19, transactional: true }), {
      leaderEpoch: 5,
    })
  const expected = observe(openLog({ files: files.copy(), clock, config, clean: true, recoveryPoint: end }))
  t.true(expected.startsWith(JSON.stringify([records]).slice(0, -1)))
  const sides = files.paths().filter((path) => path.startsWith(DIRECTORY) && !path.endsWith('.log'))
  const endings = new Set(sides.map((path) => path.replace(/^.*?([.]\w+|\/[a-z-]+)$/, '$1')))
  for (const ending of ['.index', '.timeindex', '.txnindex', '.snapshot', '/leader-epoch-checkpoint', '/index-size-checkpoint']) {
    t.true(endings.has(ending), ending)
  }
  let cuts = 0
  for (const path of sides) {
    const content = files.content(path)
    for (let length = 0; length < content.length; length++) {
      for (const clean of [true, false]) {
        const disk = files.copy()
        disk.damage(path, content.subarray(0, length))
        const log = openLog({ files: disk, clock, config, clean, recoveryPoint: end })
        if (observe(log) !== expected) t.fail(`${path} cut to ${length} of ${content.length} bytes, ${clean ? 'clean' : 'recovered'}`)
        log.abandon()
        cuts++
      }
    }
  }
  t.true(cuts > 1500, `${cuts}`)
})

test('an index that was cut is found at the first look and made again once, also when nothing is known of its length', async (t) => {
  const { files, end } = await written()
  for (const kind of ['.timeindex', '.txnindex', '.index']) {
    const path = files.paths().find((name) => name.endsWith(kind) && files.content(name).length > 0)!
    const whole = Buffer.from(files.content(path))
    const disk = files.copy()
    disk.damage(path, whole.subarray(0, whole.length - (kind === '.txnindex' ? 34 : kind === '.timeindex' ? 12 : 8)))
    const log = openLog({ files: disk, clock, config, clean: true, recoveryPoint: end })
    t.is(log.offsetForTimestamp(1100)?.timestamp, 1100)
    t.is(log.abortedTransactions(0, end).length, 7)
    readAll(log)
    await log.close()
    t.deepEqual(disk.content(path), whole, path)
    disk.unlink(`${DIRECTORY}/index-size-checkpoint`)
    const other = openLog({ files: disk, clock, config, clean: true, recoveryPoint: end })
    t.is(other.abortedTransactions(0, end).length, 7, 'a folder of Kafka has no such file')
  }
})
