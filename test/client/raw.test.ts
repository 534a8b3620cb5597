import test from 'ava'
import fc from 'fast-check'

import { RawBatch } from '../../core/client/raw-batch.ts'
import { RawContent } from '../../core/client/raw-content.ts'
import { Broker, connect } from '../../core/index.ts'
import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { endTxnMarker } from '../../core/record/control.ts'
import { Produce } from '../../core/testing/index.ts'
import { clientFor, newTopic, numbers, readAll, sharedBroker, valuesOf } from '../support/client-kit.ts'
import { readRaw } from '../support/raw-scenarios.ts'
import { tempDir } from '../support/start-broker.ts'

const broker = sharedBroker(test)
const env = () => ({ connect: (options?: object) => connect(broker(), options), dialer: broker().dialer })
const nobody = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false }
const origin = { topic: 't', partition: 0, topicId: '', highWatermark: 0, logStartOffset: 0 }

const given = fc.record({
  sizes: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 10 }),
  compression: fc.constantFrom('none' as const, 'gzip' as const, 'lz4' as const),
  offset: fc.integer({ min: 0, max: 2 ** 40 }),
  theirs: fc.constantFrom({}, { producerId: 77, producerEpoch: 3, baseSequence: 12 }),
  transactional: fc.boolean(),
  logTime: fc.boolean(),
})

test('whoever writes a raw batch: its records are the same bytes, its checksum fits, its times are those of the records', (t) => {
  fc.assert(
    fc.property(
      given,
      fc.boolean(),
      fc.boolean(),
      ({ sizes, compression, offset, theirs, transactional, logTime }, idempotent, inTransaction) => {
        const builder = new BatchBuilder({ compression })
        for (const [i, size] of sizes.entries()) builder.append(5000 - i, null, Buffer.alloc(size, i))
        const identity = { ...theirs, baseOffset: offset, leaderEpoch: 9, transactional: transactional && idempotent }
        const bytes = builder.build({ ...identity, ...(logTime && { logAppendTime: 9999 }) })
        const before = Buffer.from(bytes)
        const content = new RawContent('t', 0, bytes, idempotent)
        const ours = { producerId: 5, producerEpoch: 1, baseSequence: 100, transactional: inTransaction }
        for (const writer of idempotent ? [ours, { ...ours, producerEpoch: 2, baseSequence: 0 }] : [nobody]) {
          const parts = content.build(writer)
          const sent = Buffer.concat(parts)
          t.is(parts[1]!.buffer, bytes.buffer, 'the records are not copied')
          t.is(batch.checkBatch(sent, 0, sent.length), 'ok')
          t.deepEqual(sent.subarray(batch.BATCH_OVERHEAD), before.subarray(batch.BATCH_OVERHEAD))
          t.deepEqual(
            [batch.baseOffset(sent, 0), batch.recordCount(sent, 0), batch.timestampType(sent, 0)],
            [0, sizes.length, 'CreateTime'],
          )
          t.is(batch.compressionOf(sent, 0), compression)
          t.deepEqual(
            [...decodeBatch(sent, 0).timestamps],
            sizes.map((_, i) => 5000 - i),
          )
          if (idempotent) {
            t.deepEqual([batch.producerId(sent, 0), batch.producerEpoch(sent, 0)], [5, writer.producerEpoch])
            t.deepEqual([batch.baseSequence(sent, 0), batch.isTransactional(sent, 0)], [writer.baseSequence, inTransaction])
          } else if (!logTime) t.deepEqual(sent.subarray(batch.BatchField.magic), before.subarray(batch.BatchField.magic))
        }
        t.deepEqual(bytes, before, 'what was given is not touched')
      },
    ),
  )
})

test('what no broker takes from a producer is refused with the reason', (t) => {
  const builder = new BatchBuilder()
  builder.append(1, null, Buffer.from('a'))
  const plain = builder.build({ baseOffset: 7 })
  const refuse = (bytes: Buffer, message: RegExp, code = 'INVALID_ARGUMENT'): void => {
    t.throws(() => new RawContent('t', 3, bytes, true), { code, message })
  }
  refuse(Buffer.alloc(5), /t-3: 5 bytes are not one record batch/)
  refuse(Buffer.concat([plain, plain]), /not one record batch/)
  refuse(endTxnMarker({ producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, commit: true, timestamp: 1 }), /marker/)
  builder.appendAt(5, 1, null, Buffer.from('b'))
  refuse(builder.build({ baseOffset: 7 }), /offset 7.*compaction.*columns\(\)/)
  t.true(new RawBatch(origin, builder.build(), true).hasHoles)
  refuse(new BatchBuilder().build({ lastOffsetDelta: 3 }), /compaction/)
  const old = Buffer.from(plain)
  old[batch.BatchField.magic] = 1
  refuse(old, /magic 1/)
  const damaged = Buffer.from(plain)
  damaged[damaged.length - 1]! ^= 1
  // With a checksum of our own nobody would ever find out.
  refuse(damaged, /offset 7.*checksum/, 'CORRUPT_BATCH')
  t.throws(() => new RawContent('t', 3, new RawBatch(origin, damaged, false), true), { code: 'CORRUPT_BATCH' })
})

test('a raw consumer has pollRaw() and no other, and its positions and commits are as always', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  await client.producer({ batchSize: 200, lingerMs: 0 }).sendBatch({ topic, values: numbers(100) })
  const [plain, raw] = [client.consumer(), client.consumer({ raw: true, groupId: topic, autoOffsetReset: 'earliest', maxPollRecords: 1 })]
  await t.throwsAsync(plain.pollRaw(), { code: 'INVALID_ARGUMENT', message: /raw: true/ })
  await t.throwsAsync(raw.poll(), { code: 'INVALID_ARGUMENT', message: /pollRaw/ })
  const tp = { topic, partition: 0 }
  raw.assign([{ ...tp, offset: 3 }])
  let next = 3
  while (next < 100) {
    for (const one of await raw.pollRaw()) {
      // The first begins before the position: a batch is not cut.
      t.true(one.baseOffset === next || (next === 3 && one.baseOffset < 3))
      t.is(one.columns().count, one.count)
      next = one.nextOffset
      t.is(raw.position(tp), next)
    }
  }
  await raw.commit()
  t.is((await client.admin.listConsumerGroupOffsets(topic))[0]!.offset, 100)
})

test('raw batches of several partitions share requests, and a copy beside sends keeps the order of the calls', async (t) => {
  const client = await clientFor(t, env(), { clientId: 'shares' })
  const [source, target] = [await newTopic(client, 4), await newTopic(client, 4)]
  const producer = client.producer({ lingerMs: 5 })
  for (const partition of [0, 1, 2, 3]) await producer.sendBatch({ topic: source, partition, values: numbers(3, partition * 10) })
  const batches = await readRaw(client, source, 'read_uncommitted', 4)
  await producer.partitions(target)
  await producer.sendBatch({ topic: target, partition: 3, values: ['warm'] })
  const watch = broker().intercept(Produce, () => undefined, { clientId: 'shares', topic: target })
  const first = producer.send({ topic: target, partition: 0, value: 'before' })
  const copies = batches.map((one) => producer.sendRaw(target, one.partition, one))
  const last = producer.send({ topic: target, partition: 0, value: 'after' })
  await Promise.all([first, ...copies, last])
  t.true(watch.hits <= 4, `${watch.hits} requests for six batches`)
  const seen = await readAll(client, target, 4)
  t.deepEqual(valuesOf(seen.filter((record) => record.partition === 0)), ['before', '0', '1', '2', 'after'])
})

test('a copy of raw batches loses and doubles nothing when the broker restarts under it', async (t) => {
  const options = { dir: await tempDir(t), config: { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 } }
  let server = await Broker.start({ ...options, port: 0 })
  t.teardown(() => server.close())
  const { port } = server
  const client = await connect(server.bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 50 })
  t.teardown(() => client.close())
  const [source, target] = [await newTopic(client, 2), await newTopic(client, 2)]
  const original = client.producer({ batchSize: 400, lingerMs: 0, compressionType: 'zstd' })
  for (const partition of [0, 1]) await original.sendBatch({ topic: source, partition, values: numbers(4000) })
  const consumer = client.consumer({
    raw: true,
    autoOffsetReset: 'earliest',
    maxPollRecords: 100,
    fetchMaxWaitMs: 20,
    maxPartitionFetchBytes: 4000,
  })
  const copier = client.producer()
  await copier.partitions(target)
  const tps = [0, 1].map((partition) => ({ topic: source, partition }))
  consumer.assign(tps)
  const sends: Promise<unknown>[] = []
  let restarts = 0
  while (tps.some((tp) => (consumer.position(tp) ?? 0) < 4000)) {
    for (const one of await consumer.pollRaw(20)) sends.push(copier.sendRaw(target, one.partition, one))
    if (tps.reduce((sum, tp) => sum + (consumer.position(tp) ?? 0), 0) > 2000 * (restarts + 1) && restarts < 3) {
      restarts++
      await server.close()
      server = await Broker.start({ ...options, port: port! })
    }
    await copier.ready()
  }
  await Promise.all(sends)
  t.is(restarts, 3)
  const seen = await readAll(client, target, 2)
  for (const partition of [0, 1]) t.deepEqual(valuesOf(seen.filter((record) => record.partition === partition)), numbers(4000))
})
