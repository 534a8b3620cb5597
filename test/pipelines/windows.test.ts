import test from 'ava'
import fc from 'fast-check'
import { int32, json, string } from '../../core/serde/primitives.ts'
import { hopping, map, pipeline, topic, tumbling } from '../../pipelines/index.ts'
import { NO_TIME, Watermarks } from '../../pipelines/watermark.ts'
import { type Fed, MemoryLog, TestTask } from '../support/pipelines.ts'

const input = topic('in', { key: string, value: int32 })
const output = topic('out', { key: string, value: json<{ start: number; n: number }>() })
const GRACE = 7

const declared = (emit: 'close' | 'update') =>
  pipeline('windows')
    .from(input)
    .groupByKey()
    .window(tumbling(10, { grace: GRACE, emit }))
    .count()
    .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, n: w.value } })))
    .to(output)

const disordered = fc.array(
  fc.array(fc.record({ key: fc.constantFrom('a', 'b'), value: fc.constant(1), timestamp: fc.integer({ min: 0, max: 120 }) }), {
    maxLength: 10,
  }),
  { maxLength: 8 },
)

/** The rules in ten lines: a record counts unless its window had closed by the greatest time seen up to and with it. */
function model(records: readonly Fed[]): { results: Map<string, number>; late: number } {
  const results = new Map<string, number>()
  let time = -1
  let late = 0
  for (const { key, timestamp } of records) {
    time = Math.max(time, timestamp!)
    const start = Math.floor(timestamp! / 10) * 10
    if (start + 10 + GRACE <= time) late++
    else results.set(`${String(key)} ${start}`, (results.get(`${String(key)} ${start}`) ?? 0) + 1)
  }
  return { results, late }
}

const sorted = (results: Iterable<readonly [string, number]>) => [...results].sort(([a], [b]) => a.localeCompare(b))

test('windows that emit on close give each result once, equal to a naive model, whatever the disorder', async (t) => {
  await fc.assert(
    fc.asyncProperty(disordered, async (epochs) => {
      const task = new TestTask(declared('close'))
      let late = 0
      for (const epoch of epochs) {
        task.task.begin()
        for (const batch of task.batches(epoch)) task.task.feed(batch)
        await task.task.complete(false)
        late += task.task.counters.late
        task.task.commit()
        task.log.commit()
      }
      await task.epoch([], { ended: true })
      const expected = model(epochs.flat())
      const results = task.log.read(output).map(({ key, value }) => [`${key} ${value.start}`, value.n] as const)
      t.is(new Set(results.map(([name]) => name)).size, results.length, 'no window speaks twice')
      t.deepEqual(sorted(results), sorted(expected.results))
      t.is(late, expected.late)
    }),
    { numRuns: 300 },
  )
})

test('windows that emit updates end with the same values, and speak at each record', async (t) => {
  await fc.assert(
    fc.asyncProperty(disordered, async (epochs) => {
      const task = new TestTask(declared('update'))
      for (const epoch of epochs) await task.epoch(epoch)
      const last = new Map(task.log.read(output).map(({ key, value }) => [`${key} ${value.start}`, value.n]))
      const expected = model(epochs.flat())
      t.deepEqual(sorted(last), sorted(expected.results))
      t.is(task.log.committed.length > 0, expected.results.size > 0)
    }),
    { numRuns: 100 },
  )
})

test('a window closes when the watermark passes its end plus grace, not before; its result has its last millisecond', async (t) => {
  const task = new TestTask(declared('close'))
  await task.epoch([{ key: 'a', value: 1, timestamp: 3 }])
  await task.epoch([{ key: 'b', value: 1, timestamp: 16 }])
  t.deepEqual(task.log.read(output), [])
  await task.epoch([{ key: 'b', value: 1, timestamp: 17 }])
  t.deepEqual(task.log.read(output), [{ key: 'a', value: { start: 0, n: 1 }, timestamp: 9 }])
})

test('a watermark is the minimum over channels, waits for all of them, and never goes back', (t) => {
  const marks = new Watermarks(3)
  marks.observe(0, 100)
  marks.observe(1, 50)
  t.is(marks.current, NO_TIME)
  marks.observe(2, 70)
  t.is(marks.current, 50)
  marks.observe(1, 90)
  t.is(marks.current, 70)
  marks.observe(0, 20)
  t.is(marks.current, 70)
})

test('an idle channel does not hold time back; when it speaks again time does not go back', (t) => {
  const marks = new Watermarks(2)
  marks.observe(0, 100)
  marks.setIdle(1)
  t.is(marks.current, 100)
  marks.observe(1, 40)
  t.is(marks.current, 100)
  marks.observe(0, 200)
  t.is(marks.current, 100, 'it waits for channel 1 again')
  marks.observe(1, 150)
  t.is(marks.current, 150)
  marks.setIdle(0)
  marks.setIdle(1)
  t.is(marks.current, 200, 'when all are silent nobody is waited for')
  t.true(marks.idle)
})

test('watermarks survive as metadata of an offset; metadata of somebody else counts for nothing', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ time: fc.integer({ min: -1, max: 2 ** 45 }), state: fc.nat(1) }), { minLength: 1, maxLength: 40 }),
      (list) => {
        const marks = new Watermarks(list.length)
        for (const [channel, { time, state }] of list.entries()) {
          marks.observe(channel, time)
          if (state === 1) marks.setIdle(channel)
        }
        const restored = new Watermarks(list.length)
        restored.decode(marks.encode(0, list.length), 0, list.length)
        t.deepEqual(restored.snapshot(), marks.snapshot())
      },
    ),
  )
  const fresh = new Watermarks(2)
  for (const metadata of ['', 'hello', 'w1:', 'w1:5,5', 'w1:a,b,c,d', 'w2:1,1,1']) fresh.decode(metadata, 0, 2)
  t.is(fresh.current, NO_TIME)
})

const regrouped = pipeline('regrouped')
  .from(input)
  .keyBy((r) => `all ${r.key}`, { key: string })
  .window(tumbling(10))
  .count()
  .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, n: w.value } })))
  .to(output)
const REPARTITION = 'test-regrouped-1-keyBy-repartition'

test('behind a repartition an upstream task that is an hour behind loses nothing as late', async (t) => {
  const log = new MemoryLog()
  const upstream = [0, 1].map((partition) => new TestTask(regrouped, { log, partition }))
  const reader = new TestTask(regrouped, { log: new MemoryLog(), part: 1, channels: 2 })
  const HOUR = 3_600_000
  const pass = async (task: TestTask, records: readonly Fed[]) => {
    const from = log.committed.length
    await task.epoch(records)
    await reader.epochOf(log.committed.slice(from))
  }
  // Task 1 runs ahead by an hour; task 0 follows.
  for (let time = 0; time < 200; time += 5) await pass(upstream[1]!, [{ key: 'k', value: 1, timestamp: HOUR + time }])
  for (let time = 0; time < 200; time += 5) await pass(upstream[0]!, [{ key: 'k', value: 1, timestamp: time }])
  t.is(reader.task.counters.late, 0)
  const soon = reader.log.read(output)
  t.is(soon.length, 19, 'time goes on with the slow task')
  t.true(soon.every(({ value }) => value.n === 2 && value.start < 200))
  await reader.epochOf([], { ended: true })
  const all = reader.log.read(output)
  t.is(all.length, 40)
  t.is(
    all.reduce((sum, { value }) => sum + value.n, 0),
    80,
  )
})

test('a repartition tells its watermark to readers that got no record, and headers of the user pass through', async (t) => {
  const log = new MemoryLog({ [REPARTITION]: 3 })
  const task = new TestTask(regrouped, { log })
  const headers = [{ key: 'w', value: Buffer.from('mine') }]
  await task.epoch([{ key: 'k', value: 1, timestamp: 77, headers }])
  const marks = log.in(REPARTITION).filter((r) => r.key === null)
  t.deepEqual(
    marks.map((r) => r.partition),
    [0, 1, 2],
  )
  const [data] = log.in(REPARTITION).filter((r) => r.key !== null)
  t.deepEqual(data!.headers[0], headers[0])
  t.is(data!.headers.length, 2)
  const before = log.committed.length
  await task.epoch([])
  t.is(log.committed.length, before, 'nothing new is not told again')
  const reader = new TestTask(regrouped, { part: 1, partition: data!.partition })
  await reader.epochOf(log.committed)
  t.is(reader.task.watermark, 77)
})

test('an idle upstream task does not hold its readers back', async (t) => {
  const log = new MemoryLog()
  const upstream = [0, 1].map((partition) => new TestTask(regrouped, { log, partition }))
  await upstream[0]!.epoch([0, 50].map((timestamp) => ({ key: 'k', value: 1, timestamp })))
  upstream[1]!.task.watermarks.setIdle(0)
  await upstream[1]!.epoch([])
  const reader = new TestTask(regrouped, { part: 1, channels: 2 })
  await reader.epochOf(log.committed)
  t.deepEqual(
    reader.log.read(output).map(({ value }) => value.start),
    [0],
  )
})

test('a record is in every hopping window that it falls into, and late when the last of them has closed', async (t) => {
  const counts = topic('counts', { key: string, value: json<[number, number]>() })
  const declared = pipeline('hopping')
    .from(topic('in', { key: string, value: json<number>() }))
    .groupByKey()
    .window(hopping(10, { advance: 4 }))
    .count()
    .pipe(map((w) => ({ key: w.key, value: [w.window.start, w.value] as [number, number] })))
    .to(counts)
  const task = new TestTask(declared)
  await task.epoch([9, 13, 29].map((timestamp) => ({ key: 'a', value: 1, timestamp })))
  // Of the windows of 21, those from 12 and 16 have closed by now, and the one from 20 has not; of 19 all have.
  await task.epoch([{ key: 'a', value: 1, timestamp: 21 }])
  task.task.begin()
  for (const batch of task.batches([{ key: 'a', value: 1, timestamp: 19 }])) task.task.feed(batch)
  t.is(task.task.counters.late, 1)
  task.task.rollback()
  await task.epoch([], { ended: true })
  t.deepEqual(
    task.log.read(counts).map(({ value }) => value),
    [
      [0, 1],
      [4, 2],
      [8, 2],
      [12, 1],
      [20, 2],
      [24, 1],
      [28, 1],
    ],
  )
})
