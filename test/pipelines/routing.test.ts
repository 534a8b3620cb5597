import test from 'ava'
import * as fc from 'fast-check'
import { connect, int32, json, string } from '../../core/index.ts'
import {
  filter,
  filterNot,
  map,
  mapValues,
  nullable,
  type Partitioner,
  pipeline,
  selectKey,
  tap,
  together,
  topic,
} from '../../pipelines/index.ts'
import { plan } from '../../pipelines/planner.ts'
import { sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const numbers = topic('numbers', { key: int32, value: int32 })
const others = topic('others', { key: int32, value: int32 })
const orders = topic('orders', { key: string, value: json<{ country: string; total: number }>() })
const sums = topic('sums', { key: string, value: int32 })
const begin = pipeline('r').from(numbers)
const partitions = { numbers: 1, others: 4 }

const placesOf = async (partitioner: Partitioner<number, number>, values: readonly number[]) => {
  const kit = testPipeline(begin.to(others, { partitioner }), { partitions })
  await kit.pipe(
    numbers,
    values.map((value) => ({ key: value % 4, value })),
  )
  return kit.read(others).map(({ value, partition }) => [value, partition])
}

test('twenty messages of the keys 0 to 3 go to four partitions, one for each key', async (t) => {
  const values = Array.from({ length: 20 }, (_, i) => i)
  const places = await placesOf((key) => key, values)
  t.deepEqual(
    places,
    values.map((value) => [value, value % 4]),
  )
})

test('a partitioner may choose several partitions, none, or say nothing: then the key decides', async (t) => {
  const several = await placesOf((_key, value) => (value === 1 ? [0, 2, 3] : []), [1, 2, 3])
  t.deepEqual(several, [
    [1, 0],
    [1, 2],
    [1, 3],
  ])
  const kit = testPipeline(begin.to(others), { partitions })
  await kit.pipe(
    numbers,
    [1, 2, 3].map((value) => ({ key: value, value })),
  )
  const byKey = kit.read(others).map(({ value, partition }) => [value, partition])
  t.deepEqual(await placesOf(() => undefined, [1, 2, 3]), byKey)
})

for (const bad of [4, -1, 0.5, Number.NaN]) {
  test(`a partition that there is not is an error of the record that says so: ${bad}`, async (t) => {
    await t.throwsAsync(
      placesOf((_key, value) => (value === 2 ? bad : 0), [1, 2]),
      {
        code: 'OPERATOR_FAILED',
        message: new RegExp(`to 'others': the partitioner chose ${bad} .*has 4 partitions: choose one of 0 to 3 \\(at numbers-0@1\\)`),
      },
    )
  })
}

test('the partitioner of an end beats that of its topic', async (t) => {
  const last = topic('others', { ...others, partitioner: (_key, _value, count) => count - 1 })
  const twice = together(begin.to(last), begin.pipe(filter((r) => r.value === 1)).to(last, { partitioner: () => 0 }))
  const kit = testPipeline(twice, { partitions })
  await kit.pipe(numbers, [{ key: 1, value: 1 }])
  t.deepEqual(
    kit
      .read(others)
      .map(({ partition }) => partition)
      .toSorted((a, b) => a! - b!),
    [0, 3],
  )
})

const routed = pipeline('r')
  .from(orders)
  .to((r) => `orders-${r.value.country}`, orders)

test('each record goes to the topic that is chosen for it, with its key, time and headers', async (t) => {
  const kit = testPipeline(routed)
  const headers = [{ key: 'trace', value: Buffer.from('7') }]
  await kit.pipe(orders, [
    { key: 'a', value: { country: 'de', total: 1 }, timestamp: 5, headers },
    { key: 'b', value: { country: 'fr', total: 2 }, timestamp: 6 },
    { key: 'a', value: { country: 'de', total: 3 }, timestamp: 4 },
  ])
  t.deepEqual(kit.read(topic('orders-de', orders)), [
    { key: 'a', value: { country: 'de', total: 1 }, timestamp: 5, headers },
    { key: 'a', value: { country: 'de', total: 3 }, timestamp: 4 },
  ])
  t.deepEqual(kit.read(topic('orders-fr', orders)), [{ key: 'b', value: { country: 'fr', total: 2 }, timestamp: 6 }])
})

test('topics that are chosen record by record: the same whatever the epochs are and wherever the process dies', async (t) => {
  await sameUnderAnyEpochSize(
    routed,
    (kit) =>
      kit.pipe(
        orders,
        Array.from({ length: 12 }, (_, i) => ({ key: `k${i % 3}`, value: { country: `c${i % 4}`, total: i }, timestamp: i })),
      ),
    { order: 'topic', partitions: 2 },
  )
  t.pass()
})

test('a function may choose among declared topics, with partitions of their own', async (t) => {
  const big = topic('big', { ...orders, partitioner: () => 1 })
  const small = topic('small', orders)
  const kit = testPipeline(
    pipeline('r')
      .from(orders)
      .to((r) => (r.value.total > 10 ? big : small)),
    { partitions: { big: 2 } },
  )
  await kit.pipe(orders, [
    { key: 'a', value: { country: 'de', total: 11 } },
    { key: 'a', value: { country: 'de', total: 1 } },
  ])
  t.deepEqual(
    kit.read(big).map(({ partition }) => partition),
    [1],
  )
  t.is(kit.read(small).length, 1)
})

const wrong: [string, () => unknown, RegExp, object?][] = [
  ['nothing', () => undefined, /to\(…\) chose undefined; it takes a function that gives a topic/],
  ['a name that no topic can have', () => 'a topic', /topic 'a topic': a name has 1 to 249 letters/, numbers],
  ['a name without serdes', () => 'fine', /chose the name 'fine' and was given no serdes/],
  [
    'what throws',
    () => {
      throw new Error('no idea')
    },
    /no idea/,
  ],
]
for (const [name, choose, message, options] of wrong) {
  test(`a function that chooses ${name} fails its record`, async (t) => {
    const kit = testPipeline(begin.to(choose as () => string, options as typeof numbers))
    const error = await t.throwsAsync(kit.pipe(numbers, [{ key: 1, value: 1 }]), { code: 'OPERATOR_FAILED', message: /at numbers-0@0/ })
    t.regex(error!.message, message)
  })
}

test('a topic that is not there: its records are dead letters, the others are written once, with kills in between', async (t) => {
  const broker = await startSmallBroker(t, { 'auto.create.topics.enable': false })
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['orders', 'orders-de', 'orders-fr'].map((name) => ({ name, partitions: 2 })))
  const producer = client.producer()
  const write = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const value = JSON.stringify({ country: i === 150 ? 'xx' : i % 2 === 0 ? 'de' : 'fr', total: i })
      void producer.send({ topic: 'orders', key: `k${i % 5}`, value })
    }
    await producer.flush()
  }
  await write(0, 100)
  const { kill } = await start(t, broker, [routed], { onError: 'dead-letter' })
  await new Promise((resolve) => setTimeout(resolve, 60))
  kill()
  await write(100, 200)
  const { job } = await start(t, broker, [routed], { onError: 'dead-letter', applicationId: 'moldau' })
  await job.drain()
  const read = async (name: string) => {
    const records = await readAll(client, name, (b) => (JSON.parse(b.toString()) as { total: number }).total)
    return records.map(({ value }) => value).toSorted((a, b) => a - b)
  }
  const all = Array.from({ length: 200 }, (_, i) => i)
  t.deepEqual(
    await read('orders-de'),
    all.filter((i) => i % 2 === 0 && i !== 150),
  )
  t.deepEqual(
    await read('orders-fr'),
    all.filter((i) => i % 2 === 1),
  )
  const letters = (await client.admin.listTopics()).find(({ name }) => name.endsWith('-dead-letters'))!
  t.deepEqual(await read(letters.name), [150])
})

test('repartition brings the records of a key together in another number of partitions, and keeps all else', async (t) => {
  const wide = pipeline('r').from(orders).repartition({ partitions: 5, name: 'wide' })
  const spread = together(wide.to(topic('out', orders)), wide.count().to(sums))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 30 }), async (keys) => {
      const kit = testPipeline(spread, { partitions: { orders: 2, sums: 1, out: 1 } })
      await kit.pipe(
        orders,
        keys.map((key, i) => ({ key, value: { country: 'de', total: i }, timestamp: i, partition: i % 2 })),
      )
      const byKey = Object.groupBy(kit.read(topic('out', orders)), ({ key }) => key)
      for (const key of new Set(keys)) {
        const even = keys.flatMap((each, i) => (each === key && i % 2 === 0 ? [i] : []))
        const there = byKey[key]!
        // Of each writer in its order.
        t.deepEqual(
          there.filter(({ timestamp }) => timestamp % 2 === 0).map(({ value }) => value.total),
          even,
        )
        t.is(there.length, keys.filter((each) => each === key).length)
      }
      const last = new Map(kit.read(sums).map(({ key, value }) => [key, value]))
      for (const [key, count] of last) t.is(count, keys.filter((each) => each === key).length)
    }),
    { numRuns: 30 },
  )
})

test('repartition and keyBy ask their partitioner', async (t) => {
  for (const partitioned of [
    begin.repartition({ partitions: 3, partitioner: (key) => key % 3 }),
    begin.keyBy((r) => r.key, { key: int32, partitions: 3, partitioner: (key) => key % 3 }),
  ]) {
    const seen: [number, number][] = []
    const kit = testPipeline(partitioned.pipe(tap((r) => void seen.push([r.key, r.partition]))).to(others), { partitions: { numbers: 2 } })
    await kit.pipe(
      numbers,
      [0, 1, 2, 3, 4, 5].map((key) => ({ key, value: key })),
    )
    t.deepEqual(
      seen.toSorted(([a], [b]) => a - b),
      [0, 1, 2, 3, 4, 5].map((key) => [key, key % 3]),
    )
  }
})

test('behind an operator that may have changed them repartition needs the serdes', (t) => {
  const changed = begin.pipe(map((r) => ({ key: r.key, value: r.value })))
  const refused = (declared: Parameters<typeof plan>[0]) => t.throws(() => plan(declared), { code: 'PIPELINE_INVALID' })!.message
  t.regex(refused(changed.repartition().to(others)), /repartition needs the serde of the keys.*repartition\(\{ key, value \}\)/)
  t.regex(refused(changed.repartition({ key: int32 }).to(others)), /repartition needs the serde of the values/)
  t.notThrows(() => plan(changed.repartition({ key: int32, value: int32 }).to(others)))
  t.notThrows(() =>
    plan(
      begin
        .pipe(mapValues((v) => v))
        .repartition({ value: int32 })
        .to(others),
    ),
  )
})

test('a record without a key is refused by repartition, by its name', async (t) => {
  const kit = testPipeline(
    pipeline('r')
      .from(topic('maybe', { key: nullable(string), value: int32 }))
      .repartition()
      .to(topic('out', { key: nullable(string), value: int32 })),
  )
  await t.throwsAsync(kit.pipe(topic('maybe', { key: nullable(string), value: int32 }), [{ key: null, value: 1 }]), {
    code: 'OPERATOR_FAILED',
    message: /repartition \(operator 1\): it has no key .*at maybe-0@0/,
  })
})

test('selectKey keeps the serde of the values: keyBy and repartition behind it need only that of the key', async (t) => {
  const kit = testPipeline(
    begin
      .pipe(selectKey((r) => `k${r.value % 2}`))
      .repartition({ key: string })
      .reduce((a, b) => a + b)
      .to(sums),
  )
  await kit.pipe(
    numbers,
    [1, 2, 3, 4].map((value) => ({ key: value, value })),
  )
  t.deepEqual(
    kit.read(sums).map(({ key, value }) => [key, value]),
    [
      ['k1', 1],
      ['k0', 2],
      ['k1', 4],
      ['k0', 6],
    ],
  )
  t.throws(
    () =>
      plan(
        begin
          .pipe(selectKey((r) => `k${r.value}`))
          .groupByKey()
          .count()
          .to(sums),
      ),
    { message: /groupByKey after an operator that may have changed the key/ },
  )
})

test('forEach ends a pipeline in a function, and the positions are committed', async (t) => {
  const seen: number[] = []
  const kit = testPipeline(begin.pipe(filterNot((r) => r.value === 2)).forEach((r) => void seen.push(r.value)))
  await kit.pipe(
    numbers,
    [1, 2, 3].map((value) => ({ key: 1, value })),
  )
  kit.crash()
  await kit.pipe(numbers, [{ key: 1, value: 4 }])
  t.deepEqual(seen, [1, 3, 4])
  t.deepEqual(kit.written(), {})
})

test('the stream of a table has its changes, and joins as a stream', async (t) => {
  const names = topic('names', { key: int32, value: string })
  const table = pipeline('r').table(names)
  const kit = testPipeline(
    table
      .filterNot((name) => name === 'x')
      .toStream()
      .leftJoin(table, (change, now) => `${change}=${now}`)
      .to(topic('out', { key: int32, value: string })),
  )
  await kit.pipe(topic('names', { key: int32, value: nullable(string) }), [
    { key: 1, value: 'a' },
    { key: 1, value: 'x' },
    { key: 1, value: 'b' },
    { key: 1, value: null },
  ])
  t.deepEqual(
    kit.read(topic('out', { key: int32, value: string })).map(({ value }) => value),
    ['a=a', 'null=x', 'b=b', 'null=null'],
  )
})
