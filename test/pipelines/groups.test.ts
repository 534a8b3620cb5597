import test from 'ava'
import { int32, json, string } from '../../core/index.ts'
import { map, nullable, pipeline, session, topic, tumbling } from '../../pipelines/index.ts'
import { movedSerde } from '../../pipelines/stages/moved.ts'
import { sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'

const people = topic('people', { key: string, value: json<{ city: string; age: number }>() })
const leaving = topic('people', { key: string, value: nullable(json<{ city: string; age: number }>()) })
const clicks = topic('clicks', { key: string, value: int32 })
const orders = topic('orders', { key: string, value: int32 })
const sums = topic('sums', { key: string, value: nullable(int32) })
const texts = topic('texts', { key: string, value: string })

const begin = pipeline('groups')
const cities = begin.table(people).groupBy((person) => ({ key: person.city, value: person.age }), { key: string, value: int32 })
const ages = cities.aggregate({ init: () => 0, add: (sum, age) => sum + age, subtract: (sum, age) => sum - age, state: int32 }).to(sums)

const person = (key: string, city: string, age: number, timestamp: number) => ({ key, value: { city, age }, timestamp })

test('a group is what its rows are: a row that moves, changes or goes is taken out where it was', async (t) => {
  const kit = testPipeline(ages)
  await kit.pipe(people, [person('ann', 'oslo', 30, 1), person('bob', 'oslo', 40, 2), person('cyd', 'rome', 50, 3)])
  await kit.pipe(leaving, [person('ann', 'rome', 30, 4), person('bob', 'oslo', 41, 5), { key: 'cyd', value: null, timestamp: 6 }])
  t.deepEqual(
    kit.read(sums).map(({ key, value }) => `${key} ${value}`),
    ['oslo 30', 'oslo 70', 'rome 50', 'oslo 40', 'rome 80', 'oslo 41', 'rome 30'],
  )
})

test('of reduce nothing is left when subtract says so', async (t) => {
  const least = cities.reduce(
    (sum, age) => sum + age,
    (sum, age) => (sum === age ? null : sum - age),
    { state: int32 },
  )
  const kit = testPipeline(least.to(sums))
  await kit.pipe(leaving, [person('ann', 'oslo', 30, 1), { key: 'ann', value: null, timestamp: 2 }, person('bob', 'oslo', 5, 3)])
  t.deepEqual(
    kit.read(sums).map(({ value }) => value),
    [30, null, 5],
  )
})

const cogrouped = begin
  .from(clicks)
  .groupByKey()
  .cogroup((all: string, r) => `${all}c${r.value}`)
  .cogroup(begin.from(orders).groupByKey(), (all, r) => `${all}o${r.value}`)

test('cogrouped streams add to one value, over all time, in windows and in sessions', async (t) => {
  const named = map((r: { key: string; value: string; window: { start: number } }) => ({
    key: `${r.key}@${r.window.start}`,
    value: r.value,
  }))
  const all = cogrouped.aggregate({ init: () => '' }).to(texts)
  const windows = cogrouped
    .window(tumbling(10))
    .aggregate({ init: () => '' })
    .pipe(named)
    .to(texts)
  const merge = (first: string, second: string) => `${first}|${second}`
  const sessions = cogrouped
    .window(session(5))
    .aggregate({ init: () => '', merge })
    .pipe(named)
    .to(texts)
  const outputs = []
  for (const declared of [all, windows, sessions]) {
    const kit = testPipeline(declared)
    await kit.pipe(clicks, [{ key: 'k', value: 1, timestamp: 1 }])
    await kit.pipe(orders, [{ key: 'k', value: 2, timestamp: 3 }])
    await kit.pipe(clicks, [{ key: 'k', value: 3, timestamp: 14 }])
    await kit.end()
    outputs.push(kit.read(texts).map(({ key, value }) => `${key} ${value}`))
  }
  t.deepEqual(outputs, [
    ['k c1', 'k c1o2', 'k c1o2c3'],
    ['k@0 c1o2', 'k@10 c3'],
    ['k@1 c1o2', 'k@14 c3'],
  ])
})

test('how epochs are cut, and where a process dies, changes nothing', async (t) => {
  await sameUnderAnyEpochSize(ages, async (kit) => {
    for (let i = 0; i < 12; i++) await kit.pipe(people, [person(`p${i % 4}`, ['oslo', 'rome', 'bern'][i % 3]!, i, i)])
  })
  await sameUnderAnyEpochSize(cogrouped.aggregate({ init: () => '' }).to(texts), async (kit) => {
    for (let i = 0; i < 6; i++) {
      await kit.pipe(clicks, [{ key: `k${i % 2}`, value: i, timestamp: i }])
      await kit.pipe(orders, [{ key: `k${i % 2}`, value: i * 10, timestamp: i }])
    }
  })
  t.pass()
})

test('what is written between groups can be read again, and nothing else is taken for it', (t) => {
  const serde = movedSerde(int32 as never)
  for (const moved of [
    { gone: 1, come: null },
    { gone: null, come: 2 },
    { gone: 1, come: 2 },
  ]) {
    const bytes = Buffer.concat([Buffer.from('x'), serde.serialize(moved)])
    t.deepEqual(serde.deserialize(bytes, 1, bytes.length), moved)
  }
  const cut = serde.serialize({ gone: 1, come: null }).subarray(0, 7)
  t.throws(() => serde.deserialize(cut, 0, cut.length), { code: 'SERDE_FAILED', message: /no change of a row/ })
  t.throws(() => serde.deserialize(Buffer.alloc(2), 0, 2), { code: 'SERDE_FAILED' })
})

test('streams of another pipeline are refused', (t) => {
  const foreign = pipeline('h').from(orders).groupByKey()
  t.throws(() => cogrouped.cogroup(foreign, (all) => all), { code: 'PIPELINE_INVALID', message: /cogroup\(…\).*not of "h" too/ })
})
