import test from 'ava'
import type { ExecutionContext } from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import { type DirectoryState, PROBE_INTERVAL_MAX_MS, PROBE_INTERVAL_MS } from '../../core/log/directory-health.ts'
import { LogManager, type LogManagerOptions } from '../../core/log/log-manager.ts'
import type { PartitionLog } from '../../core/log/partition-log.ts'
import { KafkaError } from '../../core/protocol/errors.ts'
import { FaultyFiles, type Operation } from '../support/faulty-files.ts'
import { batchOf, openLog, readAll } from '../support/logs.ts'

const config = { segmentBytes: 900, indexIntervalBytes: 150, messageTimestampAfterMaxMs: -1, retentionMs: -1 }
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

const values = (log: PartitionLog): string[] => readAll(log).map(({ value }) => value)
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

function append(log: PartitionLog, value: string, sequence?: number): number {
  const identity = sequence === undefined ? {} : { producerId: 1, producerEpoch: 0, baseSequence: sequence }
  return log.append(batchOf([value], identity), { leaderEpoch: 0 }).baseOffset
}

/** What the log says from here on, as `level: message`. */
function listening(): { logger: Logger; said: string[]; fields: object[] } {
  const said: string[] = []
  const fields: object[] = []
  const note = (level: string) => (what: object, message: string) => {
    said.push(`${level}: ${message}`)
    fields.push(what)
  }
  return { logger: { debug() {}, info: note('info'), warn: note('warn'), error: note('error') }, said, fields }
}

interface Managed {
  files: FaultyFiles
  clock: ManualClock
  logs: LogManager
  said: string[]
  fields: object[]
  states: DirectoryState[]
}

async function managed(t: ExecutionContext, options: Partial<LogManagerOptions> = {}): Promise<Managed> {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const states: DirectoryState[] = []
  const { logger, said, fields } = listening()
  const logs = await LogManager.open({
    dir: '/data',
    files,
    clock,
    config,
    logger,
    onStateChange: (state) => states.push(state),
    ...options,
  })
  t.teardown(() => {
    files.fault = () => undefined
    files.capacity = Infinity
    return logs.close()
  })
  return { files, clock, logs, said, fields, states }
}

test('after a failed write nothing is appended until it is healed; reads go on, and a repeated batch is appended once', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const log = openLog({ files, clock, config: { ...config, segmentBytes: 1e6 } })
  append(log, 'before', 0)
  files.capacity = 200
  const error = t.throws(() => append(log, 'x'.repeat(500), 1), { instanceOf: KafkaError })
  t.is(error?.kafkaCode, 'KAFKA_STORAGE_ERROR')
  t.is(log.logEndOffset, 1)
  t.deepEqual(values(log), ['before'])
  files.capacity = 1e6
  t.throws(() => append(log, 'too early', 1), { message: /KAFKA_STORAGE_ERROR/ })
  await log.heal()
  t.is(append(log, 'x'.repeat(500), 1), 1)
  t.is(append(log, 'x'.repeat(500), 1), 1)
  t.is(append(log, 'after', 2), 2)
  await log.flush()
  log.abandon()
  t.is(openLog({ files, clock, config }).logEndOffset, 3)
})

test('after a failed sync those who wait are told, and what the disk has forgotten is written again before anything is accepted', async (t) => {
  for (const evicted of [false, true]) {
    const files = new FaultyFiles()
    const { logger, said, fields } = listening()
    const clock = new ManualClock()
    const log = openLog({ files, clock, config, logger })
    append(log, 'synced', 0)
    await log.flush()
    for (let i = 1; i < 30; i++) append(log, `unsynced ${i}`, i)
    t.true(log.segmentCount > 2)
    files.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined)
    for (const wait of [log.flush(), log.whenFlushed(2)]) await t.throwsAsync(wait, { message: /KAFKA_STORAGE_ERROR/ })
    await log.whenFlushed(1)
    t.is(log.failure?.code, 'STORAGE_FAILED')
    await t.throwsAsync(log.heal(), { message: /EIO/ })
    t.is(log.failure?.code, 'STORAGE_FAILED')
    files.fault = () => undefined
    // The next sync of these files succeeds and syncs nothing: the system holds the pages for clean.
    if (evicted) files.dropCaches()
    await log.heal()
    t.is(log.failure, undefined)
    const { flushedOffset: recoveryPoint, logEndOffset } = log
    t.is(recoveryPoint, logEndOffset)
    if (!evicted) t.is(logEndOffset, 30)
    const end = append(log, 'next', logEndOffset)
    t.is(end, logEndOffset)
    await log.flush()
    const before = values(log)
    log.abandon()
    files.powerLoss()
    const again = openLog({ files, clock, config, recoveryPoint })
    t.deepEqual(values(again), before)
    t.deepEqual(before.slice(0, 1), ['synced'])
    const cut = said.some((line) => line.startsWith('error: records that were never synced cannot be read back'))
    t.is(cut, evicted, said.join('\n'))
    if (evicted) t.true(fields.some((what) => 'lost' in what && 'file' in what && 'position' in what))
  }
})

test('a repetition after the healing is answered with the old offset, and only when that is synced', async (t) => {
  const files = new FaultyFiles()
  const log = openLog({ files, clock: new ManualClock(), config })
  append(log, 'a', 0)
  files.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined)
  await t.throwsAsync(log.whenFlushed(1))
  t.throws(() => append(log, 'a', 0), { message: /KAFKA_STORAGE_ERROR/ })
  files.fault = () => undefined
  await log.heal()
  const { duplicate, lastOffset } = log.append(batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }), { leaderEpoch: 0 })
  t.true(duplicate)
  t.is(lastOffset, 0)
  t.true(log.flushedOffset > lastOffset)
})

test('no failing call of the disk at any moment loses a synced record, doubles one, or keeps the log from being healed and opened', async (t) => {
  const operations: Operation[] = ['write', 'truncate', 'open', 'sync', 'syncDirectory', 'rename', 'unlink', 'read', 'readdir']
  let failures = 0
  for (const operation of operations) {
    for (let skip = 0; skip < 40; skip++) {
      const files = new FaultyFiles()
      const clock = new ManualClock()
      let log = openLog({ files, clock, config })
      let calls = 0
      files.fault = (now) => (now === operation && calls++ === skip ? 'EIO' : undefined)
      const acknowledged = new Map<number, string>()
      for (let sequence = 0; sequence < 30;) {
        try {
          const value = `value ${sequence}`
          const epoch = sequence >> 3
          const sent = batchOf([value], { producerId: 1, producerEpoch: 0, baseSequence: sequence })
          const { lastOffset } = log.append(sent, { leaderEpoch: epoch })
          await log.whenFlushed(lastOffset + 1)
          acknowledged.set(lastOffset, value)
          sequence++
        } catch (error) {
          t.true(error instanceof KafkaError && error.kafkaCode === 'KAFKA_STORAGE_ERROR', String(error))
          failures++
          if (failures % 2 === 0) files.dropCaches()
          await log.heal()
        }
      }
      await settle()
      const { flushedOffset: recoveryPoint } = log
      log.abandon()
      files.fault = () => undefined
      files.powerLoss()
      log = openLog({ files, clock, config, recoveryPoint })
      const found = readAll(log)
      const at = new Map(found.map(({ offset, value }) => [offset, value]))
      for (const [offset, value] of acknowledged) if (at.get(offset) !== value) t.fail(`${operation} ${skip}: ${value} is lost`)
      const read = found.map(({ value }) => value)
      t.deepEqual(read, Array.from(new Set(read)), `${operation} ${skip}`)
    }
  }
  t.true(failures > 100)
})

test('a segment that could not be begun leaves no border behind', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const log = openLog({ files, clock, config: { ...config, segmentBytes: 500 } })
  append(log, 'x'.repeat(300))
  let truncates = 0
  files.fault = (operation, path) => (operation === 'truncate' && path.endsWith('1.log') && truncates++ === 0 ? 'ENOSPC' : undefined)
  t.throws(() => append(log, 'y'.repeat(300)), { message: /KAFKA_STORAGE_ERROR/ })
  await log.heal()
  // Small enough for the old segment, which now ends behind where the new one would have begun.
  append(log, 'z')
  await log.flush()
  const { flushedOffset: recoveryPoint, segmentCount } = log
  t.is(segmentCount, 1)
  log.abandon()
  const again = openLog({ files, clock, config, recoveryPoint })
  t.deepEqual(values(again).slice(1), ['z'])
})

test('closing a log that has failed writes nothing, and the next open finds what was synced', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const log = openLog({ files, clock, config })
  append(log, 'a')
  await log.flush()
  files.fault = (operation) => (operation === 'sync' || operation === 'write' ? 'EIO' : undefined)
  append0(t, log)
  await log.close()
  files.fault = () => undefined
  t.deepEqual(values(openLog({ files, clock, config })), ['a'])
})

function append0(t: ExecutionContext, log: PartitionLog): void {
  t.throws(() => append(log, 'refused'), { message: /KAFKA_STORAGE_ERROR/ })
}

test('a failed partition marks the folder, the others go on, and a probe that succeeds heals it', async (t) => {
  const { files, clock, logs, said, fields, states } = await managed(t)
  const [bad, good] = [0, 1].map((partition) => logs.create('t', partition, TOPIC_ID))
  append(bad!, 'a')
  const broken = (operation: Operation, path: string): boolean =>
    operation === 'sync' && (path.includes('/t-0/') || path.endsWith('.probe'))
  files.fault = (operation, path) => (broken(operation, path) ? 'EIO' : undefined)
  const since = clock.now()
  await t.throwsAsync(bad!.flush(), { message: /KAFKA_STORAGE_ERROR/ })
  t.like(logs.directory, { state: 'failing', since, affected: ['t-0'] })
  t.deepEqual(states, [logs.directory])
  append0(t, bad!)
  append(good!, 'b')
  await good!.flush()
  t.is(good!.flushedOffset, 1)
  // The disk is tried, and refuses.
  for (let i = 0; i < 3; i++) {
    clock.advance(PROBE_INTERVAL_MS)
    await settle()
    t.is(logs.directory.state, 'failing')
  }
  files.fault = () => undefined
  append0(t, bad!)
  clock.advance(PROBE_INTERVAL_MS)
  await settle()
  t.deepEqual(logs.directory, { state: 'online' })
  t.deepEqual(
    states.map(({ state }) => state),
    ['failing', 'online'],
  )
  t.is(append(bad!, 'b'), 1)
  t.is(said.filter((line) => line.startsWith('error: the disk fails')).length, 1)
  t.true(fields.some((what) => 'dir' in what && 'remedy' in what && 'partition' in what))
  t.true(said.some((line) => line.startsWith('info: the disk works again')))
  t.false(files.paths().includes('/data/.probe'))
})

test('a disk that fails again and again is looked at less often', async (t) => {
  const { files, clock, logs, states } = await managed(t)
  const log = logs.create('t', 0, TOPIC_ID)
  const pauses: number[] = []
  for (let round = 0; round < 5; round++) {
    files.fault = (operation, path) => (operation === 'write' && path.endsWith('.log') ? 'EIO' : undefined)
    append0(t, log)
    files.fault = () => undefined
    const failed = clock.now()
    while (logs.directory.state === 'failing') {
      clock.advance(100)
      await settle()
    }
    pauses.push(clock.now() - failed)
  }
  t.deepEqual(pauses, [PROBE_INTERVAL_MS, 2 * PROBE_INTERVAL_MS, 4 * PROBE_INTERVAL_MS, PROBE_INTERVAL_MAX_MS, PROBE_INTERVAL_MAX_MS])
  t.is(states.length, 10)
})

test('on a full disk old segments still go, checkpoints and topics fail without a trace, and a stop leaves no mark of a clean one', async (t) => {
  const { files, clock, logs, said } = await managed(t, { config: { ...config, retentionMs: 600_000, fileDeleteDelayMs: 1000 } })
  const log = logs.create('t', 0, TOPIC_ID)
  for (let i = 0; i < 40; i++) log.append(batchOf([`v${i}`], { timestamp: clock.now() }), { leaderEpoch: 0 })
  await log.flush()
  clock.advance(700_000)
  const before = log.logStartOffset
  for (let i = 0; i < 40; i++) log.append(batchOf([`w${i}`], { timestamp: clock.now() }), { leaderEpoch: 0 })
  await log.flush()
  const segments = (): string[] => files.paths().filter((path) => path.endsWith('.log'))
  const had = segments().length
  files.capacity = 0
  t.throws(() => log.append(batchOf(['z'], { timestamp: clock.now() }), { leaderEpoch: 0 }), { message: /ENOSPC/ })
  t.false(await logs.checkpoint())
  const paths = files.paths()
  t.throws(() => logs.create('u', 0, TOPIC_ID), { message: /ENOSPC/ })
  t.deepEqual(files.paths(), paths)
  t.is(logs.get('u', 0), undefined)
  clock.advance(10)
  t.true(log.logStartOffset > before, 'the failure has brought the retention forward')
  clock.advance(1000)
  t.true(segments().length < had)
  t.false(files.paths().some((path) => path.endsWith('.tmp')))
  await logs.close()
  t.false(files.paths().includes('/data/.kafka_cleanshutdown'))
  t.true(said.some((line) => line.includes('the disk fails')))
  files.capacity = Infinity
  const again = await LogManager.open({ dir: '/data', files, clock, config })
  t.is(again.get('t', 0)!.logEndOffset, 80)
  t.is(readAll(again.get('t', 0)!).at(-1)!.value, 'w39')
  await again.close()
})

test('what other logs are made whole from is not compacted while one of them takes no appends', async (t) => {
  const { files, clock, logs } = await managed(t, { governsOthers: (topic) => topic === 'decisions' })
  const decisions = logs.create('decisions', 0, TOPIC_ID, { cleanupPolicy: 'compact', minCleanableDirtyRatio: 0 })
  for (let i = 0; i < 40; i++) append(decisions, `v${i}`)
  const governed = logs.create('t', 0, TOPIC_ID)
  append(governed, 'a')
  await governed.flush()
  files.fault = (operation, path) => (operation === 'write' && path.includes('/t-0/') ? 'EIO' : undefined)
  append0(t, governed)
  // Nothing of it is unsynced: what was refused has left no trace, and is yet to be written.
  t.is(governed.flushedOffset, governed.logEndOffset)
  t.is(await logs.cleaner.run(), 0)
  t.true(readAll(decisions).length === 40)
  files.fault = () => undefined
  clock.advance(PROBE_INTERVAL_MS)
  await settle()
  t.is(logs.directory.state, 'online')
  t.is(await logs.cleaner.run(), 1)
  t.true(readAll(decisions).length < 40)
})

test('a topic whose folder cannot be taken away does not come back under its name', async (t) => {
  const { files, logs } = await managed(t)
  append(logs.create('t', 0, TOPIC_ID), 'old')
  files.fault = (operation) => (operation === 'rename' || operation === 'syncDirectory' ? 'EIO' : undefined)
  await logs.delete('t')
  files.fault = () => undefined
  const again = logs.create('t', 0, TOPIC_ID)
  t.is(again.logEndOffset, 0)
  t.is(append(again, 'new'), 0)
  t.false(files.paths().some((path) => path.includes('-delete')))
})

test('one sync serves all who asked while the last one ran', async (t) => {
  const files = new FaultyFiles()
  const log = openLog({ files, clock: new ManualClock(), config: { segmentBytes: 1e6 } })
  append(log, 'first')
  await log.flush()
  const before = files.syncs
  const waits: Promise<void>[] = []
  for (let i = 0; i < 100; i++) {
    const { lastOffset } = log.append(batchOf(['v']), { leaderEpoch: 0 })
    waits.push(log.whenFlushed(lastOffset + 1))
  }
  await Promise.all(waits)
  t.is(log.flushedOffset, 101)
  t.is(files.syncs - before, 2)
  append(log, 'alone')
  await Promise.all([log.whenFlushed(102), log.whenFlushed(102)])
  t.is(files.syncs - before, 3, 'who asks for what a sync under way covers waits for that one')
})

test('flush.messages and flush.ms sync without anybody asking', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const log = openLog({ files, clock, config: { flushMessages: 3, flushMs: 500 } })
  log.append(batchOf(['a', 'b']), { leaderEpoch: 0 })
  await settle()
  t.is(log.flushedOffset, 0)
  append(log, 'c')
  await settle()
  t.is(log.flushedOffset, 3)
  append(log, 'd')
  clock.advance(500)
  await settle()
  t.is(log.flushedOffset, 4)
})

test('a folder that can be opened for reading only is told by its path', async (t) => {
  const files = new FaultyFiles()
  files.fault = (operation) => (operation === 'write' ? 'EROFS' : undefined)
  await t.throwsAsync(LogManager.open({ dir: '/data', files, clock: new ManualClock() }), { message: /\/data.*EROFS/ })
})
