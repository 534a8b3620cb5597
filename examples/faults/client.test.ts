/**
 * How a client takes what goes wrong, tested against a broker that does it on purpose: `node --test examples/faults/client.test.ts`.
 * The client here is moldau's; any client will do that is given `broker.bootstrap` (docs/testing.md shows it from other languages).
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { Broker, connect, type Client } from 'moldau/core'
import { Fetch, Gate, Produce } from 'moldau/core/testing'

let dir: string
let broker: Broker
let client: Client

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'faults-'))
  broker = await Broker.start({ dir, config: { durability: 'page-cache' } })
  client = await connect(broker.bootstrap, { clientId: 'orders', retryBackoffMs: 10 })
  await client.admin.createTopics([{ name: 'orders', partitions: 1 }])
})

afterEach(async () => {
  await client.close()
  await broker.close()
  await rm(dir, { recursive: true })
})

/** What is in the topic, in order. */
async function stored(): Promise<string[]> {
  const [end] = await client.admin.listOffsets([{ topic: 'orders', partition: 0, at: 'latest' }])
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([{ topic: 'orders', partition: 0 }])
  const values: string[] = []
  while (values.length < end!.offset) {
    for (const { columns, from, count } of await consumer.poll(1000)) {
      for (let i = from; i < from + count; i++) values.push(String(columns.value(i)))
    }
  }
  await consumer.close()
  return values
}

test('a producer tries again when the leader has moved', async () => {
  const moved = broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { times: 3, topic: 'orders' })
  await client.producer().send({ topic: 'orders', value: 'one' })
  assert.equal(moved.hits, 3)
  assert.deepEqual(await stored(), ['one'])
})

/** The records are in the log, and the producer will never hear of it. */
const loseAnswers = (times: number) =>
  broker.intercept(
    Produce,
    async (call) => {
      await call.next()
      return call.drop()
    },
    { times },
  )

test('an answer that is lost does not double what an idempotent producer sends', async () => {
  const lost = loseAnswers(2)
  const producer = client.producer({ enableIdempotence: true })
  for (const value of ['one', 'two', 'three']) await producer.send({ topic: 'orders', value })
  assert.equal(lost.hits, 2)
  assert.deepEqual(await stored(), ['one', 'two', 'three'])
})

test('without idempotence it does: that is what the test above would catch', async () => {
  loseAnswers(1)
  await client.producer({ enableIdempotence: false }).send({ topic: 'orders', value: 'one' })
  assert.deepEqual(await stored(), ['one', 'one'])
})

test('records stay in order while the first of them is held up', async () => {
  const gate = new Gate()
  broker.intercept(Produce, () => gate.pass(), { times: 1 })
  const producer = client.producer({ lingerMs: 0 })
  const sent = [producer.send({ topic: 'orders', value: 'one' })]
  await gate.arrived()
  sent.push(producer.send({ topic: 'orders', value: 'two' }))
  gate.release()
  await Promise.all(sent)
  assert.deepEqual(await stored(), ['one', 'two'])
})

test('a consumer reads on when its connection is cut', async () => {
  const producer = client.producer()
  for (let i = 0; i < 20; i++) await producer.send({ topic: 'orders', value: `${i}` })
  const cut = broker.intercept(Fetch, (call) => call.drop(), { times: 3 })
  assert.deepEqual(
    await stored(),
    Array.from({ length: 20 }, (_, i) => `${i}`),
  )
  assert.equal(cut.hits, 3)
})
