import test from 'ava'
import { from, lastValueFrom, type OperatorFunction, toArray } from 'rxjs'
import { json, string } from '../../core/serde/primitives.ts'
import {
  concatMap,
  filter,
  filterNot,
  flatMap,
  map,
  mapAsync,
  mapValues,
  pipeline,
  type SafeOperator,
  selectKey,
  tap,
  topic,
} from '../../pipelines/index.ts'
import { TestTask } from '../support/pipelines.ts'

interface Item {
  readonly key: string
  readonly value: number
}

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const items: Item[] = [1, 2, 3, 4, 5, 6].map((value) => ({ key: value % 2 === 0 ? 'even' : 'odd', value }))
const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const byKey = (results: readonly Item[], key: string) => results.filter((r) => r.key === key).map((r) => r.value)

const table: { name: string; operator: SafeOperator<Item, Item>; expected: number[] }[] = [
  { name: 'map', operator: map((r) => ({ key: r.key, value: r.value * 10 })), expected: [10, 20, 30, 40, 50, 60] },
  { name: 'mapValues', operator: mapValues((value: number) => -value), expected: [-1, -2, -3, -4, -5, -6] },
  { name: 'filter', operator: filter((r) => r.value > 3), expected: [4, 5, 6] },
  { name: 'filterNot', operator: filterNot((r) => r.value > 3), expected: [1, 2, 3] },
  { name: 'selectKey', operator: selectKey((r) => `${r.key}!`), expected: [1, 2, 3, 4, 5, 6] },
  { name: 'tap', operator: tap(() => undefined), expected: [1, 2, 3, 4, 5, 6] },
  { name: 'flatMap', operator: flatMap((r) => (r.value > 4 ? [r, { ...r, value: 0 }] : [])), expected: [5, 0, 6, 0] },
  {
    name: 'concatMap of promises',
    operator: concatMap(async (r) => {
      await later(r.value === 1 ? 5 : 0)
      return r
    }),
    expected: [1, 2, 3, 4, 5, 6],
  },
  { name: 'concatMap of arrays', operator: concatMap((r) => (r.value < 3 ? [r, r] : [])), expected: [1, 1, 2, 2] },
  {
    name: 'mapAsync, all in order',
    operator: mapAsync(
      async (r) => {
        await later(7 - r.value)
        return r
      },
      { order: 'all' },
    ),
    expected: [1, 2, 3, 4, 5, 6],
  },
]

for (const { name, operator, expected } of table) {
  test(`${name} gives the same inside a pipeline and as an ordinary RxJS operator`, async (t) => {
    const rx = operator as OperatorFunction<Item, Item>
    const plain = await lastValueFrom(from(items).pipe(rx, toArray()))
    t.deepEqual(
      plain.map((r) => r.value),
      expected,
    )
    const task = new TestTask(pipeline('p').from(input).pipe(operator).to(output))
    await task.epoch(items.slice(0, 2))
    await task.epoch(items.slice(2))
    t.deepEqual(
      task.log.read(output).map((r) => r.value),
      expected,
    )
  })
}

test('mapAsync keeps the order of each key by default, and runs several calls at a time', async (t) => {
  let running = 0
  let most = 0
  const operator = mapAsync(
    async (r: Item) => {
      most = Math.max(most, ++running)
      await later(r.value === 1 ? 20 : 1)
      running--
      return r
    },
    { concurrency: 3 },
  )
  const task = new TestTask(pipeline('p').from(input).pipe(operator).to(output))
  await task.epoch(items)
  const results = task.log.read(output)
  t.deepEqual(byKey(results, 'odd'), [1, 3, 5])
  t.deepEqual(byKey(results, 'even'), [2, 4, 6])
  t.is(results[0]!.value, 2, 'the slow odd key does not hold back the even one')
  t.is(most, 3)
})

test('an epoch waits for every asynchronous call', async (t) => {
  const task = new TestTask(
    pipeline('p')
      .from(input)
      .pipe(
        mapAsync(async (r) => {
          await later(10)
          return { key: r.key, value: r.value }
        }),
      )
      .to(output),
  )
  await task.epoch(items)
  t.is(task.log.read(output).length, items.length)
})

test('mapAsync over 50,000 items of one key has no queue that slows down', async (t) => {
  const many = Array.from({ length: 50_000 }, (_, value) => ({ key: 'k', value }))
  const started = performance.now()
  const results = await lastValueFrom(from(many).pipe(mapAsync(async (r) => r.value) as OperatorFunction<Item, number>, toArray()))
  t.is(results.length, many.length)
  t.is(results.at(-1), 49_999)
  t.log(`${Math.round(performance.now() - started)} ms`)
})

test('what has no time of its own keeps the time of the record it was made from', async (t) => {
  const task = new TestTask(
    pipeline('p')
      .from(input)
      .pipe(map((r) => (r.value === 1 ? { key: r.key, value: 1 } : { key: r.key, value: 2, timestamp: 5 })))
      .to(output),
  )
  await task.epoch([
    { key: 'a', value: 1, timestamp: 1000 },
    { key: 'a', value: 2, timestamp: 2000 },
  ])
  t.deepEqual(
    task.log.read(output).map((r) => r.timestamp),
    [1000, 5],
  )
})

test('headers pass through, and mapValues keeps them', async (t) => {
  const headers = [{ key: 'trace', value: Buffer.from('42') }]
  const task = new TestTask(
    pipeline('p')
      .from(input)
      .pipe(mapValues((value) => value + 1))
      .to(output),
  )
  await task.epoch([{ key: 'a', value: 1, headers }])
  t.deepEqual(task.log.in('out')[0]!.headers, headers)
})

test('an operator that throws fails the epoch, named with pipeline, operator and record, and nothing is written', async (t) => {
  const divide = map((r: Item) => {
    if (r.value === 3) throw new RangeError('three is too much')
    return r
  })
  const task = new TestTask(
    pipeline('sums')
      .from(input)
      .pipe(
        tap(() => undefined),
        divide,
      )
      .to(output),
  )
  const error = await t.throwsAsync(task.epoch(items), { code: 'OPERATOR_FAILED' })
  t.regex(error!.message, /pipeline "sums", map \(operator 2\): three is too much \(at in-0@2\)/)
  t.is(task.log.committed.length, 0)
})

for (const [name, operator] of [
  ['mapAsync', mapAsync(async (r: Item) => (r.value === 4 ? Promise.reject(new Error('no answer')) : r))],
  ['concatMap', concatMap(async (r: Item) => (r.value === 4 ? Promise.reject(new Error('no answer')) : r))],
] as const) {
  test(`a call of ${name} that rejects names its record, and the task can run the epoch again`, async (t) => {
    const task = new TestTask(pipeline('p').from(input).pipe(operator).to(output))
    const error = await t.throwsAsync(task.epoch(items), { code: 'OPERATOR_FAILED' })
    t.regex(error!.message, new RegExp(`${name} \\(operator 1\\): no answer \\(at in-0@3\\)`))
    await task.epoch(items.slice(0, 3))
    t.deepEqual(
      task.log.read(output).map((r) => r.value),
      [1, 2, 3],
    )
  })
}

test('a record that does not fit its serde, or is null without leave, is named with the remedy', async (t) => {
  const task = new TestTask(pipeline('p').from(input).to(output))
  const error = await t.throwsAsync(
    task.epoch([
      { key: 'a', value: 1 },
      { key: null, value: 2 },
    ]),
    { code: 'SERDE_FAILED' },
  )
  t.regex(error!.message, /in-0@1: its key is null, declared is string; allow nulls with nullable/)
})
