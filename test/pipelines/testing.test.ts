import test from 'ava'
import fc from 'fast-check'
import { scan, toArray } from 'rxjs'

import type { Source } from '../../connectors/types.ts'
import { int32, string } from '../../core/serde/index.ts'
import {
  filter,
  map,
  mapAsync,
  mapValues,
  nullable,
  type Pipeline,
  pipeline,
  session,
  tap,
  together,
  topic,
  tumbling,
  within,
} from '../../pipelines/index.ts'
import { marbles, records, sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'
import { goldenRecords } from '../support/golden.ts'
import { goldenTopologies } from '../support/golden-topologies.ts'

const orders = topic('orders', { key: string, value: int32 })
const names = topic('names', { key: string, value: string })
const sums = topic('sums', { key: string, value: int32 })
const texts = topic('texts', { key: string, value: string })

const add = (a: number, b: number): number => a + b
const total = pipeline('total').from(orders).groupByKey().reduce(add, { name: 'sums' }).to(sums)
const perHour = (grace: '0s' | '10m' = '0s') =>
  pipeline('hours')
    .from(orders)
    .groupByKey()
    .window(tumbling('1h', { grace, emit: 'close' }))
    .reduce(add, { name: 'open' })
    .to(sums)
const HOUR = 3_600_000

test('records go in, and what comes out is read once', async (t) => {
  const kit = testPipeline(total)
  await kit.pipe(orders, [
    { key: 'a', value: 1, timestamp: 5 },
    { key: 'b', value: 10, timestamp: 3 },
    { key: 'a', value: 2, timestamp: 4, headers: [{ key: 'h', value: Buffer.from('x') }] },
  ])
  t.deepEqual(kit.read(sums), [
    { key: 'a', value: 1, timestamp: 5 },
    { key: 'b', value: 10, timestamp: 3 },
    { key: 'a', value: 3, timestamp: 5 },
  ])
  t.deepEqual(kit.read(sums), [])
  await kit.pipe(orders, [{ key: 'b', value: 1 }])
  t.deepEqual(kit.read(sums), [{ key: 'b', value: 11, timestamp: 3 }])
  t.deepEqual(kit.read(orders).at(-1), { key: 'b', value: 1, timestamp: 0 })
  t.is(kit.written()['sums']!.length, 4)
  t.like(kit.metrics, { recordsIn: 4, recordsOut: 4, late: 0, epochs: 2, watermark: 5 })
})

test('a diagram over event time goes in, and one comes out', async (t) => {
  const kit = testPipeline(perHour(), { frame: '10m' })
  await kit.pipe(orders, 'a-b 1h c', { a: 1, b: 2, c: 4 }, { key: 'k' })
  t.deepEqual(kit.read(sums), [{ key: 'k', value: 3, timestamp: HOUR - 1 }])
  // The window of c is still open; what comes for the first one is late.
  await kit.pipe(orders, '@50m a @2h a|', { a: 8 }, { key: 'k' })
  t.is(kit.metrics.late, 1)
  const drawn = testPipeline(total, { frame: '10m', start: HOUR })
  await drawn.pipe(orders, 'a-(bb) 1h a', { a: { key: 'x', value: 1 }, b: { key: 'y', value: 2 } })
  t.is(drawn.readMarbles(sums, { a: { key: 'x', value: 1 }, b: { key: 'y', value: 2 }, c: { key: 'y', value: 4 } }), 'a-(bc)------?')
})

test('several inputs are read in the order of event time', async (t) => {
  const start = pipeline('lookup')
  const joined = start
    .from(orders)
    .join(start.table(names), (n, name) => `${name} ${n}`)
    .to(texts)
  const kit = testPipeline(joined)
  const numbers = { a: { key: 'k', value: 1 }, b: { key: 'k', value: 2 } }
  await kit.pipe(marbles(orders, '-a---b', numbers), marbles(names, 'x--y', { x: 'Ann', y: 'Eve' }, { key: 'k' }))
  t.deepEqual(
    kit.read(texts).map(({ value }) => value),
    ['Ann 1', 'Eve 2'],
  )
  await kit.pipe(records(orders, [{ key: 'k', value: 3, timestamp: 9 }]), records(names, [{ key: 'k', value: 'Zoe', timestamp: 8 }]))
  t.is(kit.read(texts)[0]?.value, 'Zoe 3')
})

test('partitions: keys stay together, a record may say where it goes, and time waits for the slowest until it is idle', async (t) => {
  const kit = testPipeline(perHour(), { partitions: 2, idle: '10s' })
  const rekeyed = pipeline('rekeyed')
    .from(orders)
    .keyBy(({ value }) => String(value % 2), { key: string })
    .window(tumbling('1h', { emit: 'close' }))
    .count()
    .to(sums)
  const other = testPipeline(rekeyed, { partitions: { orders: 2 } })
  for (const one of [kit, other]) {
    await one.pipe(
      orders,
      [1, 2, 3].map((value) => ({ key: 'k', value, timestamp: value * HOUR, partition: 0 })),
    )
  }
  t.deepEqual(
    kit.read(sums).map(({ value }) => value),
    [1, 2],
  )
  // A window behind keyBy waits for both of the tasks before it.
  t.deepEqual(other.read(sums), [])
  await other.advanceWallClock('9s')
  t.deepEqual(other.read(sums), [])
  await other.advanceWallClock('1s')
  t.deepEqual(
    other
      .read(sums)
      .map(({ key, timestamp }) => `${key} ${timestamp + 1}`)
      .sort(),
    [`0 ${3 * HOUR}`, `1 ${2 * HOUR}`],
  )
  await t.throwsAsync(kit.pipe(orders, [{ key: 'k', value: 1, partition: 2 }]), {
    message: /topic 'orders' has 2 partitions, there is no 2; give testPipeline the option partitions/,
  })
})

test('the end of the input closes every window, through all repartitions', async (t) => {
  const twice = pipeline('twice')
    .from(orders)
    .groupByKey()
    .window(tumbling('1h', { emit: 'close' }))
    .count()
    .keyBy(({ value }) => String(value), { key: string, value: int32 })
    .window(tumbling('1d', { emit: 'close' }))
    .count()
    .to(sums)
  const kit = testPipeline(twice)
  await kit.pipe(orders, 'a 1h (ab) 1h a', { a: { key: 'x', value: 0 }, b: { key: 'y', value: 0 } })
  t.deepEqual(kit.read(sums), [])
  await kit.end()
  t.deepEqual(kit.read(sums), [{ key: '1', value: 4, timestamp: 24 * HOUR - 1 }])
})

test('items of a source', async (t) => {
  const source: Source<{ name: string; timestamp?: number }> = {
    name: 'rows',
    flags: { replayable: true, bounded: true },
    open: () => Promise.reject(new Error('the kit opens nothing')),
    read: () => Promise.reject(new Error('the kit reads nothing')),
    close: () => Promise.resolve(),
  }
  const rows = pipeline('rows')
    .from(source)
    .pipe(map((row) => ({ key: row.name, value: row.name.length })))
    .to(sums)
  const kit = testPipeline(rows, { start: 7 })
  await kit.pipe(source, [{ name: 'one' }, { name: 'three', timestamp: 3 }])
  t.deepEqual(kit.read(sums), [
    { key: 'one', value: 3, timestamp: 7 },
    { key: 'three', value: 5, timestamp: 3 },
  ])
})

test('stores are looked into by name', async (t) => {
  const kit = testPipeline(total, { partitions: 3 })
  await kit.pipe(orders, 'abca', { a: { key: 'x', value: 1 }, b: { key: 'y', value: 2 }, c: { key: 'z', value: 3 } })
  const store = kit.store<string, number>('sums')
  t.deepEqual(store.entries(), [
    { key: 'x', value: 2, timestamp: 3000 },
    { key: 'y', value: 2, timestamp: 1000 },
    { key: 'z', value: 3, timestamp: 2000 },
  ])
  t.is(store.get('z'), 3)
  t.is(store.get('no'), undefined)
  t.throws(() => kit.store('total'), { message: 'pipeline "total" has no store \'total\'; it has sums' })

  const windows = testPipeline(perHour('10m'), { frame: '1h' })
  await windows.pipe(orders, 'a @1h a', { a: { key: 'x', value: 1 } })
  t.deepEqual(windows.store('open').entries(), [
    { key: 'x', value: 1, timestamp: 0, start: 0 },
    { key: 'x', value: 1, timestamp: HOUR, start: HOUR },
  ])
  t.is(windows.store('open').get('x', HOUR), 1)

  const start = pipeline('waiting')
  const joined = start
    .from(orders)
    .join(start.from(names), (n, name) => `${n}${name}`, within('5m'), { name: 'pair' })
    .to(texts)
  const waiting = testPipeline(joined)
  await waiting.pipe(orders, 'a', { a: 1 }, { key: 'k' })
  t.deepEqual(waiting.store('pair-left').entries(), [{ key: 'k', value: 1, timestamp: 0 }])
  t.deepEqual(waiting.store('pair-right').entries(), [])
})

test('a crash in the middle of an epoch: what was not committed is run again from the state of the last commit', async (t) => {
  const seen: number[] = []
  const observed = pipeline('observed')
    .from(orders)
    .pipe(tap(({ value }) => void seen.push(value)))
    .groupByKey()
    .reduce(add, { name: 'sums' })
    .to(sums)
  const kit = testPipeline(observed)
  await kit.pipe(orders, 'a', { a: 1 }, { key: 'k' })
  await kit.pipe(orders, 'bc#d', { b: 2, c: 3, d: 4 }, { key: 'k' })
  t.deepEqual(seen, [1, 2, 3, 2, 3, 4])
  t.is(kit.metrics.restarts, 1)
  t.deepEqual(
    kit.read(sums).map(({ value }) => value),
    [1, 3, 6, 10],
  )
  kit.crash()
  t.is(kit.store('sums').get('k'), 10)
  await kit.pipe(orders, 'e', { e: 5 }, { key: 'k' })
  t.deepEqual(seen.slice(6), [5])
  t.is(kit.read(sums)[0]?.value, 15)
  // There is no epoch that it could interrupt.
  await kit.pipe(orders, '#f', { f: 6 }, { key: 'k' })
  t.is(kit.read(sums)[0]?.value, 21)
})

test('event time outlives a crash: what was late before is late after it', async (t) => {
  const kit = testPipeline(perHour(), { frame: '1h' })
  await kit.pipe(orders, '--a', { a: 1 }, { key: 'k' })
  kit.crash()
  await kit.pipe(orders, 'a', { a: 1 }, { key: 'k' })
  t.is(kit.metrics.late, 1)
})

test('an operator that throws: nothing of the epoch is there, and the record waits', async (t) => {
  let poisoned = true
  const picky = pipeline('picky')
    .from(orders)
    .pipe(
      mapValues((value) => {
        if (value < 0 && poisoned) throw new Error('negative')
        return value
      }),
    )
    .to(sums)
  const kit = testPipeline(picky)
  await t.throwsAsync(kit.pipe(orders, 'ab', { a: 1, b: -1 }, { key: 'k' }), {
    code: 'OPERATOR_FAILED',
    message: /pipeline "picky".*negative \(at orders-0@1\)/,
  })
  t.deepEqual(kit.read(sums), [])
  poisoned = false
  await kit.pipe(orders, 'c', { c: 3 }, { key: 'k' })
  t.deepEqual(
    kit.read(sums).map(({ value }) => value),
    [1, -1, 3],
  )
})

test('what waits for something outside is waited for; a time-out passes in real time', async (t) => {
  const asking = pipeline('asking')
    .from(orders)
    .pipe(mapAsync(async (r) => (await new Promise((resolve) => setTimeout(resolve, 2)), { key: r.key, value: r.value * 2 })))
    .to(sums)
  const kit = testPipeline(asking)
  await kit.pipe(orders, 'abc', { a: 1, b: 2, c: 3 }, { key: 'k' })
  t.is(kit.readMarbles(sums, { a: 2, b: 4, c: 6 }), 'abc')
  t.is(kit.now, 0)
})

test('refused: a sink that is no topic, another number of partitions, a letter that stands for nothing, a crash before the first record', async (t) => {
  const sink = { name: 'lake', flags: {}, open: () => Promise.reject(new Error('never')) } as never
  t.throws(() => testPipeline(pipeline('lake').from(orders).to(sink)), {
    code: 'PIPELINE_INVALID',
    message: /testPipeline runs what ends in topics; the sink 'lake' is driven by a worker of its own/,
  })
  const start = pipeline('two')
  const joined = start
    .from(orders)
    .join(start.table(names), (n, name) => `${name} ${n}`)
    .to(texts)
  t.throws(() => testPipeline(joined, { partitions: { orders: 2, names: 3 } }), { message: /the same number of partitions/ })
  const kit = testPipeline(total)
  await t.throwsAsync(kit.pipe(orders, 'ab', { a: { key: 'k', value: 1 } }), {
    code: 'INVALID_ARGUMENT',
    message: "marbles 'ab': 'b' stands for nothing; add it to the values",
  })
  t.deepEqual(kit.read(orders), [])
  t.throws(() => testPipeline(total, { crashAfter: [0] }), { message: /crashAfter takes numbers of records from 1 on, not 0/ })
})

test('sameUnderAnyEpochSize finds state that is in no store', async (t) => {
  let n = 0
  const counting = pipeline('counting')
    .from(orders)
    .pipe(mapValues(() => ++n))
    .to(sums)
  const scanning = pipeline('scanning')
    .from(orders)
    .perEpoch(scan((a, r) => ({ ...r, value: a.value + r.value })))
    .to(sums)
  const mutating = pipeline('mutating')
    .from(orders)
    .groupByKey()
    .aggregate({ init: () => [] as number[], add: (list, r) => (list.push(r.value), list) })
    .pipe(mapValues((list) => list.length))
    .to(sums)
  const batching = pipeline('batching')
    .from(orders)
    .perEpoch(toArray())
    .pipe(map((batch) => ({ key: 'n', value: batch.length })))
    .to(sums)
  const silent = pipeline('silent')
    .from(orders)
    .pipe(filter(() => false))
    .to(sums)
  const play = (declared: Pipeline) => sameUnderAnyEpochSize(declared, (kit) => kit.pipe(orders, 'abab', { a: 1, b: 2 }, { key: 'k' }))
  for (const wrong of [counting, scanning, mutating, batching]) {
    const error = await t.throwsAsync(play(wrong), { name: 'AssertionError' }, wrong.name)
    t.regex(error.message, /^topic 'sums' is not the same with epochs of .* as with epochs of 1: .* in place of \{/)
  }
  await t.throwsAsync(play(silent), { message: 'pipeline "silent" has written nothing: this input shows nothing' })
  await t.throwsAsync(
    sameUnderAnyEpochSize(total, () => Promise.reject(new Error('play'))),
    { message: 'play (with epochs of 1)' },
  )
  await t.notThrowsAsync(play(total))
})

/** What comes when windows close, and at the end of an epoch, has no place among the rest. */
const unordered = /close|left|outer/

test('every golden topology writes the same in epochs of any size, and when each of them is interrupted', async (t) => {
  const text = nullable(string)
  const [list] = fc.sample(goldenRecords(['a', 'b'], ['a', 'b']), { numRuns: 1, seed: 7 })
  for (const [name, declared] of Object.entries(goldenTopologies)) {
    const tables = name.startsWith('table') ? ['a', 'b'] : /^lookup|^counted/.test(name) ? ['b'] : []
    const given = list!.filter((record) => record.value !== null || tables.includes(record.topic))
    const play = { epochRecords: [1, 3, 50], order: unordered.test(name) ? 'none' : 'key' } as const
    await t.notThrowsAsync(
      sameUnderAnyEpochSize(
        declared,
        async (kit) => {
          await kit.pipe(...given.map(({ topic: to, ...record }) => records(topic(to, { key: text, value: text }), [record])))
          await kit.end()
        },
        play,
      ),
      name,
    )
  }
})

test('sessions behind keyBy, in several partitions, survive interruptions after each record', async (t) => {
  const visits = pipeline('visits')
    .from(orders)
    .keyBy(({ value }) => `v${value % 3}`, { key: string })
    .window(session('10s', { grace: '5s', emit: 'close' }))
    .reduce(add)
    .to(sums)
  // Nothing is late: whether it would be, behind keyBy, depends on how far the other tasks have come.
  const list = Array.from({ length: 60 }, (_, i) => ({
    key: `k${i % 7}`,
    value: i,
    timestamp: i * 500 + ((i * 7919) % 5) * 900 + (i > 30 ? 60_000 : 0),
  }))
  await t.notThrowsAsync(
    sameUnderAnyEpochSize(visits, (kit) => kit.pipe(orders, list).then(() => kit.end()), { partitions: 3, order: 'none' }),
  )
})

test('dead letters can be read, each once, whatever the epochs are and wherever the process dies', async (t) => {
  const words = topic('words', { key: string, value: string })
  const lengths = topic('lengths', { key: string, value: int32 })
  const counted = pipeline('lengths')
    .from(words)
    .groupByKey()
    .aggregate({
      init: () => 0,
      add: (sum, { value }) => {
        if (value === '') throw new TypeError('empty')
        return sum + value.length
      },
    })
    .to(lengths)
  const list = ['a', '', 'bb', '', 'c'].map((value) => ({ key: 'k', value }))
  const worlds = [{}, { epochRecords: 1 }, { epochRecords: 2, crashAfter: 'each' }, { epochRecords: 3, failureAfter: [2, 4] }] as const
  for (const world of worlds) {
    const kit = testPipeline(counted, { ...world, onError: 'dead-letter' })
    await kit.pipe(words, list)
    t.deepEqual(
      kit.read(lengths).map(({ value }) => value),
      [1, 3, 4],
    )
    const [first, ...others] = kit.deadLetters()
    t.deepEqual([first?.offset, ...others.map(({ offset }) => offset)], [1, 3])
    t.like(first, { topic: 'words', partition: 0, exception: 'TypeError', message: 'empty', operator: 'aggregate (operator 1)' })
    t.deepEqual([first?.key?.toString(), first?.value?.toString()], ['k', ''])
    t.is(kit.metrics.deadLettered, 2)
  }
  const strict = testPipeline(counted)
  await t.throwsAsync(strict.pipe(words, list), { code: 'OPERATOR_FAILED' })
  t.deepEqual(strict.deadLetters(), [])
})

test('what several ends of one pipeline say about errors holds for all of it', async (t) => {
  const words = topic('words', { key: string, value: string })
  const start = pipeline('shouting', { onError: 'skip' })
  const shout = (word: string): string => {
    if (word === '') throw new Error('nothing to shout')
    return word.toUpperCase()
  }
  const loud = start.from(words).pipe(mapValues(shout)).to(topic('loud', words))
  const louder = pipeline('shouting')
    .from(words)
    .pipe(mapValues((word) => `${shout(word)}!`))
    .onError('dead-letter')
    .to(topic('louder', words))
  const kit = testPipeline(together(loud, louder))
  await kit.pipe(words, [
    { key: 'k', value: '' },
    { key: 'k', value: 'a' },
  ])
  t.is(kit.read(topic('loud', words))[0]?.value, 'A')
  t.is(kit.read(topic('louder', words))[0]?.value, 'A!')
  t.is(kit.metrics.skipped + kit.metrics.deadLettered, 1)
})
