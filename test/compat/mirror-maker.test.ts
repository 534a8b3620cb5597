import test, { type ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import type { Client } from '../../core/index.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { readAll } from '../support/client-kit.ts'
import { hasJava } from '../support/java-app.ts'
import { type MirrorPlan, startMirror } from '../support/mirror.ts'
import { tempDir } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'

const PARTITIONS = 2
const RECORDS = 1000

async function ours(t: ExecutionContext): Promise<ChildBroker> {
  const broker = new ChildBroker(t, await tempDir(t), { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 })
  await broker.start()
  return broker
}

async function clientOf(t: ExecutionContext, bootstrap: string): Promise<Client> {
  const client = await connect(bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  t.teardown(() => client.close())
  return client
}

async function write(client: Client, topic: string, from: number, to: number): Promise<void> {
  const producer = client.producer()
  for (let n = from; n < to; n++)
    void producer.send({
      topic,
      partition: n % PARTITIONS,
      key: `k${n}`,
      value: `${n}`,
      headers: [{ key: 'n', value: Buffer.from(`${n}`) }],
    })
  await producer.flush()
  await producer.close()
}

const numbersFor = (count: number): number[][] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: count }, (_each, n) => n).filter((n) => n % PARTITIONS === partition),
  )

async function numbersIn(client: Client, topic: string): Promise<number[][]> {
  const seen = await readAll(client, topic, PARTITIONS)
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    seen.filter((each) => each.partition === partition).map(({ value }) => Number(value)),
  )
}

/** How many records of the topic there are; none where it is not there yet. */
async function countIn(client: Client, topic: string): Promise<number> {
  const listed = await client.admin.listTopics()
  if (!listed.some(({ name }) => name === topic)) return 0
  return (await numbersIn(client, topic)).flat().length
}

/** The value of the record that a group at the target reads next, in each partition; null at its end, undefined where nothing is committed. */
async function nextOf(client: Client, group: string, topic: string): Promise<(number | null | undefined)[]> {
  const offsets = await client.admin.listConsumerGroupOffsets(group).catch(() => [])
  const seen = await readAll(client, topic, PARTITIONS)
  return Array.from({ length: PARTITIONS }, (_, partition) => {
    const committed = offsets.find((each) => each.topic === topic && each.partition === partition)
    if (committed === undefined) return undefined
    const next = seen.find((each) => each.partition === partition && each.offset >= committed.offset)
    return next === undefined ? null : Number(next.value)
  })
}

/**
 * Mirrors `orders` with a kill in the middle, and groups that have read everything and half.
 *
 * MirrorMaker translates offsets by pairs that it writes down beside the records, ten at a time: what is over that, and what a kill
 * interrupts, waits for the next records. So everything that is written here ends with a record for each partition that comes alone. And
 * after a start it knows but the last pair: the group that lags does so in what is written when it is known to translate.
 */
async function mirrorOneWay(t: ExecutionContext, source: Client, target: Client, plan: MirrorPlan): Promise<void> {
  await source.admin.createTopics([{ name: 'orders', partitions: PARTITIONS, configs: { 'retention.ms': 7_200_000 } }])
  const copied = 'a.orders'
  const commit = (group: string, records: number): Promise<void> =>
    source.admin.alterConsumerGroupOffsets(
      group,
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 'orders', partition, offset: records / PARTITIONS })),
    )
  let written = RECORDS
  /** Writes as many and a last one for each partition, when all before is copied. */
  const more = async (count: number): Promise<void> => {
    for (const each of [count, PARTITIONS]) {
      await write(source, 'orders', written, (written += each))
      await mirror.until(`${written} are copied`, async () => (await countIn(target, copied)) >= written, 120_000)
    }
  }
  const everythingIsRead = (): Promise<void> =>
    mirror.until('the group that has read everything goes on at the end', async () =>
      (await nextOf(target, 'all', copied)).every((next) => next === null),
    )

  await write(source, 'orders', 0, RECORDS / 2)
  let mirror = await startMirror(t, plan)
  await mirror.until('some is copied', async () => (await countIn(target, copied)) > 0, 120_000)
  await write(source, 'orders', RECORDS / 2, RECORDS)
  await mirror.end('SIGKILL')
  mirror = await startMirror(t, plan)
  await more(0)
  await commit('all', written)
  await everythingIsRead()
  const half = written + RECORDS / 2
  await more(RECORDS)
  await commit('half', half)
  await commit('all', written)
  await everythingIsRead()
  await mirror.until('the one that lags is there', async () => (await nextOf(target, 'half', copied)).every((next) => next !== undefined))

  t.deepEqual(await numbersIn(target, copied), numbersFor(written), 'each record once, in its partition, in order')
  const record = (await readAll(target, copied, PARTITIONS)).find(({ value }) => value === '17')
  t.is(record?.key, 'k17')
  // Never further than what was read; how far back is the mirror's to say, since it keeps but some places to translate by.
  for (const [partition, next] of (await nextOf(target, 'half', copied)).entries()) {
    t.true(next! <= half + partition, `partition ${partition} goes on at ${next}`)
  }
  const [config] = await target.admin.describeConfigs([{ type: 'topic', name: copied }])
  t.is(config!.entries.find(({ name }) => name === 'retention.ms')?.value, '7200000')
  await mirror.end('SIGTERM')
}

test.serial('MirrorMaker 2 copies both ways between two of our brokers, exactly once, is killed, and translates offsets', async (t) => {
  if (!(await hasJava(t))) return
  const [a, b] = [await ours(t), await ours(t)]
  const clusters = { a: `127.0.0.1:${a.port}`, b: `127.0.0.1:${b.port}` }
  const [source, target] = [await clientOf(t, clusters.a), await clientOf(t, clusters.b)]
  await target.admin.createTopics([{ name: 'back', partitions: PARTITIONS }])
  await write(target, 'back', 0, RECORDS)
  const flows = { 'a->b': 'orders', 'b->a': 'back' }
  await mirrorOneWay(t, source, target, { dir: await tempDir(t), clusters, flows })
  t.deepEqual(await numbersIn(source, 'b.back'), numbersFor(RECORDS))
})

test.serial('MirrorMaker 2 copies from a real Kafka to our broker', async (t) => {
  if (!(await hasJava(t))) return
  const kafka = await startKafka(t)
  if (kafka === undefined) return
  const broker = await ours(t)
  const clusters = { a: kafka.bootstrap, b: `127.0.0.1:${broker.port}` }
  const [source, target] = [await clientOf(t, clusters.a), await clientOf(t, clusters.b)]
  await mirrorOneWay(t, source, target, { dir: await tempDir(t), clusters, flows: { 'a->b': 'orders' } })
})
