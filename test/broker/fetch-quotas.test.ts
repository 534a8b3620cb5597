import test from 'ava'
import type { ExecutionContext } from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import { connect } from '../../core/client/connect.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import type { Channel } from '../../core/net/channel.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, listing, open, produce } from '../support/wire.ts'
import { setQuota } from '../support/quotas.ts'

/** A topic with so many batches of so many bytes each, and a reader who may have a thousand bytes a second. */
async function limited(t: ExecutionContext, runs: readonly (readonly [count: number, bytes: number])[]) {
  const clock = new ManualClock(Date.now())
  const broker = await startBroker(t, { clock })
  const [admin, reader] = [await open(t, broker, 'in-process'), await open(t, broker)]
  await createTopic(admin, 'a')
  for (const [count, bytes] of runs) {
    for (let i = 0; i < count; i++) mustWork(await produce(admin, 'a', batch([`${i} ${'x'.repeat(bytes)}`])))
  }
  await setQuota(admin, [['user', 'ANONYMOUS']], 'consumer_byte_rate', 1000)
  return { clock, broker, admin, reader }
}

function mustWork({ error }: { error: string }): void {
  if (error !== 'NONE') throw new Error(error)
}

interface Read {
  /** Of the records, by their numbers. */
  numbers: number[]
  partitions: number
  throttleTimeMs: number
}

async function fetchAt(channel: Channel, fetchOffset: number, maxWaitMs = 0): Promise<Read> {
  const topics = [{ topic: 'a', partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 24 }] }]
  const { responses, throttleTimeMs } = await channel.request(Fetch, 12, { maxWaitMs, minBytes: 1 << 20, topics })
  const partitions = responses.flatMap((each) => each.partitions)
  return {
    numbers: partitions.flatMap(listing).map((line) => Number(/^\d+:(\d+) /.exec(line)![1])),
    partitions: partitions.length,
    throttleTimeMs,
  }
}

test('a fetch over its quota brings nothing and tells how long to be silent; what it did not bring comes later, once', async (t) => {
  const { clock, reader } = await limited(t, [[40, 1000]])
  const first = await fetchAt(reader, 0)
  // As much as may come in ten seconds.
  t.deepEqual(first.numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  t.is(first.throttleTimeMs, 0)
  const second = await fetchAt(reader, 9)
  t.deepEqual([second.numbers, second.partitions], [[], 0])
  t.true(second.throttleTimeMs > 0)
  let isAnswered = false
  const third = fetchAt(reader, 9).finally(() => (isAnswered = true))
  clock.advance(second.throttleTimeMs - 1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.false(isAnswered, 'the connection is read although its client shall be silent')
  clock.advance(1)
  let { numbers, throttleTimeMs } = await third
  // Who is told to be silent is so until all has come.
  const read = [...first.numbers, ...numbers]
  const begin = clock.monotonic()
  while (read.length < 40) {
    clock.advance(throttleTimeMs + 100)
    ;({ numbers, throttleTimeMs } = await fetchAt(reader, read.length))
    read.push(...numbers)
  }
  t.deepEqual(
    read,
    Array.from({ length: 40 }, (_, i) => i),
  )
  t.true(clock.monotonic() - begin < 120_000, 'it does not take for ever')
})

test('a batch that is larger than the quota allows in a whole window comes when nothing else has, and then nothing for long', async (t) => {
  const { clock, reader } = await limited(t, [
    [1, 1000],
    [2, 50_000],
  ])
  t.deepEqual((await fetchAt(reader, 0)).numbers, [0])
  const early = await fetchAt(reader, 1)
  t.deepEqual(early.numbers, [])
  clock.advance(early.throttleTimeMs)
  for (const offset of [1, 2]) {
    const late = await fetchAt(reader, offset)
    t.deepEqual(late.numbers, [offset - 1])
    t.true(late.throttleTimeMs > 30_000)
    clock.advance(late.throttleTimeMs - 9000)
    t.false(await answersSoon(reader))
    clock.advance(9000)
    t.is((await reader.request(ApiVersions, 0, {})).errorCode, 0)
  }
})

async function answersSoon(channel: Channel): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), 100))
  return Promise.race([channel.request(ApiVersions, 0, {}).then(() => true), late])
}

test('a consumer over its quota gets every record, once and in order', async (t) => {
  const clock = new ManualClock(Date.now())
  const broker = await startBroker(t, { clock })
  const admin = await open(t, broker, 'in-process')
  await createTopic(admin, 'a', 3)
  for (let i = 0; i < 300; i++) mustWork(await produce(admin, 'a', batch([`${i} ${'x'.repeat(1000)}`]), { partition: i % 3 }))
  await setQuota(admin, [['user', 'ANONYMOUS']], 'consumer_byte_rate', 3000)
  // The client is silent as long as it is told: it lives in the same time. Nothing but silence is to take long in it.
  const patience = { requestTimeoutMs: 3_600_000, connectionsMaxIdleMs: 3_600_000, socketConnectionSetupTimeoutMs: 3_600_000 }
  const client = await connect(broker.bootstrap, { clock, ...patience, socketConnectionSetupTimeoutMaxMs: 3_600_000 })
  t.teardown(() => client.close())
  const consumer = client.consumer()
  consumer.assign([0, 1, 2].map((partition) => ({ topic: 'a', partition, offset: 'earliest' as const })))
  // Silence passes quickly.
  const begin = clock.monotonic()
  const passing = setInterval(() => clock.advance(500), 5)
  t.teardown(() => clearInterval(passing))
  const numbers: number[][] = [[], [], []]
  let count = 0
  while (count < 300) {
    for (const batchOf of await consumer.poll(1000)) {
      for (let i = batchOf.from; i < batchOf.from + batchOf.count; i++, count++) {
        numbers[batchOf.partition]!.push(Number(batchOf.columns.value(i)!.toString().split(' ')[0]))
      }
    }
  }
  t.true(clock.monotonic() - begin > 60_000, 'it was slowed down')
  await consumer.close()
  for (const [partition, read] of numbers.entries()) {
    t.deepEqual(
      read,
      Array.from({ length: 100 }, (_, i) => i * 3 + partition),
    )
  }
})

test('a fetch of somebody who has used up his time brings nothing, and waits for no more bytes than it may have', async (t) => {
  const { clock, broker, admin, reader } = await limited(t, [[20, 1000]])
  // minBytes is more than comes within the quota; the clock stands still.
  t.is((await fetchAt(reader, 0, 5000)).numbers.length, 9)
  await setQuota(admin, [['user', 'ANONYMOUS']], 'consumer_byte_rate', null)
  await setQuota(admin, [['user', 'ANONYMOUS']], 'request_percentage', 50)
  broker.intercept(Fetch, (call) => {
    clock.advance(20_000)
    return call.next()
  })
  const throttled = await fetchAt(reader, 0)
  t.deepEqual([throttled.numbers, throttled.partitions], [[], 0])
  t.is(throttled.throttleTimeMs, 1000)
})
