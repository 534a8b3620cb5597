import { KafkaError, tpKey } from '../../core/index.ts'
import type { MoldauError, TopicPartition } from '../../core/index.ts'
import { flakyDialer } from './flaky-dialer.ts'
import { clientFor, newTopic, numbers, partitionsOf, pollSome, readAll, readToEnd, valuesOf } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Records and their places. */
export const recordScenarios: Readonly<Record<string, Scenario>> = {
  'records of a partition come back in the order they were sent': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const producer = client.producer({ batchSize: 200, lingerMs: 0 })
    const sent = numbers(300).map((value) => producer.send({ topic, partition: Number(value) % 2, value }))
    await producer.flush()
    const places = await Promise.all(sent)
    t.deepEqual(
      places.map((place) => place.offset),
      numbers(300).map((value) => Math.floor(Number(value) / 2)),
    )
    const seen = await readAll(client, topic, 2)
    for (const partition of [0, 1]) {
      t.deepEqual(
        valuesOf(seen.filter((record) => record.partition === partition)),
        numbers(300).filter((value) => Number(value) % 2 === partition),
      )
    }
  },

  'keys, values and header values are bytes, and null is not empty (T6)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ lingerMs: 0 })
    const bytes = Buffer.from([0, 0xff, 0xfe, 0x80, 0x0a])
    const headers = [
      { key: 'ü', value: bytes },
      { key: '', value: null },
    ]
    await producer.send({
      topic,
      key: bytes,
      value: bytes,
      timestamp: 1234,
      headers,
    })
    await producer.send({ topic, key: null, value: null })
    await producer.send({ topic, key: Buffer.alloc(0), value: Buffer.alloc(0) })
    const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 1 })
    consumer.assign([{ topic, partition: 0 }])
    const records = []
    while (records.length < 3) {
      for (const { columns, from, count } of await consumer.poll()) {
        for (let i = from; i < from + count; i++)
          records.push({ key: columns.key(i), value: columns.value(i), headers: columns.headers(i), timestamp: columns.timestamp(i) })
      }
    }
    t.deepEqual(records[0], {
      key: bytes,
      value: bytes,
      timestamp: 1234,
      headers,
    })
    t.deepEqual([records[1]!.key, records[1]!.value], [null, null])
    t.deepEqual([records[2]!.key?.length, records[2]!.value?.length], [0, 0])
  },

  'every compression comes back as it was': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const producer = client.producer({ compressionType: compression })
      for (const value of numbers(50)) producer.send({ topic, value: `${compression} ${value}`.repeat(5) }).catch(t.fail)
      await producer.flush()
    }
    const seen = await readAll(client, topic)
    t.is(seen.length, 250)
    t.is(seen[249]!.value, 'zstd 49'.repeat(5))
  },

  'nothing is lost, doubled or reordered when connections break': async (t, env) => {
    const seed = 7
    const dialer = flakyDialer(env.dialer, { seed, framesMax: 25, breaks: 25 })
    const client = await clientFor(t, env, { dialer })
    const topic = await newTopic(client, 3)
    const producer = client.producer({ batchSize: 300, lingerMs: 1 })
    await producer.partitions(topic)
    // A busy machine sends fewer, fuller requests, and meets fewer cuts with the same records.
    let sent = 0
    while (sent < 3000 || dialer.cuts <= 10) {
      for (const value of numbers(1000, sent)) {
        producer.append(topic, Number(value) % 3, null, Buffer.from(value), 1)
        if (Number(value) % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await producer.flush()
      sent += 1000
    }
    const calm = await clientFor(t, env)
    const seen = await readAll(calm, topic, 3)
    for (const partition of [0, 1, 2]) {
      const expected = numbers(sent).filter((value) => Number(value) % 3 === partition)
      t.deepEqual(valuesOf(seen.filter((record) => record.partition === partition)), expected)
    }
  },

  'a consumer sees every record once when its connections break': async (t, env) => {
    const calm = await clientFor(t, env)
    const topic = await newTopic(calm, 2)
    const producer = calm.producer({ batchSize: 500 })
    for (const value of numbers(2000)) producer.send({ topic, partition: Number(value) % 2, value }).catch(t.fail)
    await producer.flush()
    const client = await clientFor(t, env, { dialer: flakyDialer(env.dialer, { seed: 3, framesMax: 4, breaks: 15 }) })
    const seen = await readAll(client, topic, 2, { maxPartitionFetchBytes: 2000 })
    t.deepEqual(
      valuesOf(seen).toSorted((a, b) => Number(a) - Number(b)),
      numbers(2000),
    )
  },

  'concurrent idempotent sends keep their order (T5)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ batchSize: 100, lingerMs: 0 })
    await Promise.all(
      numbers(10).map(async (lane) => {
        for (const n of numbers(20)) {
          await Promise.all([producer.send({ topic, value: `${lane}.${n}a` }), producer.send({ topic, value: `${lane}.${n}b` })])
        }
      }),
    )
    const seen = valuesOf(await readAll(client, topic))
    t.is(seen.length, 400)
    for (const lane of numbers(10)) {
      const own = seen.filter((value) => value!.startsWith(`${lane}.`))
      t.deepEqual(
        own,
        numbers(20).flatMap((n) => [`${lane}.${n}a`, `${lane}.${n}b`]),
      )
    }
  },

  'an idempotent producer goes on after a batch that was refused': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1, { 'max.message.bytes': '1000' })
    const producer = client.producer({ lingerMs: 0 })
    const sends = ['a', 'x'.repeat(5000), 'b', 'c'].map(async (value) => {
      await new Promise((resolve) => setImmediate(resolve))
      return producer.send({ topic, value }).then(
        () => 'ok',
        (error: MoldauError) => error.code,
      )
    })
    t.true((await Promise.all(sends)).includes('RECORD_TOO_LARGE'))
    await producer.send({ topic, value: 'last' })
    const seen = valuesOf(await readAll(client, topic))
    t.is(seen.at(-1), 'last')
    t.is(new Set(seen).size, seen.length)
  },

  'seek, pause and resume deliver what lies at the position and nothing fetched before': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const producer = client.producer({ batchSize: 400 })
    for (const value of numbers(400)) producer.send({ topic, partition: Number(value) % 2, value }).catch(t.fail)
    await producer.flush()
    const [a, b] = partitionsOf(topic, 2) as [TopicPartition, TopicPartition]
    const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 1, fetchMaxWaitMs: 50, maxPartitionFetchBytes: 500 })
    consumer.assign([a, b])
    for (let n = 0; n < 3; n++) await pollSome(consumer)
    while (consumer.position(b) === undefined) await consumer.poll(50)
    // In the middle of a batch: the whole batch is fetched, and only its rest is handed out.
    consumer.seek(a, 57)
    consumer.pause([b])
    const first = (await pollSome(consumer))[0]!
    t.deepEqual([first.partition, first.firstOffset, first.columns.offset(first.from)], [0, 57, 57])
    for (let n = 0; n < 3; n++) for (const batch of await consumer.poll(60)) t.is(batch.partition, 0)
    const at = consumer.position(b)!
    consumer.resume([b])
    consumer.pause([a])
    const next = await pollSome(consumer)
    t.deepEqual([next[0]!.partition, next[0]!.firstOffset], [1, at])
    consumer.seek(b, 'latest')
    t.is(consumer.position(b), undefined)
    while (consumer.position(b) !== 200) await consumer.poll(50)
    consumer.seek(b, 'earliest')
    consumer.seek(a, 199)
    consumer.resume([a])
    const rest = await readToEnd(client, consumer)
    t.is(rest.filter((r) => r.partition === 1).length, 200)
    t.deepEqual(
      rest.filter((r) => r.partition === 0).map((r) => r.offset),
      [199],
    )
  },

  'an offset that is gone is an error, or the beginning, as the policy says': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const [tp] = partitionsOf(topic, 1) as [TopicPartition]
    const producer = client.producer({ batchSize: 100 })
    for (const value of numbers(20)) producer.send({ topic, value }).catch(t.fail)
    await producer.flush()
    t.deepEqual(await client.admin.deleteRecords([{ ...tp, offset: 15 }]), [{ ...tp, lowWatermark: 15 }])
    const strict = client.consumer({ autoOffsetReset: 'none', fetchMaxWaitMs: 50 })
    strict.assign([{ ...tp, offset: 3 }])
    const error = await t.throwsAsync(
      async () => {
        for (;;) await strict.poll(100)
      },
      { instanceOf: KafkaError },
    )
    t.is((error as KafkaError).kafkaCode, 'OFFSET_OUT_OF_RANGE')
    t.regex(error!.message, new RegExp(tpKey(tp)))
    const lenient = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 50 })
    lenient.assign([{ ...tp, offset: 3 }])
    t.deepEqual(valuesOf(await readToEnd(client, lenient)), numbers(5, 15))
  },

  'offsets are found by time, by place and under both isolations': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const [tp] = partitionsOf(topic, 1) as [TopicPartition]
    const producer = client.producer({ lingerMs: 0 })
    const now = Date.now()
    for (const n of [0, 1, 2, 3]) await producer.send({ topic, value: String(n), timestamp: now + n * 1000 })
    const consumer = client.consumer()
    const found = await consumer.offsetsForTimes([{ ...tp, timestamp: now + 1500 }])
    t.deepEqual([found.get(tpKey(tp))!.offset, found.get(tpKey(tp))!.timestamp], [2, now + 2000])
    t.is((await consumer.offsetsForTimes([{ ...tp, timestamp: now + 9000 }])).get(tpKey(tp)), null)
    t.is((await consumer.beginningOffsets([tp])).get(tpKey(tp)), 0)
    const [max, latest] = await client.admin.listOffsets([
      { ...tp, at: 'maxTimestamp' },
      { ...tp, at: 'latest' },
    ])
    t.deepEqual([max!.offset, latest!.offset], [3, 4])
  },
}
