import test from 'ava'
import { connect, int32, json, string } from '../../core/index.ts'
import { type Client } from '../../core/client/client.ts'
import { mapValues, nullable, pipeline, topic } from '../../pipelines/index.ts'
import { plan } from '../../pipelines/planner.ts'
import { sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

interface Order {
  country: string | null
  n: number
}

const orders = topic('orders', { key: string, value: json<Order>() })
const countries = topic('countries', { key: string, value: nullable(string) })
const located = topic('located', { key: string, value: string })
const begin = pipeline('g')
const names = begin.globalTable(countries)
const joined = begin
  .from(orders)
  .join(
    names,
    (r) => r.value.country,
    (order, name, key) => `${order.n}:${key}=${name}`,
  )
  .to(located)
const leftJoined = begin
  .from(orders)
  .leftJoin(
    names,
    (r) => r.value.country,
    (order, name, key) => `${order.n}:${key}=${name}`,
  )
  .to(located)

const order = (country: string | null, n: number) => ({ key: `k${n}`, value: { country, n }, timestamp: n })
const values = (kit: ReturnType<typeof testPipeline>): string[] => kit.read(located).map(({ value }) => value)

test('a record finds what the global table has for the key that is worked out of it, in whatever partition either is', async (t) => {
  const kit = testPipeline(joined, { partitions: { orders: 3, countries: 5 } })
  await kit.pipe(
    countries,
    ['de', 'fr', 'it'].map((key) => ({ key, value: key.toUpperCase(), timestamp: 100 })),
  )
  await kit.pipe(orders, [order('de', 1), order('fr', 2), order('xx', 3), order(null, 4), order('it', 5)])
  t.deepEqual(values(kit).toSorted(), ['1:de=DE', '2:fr=FR', '5:it=IT'])
})

test('a left join gives null where there is nothing, or no key to look for', async (t) => {
  const kit = testPipeline(leftJoined)
  await kit.pipe(countries, [{ key: 'de', value: 'DE' }])
  await kit.pipe(orders, [order('de', 1), order('xx', 2), order(null, 3)])
  t.deepEqual(values(kit), ['1:de=DE', '2:xx=null', '3:null=null'])
})

test('the table is followed: what is changed or deleted is found changed or not at all', async (t) => {
  const kit = testPipeline(joined)
  for (const [i, value] of ['A', 'B', null, 'C'].entries()) {
    await kit.pipe(countries, [{ key: 'de', value }])
    await kit.pipe(orders, [order('de', i)])
  }
  t.deepEqual(values(kit), ['0:de=A', '1:de=B', '3:de=C'])
})

test('a global table is whole again after a crash, and is no input: how epochs are cut changes nothing', async (t) => {
  await sameUnderAnyEpochSize(leftJoined, async (kit) => {
    await kit.pipe(countries, [
      { key: 'de', value: 'DE' },
      { key: 'fr', value: 'FR' },
    ])
    await kit.pipe(orders, [order('de', 1), order('fr', 2), order('xx', 3), order('de', 4)])
    await kit.pipe(countries, [{ key: 'de', value: 'D' }])
    await kit.pipe(orders, [order('de', 5), order('xx', 6)])
  })
  t.pass()
})

test('refused: a global table of another pipeline, one topic with two serdes', (t) => {
  const foreign = pipeline('h').globalTable(countries)
  const join = (table: typeof names) =>
    begin.from(orders).join(
      table,
      (r) => r.value.country,
      (_order, name) => name,
    )
  t.throws(() => join(foreign), { code: 'PIPELINE_INVALID', message: /pipeline "g": join\(…\).*not of "h" too/ })
  const other = begin.globalTable(topic('countries', { key: string, value: nullable(int32) }))
  const twice = join(names)
    .pipe(mapValues((name) => ({ country: name, n: 0 })))
    .join(
      other,
      (r) => r.value.country,
      (_order, n) => `${n}`,
    )
  t.throws(() => plan(twice.to(located)), { code: 'PIPELINE_INVALID', message: /'countries' is declared twice, with other serdes/ })
})

async function rig(client: Client, count: number): Promise<(from: number, to: number) => Promise<void>> {
  await client.admin.createTopics([
    { name: 'orders', partitions: 3 },
    { name: 'countries', partitions: 2 },
    { name: 'located', partitions: 3 },
  ])
  const producer = client.producer()
  for (let i = 0; i < count; i++) void producer.send({ topic: 'countries', key: `c${i}`, value: `C${i}` })
  await producer.flush()
  return async (from, to) => {
    for (let i = from; i < to; i++) {
      void producer.send({ topic: 'orders', key: `k${i % 7}`, value: JSON.stringify({ country: `c${i % count}`, n: i }) })
    }
    await producer.flush()
  }
}

test('two processes, one of them killed: each has the whole table before it runs, and every record is joined once', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  const write = await rig(client, 500)
  await write(0, 1000)
  const first = await start(t, broker, [joined])
  const second = await start(t, broker, [joined], { instanceId: 'two' })
  await new Promise((resolve) => setTimeout(resolve, 80))
  first.kill()
  await write(1000, 2000)
  const again = await start(t, broker, [joined])
  await Promise.all([second.job.drain(), again.job.drain()])
  const found = (await readAll(client, 'located', String)).map(({ value }) => value)
  const expected = Array.from({ length: 2000 }, (_, i) => `${i}:c${i % 500}=C${i % 500}`)
  t.deepEqual(found.toSorted(), expected.toSorted())
})

test('a drain sees what the pipelines before it have written into the table', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  const write = await rig(client, 1)
  await client.admin.createTopics([{ name: 'raw', partitions: 1 }])
  const producer = client.producer()
  for (let i = 0; i < 300; i++) void producer.send({ topic: 'raw', key: 'c0', value: `R${i}` })
  await producer.flush()
  const raw = pipeline('raw')
    .from(topic('raw', { key: string, value: string }))
    .to(topic('countries', { key: string, value: string }))
  const { job } = await start(t, broker, [joined])
  const filling = await start(t, broker, [raw], { instanceId: 'filling' })
  await filling.job.drain()
  await write(0, 1)
  await job.drain()
  t.deepEqual(
    (await readAll(client, 'located', String)).map(({ value }) => value),
    ['0:c0=R299'],
  )
})

test('a record of the topic that cannot be read ends the pipeline, and says which it is', async (t) => {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await rig(client, 1)
  const numbers = pipeline('g').globalTable(topic('countries', { key: string, value: int32 }))
  const declared = pipeline('g')
    .from(orders)
    .join(
      numbers,
      (r) => r.value.country,
      (_order, n) => `${n}`,
    )
    .to(located)
  await t.throwsAsync(start(t, broker, [declared]), {
    code: 'SERDE_FAILED',
    message: /the global table of 'countries' cannot read countries-\d@0/,
  })
})
