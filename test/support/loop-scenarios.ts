import { setImmediate as turn } from 'node:timers/promises'

import { tpKey } from '../../core/index.ts'
import type { Client, Consumer, ConsumerBatch, TopicPartition } from '../../core/index.ts'
import { clientFor, newTopic, numbers, partitionsOf, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'
import { eachKind } from './each-kind.ts'
import { produce, reading, valuesOf } from './membership-audit.ts'

const byNumber = (values: readonly string[]): string[] => values.toSorted((a, b) => Number(a) - Number(b))

async function committedSum(consumer: Consumer, partitions: readonly TopicPartition[]): Promise<number> {
  const offsets = await consumer.committed(partitions)
  return partitions.reduce((sum, tp) => sum + (offsets.get(tpKey(tp))?.offset ?? 0), 0)
}

/** Batches of one record: `count` of them, over two partitions. */
async function oneByOne(client: Client, topic: string, count: number, from = 0): Promise<void> {
  const producer = client.producer()
  for (const value of numbers(count, from)) await producer.send({ topic, partition: Number(value) % 2, value })
  await producer.close()
}

/** What a program commits, and what it has had, when it leaves a loop, or is ended in the middle of one. */
export const loopScenarios: Readonly<Record<string, Scenario>> = {
  ...eachKind('a bare offset of a partition that another member holds is refused, and sets that one not back', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await produce(client, topic, 2, 20)
    const groupId = uniqueName('bare')
    const join = (): Consumer => {
      const consumer = client.consumer({ groupId, ...kind, ...reading })
      consumer.subscribe([topic])
      return consumer
    }
    const one = join()
    await t.throwsAsync(one.commit([{ topic, partition: 0, offset: 1 }]), { message: /this member does not hold it now/ })
    while (one.assignment().length < 2) await one.poll(20)
    await one.commit(partitionsOf(topic, 2).map((tp) => ({ ...tp, offset: 1 })))
    const two = join()
    while (one.assignment().length !== 1 || two.assignment().length !== 1) await Promise.all([one.poll(20), two.poll(20)])
    const [gone] = two.assignment() as [TopicPartition]
    await two.commit([{ ...gone, offset: 10 }])
    await t.throwsAsync(one.commit([...one.assignment().map((tp) => ({ ...tp, offset: 2 })), { ...gone, offset: 1 }]), {
      message: /ILLEGAL_GENERATION.*this member does not hold it now/,
    })
    t.is(await committedSum(two, [gone]), 10)
    await one.commit(one.assignment().map((tp) => ({ ...tp, offset: 7 })))
    t.is(await committedSum(one, one.assignment()), 7)
    await Promise.all([one.close(), two.close()])
  }),

  'commit() in a loop commits what the loop has reached, and no batch that lies here besides': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await oneByOne(client, topic, 6)
    const consumer = client.consumer({ groupId: uniqueName('reached'), autoOffsetReset: 'earliest' })
    consumer.subscribe([topic])
    let seen = 0
    for await (const batch of consumer) {
      seen += batch.count
      await consumer.commit()
      t.is(await committedSum(consumer, partitionsOf(topic, 2)), seen)
      if (seen === 6) break
    }
    await consumer.close()
  },

  'a loop that is left misses nothing and doubles nothing: the next loop or poll goes on behind its last batch': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await oneByOne(client, topic, 12)
    const consumer = client.consumer({ groupId: uniqueName('left'), autoOffsetReset: 'earliest', maxPollRecords: 5 })
    consumer.subscribe([topic])
    const seen: string[] = []
    const note = (batch: ConsumerBatch): number => seen.push(...valuesOf(batch))
    for await (const batch of consumer) if (note(batch) === 1) break
    await t.throwsAsync(
      async () => {
        for await (const batch of consumer) if (note(batch) === 3) throw new Error('work has failed')
      },
      { message: 'work has failed' },
    )
    await consumer.commit()
    t.is(await committedSum(consumer, partitionsOf(topic, 2)), 3)
    while (seen.length < 8) for (const batch of await consumer.poll()) note(batch)
    for await (const batch of consumer) if (note(batch) === 12) break
    t.deepEqual(byNumber(seen), numbers(12))
    // A place that the program has chosen holds, also when it is chosen in the loop.
    for (const tp of partitionsOf(topic, 2)) consumer.seek(tp, 0)
    for await (const batch of consumer) {
      consumer.seek(batch, 4)
      for (const tp of partitionsOf(topic, 2)) if (tp.partition !== batch.partition) consumer.seek(tp, 6)
      break
    }
    seen.length = 0
    for await (const batch of consumer) if (note(batch) === 2) break
    t.deepEqual(
      seen.map((value) => Math.floor(Number(value) / 2)),
      [4, 5],
    )
    await consumer.close()
  },

  'a paused partition and one that is sought are so at once, in the middle of a loop': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await oneByOne(client, topic, 8)
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    const [even, odd] = partitionsOf(topic, 2) as [TopicPartition, TopicPartition]
    consumer.assign([even, odd])
    const seen: string[] = []
    for await (const batch of consumer) {
      seen.push(...valuesOf(batch))
      if (batch.partition === 0) {
        consumer.pause([even])
        t.deepEqual(consumer.paused(), [even])
      } else if (batch.firstOffset === 0) consumer.seek(odd, 2)
      if (seen.includes('0') && seen.includes('7')) break
    }
    t.deepEqual(byNumber(seen), ['0', '1', '5', '7'])
    consumer.resume([even])
    t.deepEqual(consumer.paused(), [])
    for await (const batch of consumer) if (seen.push(...valuesOf(batch)) === 7) break
    t.deepEqual(byNumber(seen), ['0', '1', '2', '4', '5', '6', '7'])
  },

  'a loop ends when its consumer is closed, and poll() says CLOSED': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    for (const end of [(consumer: Consumer) => consumer.close(), () => client.close()]) {
      const consumer = client.consumer({ groupId: uniqueName('ends') })
      consumer.subscribe([topic])
      let batches = 0
      const loop = (async () => {
        for await (const batch of consumer) batches += batch.count
      })()
      while (consumer.assignment().length === 0) await turn()
      await end(consumer)
      await loop
      t.is(batches, 0)
      await t.throwsAsync(consumer.poll(), { code: 'CLOSED' })
      for await (const batch of consumer) t.fail(`closed, but ${batch.count} records`)
    }
  },

  'a signal ends the wait of poll(), and a loop after the batch that it is at; nothing is lost by it': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('signal')
    const consumer = client.consumer({ groupId, autoOffsetReset: 'earliest' })
    const told: string[] = []
    consumer.events.on('error', ({ message }) => void told.push(message))
    consumer.subscribe([topic])
    while (consumer.assignment().length === 0) await consumer.poll(20)
    const stop = new AbortController()
    const waiting = consumer.poll(600_000, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await t.throwsAsync(waiting, { message: 'enough' })
    await oneByOne(client, topic, 6)
    await t.throwsAsync(consumer.poll(600_000, { signal: stop.signal }), { message: 'enough' })
    for await (const batch of consumer.batches({ signal: stop.signal })) t.fail(`stopped, but ${batch.count} records`)
    t.deepEqual(told, [])

    const again = new AbortController()
    const seen: string[] = []
    for await (const batch of consumer.batches({ signal: again.signal })) {
      seen.push(...valuesOf(batch))
      if (seen.length === 2) again.abort()
      await consumer.commit(batch)
    }
    t.is(seen.length, 2)
    t.is(await committedSum(consumer, partitionsOf(topic, 2)), 2)
    await consumer.close()
    const next = client.consumer({ groupId, autoOffsetReset: 'earliest' })
    next.subscribe([topic])
    for await (const batch of next) if (seen.push(...valuesOf(batch)) === 6) break
    t.deepEqual(byNumber(seen), numbers(6))
    await next.close()
  },

  ...eachKind('what a loop is in the middle of when its consumer is closed is not committed by the listener', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await oneByOne(client, topic, 6)
    const groupId = uniqueName('middle')
    const consumer = client.consumer({ groupId, ...kind, ...reading })
    consumer.subscribe([topic], { onRevoked: () => consumer.commit() })
    let done = 0
    for await (const batch of consumer) {
      if (done === 2) await consumer.close()
      else done += batch.count
    }
    t.is(done, 2)
    const offsets = await client.admin.listConsumerGroupOffsets(groupId)
    t.is(
      offsets.reduce((sum, { offset }) => sum + offset, 0),
      2,
    )
  }),

  ...eachKind('a listener that never comes to an end keeps its consumer no longer than close() may take', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    const groupId = uniqueName('stuck')
    const join = (onRevoked: () => Promise<void>): Consumer => {
      const consumer = client.consumer({ groupId, ...kind, ...reading })
      consumer.subscribe([topic], { onRevoked })
      return consumer
    }
    const stuck = join(() => new Promise<never>(() => {}))
    while (stuck.assignment().length === 0) await stuck.poll(20)
    await stuck.close({ timeoutMs: 100 })
    t.deepEqual(stuck.assignment(), [])
    // It has left: nobody waits for its session to time out.
    const [description] = await client.admin.describeConsumerGroups([groupId])
    t.is(description!.members.length, 0)
    const next = join(async () => {})
    while (next.assignment().length === 0) await next.poll(20)
    await next.close()
  }),
}
