import test, { type ExecutionContext } from 'ava'
import * as fc from 'fast-check'
import type { Sink, Source } from '../../connectors/types.ts'
import { connect, int32, json, string } from '../../core/index.ts'
import { filter, map, mapAsync, mapValues, type Pipeline, pipeline, tap, together, topic, tumbling } from '../../pipelines/index.ts'
import { plan } from '../../pipelines/planner.ts'
import { TestTask } from '../support/pipelines.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const numbers = topic('numbers', { key: string, value: int32 })
const words = topic('words', { key: string, value: string })
const evens = topic('evens', { key: string, value: int32 })
const tens = topic('tens', { key: string, value: int32 })
const others = topic('others', { key: string, value: int32 })
const texts = topic('texts', { key: string, value: string })
const lake = { name: 'lake', flags: { ownsPosition: true, writesDuringCommit: false } } as unknown as Sink
const file = { name: 'file', flags: { bounded: true, replayable: true } } as unknown as Source<{ key: string; value: number }>
const begin = pipeline('g').from(numbers)

const values = (task: TestTask, of: typeof evens | typeof texts): unknown[] => task.log.read<string, unknown>(of).map(({ value }) => value)
const fed = (list: readonly number[]) => list.map((value, i) => ({ key: `k${value % 7}`, value, timestamp: i }))

/** Each record once, in the first branch that takes it, in its order. */
const branched = (() => {
  const { even, ten, rest } = begin.branch({ even: (r) => r.value % 2 === 0, ten: (r) => r.value % 10 === 0 || r.value > 90 })
  return together(even.to(evens), ten.to(tens), rest.to(others))
})()

test('a branch sends each record to the first predicate that takes it, and to rest what none takes', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 100 })), async (list) => {
      const task = new TestTask(branched)
      await task.epoch(fed(list))
      t.deepEqual(
        values(task, evens),
        list.filter((v) => v % 2 === 0),
      )
      t.deepEqual(
        values(task, tens),
        list.filter((v) => v % 2 === 1 && v > 90),
      )
      t.deepEqual(
        values(task, others),
        list.filter((v) => v % 2 === 1 && v <= 90),
      )
    }),
  )
})

test('a branch that leads nowhere drops its records; a predicate that throws names the record', async (t) => {
  const { odd } = begin.branch({ odd: (r) => r.value % 2 === 1 })
  const task = new TestTask(odd.to(others))
  await task.epoch(fed([1, 2, 3]))
  t.deepEqual(values(task, others), [1, 3])
  const { bad } = begin.branch({
    bad: (r) => {
      if (r.value === 2) throw new Error('no twos')
      return true
    },
  })
  await t.throwsAsync(new TestTask(bad.to(others)).epoch(fed([1, 2])), {
    code: 'OPERATOR_FAILED',
    message: /branch \(operator 1\).*no twos \(at numbers-0@1\)/,
  })
})

test('what several ends have in common runs once, and operators behind it are not fused into it', async (t) => {
  let seen = 0
  const doubled = begin.pipe(
    tap(() => void seen++),
    mapValues((v) => v * 2),
  )
  const task = new TestTask(
    together(doubled.to(evens), doubled.pipe(filter((r) => r.value > 4)).to(others), doubled.pipe(mapValues(String)).to(texts)),
  )
  await task.epoch(fed([1, 2, 3]))
  t.is(seen, 3)
  t.deepEqual(values(task, evens), [2, 4, 6])
  t.deepEqual(values(task, others), [6])
  t.deepEqual(values(task, texts), ['2', '4', '6'])
})

test('topics of different types are merged, each in its own order; a stream merged with itself comes twice', async (t) => {
  const p = pipeline('g')
  const asText = p.from(numbers).pipe(mapValues(String))
  const task = new TestTask(asText.merge(p.from(words), asText).to(texts))
  await task.epoch([
    { topic: 'numbers', key: 'a', value: 1 },
    { topic: 'words', key: 'a', value: 'one' },
    { topic: 'numbers', key: 'a', value: 2 },
  ])
  t.deepEqual(values(task, texts), ['1', '1', 'one', '2', '2'])
})

test('behind a merge time has come as far as in the slower branch: what waits there is not late', async (t) => {
  const { slow, rest } = begin.branch({ slow: (r) => r.value < 0 })
  const merged = slow
    .pipe(mapAsync(async (r) => ({ key: r.key, value: r.value, timestamp: r.timestamp })))
    .merge(rest)
    .keyBy((r) => r.key, { key: string, value: int32, name: 'again' })
  const whole = merged
    .window(tumbling('10ms', { grace: 0, emit: 'close' }))
    .count()
    .pipe(map(({ key, value }) => ({ key, value })))
  const writer = new TestTask(whole.to(others))
  // The record of time 5 waits until the epoch completes; those that follow are far ahead of it.
  await writer.epoch([
    { key: 'a', value: -1, timestamp: 5 },
    { key: 'a', value: 1, timestamp: 100 },
    { key: 'a', value: 1, timestamp: 200 },
  ])
  const reader = new TestTask(whole.to(others), { part: 1 })
  await reader.epochOf(writer.log.committed, { ended: true })
  t.is(reader.task.counters.late, 0)
  t.deepEqual(values(reader, others), [1, 1, 1])
})

test('parts come in the order of their repartitions, whatever the order of the declaration', (t) => {
  const p = pipeline('g')
  const rekeyed = p.from(words).keyBy((r) => r.value, { key: string, value: string, name: 'by-word' })
  const twice = rekeyed.keyBy((r) => r.value, { key: string, value: string, name: 'by-word-again' })
  const { parts } = plan(
    p
      .from(texts)
      .merge(twice)
      .to(topic('all', { key: string, value: string })),
  )
  const names = parts.map(({ inputs }) =>
    inputs.map((input) => (input.kind === 'topic' ? input.topic.name : input.kind === 'repartition' ? input.name : '')),
  )
  t.deepEqual(names, [['words'], ['g-by-word-repartition'], ['texts', 'g-by-word-again-repartition']])
})

const p = pipeline('g')
const rekeyed = begin.keyBy((r) => r.key, { key: string })
const refused: [string, () => Pipeline, RegExp][] = [
  ['streams of two pipelines merged', () => begin.merge(pipeline('h').from(numbers)).to(evens), /pipeline "g": merge\(…\).*not of "h" too/],
  ['ends of two pipelines', () => together(begin.to(evens), pipeline('h').from(numbers).to(tens)), /together\(…\).*not of "h" too/],
  ['a branch called rest', () => begin.branch({ rest: () => true }).rest.to(evens), /'rest' is what no branch takes/],
  [
    'a stream that would wait for itself',
    () => begin.merge(rekeyed).to(evens),
    /behind keyBy \(operator 1\) the stream comes together with what it was made of/,
  ],
  [
    'a source merged with a topic',
    () => p.from(file).merge(p.from(numbers)).to(evens),
    /the source 'file' is brought together with another input.*keyBy\(…\) it first/,
  ],
  [
    'two sources of one name',
    () =>
      p
        .from(file)
        .merge(p.from({ ...file }))
        .to(evens),
    /two sources are called 'file'/,
  ],
  [
    'one topic with two serdes',
    () =>
      p
        .from(numbers)
        .merge(p.from(topic('numbers', { key: string, value: json<number>() })))
        .to(evens),
    /'numbers' is declared twice/,
  ],
  [
    'a sink of its own position beside another end',
    () => together(begin.to(evens), begin.to(lake)),
    /the sink 'lake' keeps its own position.*one of its own/,
  ],
  ['an end that is read', () => together(begin.to(evens), begin.merge(p.from(evens)).to(tens)), /reads and writes the topic 'evens'/],
]
for (const [name, declare, message] of refused) {
  test(`refused: ${name}`, (t) => {
    t.regex(t.throws(() => plan(declare()), { code: 'PIPELINE_INVALID' })!.message, message)
  })
}

/** A diamond over two repartitions, two topics and three ends. */
const diamond = ((): Pipeline => {
  const { even, rest } = begin.branch({ even: (r) => r.value % 2 === 0 })
  const left = even.keyBy((r) => `all-${r.value % 4}`, { key: string, name: 'left' })
  const right = rest.keyBy((r) => `all-${r.value % 4}`, { key: string, name: 'right' })
  const texted = pipeline('g')
    .from(words)
    .pipe(mapValues((text) => Number(text)))
  const counted = left.merge(right).groupByKey().count()
  return together(counted.to(others), begin.to(evens), texted.merge(begin).to(tens))
})()

async function diamondAudit(t: ExecutionContext, kills: number): Promise<void> {
  const count = 3000
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['numbers', 'words', 'evens', 'tens', 'others'].map((name) => ({ name, partitions: 3 })))
  const producer = client.producer()
  const write = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      void producer.send({ topic: 'numbers', key: `k${i % 20}`, value: int32.serialize(i) })
      void producer.send({ topic: 'words', key: `k${i % 20}`, value: String(-i - 1) })
    }
    await producer.flush()
  }
  for (let i = 0; i < kills; i++) {
    await write((i * count) / (kills + 1), ((i + 1) * count) / (kills + 1))
    const { kill } = await start(t, broker, [diamond])
    await new Promise((resolve) => setTimeout(resolve, 40 + 30 * i))
    kill()
  }
  await write((kills * count) / (kills + 1), count)
  const { job } = await start(t, broker, [diamond])
  await job.drain()
  const read = async (name: string) => (await readAll(client, name, (b) => b.readInt32BE(0))).map(({ value }) => value)
  const sorted = (list: number[]) => list.toSorted((a, b) => a - b)
  const all = Array.from({ length: count }, (_, i) => i)
  t.deepEqual(sorted(await read('evens')), all)
  t.deepEqual(sorted(await read('tens')), sorted([...all, ...all.map((i) => -i - 1)]))
  const perKey = Array.from({ length: count / 4 }, (_, i) => i + 1)
  t.deepEqual(sorted(await read('others')), sorted([...perKey, ...perKey, ...perKey, ...perKey]))
}

test('a diamond of branches, repartitions and two topics is run to its end, every record once', (t) => diamondAudit(t, 0))
test('a diamond, killed at any moment and started again, counts every record once', (t) => diamondAudit(t, 3))
