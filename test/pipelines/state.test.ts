import test from 'ava'
import fc from 'fast-check'
import { json, string } from '../../core/serde/primitives.ts'
import {
  filter,
  map,
  mapValues,
  nullable,
  type Pipeline,
  pipeline,
  session,
  together,
  topic,
  tumbling,
  within,
} from '../../pipelines/index.ts'
import { type Fed, TestTask } from '../support/pipelines.ts'

interface Sum {
  n: number
  total: number
}

const input = topic('in', { key: string, value: json<number>() })
const sums = topic('sums', { key: string, value: json<Sum>() })
const results = topic('results', { key: string, value: json<unknown>() })

const running = pipeline('running')
  .from(input)
  .groupByKey()
  .aggregate({ init: () => ({ n: 0, total: 0 }), add: (sum: Sum, r) => ({ n: sum.n + 1, total: sum.total + r.value }) })
  .to(sums)

/** Two windowed stages in one task, so that rollback and restart concern stores, timers and the time between the stages. */
const windows = pipeline('windows')
  .from(input)
  .pipe(filter((r) => r.value !== 13))
  .groupByKey()
  .window(tumbling(10, { grace: 5 }))
  .count()
  .groupByKey()
  .window(tumbling(40, { grace: 0 }))
  .aggregate({ init: () => 0, add: (most: number, w) => Math.max(most, w.value) })
  .pipe(map((w) => ({ key: w.key, value: { most: w.value, start: w.window.start } as unknown })))
  .to(results)

/** Even values change a table, odd ones look into it; the table is joined with how often each key was looked up. */
const tables = ((): Pipeline => {
  const { even, rest } = pipeline('tables')
    .from(input)
    .branch({ even: (r) => r.value % 2 === 0 })
  const table = even.pipe(mapValues((v) => (v < 6 ? null : v))).toTable()
  const looked = rest.leftJoin(table, (value, found) => ({ value, found }) as unknown)
  const counts = rest.groupByKey().count()
  const joined = table.filter((v) => v !== 12).outerJoin(counts, (value, count) => ({ value, count }) as unknown)
  return together(looked.to(results), joined.to(topic('joined', { key: string, value: nullable(json<unknown>()) })))
})()

const sessions = (emit: 'close' | 'update'): Pipeline =>
  pipeline('sessions')
    .from(input)
    .groupByKey()
    .window(session(5, { grace: 3, emit }))
    .aggregate({ init: () => [], add: (list: number[], r) => [...list, r.value], merge: (first, second) => [...first, ...second] })
    .pipe(map((w) => ({ key: w.key, value: { values: w.value, ...w.window } as unknown })))
    .to(results)

const closedSessions = sessions('close')

/** Even and odd values that are near each other, and those that are near nothing. */
const pairs = ((): Pipeline => {
  const { even, rest } = pipeline('pairs')
    .from(input)
    .branch({ even: (r) => r.value % 2 === 0 })
  return even.outerJoin(rest, (value, other) => ({ value, other }) as unknown, within(4, { after: 1, grace: 3 })).to(results)
})()

const record = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  value: fc.integer({ min: 0, max: 20 }),
  jitter: fc.integer({ min: 0, max: 8 }),
})
const epochs = fc.array(fc.record({ records: fc.array(record, { maxLength: 8 }), fails: fc.nat(2), restart: fc.boolean() }), {
  maxLength: 12,
})

/** Gives the records times that rise with some disorder. */
function timed(list: readonly { records: readonly { key: string; value: number; jitter: number }[] }[]): Fed[][] {
  let time = 100
  return list.map(({ records }) => records.map(({ key, value, jitter }) => ({ key, value, timestamp: (time += 3) - jitter })))
}

async function run(declared: Pipeline, slices: readonly Fed[][]): Promise<TestTask> {
  const task = new TestTask(declared)
  for (const slice of slices) await task.epoch(slice)
  await task.epoch([], { ended: true })
  return task
}

const committed = (task: TestTask, name: string) =>
  task.log.in(name).map(({ key, value, timestamp }) => [String(key), value === null ? null : String(value), timestamp])

const compare = (a: string, b: string) => a.localeCompare(b)
const texts = (task: TestTask, name: string) => committed(task, name).map(String).sort(compare)

/** What a compacted changelog holds in the end. */
function compacted(task: TestTask): [string, string][] {
  const last = new Map<string, string | null>()
  for (const { topic: name, key, value } of task.log.committed) {
    if (name.endsWith('-changelog')) last.set(`${name} ${key!.toString('hex')}`, value === null ? null : String(value))
  }
  return [...last].filter((entry): entry is [string, string] => entry[1] !== null).sort(([a], [b]) => compare(a, b))
}

for (const [name, declared, out] of [
  ['a running aggregate', running, 'sums'],
  ['windows over windows', windows, 'results'],
  ['tables that are looked into', tables, 'results'],
  ['tables that are joined', tables, 'joined'],
  ['streams that are joined', pairs, 'results'],
  ['sessions that are given when they close', closedSessions, 'results'],
  ['sessions that are given at every change', sessions('update'), 'results'],
] as const) {
  test(`${name}: epochs that fail and tasks that restart leave what the fault-free run leaves`, async (t) => {
    await fc.assert(
      fc.asyncProperty(epochs, async (list) => {
        const slices = timed(list)
        const expected = await run(declared, slices)
        let task = new TestTask(declared)
        for (const [i, { fails, restart }] of list.entries()) {
          for (let attempt = 0; attempt < fails; attempt++) {
            await task.epoch(slices[i]!, { fail: true, ended: attempt === 1 }).then(
              () => t.fail(),
              () => undefined,
            )
          }
          await task.epoch(slices[i]!)
          if (restart) task = task.restarted()
        }
        await task.epoch([], { ended: true })
        t.deepEqual(texts(task, out), texts(expected, out))
        t.deepEqual(compacted(task), compacted(expected))
      }),
      { numRuns: 150 },
    )
  })

  test(`${name}: how records are cut into epochs changes nothing`, async (t) => {
    await fc.assert(
      fc.asyncProperty(epochs, fc.nat(7), async (list, size) => {
        const slices = timed(list)
        const all = slices.flat()
        const cut: Fed[][] = []
        for (let at = 0; at < all.length; at += size + 1) cut.push(all.slice(at, at + size + 1))
        if (declared === windows) return t.deepEqual(firstStage(await run(counted, slices)), firstStage(await run(counted, cut)))
        // What has found nothing comes when an epoch completes, and so do sessions.
        if (declared === pairs || declared === closedSessions)
          return t.deepEqual(texts(await run(declared, slices), out), texts(await run(declared, cut), out))
        return t.deepEqual(committed(await run(declared, slices), out), committed(await run(declared, cut), out))
      }),
      { numRuns: 150 },
    )
  })
}

const counted = pipeline('counted')
  .from(input)
  .groupByKey()
  .window(tumbling(10, { grace: 5 }))
  .count()
  .to(topic('results', { key: string, value: json<number>() }))
const firstStage = (task: TestTask) => texts(task, 'results')

test('a key that changes often in an epoch is one record of the changelog; one that does not change is none', async (t) => {
  const task = new TestTask(running)
  await task.epoch([1, 2, 3].map((value) => ({ key: 'a', value, timestamp: value })))
  await task.epoch([{ key: 'b', value: 1 }])
  const changelog = task.log.in('test-running-1-aggregate-changelog')
  t.deepEqual(
    changelog.map(({ key, value, timestamp }) => [String(key), String(value), timestamp]),
    [
      ['a', '{"n":3,"total":6}', 3],
      ['b', '{"n":1,"total":1}', 0],
    ],
  )
})

test('a window that closes leaves a tombstone, and none when it opened in the same epoch', async (t) => {
  const task = new TestTask(counted)
  const name = 'test-counted-1-count-tumbling-changelog'
  await task.epoch([{ key: 'a', value: 1, timestamp: 100 }])
  t.deepEqual(
    task.log.in(name).map((r) => String(r.value)),
    ['1'],
  )
  await task.epoch([
    { key: 'a', value: 1, timestamp: 110 },
    { key: 'a', value: 1, timestamp: 200 },
  ])
  t.deepEqual(
    task.log.in(name).map(({ key, value }) => [key!.subarray(1).readBigInt64BE(), value === null]),
    [
      [100n, false],
      [200n, false],
      [100n, true],
    ],
  )
  t.is(task.task.stores[0]!.size, 1)
})

test('reduce begins with the first value, count with one', async (t) => {
  const reduced = pipeline('reduced')
    .from(input)
    .groupByKey()
    .reduce((a, b) => Math.min(a, b))
    .to(topic('out', { key: string, value: json<number>() }))
  const task = new TestTask(reduced)
  await task.epoch([5, 3, 7].map((value) => ({ key: 'a', value })))
  t.deepEqual(
    task.log.in('out').map((r) => String(r.value)),
    ['5', '3', '3'],
  )
})

test('a record without a key cannot be grouped, and says so', async (t) => {
  const task = new TestTask(
    pipeline('p')
      .from(input)
      .pipe(map((r) => ({ key: r.value === 1 ? undefined : r.key, value: r.value })))
      .keyBy((r) => r.key, { key: string as never, value: json<number>() })
      .count()
      .to(results as never),
  )
  const error = await t.throwsAsync(task.epoch([{ key: 'a', value: 1 }]), { code: 'OPERATOR_FAILED' })
  t.regex(error!.message, /it has no key/)
})
