import { setImmediate as turn } from 'node:timers/promises'

import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { FlushGroup } from '../../core/client/flush-group.ts'
import { PartitionQueue } from '../../core/client/partition-queue.ts'
import { RecordPartitioner, weightedChoice } from '../../core/client/partitioner.ts'
import { PendingBatch } from '../../core/client/pending-batch.ts'
import { splitBatch } from '../../core/client/split-batch.ts'
import { addSequence } from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { connect } from '../../core/index.ts'
import type { ProducerRecord } from '../../core/index.ts'
import type { ProduceRequest } from '../../core/protocol/messages/produce.ts'
import { Gate, Metadata, Produce } from '../../core/testing/index.ts'
import { newTopic, numbers, readAll, sharedBroker, valuesOf } from '../support/client-kit.ts'
import { versionedClient } from '../support/versioned-client.ts'

const broker = sharedBroker(test)

const sequenceFaults = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'] as const

test('an idempotent producer numbers anew when its partition has lost track of it, and neither loses, doubles nor reorders (KIP-360)', async (t) => {
  const { client, clientId } = await versionedClient(t, broker(), 2)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ after: fc.integer({ min: 0, max: 12 }), what: fc.constantFrom(...sequenceFaults, 'request', 'answer') }), {
        maxLength: 6,
      }),
      async (faults) => {
        const topic = await newTopic(client, 2)
        const producer = client.producer({ batchSize: 120, lingerMs: 0 })
        await producer.partitions(topic)
        let requests = 0
        const written = new Set<string>()
        const plan = faults.map(({ after, what }, i) => ({ at: 1 + i * 3 + after, what }))
        const interception = broker().intercept(
          Produce,
          async (call) => {
            const fault = plan.find(({ at }) => at === requests)
            requests++
            const firsts = call.request.topicData.flatMap((data) =>
              data.partitionData.map(({ records }) => decodeBatch(records!, 0).value(0)!.toString()),
            )
            // A broker that has a batch says so: only of one that is new can it claim that the numbers do not fit.
            const isNew = firsts.every((value) => !written.has(value))
            if (fault?.what === 'request') return call.drop()
            if (fault !== undefined && fault.what !== 'answer' && isNew) return call.error(fault.what)
            for (const value of firsts) written.add(value)
            if (fault?.what !== 'answer') return undefined
            await call.next()
            return call.drop()
          },
          { clientId: clientId, topic },
        )
        for (const value of numbers(400)) {
          producer.append(topic, Number(value) % 2, null, Buffer.from(value), 1)
          if (Number(value) % 10 === 0) await turn()
        }
        await producer.flush()
        interception.remove()
        const seen = await readAll(client, topic, 2)
        for (const partition of [0, 1]) {
          t.deepEqual(
            valuesOf(seen.filter((record) => record.partition === partition)),
            numbers(400).filter((value) => Number(value) % 2 === partition),
          )
        }
        await producer.close()
      },
    ),
    { numRuns: 15 },
  )
})

test('a batch that is not acknowledged in time fails, also while it is under way; what comes after it is written in order (delivery.timeout.ms)', async (t) => {
  for (const reaches of [true, false]) {
    const clock = new ManualClock()
    const { client, clientId } = await versionedClient(t, broker(), 2, { clock })
    const topic = await newTopic(client)
    const producer = client.producer({ lingerMs: 0, deliveryTimeoutMs: 10_000, requestTimeoutMs: 10_000 })
    await producer.send({ topic, value: 'first' })
    const gate = new Gate()
    let attempts = 0
    broker().intercept(
      Produce,
      async (call) => {
        // The second attempt has time left when that of its records is over.
        if (attempts++ === 0) return call.error('NOT_ENOUGH_REPLICAS')
        await gate.pass()
        if (reaches) await call.next()
        return call.drop()
      },
      { times: 2, clientId: clientId },
    )
    const begin = clock.monotonic()
    const until = async (event: Promise<unknown>): Promise<void> => {
      let there = false
      void event.then(() => (there = true))
      for (; !there; clock.advance(20)) await turn()
    }
    const late = t.throwsAsync(producer.send({ topic, value: 'late' }), { code: 'TIMEOUT', message: /deliveryTimeoutMs \(10000\)/ })
    await until(gate.arrived())
    clock.advance(begin + 9000 - clock.monotonic())
    const next = producer.send({ topic, value: 'next' })
    await until(late)
    gate.release()
    await until(next)
    const seen = valuesOf(await readAll((await versionedClient(t, broker(), 2)).client, topic))
    t.deepEqual(seen, reaches ? ['first', 'late', 'next'] : ['first', 'next'])
    t.is(producer.bufferedBytes, 0)
  }
})

test('records wait for others as long as linger.ms says, and no longer than until batch.size is full', async (t) => {
  const clock = new ManualClock()
  const { client, clientId } = await versionedClient(t, broker(), 2, { clock })
  const topic = await newTopic(client)
  const producer = client.producer({ lingerMs: 100, batchSize: 1000 })
  await producer.init()
  await producer.partitions(topic)
  const watch = broker().intercept(Produce, () => undefined, { clientId: clientId })
  const settle = async (): Promise<void> => {
    for (let n = 0; n < 20; n++) await turn()
  }
  const sends = [producer.send({ topic, value: 'a' })]
  await settle()
  clock.advance(99)
  sends.push(producer.send({ topic, value: 'b' }))
  await settle()
  t.is(watch.hits, 0)
  clock.advance(1)
  await Promise.all(sends)
  t.is(watch.hits, 1)
  const filling = numbers(30).map((value) => producer.send({ topic, value: value.padStart(100) }))
  // All but the batch that is still open.
  await Promise.all(filling.slice(0, 21))
  t.true(watch.hits > 3)
  clock.advance(100)
  await Promise.all(filling)
  watch.remove()
})

test('send() waits for room as long as max.block.ms says', async (t) => {
  const clock = new ManualClock()
  const { client, clientId } = await versionedClient(t, broker(), 2, { clock })
  const topic = await newTopic(client)
  const producer = client.producer({ lingerMs: 0, bufferMemory: 2000, maxBlockMs: 700 })
  await producer.partitions(topic)
  const gate = new Gate()
  broker().intercept(Produce, () => gate.pass(), { times: 1, clientId: clientId })
  const first = producer.send({ topic, value: 'x'.repeat(2500) })
  await gate.arrived()
  const waiting = t.throwsAsync(producer.send({ topic, value: 'no room' }), { code: 'BUFFER_FULL', message: /within 700 ms/ })
  await turn()
  clock.advance(700)
  await waiting
  const patient = producer.send({ topic, value: 'room' })
  gate.release()
  await Promise.all([first, patient])
  t.is((await readAll((await versionedClient(t, broker(), 2)).client, topic)).length, 2)
})

test('many records at once wait for room like others, in their turn, and interceptors see each of them', async (t) => {
  const { client } = await versionedClient(t, broker(), 2)
  const topic = await newTopic(client)
  const seen: string[] = []
  const interceptor = {
    onSend(record: ProducerRecord): ProducerRecord {
      seen.push(String(record.value))
      return { ...record, value: `<${String(record.value)}>` }
    },
  }
  const producer = client.producer({ bufferMemory: 5000, batchSize: 500, lingerMs: 0, interceptors: [interceptor] })
  let most = 0
  const watch = broker().intercept(Produce, () => void (most = Math.max(most, producer.bufferedBytes)), { topic })
  const records = numbers(1000).map((value) => ({ value }))
  // Unknown topic, no room, and in between others that were called later.
  const [first, between, second] = await Promise.all([
    producer.sendBatch({ topic, records }),
    producer.send({ topic, value: 'between' }),
    producer.sendBatch({ topic, partition: 0, values: numbers(50, 1000) }),
  ])
  watch.remove()
  t.true(most < 6000, `${most} bytes`)
  t.deepEqual([first[0]!.offset, first[0]!.count, between.offset, second[0]!.offset, second[0]!.count], [0, 1000, 1000, 1001, 50])
  const expected = [...numbers(1000), 'between', ...numbers(50, 1000)]
  t.deepEqual(
    valuesOf(await readAll(client, topic)),
    expected.map((value) => `<${value}>`),
  )
  t.deepEqual(
    seen.toSorted((a, b) => expected.indexOf(a) - expected.indexOf(b)),
    expected,
  )
})

test('one request at a time without idempotence keeps the order, as in Kafka', async (t) => {
  const { client, clientId } = await versionedClient(t, broker(), 2)
  const topic = await newTopic(client)
  const producer = client.producer({ enableIdempotence: false, maxInFlightRequestsPerConnection: 1, batchSize: 100, lingerMs: 0 })
  await producer.partitions(topic)
  const faults = broker().intercept(Produce, (call) => call.error('NOT_ENOUGH_REPLICAS'), {
    clientId: clientId,
    probability: 0.3,
    seed: 4,
  })
  for (const value of numbers(200)) producer.append(topic, 0, null, Buffer.from(value), 1)
  await producer.flush()
  t.true(faults.hits > 2)
  faults.remove()
  t.deepEqual(valuesOf(await readAll(client, topic)), numbers(200))
  t.throws(() => client.producer({ maxInFlightRequestsPerConnection: 0 }), { code: 'INVALID_CONFIG' })
})

test('a batch that is divided again and again keeps its records, their order, their sequence numbers and who waits for them', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 40 }),
      fc.constantFrom('none' as const, 'zstd' as const),
      fc.integer({ min: 0x7fff_ff00, max: 0x7fff_ffff }),
      fc.infiniteStream(fc.boolean()),
      async (sizes, compression, baseSequence, choices) => {
        const queue = new PartitionQueue('t', 0)
        const builder = new BatchBuilder({ compression })
        const whole = new PendingBatch(queue, builder, new FlushGroup(), 0, 0, 7)
        const promises: Promise<unknown>[] = []
        for (const [i, size] of sizes.entries()) {
          builder.append(1000 + i, Buffer.from(String(i)), Buffer.alloc(size), [{ key: 'h', value: null }])
          promises.push(whole.whenWritten(1000 + i))
        }
        const ranges: [number, number][] = []
        whole.claim({
          index: 0,
          count: sizes.length,
          timestamp: 1,
          resolve: (place, count) => ranges.push([place.offset, count]),
          reject: (error) => t.fail(String(error)),
        })
        whole.identity = { producerId: 1, producerEpoch: 2, baseSequence }
        const divide = (batch: PendingBatch<BatchBuilder>): PendingBatch<BatchBuilder>[] => {
          if (batch.content.count < 2 || (batch !== whole && choices.next().value === true)) return [batch]
          batch.built = batch.content.build({ ...batch.identity!, transactional: true })
          return splitBatch(batch).flatMap(divide)
        }
        const parts = divide(whole)
        t.true(parts.length >= 2)
        let [offset, sequence] = [0, baseSequence]
        for (const [i, part] of parts.entries()) {
          t.true(part.order >= 7 && part.order < 8 && (i === 0 || part.order > parts[i - 1]!.order))
          t.is(part.identity!.baseSequence, sequence)
          const columns = decodeBatch(part.content.build(), 0)
          for (let r = 0; r < columns.count; r++) {
            t.is(columns.key(r)!.toString(), `${offset + r}`)
            t.is(columns.value(r)!.length, sizes[offset + r]!)
            t.is(columns.timestamp(r), 1000 + offset + r)
            t.is(columns.headers(r)[0]!.key, 'h')
          }
          part.resolve(offset, -1)
          offset += columns.count
          sequence = addSequence(sequence, columns.count)
        }
        const places = (await Promise.all(promises)) as { offset: number; timestamp: number }[]
        t.deepEqual(
          places.map((place) => [place.offset, place.timestamp]),
          sizes.map((_, i) => [i, 1000 + i]),
        )
        t.is(
          ranges.reduce((sum, [, count]) => sum + count, 0),
          sizes.length,
        )
      },
    ),
    { numRuns: 60 },
  )
})

test('a partition gets the more, the less waits for it; one that nothing can be sent to gets nothing (KIP-794)', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 9 }), { minLength: 1, maxLength: 8 }), (loads) => {
      const most = Math.max(...loads) + 1
      const chances = loads.map((load) => (load < 0 ? 0 : most - load))
      const all = chances.reduce((sum, chance) => sum + chance, 0)
      const counts = loads.map(() => 0)
      for (let random = 0; random < (all || loads.length); random++) counts[weightedChoice(loads, random)]!++
      t.deepEqual(counts, all === 0 ? loads.map(() => 1) : chances)
    }),
  )
  let seed = 0
  const loads = [3, 0, -1]
  const partitioner = (adaptive: boolean) =>
    new RecordPartitioner({
      random: (buffer: Buffer) => (buffer.writeUInt32BE(seed++), buffer),
      batchSize: 10,
      partitioner: undefined,
      partitionerIgnoreKeys: false,
      partitionerAdaptivePartitioningEnable: adaptive,
      load: (_topic, partition) => loads[partition]!,
    })
  const counts = (adaptive: boolean): number[] => {
    const found = [0, 0, 0]
    const one = partitioner(adaptive)
    // Ten bytes a record: each is a batch of its own.
    for (let n = 0; n < 100; n++) found[one.choose('t', null, 3, 10)]!++
    return found
  }
  t.deepEqual(counts(true), [20, 80, 0])
  t.deepEqual(counts(false), [50, 50, 0])
})

test('records without a key avoid a broker that takes nothing (partitioner.availability.timeout.ms)', async (t) => {
  const clock = new ManualClock()
  const { client: admin } = await versionedClient(t, broker(), 2)
  const topic = await newTopic(admin, 2)
  // To this client one broker is two: the second one leads partition 1.
  const two = broker().intercept(
    Metadata,
    async (call) => {
      const answer = await call.next()
      answer.brokers.push({ ...answer.brokers[0]!, nodeId: 999 })
      for (const { name, partitions } of answer.topics)
        if (name === topic) for (const one of partitions) if (one.partitionIndex === 1) one.leaderId = 999
      return answer
    },
    { clientId: 'avoids' },
  )
  t.teardown(() => two.remove())
  const client = await connect(broker(), { clientId: 'avoids', clock })
  t.teardown(() => client.close())
  const producer = client.producer({
    lingerMs: 0,
    batchSize: 100,
    partitionerAvailabilityTimeoutMs: 1000,
    maxInFlightRequestsPerConnection: 1,
  })
  await producer.partitions(topic)
  const gate = new Gate()
  const stuck = (request: ProduceRequest): boolean => request.topicData.some((data) => data.partitionData.some((one) => one.index === 1))
  const hold = broker().intercept(Produce, () => gate.pass(), { clientId: 'avoids', where: (call) => stuck(call.request) })
  const held = [producer.send({ topic, partition: 1, value: 'x' })]
  await gate.arrived()
  held.push(producer.send({ topic, partition: 1, value: 'waits' }))
  const send = async (): Promise<number> => (await producer.send({ topic, value: 'y'.repeat(90) })).partition
  for (let n = 0; n < 20; n++) await turn()
  clock.advance(1500)
  // The first may go on where the last one was.
  held.push(producer.send({ topic, value: 'z'.repeat(90) }))
  const places = []
  for (let n = 0; n < 30; n++) places.push(await send())
  t.deepEqual([...new Set(places)], [0])
  hold.remove()
  gate.release()
  await Promise.all(held)
  const later = []
  for (let n = 0; n < 60; n++) later.push(await send())
  t.is(new Set(later).size, 2)
})
