import { tpKey } from '../../core/index.ts'
import type { TopicPartition } from '../../core/index.ts'
import { clientFor, newTopic, numbers, partitionsOf, pollSome, readAll, readToEnd, valuesOf } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Fetching: where it begins, how it goes on, what it leaves out. */
export const fetchingScenarios: Readonly<Record<string, Scenario>> = {
  'a consumer seeks to the begin, the end, an offset and a time': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const [tp] = partitionsOf(topic, 1) as [TopicPartition]
    const producer = client.producer({ lingerMs: 0 })
    for (const value of numbers(10)) await producer.send({ topic, value, timestamp: 1_700_000_000_000 + Number(value) * 1000 })
    const consumer = client.consumer()
    consumer.assign([{ ...tp, offset: { timestamp: 1_700_000_003_500 } }])
    t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(6, 4))
    for (const [place, rest] of [
      ['earliest', numbers(10)],
      [7, numbers(3, 7)],
      [{ timestamp: 1_700_000_009_000 }, ['9']],
      [{ timestamp: 0 }, numbers(10)],
    ] as const) {
      consumer.seek(tp, place)
      t.deepEqual(valuesOf(await readToEnd(client, consumer)), rest)
      t.is(consumer.currentLag(tp), 0)
    }
    for (const place of ['latest', { timestamp: 1_700_000_010_000 }] as const) {
      consumer.seek(tp, 0)
      consumer.seek(tp, place)
      while (consumer.position(tp) === undefined) await consumer.poll(20)
      t.is(consumer.position(tp), 10)
    }
  },

  'without a committed offset a consumer begins with what is younger than a duration (KIP-1106)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const producer = client.producer({ lingerMs: 0 })
    const hour = 60 * 60 * 1000
    await producer.send({ topic, partition: 0, value: 'old', timestamp: Date.now() - 3 * hour })
    await producer.send({ topic, partition: 0, value: 'young', timestamp: Date.now() - hour })
    await producer.send({ topic, partition: 1, value: 'old', timestamp: Date.now() - 3 * hour })
    for (const autoOffsetReset of [{ byDurationMs: 2 * hour }, 'by_duration:PT2H'] as const) {
      const seen = await readAll(client, topic, 2, { autoOffsetReset })
      t.deepEqual(
        seen.map((record) => [record.partition, record.value]),
        [[0, 'young']],
      )
    }
  },

  'a batch that is larger than every limit of a fetch is read, and every partition gets its turn': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 4)
    const producer = client.producer({ batchSize: 20_000, lingerMs: 5 })
    const value = 'x'.repeat(900)
    const sent = numbers(400).map((key) => producer.send({ topic, partition: Number(key) % 4, key, value }))
    await producer.flush()
    await Promise.all(sent)
    const consumer = client.consumer({
      autoOffsetReset: 'earliest',
      fetchMaxBytes: 1,
      maxPartitionFetchBytes: 1,
      prefetchBytes: 1,
      maxPollRecords: 1,
    })
    consumer.assign(partitionsOf(topic, 4))
    // With one batch in each answer, who is not given a turn is not read before the others are at their end.
    const turns: number[] = []
    for (let n = 0; n < 400;) {
      for (const batch of await pollSome(consumer)) {
        turns.push(batch.partition)
        n += batch.count
      }
    }
    t.is(new Set(turns.slice(0, 8)).size, 4)
    t.deepEqual(
      partitionsOf(topic, 4).map((tp) => consumer.position(tp)),
      [100, 100, 100, 100],
    )
  },

  'what was fetched of a paused partition is handed out when it goes on, and the others are not held up': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const producer = client.producer({ batchSize: 300, lingerMs: 0 })
    const sent = numbers(200).map((value) => producer.send({ topic, partition: Number(value) % 2, value }))
    await producer.flush()
    await Promise.all(sent)
    const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 1 })
    const [first, second] = partitionsOf(topic, 2) as [TopicPartition, TopicPartition]
    consumer.assign([first, second])
    await pollSome(consumer)
    consumer.pause([first])
    const at = consumer.position(first)
    while ((consumer.position(second) ?? 0) < 100) for (const batch of await consumer.poll()) t.is(batch.partition, 1)
    t.is(consumer.position(first), at)
    t.is(consumer.currentLag(first), 100 - at!)
    consumer.resume([first])
    const ends = await consumer.endOffsets([first])
    while (consumer.position(first)! < ends.get(tpKey(first))!) await consumer.poll()
    t.is(consumer.currentLag(first), 0)
  },
}
