import test from 'ava'
import type { Source } from '../../connectors/types.ts'
import { ManualClock, sleep, systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { connect } from '../../core/index.ts'
import { int32, int64, json, string } from '../../core/serde/primitives.ts'
import {
  filter,
  type ForwardingContext,
  keyValue,
  map,
  mapValues,
  pipeline,
  type Processor,
  type ProcessorContext,
  session,
  topic,
  type TopicRecord,
  tumbling,
} from '../../pipelines/index.ts'
import { sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'
import { TestTask } from '../support/pipelines.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const texts = topic('texts', { key: string, value: string })
const sums = { sums: keyValue({ value: json<number>() }) }

type Item = TopicRecord<string, number>
type Context = ProcessorContext<Item, typeof sums>

const add = ({ key, value }: Item, { stores }: Context): void => stores.sums.put(key, (stores.sums.get(key) ?? 0) + value)

function flush({ stores }: Context): { key: string; value: number }[] {
  const all = stores.sums.entries()
  for (const [key] of all) stores.sums.delete(key)
  return all.map(([key, value]) => ({ key, value }))
}

/** Of each key what has come since the timer was called last; at each ten seconds of event time. */
const flushed = pipeline('flushed')
  .from(input)
  .process({ stores: sums, process: add, punctuate: { every: '10s', run: (_, context) => flush(context) } })
  .to(output)

const values = { a: 1, b: 10 }

test('a timer of event time is called at each multiple that time passes, before the record that moves it there', async (t) => {
  const kit = testPipeline(flushed)
  await kit.pipe(input, 'a-------b-a 9s b 14s a', values, { key: 'k' })
  t.deepEqual(kit.read(output), [
    { key: 'k', value: 11, timestamp: 10_000 },
    { key: 'k', value: 1, timestamp: 20_000 },
    { key: 'k', value: 10, timestamp: 30_000 },
  ])
  t.deepEqual(kit.store('1-process-sums').entries(), [{ key: 'k', value: 1, timestamp: 35_000 }])
  await kit.end()
  t.deepEqual(kit.read(output), [{ key: 'k', value: 1, timestamp: 40_000 }], 'when the input ends, it is called once more')
})

/** Speaks at each multiple, whether there is something to say or not. */
const heartbeats = pipeline('heartbeats')
  .from(input)
  .pipe(filter((r) => r.value > 0))
  .process({
    stores: { count: keyValue({ key: string, value: int64 }) },
    process(_, { stores }) {
      stores.count.put('n', (stores.count.get('n') ?? 0) + 1)
    },
    punctuate: [
      { every: '4s', run: (time, { stores, now }) => [{ key: 'four', value: `${stores.count.get('n')} at ${time} ${now}` }] },
      { every: '6s', run: (time, { stores, timestamp }) => [{ key: 'six', value: `${stores.count.get('n')} at ${time} ${timestamp}` }] },
    ],
  })
  .to(texts)

const gaps = { x: -1, y: 2, z: 3 }

test('timers are the same under any epoch size, at any crash: also when the records that move time do not come this far', async (t) => {
  const play = (kit: ReturnType<typeof testPipeline>) => kit.pipe(input, 'x--y-x-(xz) 9s x- @5s y-y--- 8s z-|', gaps, { key: 'k' })
  await sameUnderAnyEpochSize(heartbeats, play, { order: 'topic' })
  await sameUnderAnyEpochSize(flushed, (kit) => kit.pipe(input, 'a-b--ba 30s b 3s b @4s a 1s a 1m bab|', values, { key: 'k' }), {
    order: 'topic',
  })
  const kit = testPipeline(heartbeats)
  await play(kit)
  const written = kit.read(texts)
  t.deepEqual(written[0], { key: 'four', value: '1 at 4000 4000', timestamp: 4000 }, 'they begin with the first record that is seen')
  t.deepEqual(
    written.filter(({ timestamp }) => timestamp === 12_000).map(({ key }) => key),
    ['four', 'six'],
  )
})

test('timers behind windows, sessions and repartitions are the same under any epoch size, and make nothing late', async (t) => {
  const windows = pipeline('w')
    .from(input)
    .groupByKey()
    .window(tumbling('4s', { grace: '3s' }))
    .count()
    .pipe(map(({ key, value }) => ({ key, value })))
    .process({
      stores: { sums: keyValue({ key: string, value: json<number>() }) },
      process: (r, { stores }) => stores.sums.put(r.key, r.value),
      punctuate: { every: '3s', run: (time, { stores }) => stores.sums.entries().map(([key, value]) => ({ key, value: value + time })) },
    })
    .to(output)
  const diagram = 'a-b @0 a-b 5s a 1s b 9s a-b---a 40s ba- @40s a 40s b'
  const keyed = { a: { key: 'a', value: 1 }, b: { key: 'b', value: 2 } }
  await sameUnderAnyEpochSize(windows, (kit) => kit.pipe(input, `${diagram}|`, keyed), { order: 'topic' })
  const sessions = pipeline('s')
    .from(input)
    .groupByKey()
    .window(session('2s', { grace: '3s' }))
    .count()
    .process({ punctuate: { every: '5s', run: (time) => [{ key: 'timer', value: time }] }, process: ({ key, value }) => [{ key, value }] })
    .to(output)
  await sameUnderAnyEpochSize(sessions, (kit) => kit.pipe(input, `${diagram}|`, keyed), { order: 'topic' })
  const counted = pipeline('c')
    .from(input)
    .process({ stores: sums, process: add, punctuate: { every: '10s', run: (_, context) => flush(context) } })
    .keyBy((r) => r.key, { key: string, value: json<number>() })
    .window(tumbling('10s'))
    .reduce((x, y) => x + y)
    .to(output)
  const kit = testPipeline(counted)
  await kit.pipe(input, 'ab 1m ab 1m a|', keyed)
  t.is(kit.metrics.late, 0)
  t.deepEqual(
    kit.read(output).map(({ key, value, timestamp }) => `${key}${value}@${timestamp}`),
    ['a1@19999', 'b2@19999', 'a1@79999', 'b2@79999', 'a1@139999'],
  )
})

test('of a leap of time over more multiples than anybody waits for, a timer is called for the first and the last', async (t) => {
  const kit = testPipeline(heartbeats)
  await kit.pipe(
    input,
    [0, 1_700_000_000_000].map((timestamp) => ({ key: 'k', value: 1, timestamp })),
  )
  t.deepEqual(
    kit.read(texts).map(({ key, timestamp }) => [key, timestamp]),
    [
      ['four', 4000],
      ['six', 6000],
      ['six', 1_699_999_998_000],
      ['four', 1_700_000_000_000],
    ],
  )
})

const reports = pipeline('reports')
  .from(input)
  .process({
    stores: sums,
    process: add,
    punctuate: { every: '30s', time: 'wall', run: (time, context) => flush(context).map((r) => ({ ...r, timestamp: time })) },
  })
  .to(output)

test('a timer of the wall clock is called when its time has gone by, though no record comes; what was missed is left out', async (t) => {
  const kit = testPipeline(reports, { start: 1000 })
  await kit.pipe(input, 'ab', values, { key: 'k' })
  await kit.advanceWallClock('29s')
  t.deepEqual(kit.read(output), [])
  await kit.advanceWallClock('1s')
  t.deepEqual(kit.read(output), [{ key: 'k', value: 11, timestamp: 31_000 }])
  await kit.pipe(input, 'a', values, { key: 'k' })
  await kit.advanceWallClock('95s')
  t.deepEqual(kit.read(output), [{ key: 'k', value: 1, timestamp: 126_000 }])
  await kit.pipe(input, 'a', values, { key: 'k' })
  await kit.advanceWallClock('24s')
  t.deepEqual(kit.read(output), [], 'the next is at a multiple of the interval since the start')
  await kit.advanceWallClock('1s')
  t.is(kit.read(output).length, 1)
})

test('what a timer of the wall clock gives is committed once, though its epoch fails first', async (t) => {
  const clock = new ManualClock(0)
  const task = new TestTask(reports, { clock })
  await task.epoch([{ key: 'k', value: 5 }])
  clock.advance(30_000)
  t.true(task.task.wakeAt <= clock.monotonic())
  for (let attempt = 0; attempt < 3; attempt++) await t.throwsAsync(task.epoch([], { fail: true }), { message: /told to fail/ })
  await task.epoch([])
  await task.epoch([])
  t.deepEqual(task.log.read(output), [{ key: 'k', value: 5, timestamp: 30_000 }])
  t.is(task.task.wakeAt, 60_000)
})

test('a processor sees where a record stands, and the time', async (t) => {
  const seen: unknown[] = []
  const looking = pipeline('looking')
    .from(input)
    .process({
      process({ headers }, { recordMetadata, timestamp, now, systemNow, partition }) {
        seen.push({ ...recordMetadata, timestamp, now, systemNow, own: partition, headers: headers.map(({ key }) => key) })
        return [{ key: 'k', value: 1 }]
      },
      punctuate: { every: '1m', run: (_, { recordMetadata }) => void seen.push(recordMetadata) },
    })
    .to(output)
  const kit = testPipeline(looking, { partitions: 3, start: 5 })
  await kit.pipe(
    input,
    [0, 1, 2].map((partition) => ({ key: 'k', value: 1, timestamp: 70_000, partition })),
  )
  seen.length = 0
  await kit.pipe(input, [
    { key: 'k', value: 1, timestamp: 60_000, partition: 2, headers: [{ key: 'h', value: null }] },
    { key: 'k', value: 1, timestamp: 130_000, partition: 2 },
  ])
  t.deepEqual(seen, [
    { topic: 'in', partition: 2, offset: 1, timestamp: 60_000, now: 70_000, systemNow: 5, own: 2, headers: ['h'] },
    undefined,
    { topic: 'in', partition: 2, offset: 2, timestamp: 130_000, now: 130_000, systemNow: 5, own: 2, headers: [] },
  ])
})

test('a key-value store: what a processor can ask of it, in the order of the bytes', async (t) => {
  const asked: Record<string, unknown> = {}
  const asking = pipeline('asking')
    .from(input)
    .process({
      stores: { texts: keyValue({ key: string, value: string, name: 'texts' }) },
      process({ key }, { stores: { texts: store } }) {
        asked['new'] = store.putIfAbsent('m', 'new')
        asked['old'] = store.putIfAbsent('m', 'newer')
        for (const each of ['z', 'a', 'é', 'b']) store.put(each, `${key}${each}`)
        asked['deleted'] = [store.delete('z'), store.delete('z')]
        asked['get'] = [store.get('a'), store.get('z'), store.timestamp('a'), store.timestamp('z')]
        asked['entries'] = store.entries()
        asked['range'] = store.range('aa', 'm')
        return [{ key, value: 1 }]
      },
    })
    .to(output)
  await testPipeline(asking).pipe(input, '--a', values, { key: 'k' })
  t.deepEqual(asked, {
    new: undefined,
    old: 'new',
    deleted: ['kz', undefined],
    get: ['ka', undefined, 2000, undefined],
    entries: [
      ['a', 'ka'],
      ['b', 'kb'],
      ['m', 'new'],
      ['é', 'ké'],
    ],
    range: [
      ['b', 'kb'],
      ['m', 'new'],
    ],
  })
})

const stores = { last: keyValue({ key: string, value: json<number>() }) }

/** Gives what has changed. */
class Changes implements Processor<Item, { key: string; value: number }, typeof stores> {
  static calls: string[] = []
  #context!: ForwardingContext<Item, typeof stores, { key: string; value: number }>

  init(context: ForwardingContext<Item, typeof stores, { key: string; value: number }>): void {
    this.#context = context
    Changes.calls.push('init')
  }

  process({ key, value }: Item): void {
    const { last } = this.#context.stores
    if (last.get(key) === value) return
    last.put(key, value)
    this.#context.forward({ key, value })
  }

  punctuate(time: number, timer: number): void {
    this.#context.forward({ key: `timer ${timer}`, value: time })
  }

  close(): void {
    Changes.calls.push('close')
  }
}

const changes = pipeline('changes')
  .from(input)
  .process(() => new Changes(), { stores, name: 'changes', punctuate: [{ every: '3s' }, { every: '5s' }] })
  .to(output)

test('a processor that is a class forwards, and is another one after an epoch has failed', async (t) => {
  await sameUnderAnyEpochSize(changes, (kit) => kit.pipe(input, 'aab--bbbaa---b-|', values, { key: 'k' }), { order: 'topic' })
  Changes.calls = []
  const task = new TestTask(changes)
  await task.epoch([
    { key: 'k', value: 1 },
    { key: 'k', value: 1 },
    { key: 'k', value: 2, timestamp: 5000 },
  ])
  await task.epoch([])
  t.deepEqual(Changes.calls, ['init'])
  t.deepEqual(task.log.read(output), [
    { key: 'k', value: 1, timestamp: 0 },
    { key: 'timer 0', value: 3000, timestamp: 3000 },
    { key: 'timer 1', value: 5000, timestamp: 5000 },
    { key: 'k', value: 2, timestamp: 5000 },
  ])
  await t.throwsAsync(task.epoch([], { fail: true }))
  await task.epoch([])
  task.task.close()
  t.deepEqual(Changes.calls, ['init', 'close', 'init', 'close'])
  t.deepEqual(
    task.task.stores.map(({ name }) => name),
    ['changes-changes-last', 'changes-changes-timers'],
  )
})

test('processValues keeps the keys, so that grouping needs no repartition; its timers give nothing', async (t) => {
  const differences = pipeline('differences')
    .from(input)
    .processValues({
      stores: { last: keyValue({ value: json<number>() }) },
      *process({ key, value }, { stores: { last } }) {
        const before = last.get(key)
        last.put(key, value)
        if (before !== undefined) yield value - before
      },
    })
    .groupByKey()
    .reduce((x, y) => x + y)
    .to(output)
  await sameUnderAnyEpochSize(differences, (kit) => kit.pipe(input, 'a-bb-abab', values, { key: 'k' }), { order: 'topic' })
  const kit = testPipeline(differences)
  await kit.pipe(input, 'a-bba', values, { key: 'k' })
  t.deepEqual(kit.readMarbles(output, { n: 9, z: 0 }), '--nnz')
  const talking = pipeline('talking')
    .from(input)
    .processValues(
      () => {
        let forward: (value: number) => void
        return {
          init: (context: ForwardingContext<Item, Record<never, never>, number>) => void ({ forward } = context),
          process: () => undefined,
          punctuate: (time: number) => forward(time),
        }
      },
      { punctuate: { every: '1s' } },
    )
    .to(output)
  await t.throwsAsync(testPipeline(talking).pipe(input, 'ab', values, { key: 'k' }), {
    code: 'OPERATOR_UNSAFE',
    message: /processValues \(operator 1\): a timer forwards a value, but there is no record that it could belong to/,
  })
})

test('what comes too late for its epoch is stopped: promises, and a context or a store out of turn', async (t) => {
  let kept: Context
  let forward: (record: { key: string; value: number }) => void
  const wrong: [RegExp, string, () => unknown][] = [
    [/it returned a promise/, 'promise', () => Promise.resolve([])],
    [/when it is not its turn/, 'store', () => (kept === undefined ? undefined : kept.stores.sums.get('k'))],
    [/when it is not its turn/, 'now', () => (kept === undefined ? undefined : kept.now)],
    [/when it is not its turn/, 'forward', () => forward?.({ key: 'k', value: 1 })],
  ]
  for (const [message, name, what] of wrong) {
    const declared = pipeline('wrong')
      .from(input)
      .pipe(mapValues((value) => (name === 'promise' ? value : (what(), value))))
      .process<{ key: string; value: number }, typeof sums>(
        () => ({
          init: (context) => {
            kept = context
            forward = context.forward
          },
          process: () => (name === 'promise' ? (what() as void) : undefined),
        }),
        { stores: sums },
      )
      .to(output)
    const kit = testPipeline(declared)
    await t.throwsAsync(kit.pipe(input, 'aa', values, { key: 'k' }), { instanceOf: MoldauError, message }, name)
    t.deepEqual(kit.written()['out'], [])
  }
  const number = pipeline('number')
    .from(input)
    .process({ process: () => 'text' })
    .to(texts as never)
  await t.throwsAsync(testPipeline(number).pipe(input, 'a', values, { key: 'k' }), { message: /returns what goes on as an array/ })
})

test('what fails behind a processor is not for its own try to catch', async (t) => {
  const swallowing = pipeline('swallowing')
    .from(input)
    .process<Item, Record<never, never>>(() => {
      let next: (item: Item) => void
      return {
        init: ({ forward }) => void (next = forward),
        process(item) {
          try {
            next(item)
          } catch {
            // Is not its business.
          }
        },
      }
    })
    .pipe(
      mapValues((value) => {
        if (value === 10) throw new Error('poison')
        return value
      }),
    )
    .to(output)
  const kit = testPipeline(swallowing)
  await t.throwsAsync(kit.pipe(input, 'ab', values, { key: 'k' }), { code: 'OPERATOR_FAILED', message: /mapValues.*poison \(at in-0@1\)/ })
  t.deepEqual(kit.written()['out'], [])
})

test('a record for which a processor throws is left out, with all it has put and given; a timer that throws stops the pipeline', async (t) => {
  const poisoned = pipeline('poisoned', { onError: 'dead-letter' })
    .from(input)
    .process({
      stores: sums,
      *process(record: Item, context: Context) {
        add(record, context)
        yield { key: record.key, value: context.stores.sums.get(record.key)! }
        if (record.value === 10) throw new Error('poison')
      },
      punctuate: {
        every: '1m',
        run() {
          throw new Error('no time')
        },
      },
    })
    .to(output)
  for (const epochRecords of [1, 2, 100]) {
    const kit = testPipeline(poisoned, { epochRecords })
    await kit.pipe(input, 'ababba', values, { key: 'k' })
    t.deepEqual(
      kit.read(output).map(({ value }) => value),
      [1, 2, 3],
    )
    t.deepEqual(
      kit.deadLetters().map(({ operator, offset }) => [operator, offset]),
      [1, 3, 4].map((offset) => ['process (operator 1)', offset]),
    )
    await t.throwsAsync(kit.pipe(input, 'a 1m a', values, { key: 'k' }), {
      code: 'OPERATOR_FAILED',
      message: /no time \(at a timer of in-0\)/,
    })
  }
})

test('what fails of what a timer gives is passed over', async (t) => {
  const given = pipeline('given', { onError: 'skip' })
    .from(input)
    .process({
      process: () => undefined,
      punctuate: {
        every: '1s',
        run: (time) => [
          { key: 'k', value: time },
          { key: 'k', value: -time },
        ],
      },
    })
    .pipe(
      mapValues((value) => {
        if (value < 0) throw new Error('negative')
        return value
      }),
    )
    .to(output)
  const kit = testPipeline(given)
  await kit.pipe(input, 'a-a', values, { key: 'k' })
  t.deepEqual(
    kit.read(output).map(({ value }) => value),
    [1000, 2000],
  )
  t.is(kit.metrics.skipped, 2)
})

test('a declaration that cannot be run is refused by name', (t) => {
  const process = () => undefined
  const start = pipeline('refused').from(input)
  const planned = (stream: { to(output: never): Parameters<typeof testPipeline>[0] }) => () => testPipeline(stream.to(output as never))
  const mapped = start.pipe(map((r) => ({ key: 1, value: r.value })))
  t.throws(planned(mapped.process({ process, stores: { s: keyValue({ value: int32 }) } })), {
    code: 'PIPELINE_INVALID',
    message: /the store 's' takes its keys from the stream, and an operator before may have changed them: give it the serde of its keys/,
  })
  t.notThrows(planned(mapped.process({ process, stores: { s: keyValue({ key: int32, value: int32 }) } })))
  t.throws(() => start.process({ process, punctuate: { every: 0, run: process } }), {
    code: 'PIPELINE_INVALID',
    message: /every: must be at least one/,
  })
  t.throws(() => start.process({ process, punctuate: { every: '1x' as '1s', run: process } }), {
    message: /pipeline "refused", punctuate 1, every: '1x'/,
  })
  t.throws(() => start.process({ process, punctuate: { every: 1, time: 'walls' as 'wall', run: process } }), {
    message: /is 'event' or 'wall'/,
  })
  t.throws(planned(start.process({ process, stores: { 'a b': keyValue({ value: int32 }) } })), { message: /process, stores 'a b'/ })
})

test('a worker calls timers of the wall clock though no record comes, exactly once, also when it is killed; a quiet source does not hold them up', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['in', 'out'].map((name) => ({ name, partitions: 2 })))
  const ticking = pipeline('ticking')
    .from(input)
    .process({
      stores: { calls: keyValue({ key: string, value: int64 }) },
      process: () => undefined,
      punctuate: {
        every: 20,
        time: 'wall',
        run(_time, { stores, partition, systemNow }) {
          const n = (stores.calls.get('n') ?? 0) + 1
          stores.calls.put('n', n)
          return [{ key: `k${partition}`, value: n, timestamp: systemNow }]
        },
      },
    })
    .to(output)
  const written = async () => Map.groupBy(await readAll(client, 'out', (b) => Number(b.toString())), ({ key }) => key)
  const has = async (n: number) => [...(await written()).values()].filter((list) => list.length >= n).length === 2
  let { job, kill } = await start(t, broker, [ticking])
  while (!(await has(3))) await sleep(systemClock, 10)
  kill()
  ;({ job, kill } = await start(t, broker, [ticking]))
  while (!(await has(8))) await sleep(systemClock, 10)
  await job.stop()
  for (const [key, list] of await written())
    t.deepEqual(
      list.map(({ value }) => value),
      list.map((_, i) => i + 1),
      key,
    )

  let closed = false
  const quiet: Source<{ key: string; value: number }> = {
    name: 'quiet',
    flags: { bounded: false, replayable: true },
    open: async () => undefined,
    read: () => new Promise((resolve) => systemClock.after(300, () => resolve({ records: [], position: { at: 0 } }))),
    close: async () => void (closed = true),
  }
  const other = topic('other', output)
  const heard = pipeline('heard')
    .from(quiet)
    .process({
      process: () => undefined,
      punctuate: { every: 20, time: 'wall', run: (time) => [{ key: 'k', value: time, timestamp: time }] },
    })
    .to(other)
  await client.admin.createTopics([{ name: 'other', partitions: 1 }])
  const second = await start(t, broker, [heard])
  while ((await readAll(client, 'other', Number)).length < 3) await sleep(systemClock, 10)
  await second.job.stop()
  t.true(closed)
})
