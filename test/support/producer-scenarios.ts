import { ProducerFatalError, TransactionAbortableError } from '../../core/index.ts'
import type { Client, KafkaError, MoldauError, Producer } from '../../core/index.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { flakyDialer } from './flaky-dialer.ts'
import { holdingDialer } from './holding-dialer.ts'
import { clientFor, newTopic, numbers, readAll, uniqueName, valuesOf } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** What a producer does beyond the plain sending of records. */
export const producerScenarios: Readonly<Record<string, Scenario>> = {
  'a batch that is larger than its topic takes is divided: nothing is lost or out of place, and each send learns its offset (KIP-126)':
    async (t, env) => {
      const client = await clientFor(t, env)
      for (const [options, limit] of [
        [{}, '1500'],
        [{ compressionType: 'gzip' as const }, '600'],
        [{ enableIdempotence: false, maxInFlightRequestsPerConnection: 1 }, '1500'],
      ] as const) {
        const topic = await newTopic(client, 1, { 'max.message.bytes': limit })
        const producer = client.producer({ lingerMs: 20, ...options })
        await producer.partitions(topic)
        // Hardly compressible, so that a compressed batch is too large as well.
        const values = numbers(600).map((n) => `${n} ${((Number(n) * 2654435761) >>> 0).toString(36)}`)
        const places = await Promise.all(values.map((value) => producer.send({ topic, value })))
        t.deepEqual(
          places.map((place) => place.offset),
          values.map((_, i) => i),
        )
        t.deepEqual(valuesOf(await readAll(client, topic)), values)
        await producer.close()
      }
    },

  'of a batch with one record that is too large that one is refused and the others are written, in order': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1, { 'max.message.bytes': '1000' })
    const producer = client.producer({ lingerMs: 20 })
    await producer.partitions(topic)
    const values = numbers(60).map((n) => (n === '31' ? 'x'.repeat(3000) : n.padStart(30)))
    const results = await Promise.allSettled(values.map((value) => producer.send({ topic, value })))
    const refused = results.flatMap((result, i) => (result.status === 'rejected' ? [[i, (result.reason as MoldauError).code]] : []))
    t.deepEqual(refused, [[31, 'RECORD_TOO_LARGE']])
    t.deepEqual(
      valuesOf(await readAll(client, topic)),
      values.filter((value) => value.length < 1000),
    )
  },

  'a record that breaks a rule of its topic is named, and so is the reason why those with it were not written (KIP-467)': async (
    t,
    env,
  ) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1, { 'cleanup.policy': 'compact' })
    const producer = client.producer({ lingerMs: 20 })
    await producer.partitions(topic)
    const results = await Promise.allSettled(['a', null, 'c'].map((key) => producer.send({ topic, partition: 0, key, value: 'v' })))
    const errors = results.map((result) => (result.status === 'rejected' ? (result.reason as KafkaError) : undefined))
    t.deepEqual(
      errors.map((error) => error?.kafkaCode),
      ['INVALID_RECORD', 'INVALID_RECORD', 'INVALID_RECORD'],
    )
    t.regex(errors[1]!.message, new RegExp(`${topic}-0.*record 1 of the batch`))
    for (const error of [errors[0]!, errors[2]!])
      t.regex(error.message, /nothing of its batch was written because of record 1 of the batch/)
    await producer.send({ topic, key: 'd', value: 'last' })
    t.deepEqual(valuesOf(await readAll(client, topic)), ['last'])
  },

  'many records at once: columns or an iterable, to one partition or by key, with one promise for all': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 3)
    const producer = client.producer({ batchSize: 300, lingerMs: 0 })
    t.deepEqual(await producer.sendBatch({ topic, values: [] }), [])
    const values = numbers(200)
    const toOne = await producer.sendBatch({ topic, partition: 2, values, timestamps: values.map(Number) })
    t.deepEqual(toOne, [{ topic, partition: 2, offset: 0, count: 200, timestamp: 0 }])
    const headers = values.map((value) => [{ key: 'n', value: Buffer.from(value) }])
    const byKey = await producer.sendBatch({ topic, keys: values.map((value) => `k${value}`), values, headers })
    const iterated = await producer.sendBatch({ topic, records: values.map((value) => ({ key: `k${value}`, value })) })
    const perPartition = (ranges: typeof byKey): number[] =>
      [0, 1, 2].map((partition) => ranges.filter((range) => range.partition === partition).reduce((sum, range) => sum + range.count, 0))
    t.deepEqual(perPartition(byKey), perPartition(iterated))
    t.is(
      perPartition(byKey).reduce((sum, count) => sum + count, 0),
      200,
    )
    const seen = await readAll(client, topic, 3)
    t.deepEqual(valuesOf(seen.filter((r) => r.key === null)), values)
    for (const record of seen.filter((r) => r.key !== null)) {
      t.is(record.key, `k${record.value}`)
      t.is(producer.partitionFor(topic, record.key), record.partition)
    }
    t.is(seen.filter((r) => r.key !== null).length, 400)
    await t.throwsAsync(producer.sendBatch({ topic, keys: ['a'], values: ['b', 'c'] }), { code: 'INVALID_ARGUMENT', message: /keys has 1/ })
    await t.throwsAsync(producer.sendBatch({ topic, values: ['a', 'x'.repeat(2_000_000)] }), { code: 'RECORD_TOO_LARGE', message: /row 1/ })
    t.is((await readAll(client, topic, 3)).length, 600, 'nothing of a batch that was refused')
  },

  'any number of requests in flight keeps the order of an idempotent producer when connections break': async (t, env) => {
    for (const maxInFlightRequestsPerConnection of [1, 3, 50]) {
      const dialer = flakyDialer(env.dialer, { seed: maxInFlightRequestsPerConnection, framesMax: 20, breaks: 12 })
      const calm = await clientFor(t, env)
      const topic = await newTopic(calm, 8)
      const client = await clientFor(t, env, { dialer })
      const producer = client.producer({ batchSize: 200, lingerMs: 0, maxInFlightRequestsPerConnection })
      await producer.partitions(topic)
      for (const value of numbers(3000)) {
        producer.append(topic, Number(value) % 8, null, Buffer.from(value), 1)
        if (Number(value) % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await producer.flush()
      t.true(dialer.cuts > 3, `only ${dialer.cuts} cuts`)
      const seen = await readAll(calm, topic, 8)
      for (const partition of numbers(8).map(Number)) {
        t.deepEqual(
          valuesOf(seen.filter((record) => record.partition === partition)),
          numbers(3000).filter((value) => Number(value) % 8 === partition),
        )
      }
    }
  },

  'a level makes a compression smaller or faster, and any consumer reads it': async (t, env) => {
    const client = await clientFor(t, env)
    const sizes: number[] = []
    for (const options of [
      { compressionType: 'gzip', 'compression.gzip.level': 1 },
      { compressionType: 'gzip', compressionGzipLevel: 9 },
      { compressionType: 'zstd', compressionZstdLevel: -50 },
      { compressionType: 'zstd', compressionZstdLevel: 19 },
      { compressionType: 'lz4', compressionLz4Level: 17 },
    ] as const) {
      const topic = await newTopic(client)
      const producer = client.producer({ ...options, batchSize: 200_000, lingerMs: 50 })
      const values = numbers(2000).map((n) => `${n} of ${Number(n) ** 3} and ${Number(n) * 7919}`)
      await producer.sendBatch({ topic, values })
      t.deepEqual(valuesOf(await readAll(client, topic)), values)
      const raw = client.consumer({ raw: true, autoOffsetReset: 'earliest' })
      raw.assign([{ topic, partition: 0 }])
      let [bytes, next] = [0, 0]
      while (next < 2000) for (const batch of await raw.pollRaw()) [bytes, next] = [bytes + batch.bytes.length, batch.nextOffset]
      sizes.push(bytes)
    }
    t.true(sizes[1]! < sizes[0]!, sizes.join())
    t.true(sizes[3]! < sizes[2]!, sizes.join())
  },

  'round robin takes each partition in turn, whatever the key': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 3)
    const producer = client.producer({ partitioner: 'roundrobin' })
    const places = await Promise.all(numbers(9).map((value) => producer.send({ topic, key: 'same', value })))
    t.deepEqual(
      places.map((place) => place.partition),
      [0, 1, 2, 0, 1, 2, 0, 1, 2],
    )
    const spread = client.producer({ partitionerIgnoreKeys: true, batchSize: 100, lingerMs: 0 })
    const spreadPlaces = await Promise.all(numbers(200).map((value) => spread.send({ topic, key: 'same', value })))
    t.is(new Set(spreadPlaces.map((place) => place.partition)).size, 3)
  },

  'after records that were given up and never arrived a producer goes on: nothing is doubled or out of order (KIP-360)': async (t, env) => {
    const dialer = holdingDialer(env.dialer)
    const calm = await clientFor(t, env)
    const topic = await newTopic(calm)
    const client = await clientFor(t, env, { dialer })
    const impatient = { lingerMs: 0, batchSize: 50, requestTimeoutMs: 50, deliveryTimeoutMs: 300 }
    const producer = client.producer(impatient)
    await withPatience(() => producer.send({ topic, value: 'before' }))
    for (const round of ['1', '2']) {
      dialer.hold(Produce.key)
      const lost = ['a', 'b', 'c'].map((name) => producer.send({ topic, value: `lost ${round}${name}` }))
      for (const each of lost) await t.throwsAsync(each, { code: 'TIMEOUT', message: /deliveryTimeoutMs/ })
      dialer.release(Produce.key)
      // The broker misses the numbers of those.
      await withPatience(() => producer.send({ topic, value: `after ${round}` }))
    }
    const seen = valuesOf(await readAll(calm, topic)).map(String)
    t.deepEqual(
      seen.filter((value) => !value.startsWith('lost')).filter((value, i, all) => all.indexOf(value) === i),
      ['before', 'after 1', 'after 2'],
    )
    const lost = seen.filter((value) => value.startsWith('lost'))
    t.deepEqual(lost, [...new Set(lost)].toSorted(), 'at most once, and in order')

    const transactional = client.producer({ ...impatient, transactionalId: uniqueName('impatient') })
    await transactional.init()
    for (const round of ['1', '2']) {
      transactional.begin()
      dialer.hold(Produce.key)
      await t.throwsAsync(transactional.send({ topic, value: `aborted ${round}` }), {
        instanceOf: TransactionAbortableError,
        code: 'TIMEOUT',
      })
      dialer.release(Produce.key)
      await transactional.abort()
      await withPatience(async () => {
        transactional.begin()
        try {
          await transactional.send({ topic, value: `committed ${round}` })
          await transactional.commit()
        } catch (error) {
          await transactional.abort()
          throw error
        }
      })
    }
    const committed = valuesOf(await readAll(calm, topic)).filter((value) => !seen.includes(value!))
    t.deepEqual(committed, ['committed 1', 'committed 2'])
  },

  'two instances of one transactional id in turns: each fences the other, and what counts is what was committed (T3)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const transactionalId = uniqueName('turns')
    await client.producer({ transactionalId: uniqueName('first') }).init()
    const committed: string[] = []
    let before: Producer | undefined
    for (const n of numbers(6)) {
      const producer = client.producer({ transactionalId, lingerMs: 0 })
      await producer.init()
      if (before !== undefined) {
        // It has a transaction open, or had one: it finds out at its next step, by an error of a type of its own.
        const error = await t.throwsAsync(Number(n) % 2 === 0 ? transact(before, topic, `late ${n}`) : before.commit())
        t.true(error instanceof ProducerFatalError || error instanceof TransactionAbortableError, String(error))
        // A leader of a partition cannot tell that from a time-out; the coordinator can, and says so when it is to abort.
        await t.throwsAsync(before.abort(), { instanceOf: ProducerFatalError, code: 'FENCED', message: new RegExp(transactionalId) })
        t.throws(() => before!.begin(), { instanceOf: ProducerFatalError, code: 'FENCED' })
        await before.close()
      }
      await transact(producer, topic, n)
      committed.push(n)
      if (Number(n) % 2 === 0) {
        producer.begin()
        await producer.send({ topic, value: `open ${n}` })
      }
      before = producer
    }
    t.deepEqual(valuesOf(await readAll(client, topic)), committed)
  },

  'a transaction that was open for too long is aborted by the coordinator, and its producer is told': async (t, env) => {
    const client = await clientFor(t, env)
    const { finalized } = await client.admin.describeFeatures()
    const isVersion2 = (finalized['transaction.version']?.max ?? 0) >= 2
    const [topic, lateTopic, transactionalId] = [await newTopic(client), await newTopic(client), uniqueName('slow')]
    const slow = client.producer({ transactionalId, transactionTimeoutMs: 500, lingerMs: 0 })
    const late = client.producer({ transactionalId: uniqueName('late'), transactionTimeoutMs: 500, lingerMs: 0 })
    await transact(slow, topic, 'first')
    await transact(late, lateTopic, 'first')
    slow.begin()
    late.begin()
    await Promise.all([slow.send({ topic, value: 'too slow' }), late.send({ topic: lateTopic, value: 'too slow' })])
    await untilAborted(client, topic)
    await untilAborted(client, lateTopic)

    // Whether it was committed is known of no other answer than these: who commits too late is of no use any more.
    const lateError = await t.throwsAsync(late.commit(), { instanceOf: ProducerFatalError, message: /transactionTimeoutMs/ })
    t.is((lateError as ProducerFatalError).kafkaCode, isVersion2 ? 'INVALID_TXN_STATE' : 'PRODUCER_FENCED')
    t.deepEqual(valuesOf(await readAll(client, lateTopic)), ['first'])

    const error = await t.throwsAsync(async () => {
      await slow.send({ topic, value: 'later' })
      await slow.commit()
    })
    t.true(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'].includes((error as KafkaError).kafkaCode), String(error))
    t.regex((error as Error).message, /transactionTimeoutMs/)
    // With transactions of version 2 its abort is a repetition of the coordinator's, and the producer goes on (KIP-890).
    if (isVersion2) {
      await slow.abort()
      await transact(slow, topic, 'second')
    } else {
      await t.throwsAsync(slow.abort(), { instanceOf: ProducerFatalError, code: 'FENCED', message: /transactionTimeoutMs/ })
      await transact(client.producer({ transactionalId, lingerMs: 0 }), topic, 'second')
      t.throws(() => slow.begin(), { instanceOf: ProducerFatalError, code: 'FENCED' })
    }
    t.deepEqual(valuesOf(await readAll(client, topic)), ['first', 'second'])
  },
}

/** Those who are so impatient may be so with what could be written, too. */
async function withPatience<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if ((error as MoldauError).code !== 'TIMEOUT') throw error
    }
  }
}

async function transact(producer: Producer, topic: string, value: string): Promise<void> {
  producer.begin()
  await producer.send({ topic, value })
  await producer.commit()
}

/** Until the two records and the markers of both transactions are there. Kafka looks every ten seconds. */
async function untilAborted(client: Client, topic: string): Promise<void> {
  for (;;) {
    const [end] = await client.admin.listOffsets([{ topic, partition: 0, at: 'latest' }], { isolationLevel: 'read_committed' })
    if (end!.offset === 4) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
