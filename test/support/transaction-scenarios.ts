import { MoldauError, tpKey } from '../../core/index.ts'
import type { GroupMetadata, Producer, TopicPartition } from '../../core/index.ts'
import { flakyDialer } from './flaky-dialer.ts'
import { clientFor, newTopic, numbers, partitionsOf, readAll, readToEnd, uniqueName, valuesOf } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Transactions. */
export const transactionScenarios: Readonly<Record<string, Scenario>> = {
  'aborted transactions are never seen: several of one producer in one fetch (T1)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('t1') })
    await writeTransactions(producer, topic, 9, 5)
    t.deepEqual(valuesOf(await readAll(client, topic)), committedValues(9, 5))
    t.is((await readAll(client, topic, 1, { isolationLevel: 'read_uncommitted' })).length, 45)
  },

  'aborted transactions are never seen: one longer than a fetch (T2)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('t2'), batchSize: 200, lingerMs: 0 })
    await writeTransactions(producer, topic, 5, 120)
    const seen = await readAll(client, topic, 1, { maxPartitionFetchBytes: 600, fetchMaxBytes: 600 })
    t.deepEqual(valuesOf(seen), committedValues(5, 120))
  },

  'a position moves past markers, and the end of an open transaction is not the end (LSO)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const [tp] = partitionsOf(topic, 1) as [TopicPartition]
    const producer = client.producer({ transactionalId: uniqueName('lso') })
    await producer.init()
    producer.begin()
    await producer.send({ topic, value: 'open' })
    const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest', fetchMaxWaitMs: 50 })
    consumer.assign([tp])
    t.is((await consumer.endOffsets([tp])).get(tpKey(tp)), 0)
    while (consumer.highWatermark(tp) !== 1) t.deepEqual(await consumer.poll(50), [])
    t.is(consumer.fetchedEnd(tp), 0)
    await producer.commit()
    t.deepEqual(valuesOf(await readToEnd(client, consumer)), ['open'])
    while (consumer.position(tp) !== 2) await consumer.poll(50)
    t.is((await consumer.endOffsets([tp])).get(tpKey(tp)), 2)
  },

  'a second producer with the transactional id takes over, the first is fenced (T3)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const transactionalId = uniqueName('zombie')
    // Another id first, so that the producer id is not 0.
    await client.producer({ transactionalId: uniqueName('first') }).init()
    const zombie = client.producer({ transactionalId, lingerMs: 0 })
    await zombie.init()
    zombie.begin()
    await zombie.send({ topic, value: 'zombie' })
    const heir = client.producer({ transactionalId, lingerMs: 0 })
    await heir.init()
    heir.begin()
    await heir.send({ topic, value: 'heir' })
    await heir.commit()
    await t.throwsAsync(zombie.commit(), { instanceOf: MoldauError, code: 'FENCED', message: new RegExp(transactionalId) })
    t.throws(() => zombie.begin(), { code: 'FENCED' })
    t.deepEqual(valuesOf(await readAll(client, topic)), ['heir'])
  },

  'offsets added to a transaction concurrently are all there, with the records or not at all (T4)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 4)
    const groupId = uniqueName('group')
    const producer = client.producer({ transactionalId: uniqueName('t4') })
    await producer.init()
    const group: GroupMetadata = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    const add = (offset: number) => Promise.all(partitionsOf(topic, 4).map((tp) => producer.sendOffsets([{ ...tp, offset }], group)))
    producer.begin()
    await add(5)
    await producer.commit()
    producer.begin()
    await add(9)
    await producer.abort()
    const offsets = await client.admin.listConsumerGroupOffsets(groupId)
    t.deepEqual(
      offsets.toSorted((a, b) => a.partition - b.partition).map((o) => o.offset),
      [5, 5, 5, 5],
    )
  },

  'small transactions over many partitions, with positions, do not get in their own way': async (t, env) => {
    const client = await clientFor(t, env)
    const [topic, groupId] = [await newTopic(client, 12), uniqueName('small')]
    const producer = client.producer({ transactionalId: uniqueName('small'), lingerMs: 0 })
    await producer.partitions(topic)
    await producer.init()
    for (let n = 0; n < 20; n++) {
      producer.begin()
      // Several requests, each with partitions that have not joined.
      for (let round = 0; round < 4; round++) {
        for (let partition = 0; partition < 12; partition++) producer.append(topic, partition, null, Buffer.from(`${n}-${round}`), n)
        await new Promise(setImmediate)
      }
      const positions = [{ topic, partition: 0, offset: n }]
      const group = { groupId, generation: -1, memberId: '', groupInstanceId: null }
      await Promise.all([producer.sendOffsets(positions, group), producer.commit()])
    }
    t.is((await readAll(client, topic, 12)).length, 20 * 4 * 12)
    // Apache Kafka refused a third of them, each time with a pause, when they asked for several things at a time.
    const again = producer.metrics().value('record-retry-total') ?? 0
    t.true(again < 20 * 4, `${again} records were sent again`)
  },

  'transactions are exact when connections break': async (t, env) => {
    const dialer = flakyDialer(env.dialer, { seed: 11, framesMax: 10, breaks: 20 })
    const client = await clientFor(t, env, { dialer })
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('group')
    const group: GroupMetadata = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    const producer = client.producer({ transactionalId: uniqueName('flaky'), batchSize: 200, lingerMs: 0 })
    await producer.init()
    await producer.partitions(topic)
    const committed: string[] = []
    for (let n = 0; n < 30; n++) {
      producer.begin()
      const values = numbers(10, n * 10)
      for (const value of values) producer.append(topic, Number(value) % 2, null, Buffer.from(value), 1)
      await producer.sendOffsets([{ topic, partition: 0, offset: n }], group)
      if (n % 5 === 3) {
        await producer.flush()
        await producer.abort()
      } else {
        await producer.commit()
        committed.push(...values)
      }
    }
    t.true(dialer.cuts > 5, `only ${dialer.cuts} cuts`)
    const calm = await clientFor(t, env)
    const seen = await readAll(calm, topic, 2)
    for (const partition of [0, 1]) {
      t.deepEqual(
        valuesOf(seen.filter((r) => r.partition === partition)),
        committed.filter((value) => Number(value) % 2 === partition),
      )
    }
    t.is((await calm.admin.listConsumerGroupOffsets(groupId))[0]!.offset, 29)
  },

  'the next transaction may be filled while the one before commits': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('pipelined'), batchSize: 200, lingerMs: 0 })
    await producer.init()
    await producer.partitions(topic)
    let ending = Promise.resolve()
    for (let n = 0; n < 20; n++) {
      producer.begin()
      for (const value of numbers(20, n * 20)) producer.append(topic, 0, null, Buffer.from(value), 1)
      await ending
      ending = producer.commit()
    }
    await ending
    t.deepEqual(valuesOf(await readAll(client, topic)), numbers(400))
  },

  'after a failed write a transaction can only be aborted, and the next one works': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1, { 'max.message.bytes': '1000' })
    const producer = client.producer({ transactionalId: uniqueName('failed'), lingerMs: 0 })
    await producer.init()
    producer.begin()
    await producer.send({ topic, value: 'before' })
    await t.throwsAsync(producer.send({ topic, value: 'x'.repeat(5000) }), {
      code: 'RECORD_TOO_LARGE',
      message: new RegExp(`${topic}-0.*max.message.bytes`),
    })
    await t.throwsAsync(producer.commit(), { code: 'RECORD_TOO_LARGE' })
    t.throws(() => producer.begin(), { code: 'INVALID_ARGUMENT', message: /abort\(\) first/ })
    await producer.abort()
    producer.begin()
    await producer.send({ topic, value: 'after' })
    await producer.commit()
    t.deepEqual(valuesOf(await readAll(client, topic)), ['after'])
  },
}

async function writeTransactions(producer: Producer, topic: string, count: number, size: number): Promise<void> {
  await producer.init()
  await producer.partitions(topic)
  for (let n = 0; n < count; n++) {
    producer.begin()
    for (const value of numbers(size, n * size)) producer.append(topic, 0, null, Buffer.from(value), 1)
    await producer.flush()
    // Two of three are aborted.
    await (n % 3 === 2 ? producer.commit() : producer.abort())
  }
}

function committedValues(count: number, size: number): string[] {
  return numbers(count).flatMap((n) => (Number(n) % 3 === 2 ? numbers(size, Number(n) * size) : []))
}
