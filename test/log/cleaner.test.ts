import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { cleanerConfig } from '../../core/log/cleaner/config.ts'
import { OffsetMap, SLOT_BYTES } from '../../core/log/cleaner/offset-map.ts'
import * as batch from '../../core/record/batch.ts'
import type { CompressionName } from '../../core/record/compression-names.ts'
import { CHECKPOINT, DELETE_RETENTION_MS, World, fill, random } from '../support/cleaner-world.ts'

const ok = (t: ExecutionContext, world: World, when: string): void => {
  t.deepEqual(world.problems(), [], when)
  t.deepEqual(world.sequences(), [], when)
}

test('the map keeps the newest offset of each key, beyond 2^32 too, and says when it is full', (t) => {
  const map = new OffsetMap({ bytesMax: SLOT_BYTES * 100, loadFactor: 0.9, keysMax: 1e6, random })
  const key = (i: number): Buffer => Buffer.from(`key-${i}`)
  for (let i = 0; i < 90; i++) t.true(map.put(key(i), 0, key(i).length, 2 ** 40 + i))
  t.is(map.size, 90)
  t.false(map.put(key(90), 0, key(90).length, 2 ** 41))
  t.true(map.put(key(5), 0, key(5).length, 2 ** 52))
  t.is(map.get(key(5), 0, key(5).length), 2 ** 52)
  t.is(map.get(key(6), 0, key(6).length), 2 ** 40 + 6)
  t.is(map.get(key(90), 0, key(90).length), -1)
  t.is(map.bytes, SLOT_BYTES * 100)
  const small = new OffsetMap({ bytesMax: 2 ** 30, loadFactor: 0.9, keysMax: 10, random })
  t.true(small.bytes < 1000)
})

test('a cleaning keeps the newest record of each key, the end of each transaction and the sequences of producers', async (t) => {
  const world = new World()
  fill(world, 40)
  const before = world.log.segmentCount
  t.is(await world.cleaner.run(), 1)
  ok(t, world, 'cleaned')
  const [cleaned] = world.cleanings
  t.true(cleaned!.recordsAfter < cleaned!.recordsBefore / 2 && cleaned!.bytesAfter < cleaned!.bytesBefore)
  t.true(world.log.segmentCount < before, 'segments are merged')
  const below = [...world.committed()].filter(([offset]) => offset < cleaned!.cleanedTo).map(([, { key }]) => key)
  t.is(new Set(below).size, below.length, 'one record per key')
  t.is(String(world.files.content(CHECKPOINT)), `0\n1\ntopic 0 ${cleaned!.cleanedTo}\n`)
  t.is(await world.cleaner.run(), 0, 'nothing is dirty')
  t.true(world.files.paths().some((path) => path.endsWith('.log.deleted')))
  world.clock.advance(10)
  // Files are removed one after the other, none of them waited for.
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(
    world.files.paths().filter((path) => /\.(deleted|swap|cleaned)$/.test(path)),
    [],
  )
  for (const how of ['close', 'kill'] as const) {
    if (how === 'close') await world.log.close()
    world.reopen(how)
    ok(t, world, how)
  }
  world.log.abandon()
  world.noIndexes()
  world.log = world.open()
  ok(t, world, 'without indexes and snapshots')
  fill(world, 20, 40)
  t.is(await world.cleaner.run(), 1)
  ok(t, world, 'cleaned again')
})

test('tombstones and markers go when their horizon has passed, and nothing comes back', async (t) => {
  const world = new World()
  for (let i = 0; i < 20; i++) world.send([[`k${i}`, 'v'.repeat(40)]], 1, true)
  world.end(1, true)
  for (let i = 0; i < 20; i++) world.send([[`k${i}`, null]])
  world.send([['x', 'y'.repeat(400)]])
  world.send([['x', 'y'.repeat(400)]])
  await world.cleaner.run()
  ok(t, world, 'first')
  const nulls = (): number => [...world.committed().values()].filter(({ value }) => value === null).length
  t.is(nulls(), 20)
  const dirty = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) world.send([['x', `${i}`.repeat(400)]])
    await world.cleaner.run()
  }
  await dirty()
  t.is(nulls(), 20, 'before the horizon')
  world.clock.advance(DELETE_RETENTION_MS)
  await dirty()
  t.is(nulls(), 0)
  ok(t, world, 'after the horizon')
  const markers = (): number => {
    let count = 0
    for (const segment of world.log.load().segments)
      segment.scan({ from: 0, visit: (buf, at) => void (count += batch.isControl(buf, at) ? batch.recordCount(buf, at) : 0) })
    return count
  }
  t.is(markers(), 1, 'the last batch of the producer is still there')
  world.send([['p', 'q']], 1)
  await dirty()
  await dirty()
  t.is(markers(), 1, 'its transaction is gone, its horizon has not passed')
  world.clock.advance(DELETE_RETENTION_MS)
  await dirty()
  t.is(markers(), 0)
  world.reopen('kill')
  ok(t, world, 'reopened')
})

test('what is too young, unsettled or in the active segment stays, and the ratio and the lag decide', async (t) => {
  const world = new World({ minCleanableDirtyRatio: 0.5, minCompactionLagMs: 500 })
  fill(world, 20)
  t.is(await world.cleaner.run(), 0, 'all of it is younger than min.compaction.lag.ms')
  world.clock.advance(600)
  t.is(await world.cleaner.run(), 1)
  fill(world, 2, 20)
  world.clock.advance(600)
  t.is(await world.cleaner.run(), 0, 'less than half is dirty')
  world.log.configure({ maxCompactionLagMs: 100 })
  t.is(await world.cleaner.run(), 1, 'but the oldest record waits too long')
  ok(t, world, 'lag')
  const segments = world.log.segmentCount
  world.clock.advance(150)
  world.send([['late', 'v']])
  world.clock.advance(150)
  world.send([['late', 'w']])
  t.true(world.log.segmentCount > segments, 'a segment ends when the lag is over')
  const open = new World()
  open.send([['a', '1']], 9, true)
  fill(open, 20)
  t.is(await open.cleaner.run(), 0)
  open.log.configure({ cleanupPolicy: 'delete' })
  open.end(9, true)
  t.is(await open.cleaner.run(), 0, 'the policy of now')
  open.log.configure({ cleanupPolicy: 'compact,delete' })
  t.is(await open.cleaner.run(), 1)
  ok(t, open, 'policy')
})

test('a table that does not hold all keys cleans as far as it reaches, and the next cleaning goes on there', async (t) => {
  const world = new World({}, { dedupeBufferBytes: 1024 * 1024 })
  const keys = 60_000
  world.log.configure({ segmentBytes: 200_000 })
  for (let i = 0; i < keys; i += 500) world.send(Array.from({ length: 500 }, (_, j) => [`key${i + j}`, 'first'] as [string, string]))
  for (let i = 0; i < 5000; i += 500) world.send(Array.from({ length: 500 }, (_, j) => [`key${i + j}`, 'second'] as [string, string]))
  world.send([['end', 'x']])
  world.log.configure({ segmentBytes: 1000 })
  world.send([['end', 'y']])
  await world.cleaner.run()
  t.true(world.cleanings[0]!.keys <= (1024 * 1024) / SLOT_BYTES && world.cleanings[0]!.cleanedTo < keys)
  await world.cleaner.run()
  t.true(world.cleanings[1]!.cleanedTo > keys)
  t.deepEqual(world.problems(), [])
  t.is(world.cleanings[1]!.recordsBefore - world.cleanings[1]!.recordsAfter, 5000)
})

test('the cleaner reads and writes no faster than it is told to, and a stop does not wait for it', async (t) => {
  const world = new World({}, { ioMaxBytesPerSecond: 1000 })
  fill(world, 20)
  const started = world.clock.monotonic()
  let done = false
  const running = world.cleaner.run().finally(() => {
    done = true
  })
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve))
    world.clock.advance(50)
  }
  t.is(await running, 1)
  const { bytesBefore, bytesAfter } = world.cleanings[0]!
  // The dirty part is read twice; a burst below a timer's length is free.
  t.true(world.clock.monotonic() - started >= 2 * bytesBefore + bytesAfter - 200, `${world.clock.monotonic() - started}`)
  fill(world, 20, 20)
  const stopped = world.cleaner.run()
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  const end = world.cleaner.stop()
  world.clock.advance(100)
  await end
  t.is(await stopped, 0)
  ok(t, world, 'stopped')
})

test('other settings count while the cleaner runs: the rate and the pause at once', async (t) => {
  const settings = cleanerConfig({ ioMaxBytesPerSecond: 1, backoffMs: 1_000_000 })
  const world = new World({}, settings)
  fill(world, 20)
  const slow = world.cleaner.run()
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  world.clock.advance(100)
  t.is(world.cleanings.length, 0)
  world.cleaner.configure({ ...settings, ioMaxBytesPerSecond: Number.MAX_VALUE })
  // The part of the pause that is being slept is no longer than this.
  world.clock.advance(100)
  t.is(await slow, 1)

  fill(world, 20, 20)
  world.cleaner.configure({ ...settings, ioMaxBytesPerSecond: Number.MAX_VALUE, backoffMs: 2_000_000 })
  t.throws(() => world.cleaner.configure({ ...settings, dedupeBufferBytes: 1 }), { message: /log\.cleaner\.dedupe\.buffer\.size/ })
  world.clock.advance(5_000_000)
  t.is(world.cleanings.length, 1, 'a cleaner that was not started does not begin')
  const cleaned = new Promise((resolve) => (world.cleaner.onCleaned = resolve))
  world.cleaner.start()
  world.cleaner.configure({ ...settings, ioMaxBytesPerSecond: Number.MAX_VALUE, backoffMs: 10, threads: 2 })
  world.clock.advance(10)
  await cleaned
  await world.cleaner.stop()
  ok(t, world, 'configured')
})

test('a damaged batch ends the cleaning of its log, which is named and left alone', async (t) => {
  const world = new World()
  fill(world, 20)
  const path = world.files.paths().filter((name) => name.endsWith('.log'))[1]!
  world.files.content(path)[100]! ^= 1
  t.is(await world.cleaner.run(), 0)
  t.is(world.cleaner.uncleanable.length, 1)
  t.regex(world.cleaner.uncleanable[0]!.reason, new RegExp(`${path} is damaged at byte \\d+`))
  t.is(world.errors.length, 1)
  t.is(await world.cleaner.run(), 0)
  t.is(world.errors.length, 1, 'said once')
  t.deepEqual(
    world.files.paths().filter((name) => name.endsWith('.cleaned')),
    [],
  )
})

for (const how of ['goes on', 'kill', 'power', 'power, names kept'] as const) {
  test(`whatever operation of the disk fails in a cleaning, the log is the old or the new one: ${how}`, async (t) => {
    for (const code of how === 'goes on' ? ['EIO', 'ENOSPC'] : ['EIO']) {
      let operations = 0
      for (let failing = 1; ; failing++) {
        const world = new World()
        fill(world, 7)
        await world.log.flush()
        let count = 0
        world.files.fault = (_operation, path) => {
          if (!path.startsWith('/data')) return undefined
          count++
          return how === 'goes on' ? (count === failing ? code : undefined) : count >= failing ? code : undefined
        }
        await world.cleaner.run()
        const hit = count >= failing
        if (how !== 'goes on') world.reopen(how, failing % 2 === 0 ? 0 : world.log.flushedOffset)
        world.files.fault = () => undefined
        ok(t, world, `${how}, ${code} at operation ${failing}`)
        if (world.log.failure === undefined) {
          fill(world, 4, 7)
          world.clock.advance(DELETE_RETENTION_MS)
          await world.cleaner.run()
          ok(t, world, `${how}, ${code} at operation ${failing}, cleaned again`)
        }
        world.reopen('kill', 0)
        ok(t, world, `${how}, ${code} at operation ${failing}, opened again`)
        if (!hit) break
        operations++
      }
      t.true(operations > 30, `${operations} operations`)
    }
  })
}

test('appends, cuts, deletions of records and a close meanwhile are all survived', async (t) => {
  for (const what of ['append', 'truncate', 'delete records', 'retention', 'close', 'abandon'] as const) {
    for (let ticks = 1; ticks < 40; ticks += 3) {
      const world = new World({ segmentBytes: 900 })
      fill(world, 30)
      const running = world.cleaner.run()
      for (let i = 0; i < ticks; i++) await new Promise((resolve) => setImmediate(resolve))
      const { log } = world
      if (what === 'append') fill(world, 5, 30)
      else if (what === 'truncate') {
        const end = log.truncateTo(Math.floor(log.logEndOffset / 2))
        for (const offset of world.sent.keys()) if (offset >= end) world.sent.delete(offset)
      } else if (what === 'delete records' || what === 'retention') {
        const start = log.deleteRecordsBefore(Math.floor(log.logEndOffset / 2))
        if (what === 'retention') log.applyRetention(world.clock.now())
        for (const offset of world.sent.keys()) if (offset < start) world.sent.delete(offset)
      } else if (what === 'close') await log.close()
      else log.abandon()
      await running
      if (what === 'close' || what === 'abandon') world.reopen(what === 'close' ? 'close' : 'kill')
      if (what !== 'truncate') t.deepEqual(world.problems(), [], `${what} after ${ticks}`)
      world.reopen('kill', 0)
      if (what !== 'truncate')
        t.deepEqual(
          world.problems().filter((problem) => !problem.startsWith('offset') || what === 'append'),
          [],
          `${what} after ${ticks}, reopened`,
        )
      t.true(world.log.logEndOffset > 0)
    }
  }
})

const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      keys: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      producer: fc.integer({ min: -1, max: 3 }),
      txn: fc.boolean(),
      compression: fc.constantFrom<CompressionName>('none', 'gzip', 'snappy', 'lz4', 'zstd'),
      tombstone: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), producer: fc.nat(3), commit: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clean' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      how: fc.constantFrom('close' as const, 'kill' as const, 'power' as const, 'power, names kept' as const),
      after: fc.nat(60),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(1500) }) },
)

test('random histories: the model and the cleaned log agree, whatever crashes', async (t) => {
  let cleanings = 0
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 40, maxLength: 120 }), async (operations) => {
      const world = new World({ segmentBytes: 400 })
      let n = 0
      for (const step of operations) {
        n++
        if (step.kind === 'send') {
          const isOpen = world.producers.get(step.producer)?.txn !== undefined
          const records = step.keys.map((key, i): [string, string | null] => [
            `k${key}`,
            (step.tombstone + i) % 4 === 0 ? null : `${n}-${i}-${'x'.repeat(20)}`,
          ])
          world.send(records, step.producer, step.producer >= 0 && (step.txn || isOpen), step.compression)
        } else if (step.kind === 'end') world.end(step.producer, step.commit)
        else if (step.kind === 'wait') world.clock.advance(step.ms)
        else if (step.kind === 'clean') await world.cleaner.run()
        else {
          await world.log.flush()
          if (step.how !== 'close') {
            let count = 0
            world.files.fault = () => (++count > step.after ? 'EIO' : undefined)
            await world.cleaner.run()
          } else await world.log.close()
          world.reopen(step.how, step.after % 2 === 0 ? 0 : world.log.flushedOffset)
        }
        if (step.kind === 'send' || step.kind === 'end' || step.kind === 'wait') continue
        const problems = [...world.problems(), ...world.sequences()]
        if (problems.length > 0) throw new Error(`after step ${n} (${JSON.stringify(step)}): ${problems.join('; ')}`)
      }
      cleanings += world.cleanings.length
    }),
    { numRuns: 60 },
  )
  t.true(cleanings > 60, `${cleanings} cleanings`)
})
