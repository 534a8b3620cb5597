import { cp, rm } from 'node:fs/promises'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect, LogTruncationError } from '../../core/index.ts'
import type { Consumer, ConsumerBatch } from '../../core/index.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Gate } from '../../core/testing/gate.ts'
import { clientFor, numbers, pollSome } from '../support/client-kit.ts'
import { seemingCluster } from '../support/seeming-cluster.ts'
import type { Reign, SeemingCluster } from '../support/seeming-cluster.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { until } from '../support/until.ts'

const topic = 'numbers'
const tp = { topic, partition: 0 }
const old: Reign[] = [{ epoch: 0, values: numbers(50) }]
/** The same until record 30, then what another leader wrote. */
const other: Reign[] = [
  { epoch: 0, values: numbers(30) },
  { epoch: 1, values: numbers(40, 1000) },
]
const quick = { fetchMaxWaitMs: 50 } as const

const valuesIn = ({ columns, from, count }: ConsumerBatch): string[] =>
  Array.from({ length: count }, (_, i) => columns.value(from + i)!.toString())

/** Polls until so many have come. */
async function take(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = []
  while (values.length < count) for (const batch of await pollSome(consumer)) values.push(...valuesIn(batch))
  return values
}

/** A consumer that has read `count` records under node 1. */
async function reader(t: ExecutionContext, cluster: SeemingCluster, count: number, options: Parameters<typeof consumerOf>[2] = {}) {
  const { client, consumer } = await consumerOf(t, cluster, options)
  consumer.assign([{ ...tp, offset: 0 }])
  t.deepEqual(await take(consumer, count), numbers(count))
  return { client, consumer }
}

async function consumerOf(
  t: ExecutionContext,
  { env }: SeemingCluster,
  options: NonNullable<Parameters<Awaited<ReturnType<typeof clientFor>>['consumer']>[0]>,
) {
  const client = await clientFor(t, env)
  return { client, consumer: client.consumer({ ...quick, autoOffsetReset: 'none', ...options }) }
}

test('a new leader that has what was read is asked once, before it is read from, again while it does not know that it leads', async (t) => {
  const longer: Reign[] = [...old, { epoch: 3, values: numbers(10, 50) }]
  const cluster = await seemingCluster(t, { topic, logs: [[old, longer]] })
  const { consumer } = await reader(t, cluster, 50)
  t.false(cluster.asked.includes('OffsetForLeaderEpoch 1'), 'who has read nothing has nothing to ask')
  const second = cluster.brokers[1]!
  second.intercept(OffsetForLeaderEpoch, (call) => call.error('UNKNOWN_LEADER_EPOCH'), { times: 2 })
  cluster.asked.length = 0
  cluster.lead(0, 2, 3)
  t.deepEqual(await take(consumer, 10), numbers(10, 50))
  const there = cluster.asked.filter((one) => one.endsWith('2'))
  t.deepEqual(there.slice(0, 4), [...Array.from({ length: 3 }, () => 'OffsetForLeaderEpoch 2'), 'Fetch 2'])
  t.is(there.filter((one) => one.startsWith('OffsetFor')).length, 3)
})

test('where a new leader lacks what was read, a consumer goes on where the logs part', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old, other]] })
  const { consumer } = await reader(t, cluster, 50, { autoOffsetReset: 'latest' })
  cluster.lead(0, 2, 1)
  t.deepEqual(await take(consumer, 40), numbers(40, 1000))
  t.is(consumer.position(tp), 70)
})

test('without a reset policy the program is told what was cut off, until it seeks', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old, other]] })
  const { consumer } = await reader(t, cluster, 50)
  cluster.lead(0, 2, 1)
  for (let i = 0; i < 2; i++) {
    const error = await t.throwsAsync(
      async () => {
        for (;;) t.deepEqual(await consumer.poll(), [])
      },
      { instanceOf: LogTruncationError, code: 'LOG_TRUNCATED', message: /numbers-0 was truncated at offset 30, below the position 50/ },
    )
    t.like(error, { ...tp, position: 50, divergentOffset: 30, retriable: false })
  }
  consumer.seek(tp, 30)
  t.deepEqual(await take(consumer, 40), numbers(40, 1000))
})

test('what was fetched ahead and is cut off was seen by nobody: it is dropped without a word', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old, other]] })
  const { consumer } = await consumerOf(t, cluster, { maxPollRecords: 1 })
  consumer.assign([{ ...tp, offset: 0 }])
  t.deepEqual(await take(consumer, 20), numbers(20))
  cluster.lead(0, 2, 1)
  await until('the new leader is read from', () => cluster.asked.includes('Fetch 2'))
  t.deepEqual(await take(consumer, 50), [...numbers(10, 20), ...numbers(40, 1000)])
})

test('a position that was committed is compared before anything is read from it', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old, other]] })
  const group = { groupId: 'g' }
  const { client, consumer } = await reader(t, cluster, 50, group)
  await consumer.commit()
  t.deepEqual((await consumer.committed([tp])).get('numbers-0'), { offset: 50, leaderEpoch: 0, metadata: '' })
  await consumer.close()
  cluster.lead(0, 2, 1)
  const next = client.consumer({ ...quick, ...group, autoOffsetReset: 'none' })
  next.assign([tp])
  cluster.asked.length = 0
  const error = await t.throwsAsync(
    async () => {
      for (;;) t.deepEqual(await next.poll(), [])
    },
    { instanceOf: LogTruncationError },
  )
  t.like(error, { position: 50, divergentOffset: 30 })
  t.false(cluster.asked.includes('Fetch 2'))
})

test('an answer of the leader before does not count when another is known', async (t) => {
  const longer: Reign[] = [...old, { epoch: 1, values: numbers(10, 1000) }]
  const cluster = await seemingCluster(t, { topic, logs: [[old, longer]] })
  const { client, consumer } = await reader(t, cluster, 50)
  const [before, after] = cluster.brokers.map((broker) => {
    const gate = new Gate()
    broker.intercept(Fetch, async (call) => {
      const answer = await call.next()
      await gate.pass()
      return answer
    })
    return gate
  }) as [Gate, Gate]
  await before.arrived()
  await client.producer().send({ topic, partition: 0, value: 'of the leader before' })
  before.release()
  await before.arrived(2)
  cluster.lead(0, 2, 1)
  await client.producer().partitions('another')
  await after.arrived()
  before.open()
  t.deepEqual(await consumer.poll(200), [])
  after.open()
  t.deepEqual(await take(consumer, 10), numbers(10, 1000))
})

test('a broker that was restored from an older copy says where the logs part, though its epoch is the same', async (t) => {
  const dir = await tempDir(t)
  const copy = await tempDir(t)
  const first = await startBroker(t, { dir })
  const { port } = first
  const writing = await connect(first)
  await writing.admin.createTopics([{ name: topic, partitions: 1 }])
  const write = async (count: number, from: number): Promise<void> => {
    const producer = writing.producer({ lingerMs: 0 })
    for (const value of numbers(count, from)) await producer.send({ topic, value })
    await producer.close()
  }
  await write(30, 0)
  // What is copied from a broker that runs is what a crash leaves.
  await cp(dir, copy, { recursive: true, force: true })
  await write(20, 30)
  const client = await clientFor(t, { connect: (options) => connect(`127.0.0.1:${port}`, options), dialer: first.dialer })
  const consumer = client.consumer({ ...quick, autoOffsetReset: 'earliest' })
  consumer.assign([tp])
  t.deepEqual(await take(consumer, 50), numbers(50))
  await writing.close()
  await first.close()
  // That is of the broker that was copied.
  await rm(`${copy}/.lock`, { force: true })
  await startBroker(t, { dir: copy, port: port! })
  await client.producer().send({ topic, value: 'new' })
  t.deepEqual(await take(consumer, 1), ['new'])
  t.is(consumer.position(tp), 31)
})

/** Whoever waits before another attempt, or for metadata, does not finish. */
const noRetry = { retryBackoffMs: 1e6, retryBackoffMaxMs: 1e6 } as const

function countMetadata({ brokers }: SeemingCluster): { asked: number } {
  const count = { asked: 0 }
  for (const broker of brokers) broker.intercept(Metadata, () => void count.asked++)
  return count
}

test('a leader that an answer tells of is produced to at once, without metadata (KIP-951)', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[[], []]] })
  cluster.tells = true
  const client = await clientFor(t, cluster.env, noRetry)
  // No broker knows of the numbers that the other has seen.
  const producer = client.producer({ lingerMs: 0, enableIdempotence: false })
  await producer.partitions(topic)
  const metadata = countMetadata(cluster)
  for (const [i, node] of [2, 1, 2].entries()) {
    cluster.lead(0, node, i + 1)
    cluster.asked.length = 0
    await producer.send({ topic, partition: 0, value: `${i}` })
    t.deepEqual(cluster.asked, [`Produce ${3 - node}`, `Produce ${node}`])
  }
  t.is(metadata.asked, 0)
})

test('a leader that an answer tells of is compared with and fetched from at once, without metadata (KIP-951)', async (t) => {
  const longer: Reign[] = [...old, { epoch: 0, values: numbers(10, 50) }]
  const cluster = await seemingCluster(t, { topic, logs: [[old, longer]] })
  cluster.tells = true
  const client = await clientFor(t, cluster.env, noRetry)
  const consumer = client.consumer({ ...quick, autoOffsetReset: 'none' })
  consumer.assign([{ ...tp, offset: 0 }])
  t.deepEqual(await take(consumer, 50), numbers(50))
  const metadata = countMetadata(cluster)
  cluster.lead(0, 2, 1)
  t.deepEqual(await take(consumer, 10), numbers(10, 50))
  t.is(metadata.asked, 0)
})

test('a follower that cannot be read from is left alone: the leader sends the records itself', async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old, old]] })
  const [leader, follower] = cluster.brokers
  cluster.followers.add(2)
  leader!.intercept(Fetch, async (call) => {
    const answer = await call.next()
    // As Kafka does: who is sent elsewhere gets no records.
    if (call.request.rackId === 'b') {
      for (const { partitions } of answer.responses)
        for (const p of partitions) Object.assign(p, { preferredReadReplica: 2, records: null })
    }
    return answer
  })
  const refused = follower!.intercept(Fetch, (call) => call.error('OFFSET_OUT_OF_RANGE'))
  await reader(t, cluster, 50, { clientRack: 'b', maxPartitionFetchBytes: 1 })
  t.is(refused.hits, 1)
  t.true(cluster.asked.filter((one) => one === 'Fetch 1').length >= 51)
})

test('a broker that hangs does not delay where partitions of others begin', async (t) => {
  const gate = new Gate()
  const cluster = await seemingCluster(t, {
    topic,
    logs: [
      [old, []],
      [[], old],
    ],
  })
  cluster.lead(1, 2, 0)
  cluster.brokers[1]!.intercept(ListOffsets, () => gate.pass())
  const { consumer } = await consumerOf(t, cluster, { autoOffsetReset: 'earliest' })
  const away = { topic, partition: 1 }
  consumer.assign([away, tp])
  t.deepEqual(await take(consumer, 50), numbers(50))
  t.is(gate.waiting, 1)
  t.is(consumer.position(away), undefined)
  gate.open()
  t.deepEqual(await take(consumer, 50), numbers(50))
  t.is(consumer.position(away), 50)
})

test("a partition that has nowhere to begin and autoOffsetReset 'none' does not keep the others from being read", async (t) => {
  const cluster = await seemingCluster(t, { topic, logs: [[old], [old]] })
  const { consumer } = await consumerOf(t, cluster, { groupId: 'g' })
  await consumer.commit([{ ...tp, offset: 0 }])
  const lost = { topic, partition: 1 }
  consumer.assign([lost, tp])
  const values: string[] = []
  const errors = new Set<string>()
  while (values.length < 50) {
    const batches = await consumer.poll().catch((error: Error) => void errors.add(error.message))
    for (const batch of batches ?? []) values.push(...valuesIn(batch))
  }
  t.deepEqual(values, numbers(50))
  await t.throwsAsync(
    async () => {
      for (;;) await consumer.poll()
    },
    { code: 'PROTOCOL', message: /OFFSET_OUT_OF_RANGE.*numbers-1 has no offset to begin at/ },
  )
  t.is(errors.size, 1)
})
