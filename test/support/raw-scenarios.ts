import type { Client, Producer, RawBatch } from '../../core/index.ts'
import { flakyDialer } from './flaky-dialer.ts'
import { clientFor, newTopic, numbers, readAll, uniqueName, valuesOf } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Where the part of a header begins that a log does not change, and where the checksum stands that covers it. */
const [MAGIC_AT, RECORDS_AT] = [16, 61]

/** Record batches that are copied as they are. */
export const rawScenarios: Readonly<Record<string, Scenario>> = {
  'raw batches arrive as they left, byte for byte, with every compression': async (t, env) => {
    const client = await clientFor(t, env)
    for (const compressionType of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const [source, target] = [await newTopic(client), await newTopic(client)]
      await fill(client.producer({ compressionType, batchSize: 1000, lingerMs: 0 }), source, 300)
      const copier = client.producer({ enableIdempotence: false, maxInFlightRequestsPerConnection: 1 })
      const batches = await readRaw(client, source)
      t.true(batches.length > 3 && batches.every((batch) => batch.compression === compressionType))
      const written = await Promise.all(batches.map((batch) => copier.sendRaw(target, 0, batch)))
      t.deepEqual(
        written.map(({ offset, count }) => [offset, count]),
        batches.map(({ baseOffset, count }) => [baseOffset, count]),
      )
      const copies = await readRaw(client, target)
      t.deepEqual(
        copies.map((batch) => [batch.baseOffset, batch.bytes.subarray(MAGIC_AT).toString('hex')]),
        batches.map((batch) => [batch.baseOffset, batch.bytes.subarray(MAGIC_AT).toString('hex')]),
      )
      t.deepEqual(await readAll(client, target).then(valuesOf), await readAll(client, source).then(valuesOf))
    }
  },

  'an idempotent copy has records of the original and a header of its own; in a transaction it counts when that commits': async (
    t,
    env,
  ) => {
    const client = await clientFor(t, env)
    const [source, target] = [await newTopic(client), await newTopic(client)]
    await fill(client.producer({ compressionType: 'gzip', batchSize: 1000, lingerMs: 0 }), source, 200)
    const batches = await readRaw(client, source)
    const copier = client.producer()
    await Promise.all(batches.map((batch) => copier.sendRaw(target, 0, batch)))
    const transactional = client.producer({ transactionalId: uniqueName('copy'), transactionTimeoutMs: 30_000 })
    for (const commit of [false, true]) {
      transactional.begin()
      await Promise.all(batches.map((batch) => transactional.sendRaw(target, 0, batch)))
      await (commit ? transactional.commit() : transactional.abort())
    }
    const seen = valuesOf(await readAll(client, target))
    t.deepEqual(seen, [...numbers(200), ...numbers(200)].map(long))
    const all = await readRaw(client, target)
    const data = all.filter((batch) => batch.control === null)
    t.deepEqual(
      data.map((batch) => batch.bytes.subarray(RECORDS_AT).toString('hex')),
      [...batches, ...batches, ...batches].map((batch) => batch.bytes.subarray(RECORDS_AT).toString('hex')),
    )
    const ids = new Set(data.map((batch) => batch.producerId))
    t.is(ids.size, 2, 'the ids of the two copiers')
    t.false(ids.has(batches[0]!.producerId))
    let sequence = 0
    for (const batch of data.slice(0, batches.length)) {
      t.is(batch.baseSequence, sequence)
      sequence += batch.count
    }
    t.deepEqual(
      all.flatMap((batch) => batch.control ?? []),
      ['abort', 'commit'],
    )
  },

  'a raw consumer is told of markers and aborted batches, under read_committed it gets what was committed': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('raw'), lingerMs: 0 })
    for (const [value, commit] of [
      ['a', false],
      ['b', true],
    ] as const) {
      producer.begin()
      await producer.send({ topic, value })
      await (commit ? producer.commit() : producer.abort())
    }
    t.deepEqual(valuesOf(await readAll(client, topic)), ['b'])
    const told = (batches: RawBatch[]): unknown[] => batches.map((b) => [b.baseOffset, b.nextOffset, b.transactional, b.control])
    t.deepEqual(told(await readRaw(client, topic)), [
      [0, 1, true, null],
      [1, 2, true, 'abort'],
      [2, 3, true, null],
      [3, 4, true, 'commit'],
    ])
    t.deepEqual(told(await readRaw(client, topic, 'read_committed')), [[2, 3, true, null]])
    const target = await newTopic(client)
    const [copier, plain] = [client.producer(), client.producer({ enableIdempotence: false })]
    const [committed] = await readRaw(client, topic, 'read_committed')
    await t.throwsAsync(plain.sendRaw(target, 0, committed!), { code: 'INVALID_ARGUMENT', message: /idempotent/ })
    await copier.sendRaw(target, 0, committed!)
    t.deepEqual(valuesOf(await readAll(client, target)), ['b'])
    const marker = (await readRaw(client, topic))[1]!
    await t.throwsAsync(copier.sendRaw(target, 0, marker), { code: 'INVALID_ARGUMENT', message: /marker/ })
  },

  'times of a copy are those of the records, or of the log, as the topic says that gets it': async (t, env) => {
    const client = await clientFor(t, env)
    const logTime = { 'message.timestamp.type': 'LogAppendTime' }
    const [created, stamped, back] = [await newTopic(client), await newTopic(client, 1, logTime), await newTopic(client)]
    const time = Date.now() - 5000
    const producer = client.producer({ lingerMs: 0 })
    await producer.sendBatch({ topic: created, values: ['a', 'b'], timestamps: [time, time + 1] })
    const copier = client.producer({ enableIdempotence: false })
    const [first] = await readRaw(client, created)
    t.is(first!.timestampType, 'CreateTime')
    t.true((await copier.sendRaw(stamped, 0, first!)).timestamp > time + 1)
    const [second] = await readRaw(client, stamped)
    t.is(second!.timestampType, 'LogAppendTime')
    await copier.sendRaw(back, 0, second!)
    const [third] = await readRaw(client, back)
    t.is(third!.timestampType, 'CreateTime')
    t.deepEqual([third!.columns().timestamp(0), third!.columns().timestamp(1)], [time, time + 1])
  },

  'a copy is whole and in order when connections break, beside records of its own': async (t, env) => {
    const calm = await clientFor(t, env)
    const [source, target] = [await newTopic(calm, 3), await newTopic(calm, 3)]
    const values = numbers(3000).map(long)
    const original = calm.producer({ batchSize: 500, lingerMs: 0, compressionType: 'lz4' })
    for (const partition of [0, 1, 2]) await original.sendBatch({ topic: source, partition, values })
    const batches = await readRaw(calm, source, 'read_uncommitted', 3)
    const dialer = flakyDialer(env.dialer, { seed: 5, framesMax: 20, breaks: 15 })
    const client = await clientFor(t, env, { dialer })
    const copier = client.producer({ lingerMs: 5, bufferMemory: 20_000 })
    await copier.partitions(target)
    const sends: Promise<unknown>[] = []
    for (const [i, batch] of batches.entries()) {
      if (i % 10 === 0) copier.append(target, batch.partition, Buffer.from('own'), Buffer.from(`${batch.partition} ${i}`), 1)
      sends.push(copier.sendRaw(target, batch.partition, batch))
      t.true(copier.bufferedBytes < 25_000, 'back-pressure')
      await copier.ready()
    }
    await Promise.all(sends)
    await copier.flush()
    t.true(dialer.cuts > 5, `only ${dialer.cuts} cuts`)
    const seen = await readAll(calm, target, 3)
    for (const partition of [0, 1, 2]) {
      const own = seen.filter((record) => record.partition === partition)
      t.deepEqual(valuesOf(own.filter((record) => record.key !== 'own')), values)
      const expected = batches.flatMap((b, i) => (b.partition === partition && i % 10 === 0 ? [`${partition} ${i}`] : []))
      t.deepEqual(valuesOf(own.filter((record) => record.key === 'own')), expected)
    }
  },

  'a batch that is larger than a request, or than its topic takes, is refused by name': async (t, env) => {
    const client = await clientFor(t, env)
    const [source, target] = [await newTopic(client), await newTopic(client, 1, { 'max.message.bytes': '500' })]
    await fill(client.producer({ lingerMs: 50 }), source, 100)
    const [batch] = await readRaw(client, source)
    const [small, copier] = [client.producer({ maxRequestSize: 600 }), client.producer()]
    await t.throwsAsync(small.sendRaw(target, 0, batch!), { code: 'RECORD_TOO_LARGE', message: /maxRequestSize \(600\)/ })
    await t.throwsAsync(copier.sendRaw(target, 0, batch!), { code: 'RECORD_TOO_LARGE', message: /max\.message\.bytes/ })
    await copier.send({ topic: target, value: 'after' })
    t.deepEqual(valuesOf(await readAll(client, target)), ['after'])
  },
}

/** A value that makes a batch of some length; compressible, and different from all others. */
function long(value: string): string {
  return `${value} ${value.repeat(5)}`
}

async function fill(producer: Producer, topic: string, count: number): Promise<void> {
  await producer.sendBatch({
    topic,
    partition: 0,
    keys: numbers(count),
    values: numbers(count).map(long),
    timestamps: numbers(count).map((n) => 1_700_000_000_000 + Number(n)),
    headers: numbers(count).map((n) => [{ key: 'h', value: Buffer.from(n) }]),
  })
}

/** All batches of a topic, from its beginning to where it ends now. */
export async function readRaw(
  client: Client,
  topic: string,
  isolationLevel: 'read_committed' | 'read_uncommitted' = 'read_uncommitted',
  partitions = 1,
): Promise<RawBatch[]> {
  const consumer = client.consumer({ raw: true, isolationLevel, autoOffsetReset: 'earliest', fetchMaxWaitMs: 50 })
  const tps = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  try {
    consumer.assign(tps)
    const ends = await client.admin.listOffsets(tps.map((tp) => ({ ...tp, at: 'latest' as const })))
    const batches: RawBatch[] = []
    while (tps.some((tp, i) => (consumer.position(tp) ?? -1) < ends[i]!.offset)) batches.push(...(await consumer.pollRaw(50)))
    return batches
  } finally {
    await consumer.close()
  }
}
