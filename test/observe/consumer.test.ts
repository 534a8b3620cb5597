import { setImmediate as tick, setTimeout as sleep } from 'node:timers/promises'

import test from 'ava'
import fc from 'fast-check'
import { concatMap, firstValueFrom, lastValueFrom, map, take, takeWhile, tap, toArray } from 'rxjs'

import { connect, tpKey } from '../../core/index.ts'
import type { Client, Consumer, ConsumerOptions } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type { ObservedBatch } from '../../core/observe/index.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import { clientFor, newTopic, partitionsOf, sharedBroker } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'

const broker = sharedBroker(test)
const env: Env = {
  connect: (options) => connect(broker(), options),
  get dialer() {
    return broker().dialer
  },
}

/** `count` numbered records in each partition, ten to a batch. */
async function numbered(client: Client, partitions: number, count: number, valueBytes = 0): Promise<string> {
  const topic = await newTopic(client, partitions)
  const producer = client.producer({ acks: 1, lingerMs: 1000, maxRequestSize: 8 << 20, batchSize: 4 << 20 })
  await producer.partitions(topic)
  const value = Buffer.alloc(valueBytes)
  for (let n = 0; n < count; n += 10) {
    for (let partition = 0; partition < partitions; partition++) {
      for (let i = n; i < n + 10; i++) producer.append(topic, partition, Buffer.from(String(i)), value, 0)
    }
    await producer.flush()
  }
  await producer.close()
  return topic
}

function reader(client: Client, topic: string, partitions: number, options: ConsumerOptions = {}): Consumer {
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 10, maxPollRecords: 50, ...options })
  consumer.assign(partitionsOf(topic, partitions))
  return consumer
}

/** The numbers of a batch, as `partition:number`. */
function numbersOf({ partition, columns, from, count }: ObservedBatch): string[] {
  return Array.from({ length: count }, (_, i) => `${partition}:${columns.key(from + i)!.toString()}`)
}

function expected(partitions: number, count: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => Array.from({ length: count }, (_, n) => `${partition}:${n}`)).flat()
}

/** In the order of partitions, and within one as they came. */
function byPartition(numbers: readonly string[]): string[] {
  const partitionOf = (text: string): number => Number(text.split(':')[0])
  return numbers.toSorted((a, b) => partitionOf(a) - partitionOf(b))
}

test('batches$ hands out every record once, in order per partition, to a slow subscriber', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 3, 200)
  const consumer = reader(client, topic, 3)
  const numbers: string[] = []
  const read = observe(consumer, { credit: 2, pollMs: 20 }).batches$.pipe(
    concatMap(async (batch) => {
      await tick()
      numbers.push(...numbersOf(batch))
      batch.done()
    }),
    takeWhile(() => numbers.length < 600),
  )
  await lastValueFrom(read, { defaultValue: undefined })
  t.deepEqual(byPartition(numbers), expected(3, 200))
})

test('no more than credit batches are out, and what is fetched meanwhile is bounded', async (t) => {
  let received = 0
  const counting: Dialer = {
    async dial(host, port) {
      const transport = await broker().dialer.dial(host, port)
      const onFrame = transport.onFrame.bind(transport)
      transport.onFrame = (handler) =>
        onFrame((frame) => {
          received += frame.length
          handler(frame)
        })
      return transport
    },
  }
  const client = await connect({ dialer: counting, bootstrap: broker().bootstrap })
  t.teardown(() => client.close())
  const topic = await numbered(client, 2, 1600, 2000)
  const consumer = reader(client, topic, 2, { prefetchBytes: 200_000, maxPartitionFetchBytes: 100_000 })
  received = 0
  const held: ObservedBatch[] = []
  const numbers: string[] = []
  let most = 0
  const subscription = observe(consumer, { credit: 3, pollMs: 20 }).batches$.subscribe((batch) => {
    held.push(batch)
    numbers.push(...numbersOf(batch))
    most = Math.max(most, held.length)
  })
  for (let quiet = 0, before = -1; quiet < 10 || held.length < 3; await sleep(10)) {
    quiet = received === before ? quiet + 1 : 0
    before = received
  }
  t.is(held.length, 3, 'nothing comes while all credit is out')
  t.true(received < 1_000_000, `${received} of 6.4 million bytes were fetched`)
  held[0]!.done()
  held[0]!.done()
  while (held.length < 4) await sleep(10)
  await sleep(50)
  t.is(held.length, 4, 'done() gives back one credit, once')
  held.shift()
  while (numbers.length < 3200) {
    held.shift()?.done()
    await tick()
  }
  subscription.unsubscribe()
  t.is(most, 4)
  t.deepEqual(byPartition(numbers), expected(2, 1600))
})

test('subscriptions after one another miss nothing and double nothing, however each ends', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 3, 120)
  const ending = fc.record({
    batches: fc.integer({ min: 1, max: 7 }),
    credit: fc.integer({ min: 1, max: 5 }),
    end: fc.constantFrom('inside', 'later', 'while waiting'),
    again: fc.constantFrom('at once', 'later'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(ending, { minLength: 1, maxLength: 8 }), async (endings) => {
      const consumer = reader(client, topic, 3)
      const numbers: string[] = []
      const keep = tap((batch: ObservedBatch) => numbers.push(...numbersOf(batch)))
      for (const { batches, credit, end, again } of endings) {
        if (numbers.length === 360) break
        const { batches$ } = observe(consumer, { credit, pollMs: 5 })
        if (end === 'inside') {
          await lastValueFrom(
            batches$.pipe(
              keep,
              tap((batch) => batch.done()),
              takeWhile(() => numbers.length < 360),
              take(batches),
            ),
            { defaultValue: null },
          )
        } else {
          // Credit is never given back in one case: the end comes while the reading waits for it.
          const subscription = batches$.pipe(keep).subscribe((batch) => end === 'later' && batch.done())
          for (let i = 0; i < batches; i++) await tick()
          subscription.unsubscribe()
        }
        if (again === 'later') await sleep(1)
      }
      if (numbers.length < 360) {
        const rest = observe(consumer, { pollMs: 5 }).batches$.pipe(
          keep,
          tap((batch) => batch.done()),
          takeWhile(() => numbers.length < 360),
        )
        await lastValueFrom(rest, { defaultValue: null })
      }
      await consumer.close()
      t.deepEqual(byPartition(numbers), expected(3, 120))
    }),
    { numRuns: 30 },
  )
})

test('after the end of a subscription the positions are those of what was handed out, at once', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 1, 100)
  const consumer = reader(client, topic, 1, { groupId: topic })
  const batches = await lastValueFrom(observe(consumer).batches$.pipe(take(3), toArray()))
  t.is(batches.length, 3)
  t.is(consumer.position({ topic, partition: 0 }), 30)
  await consumer.commit()
  t.is((await consumer.committed([{ topic, partition: 0 }])).get(tpKey({ topic, partition: 0 }))!.offset, 30)
})

test('a partition that was taken away meanwhile is left alone', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 2, 100)
  const consumer = reader(client, topic, 2)
  const first = firstValueFrom(observe(consumer, { credit: 1 }).batches$.pipe(tap(() => consumer.assign([{ topic, partition: 1 }]))))
  await first
  t.deepEqual(consumer.assignment(), [{ topic, partition: 1 }])
  const rest = observe(consumer, { credit: 20 }).batches$.pipe(
    take(1),
    map(({ partition }) => partition),
  )
  t.is(await firstValueFrom(rest), 1)
})

test('an error of the consumer reaches the subscriber, who may go on after it', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 1, 20)
  const consumer = client.consumer({ autoOffsetReset: 'none', fetchMaxWaitMs: 10 })
  consumer.assign([{ topic, partition: 0 }])
  const { batches$ } = observe(consumer, { pollMs: 20 })
  const error = await t.throwsAsync(lastValueFrom(batches$))
  t.is((error as { kafkaCode?: string }).kafkaCode, 'OFFSET_OUT_OF_RANGE')
  consumer.seek({ topic, partition: 0 }, 'earliest')
  t.is((await firstValueFrom(batches$)).firstOffset, 0)
})

test('a second subscriber is refused while the first reads, whichever observe() he came by', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 1, 10)
  const consumer = reader(client, topic, 1)
  const first = observe(consumer).batches$.subscribe()
  await t.throwsAsync(firstValueFrom(observe(consumer).batches$), { code: 'INVALID_ARGUMENT', message: /share\(\)/ })
  first.unsubscribe()
  t.is((await firstValueFrom(observe(consumer).batches$.pipe(take(1)), { defaultValue: null }))?.firstOffset, 0)
})

test('batches$ completes when the consumer is closed', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 1, 10)
  const consumer = reader(client, topic, 1)
  const all = lastValueFrom(
    observe(consumer).batches$.pipe(
      tap((batch) => batch.done()),
      toArray(),
    ),
  )
  while (consumer.position({ topic, partition: 0 }) !== 10) await tick()
  await consumer.close()
  t.is((await all).length, 1)
  t.deepEqual(await lastValueFrom(observe(consumer).batches$.pipe(toArray())), [])
})

test('options that make no sense are refused by name', async (t) => {
  const client = await clientFor(t, env)
  const consumer = client.consumer()
  t.throws(() => observe(consumer, { crdit: 1 } as object), { code: 'INVALID_ARGUMENT', message: /'crdit': did you mean 'credit'/ })
  t.throws(() => observe(consumer, { credit: 0 }), { code: 'INVALID_ARGUMENT', message: /credit .* not 0/ })
  t.throws(() => observe(consumer, { pollMs: 0.5 }), { code: 'INVALID_ARGUMENT', message: /pollMs/ })
})
