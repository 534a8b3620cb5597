import type { ExecutionContext } from 'ava'

import { KafkaError, MoldauError, tpKey } from '../../core/index.ts'
import type { GroupMetadata, Producer, TopicPartition } from '../../core/index.ts'
import { flakyDialer } from './flaky-dialer.ts'
import { holdingDialer } from './holding-dialer.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { clientFor, newTopic, numbers, partitionsOf, readAll, readToEnd, uniqueName, valuesOf } from './client-kit.ts'
import type { Env } from './client-kit.ts'

export type Scenario = (t: ExecutionContext, env: Env) => Promise<void>

/** What a client has to do against any broker: run on ours, in process and over TCP, and on Apache Kafka. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'records of a partition come back in the order they were sent': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const producer = client.producer({ batchBytes: 200, lingerMs: 0 })
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
    await producer.send({
      topic,
      key: bytes,
      value: bytes,
      timestamp: 1234,
      headers: [
        { key: 'ü', value: bytes },
        { key: '', value: null },
      ],
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
      headers: [
        { key: 'ü', value: bytes },
        { key: '', value: null },
      ],
    })
    t.deepEqual([records[1]!.key, records[1]!.value], [null, null])
    t.deepEqual([records[2]!.key?.length, records[2]!.value?.length], [0, 0])
  },

  'every compression comes back as it was': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const producer = client.producer({ compression })
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
    const producer = client.producer({ batchBytes: 300, lingerMs: 1 })
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
    const producer = calm.producer({ batchBytes: 500 })
    for (const value of numbers(2000)) producer.send({ topic, partition: Number(value) % 2, value }).catch(t.fail)
    await producer.flush()
    const client = await clientFor(t, env, { dialer: flakyDialer(env.dialer, { seed: 3, framesMax: 4, breaks: 15 }) })
    const seen = await readAll(client, topic, 2, { maxPartitionBytes: 2000 })
    t.deepEqual(
      valuesOf(seen).toSorted((a, b) => Number(a) - Number(b)),
      numbers(2000),
    )
  },

  'aborted transactions are never seen: several of one producer in one fetch (T1)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('t1') })
    await writeTransactions(producer, topic, 9, 5)
    t.deepEqual(valuesOf(await readAll(client, topic)), committedValues(9, 5))
    t.is((await readAll(client, topic, 1, { isolation: 'read_uncommitted' })).length, 45)
  },

  'aborted transactions are never seen: one longer than a fetch (T2)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('t2'), batchBytes: 200, lingerMs: 0 })
    await writeTransactions(producer, topic, 5, 120)
    const seen = await readAll(client, topic, 1, { maxPartitionBytes: 600, maxBytes: 600 })
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
    const consumer = client.consumer({ isolation: 'read_committed', autoOffsetReset: 'earliest', maxWaitMs: 50 })
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
    const offsets = await client.admin.groupOffsets(groupId)
    t.deepEqual(
      offsets.toSorted((a, b) => a.partition - b.partition).map((o) => o.offset),
      [5, 5, 5, 5],
    )
  },

  'concurrent idempotent sends keep their order (T5)': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ batchBytes: 100, lingerMs: 0 })
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

  'transactions are exact when connections break': async (t, env) => {
    const dialer = flakyDialer(env.dialer, { seed: 11, framesMax: 10, breaks: 20 })
    const client = await clientFor(t, env, { dialer })
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('group')
    const group: GroupMetadata = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    const producer = client.producer({ transactionalId: uniqueName('flaky'), batchBytes: 200, lingerMs: 0 })
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
    t.is((await calm.admin.groupOffsets(groupId))[0]!.offset, 29)
  },

  'the next transaction may be filled while the one before commits': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const producer = client.producer({ transactionalId: uniqueName('pipelined'), batchBytes: 200, lingerMs: 0 })
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
    const producer = client.producer({ batchBytes: 400 })
    for (const value of numbers(400)) producer.send({ topic, partition: Number(value) % 2, value }).catch(t.fail)
    await producer.flush()
    const [a, b] = partitionsOf(topic, 2) as [TopicPartition, TopicPartition]
    const consumer = client.consumer({ autoOffsetReset: 'earliest', maxPollRecords: 1, maxWaitMs: 50, maxPartitionBytes: 500 })
    consumer.assign([a, b])
    for (let n = 0; n < 3; n++) await consumer.poll()
    // In the middle of a batch: the whole batch is fetched, and only its rest is handed out.
    consumer.seek(a, 57)
    consumer.pause([b])
    const first = (await consumer.poll())[0] ?? (await consumer.poll())[0]!
    t.deepEqual([first.partition, first.firstOffset, first.columns.offset(first.from)], [0, 57, 57])
    for (let n = 0; n < 3; n++) for (const batch of await consumer.poll(60)) t.is(batch.partition, 0)
    const at = consumer.position(b)!
    consumer.resume([b])
    consumer.pause([a])
    let next = await consumer.poll()
    while (next.length === 0) next = await consumer.poll()
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
    const producer = client.producer({ batchBytes: 100 })
    for (const value of numbers(20)) producer.send({ topic, value }).catch(t.fail)
    await producer.flush()
    t.is((await client.admin.deleteRecords([{ ...tp, offset: 15 }])).get(tpKey(tp)), 15)
    const strict = client.consumer({ autoOffsetReset: 'none', maxWaitMs: 50 })
    strict.assign([{ ...tp, offset: 3 }])
    const error = await t.throwsAsync(
      async () => {
        for (;;) await strict.poll(100)
      },
      { instanceOf: KafkaError },
    )
    t.is((error as KafkaError).kafkaCode, 'OFFSET_OUT_OF_RANGE')
    t.regex(error!.message, new RegExp(tpKey(tp)))
    const lenient = client.consumer({ autoOffsetReset: 'earliest', maxWaitMs: 50 })
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

  'a heartbeat of the generation before that is answered late costs a member nothing': async (t, env) => {
    const dialer = holdingDialer(env.dialer)
    const client = await clientFor(t, env, { dialer })
    const [first, second] = [await newTopic(client), await newTopic(client)]
    const consumer = client.consumer({ groupId: uniqueName('group'), heartbeatIntervalMs: 20 })
    const told: string[] = []
    const listener = {
      onAssigned: (tps: readonly TopicPartition[]) => void told.push(`assigned ${tps.length}`),
      onRevoked: (tps: readonly TopicPartition[]) => void told.push(`revoked ${tps.length}`),
      onLost: (tps: readonly TopicPartition[]) => void told.push(`lost ${tps.length}`),
    }
    consumer.subscribe([first], listener)
    while (consumer.assignment().length === 0) await consumer.poll(20)
    dialer.hold(Heartbeat.key)
    while (dialer.held(Heartbeat.key) === 0) await consumer.poll(20)
    dialer.hold(SyncGroup.key)
    consumer.subscribe([first, second], listener)
    // The group is in its second generation, and the member does not know yet.
    while (dialer.held(SyncGroup.key) === 0) await consumer.poll(20)
    const answered = dialer.answers(Heartbeat.key)
    dialer.release(Heartbeat.key)
    while (dialer.answers(Heartbeat.key) === answered) await consumer.poll(20)
    dialer.release(SyncGroup.key)
    while (consumer.assignment().length === 0) await consumer.poll(20)
    const beats = dialer.answers(Heartbeat.key)
    while (dialer.answers(Heartbeat.key) < beats + 3) await consumer.poll(20)
    t.deepEqual(told, ['assigned 1', 'revoked 1', 'assigned 2'])
    t.is(consumer.groupMetadata().generation, 2)
    await consumer.close()
  },

  'members of a group share the partitions, and rebalances lose and double nothing that was committed': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 6)
    const producer = client.producer()
    for (const value of numbers(600)) producer.send({ topic, partition: Number(value) % 6, value }).catch(t.fail)
    await producer.flush()
    const groupId = uniqueName('group')
    const owned = new Map<string, number>()
    const seen: string[] = []
    const start = (member: number) => {
      const consumer = client.consumer({
        groupId,
        autoOffsetReset: 'earliest',
        heartbeatIntervalMs: 50,
        maxPollRecords: 10,
        maxWaitMs: 50,
        maxPartitionBytes: 300,
      })
      consumer.subscribe([topic], {
        onAssigned: (tps) => {
          for (const tp of tps) {
            t.is(owned.get(tpKey(tp)), undefined, 'a partition has one owner')
            owned.set(tpKey(tp), member)
          }
        },
        onRevoked: async (tps) => {
          await consumer.commit()
          for (const tp of tps) owned.delete(tpKey(tp))
        },
      })
      let stop = false
      const done = (async () => {
        while (!stop) {
          for (const { columns, from, count } of await consumer.poll(50))
            for (let i = from; i < from + count; i++) seen.push(columns.value(i)!.toString())
        }
        await consumer.commit()
        for (const tp of consumer.assignment()) owned.delete(tpKey(tp))
        await consumer.close()
      })()
      return { done, stop: () => (stop = true), consumer }
    }
    const one = start(1)
    while (seen.length < 50) await pause()
    const two = start(2)
    while (two.consumer.assignment().length === 0) await pause()
    const three = start(3)
    while (three.consumer.assignment().length === 0 || owned.size < 6) await pause()
    t.deepEqual(
      [one, two, three].map((m) => m.consumer.assignment().length),
      [2, 2, 2],
    )
    one.stop()
    await one.done
    while (new Set(seen).size < 600) await pause()
    two.stop()
    three.stop()
    await Promise.all([two.done, three.done])
    t.deepEqual(
      seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(600),
    )
    const offsets = await client.admin.groupOffsets(groupId)
    t.is(
      offsets.reduce((sum, o) => sum + o.offset, 0),
      600,
    )
  },

  'a member that was replaced cannot commit what it had read, alone or in a transaction': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client)
    const [tp] = partitionsOf(topic, 1) as [TopicPartition]
    const groupId = uniqueName('group')
    const join = () => {
      const consumer = client.consumer({ groupId, heartbeatIntervalMs: 60_000, maxWaitMs: 50 })
      consumer.subscribe([topic])
      return consumer
    }
    const old = join()
    while (old.assignment().length === 0) await old.poll(50)
    const then = old.groupMetadata()
    const young = join()
    // The old member does not learn of it: its next heartbeat is far away. Its rejoin is what the coordinator waits for.
    for (let n = 0; n < 3; n++) await young.poll(20)
    await old.close()
    while (young.assignment().length === 0) await young.poll(20)
    await young.commit([{ ...tp, offset: 7 }])
    const error = await t.throwsAsync(young.commit([{ ...tp, offset: 3 }], then), { instanceOf: KafkaError })
    t.true(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'].includes((error as KafkaError).kafkaCode))
    const producer = client.producer({ transactionalId: uniqueName('late') })
    await producer.init()
    producer.begin()
    await t.throwsAsync(producer.sendOffsets([{ ...tp, offset: 3 }], then), { instanceOf: KafkaError })
    await t.throwsAsync(producer.commit())
    await producer.abort()
    t.is((await young.committed([tp])).get(tpKey(tp))?.offset, 7)
  },

  'a static member comes back without a rebalance, and its double is fenced': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('group')
    let revoked = 0
    const join = (groupInstanceId: string) => {
      const consumer = client.consumer({ groupId, groupInstanceId, heartbeatIntervalMs: 50, maxWaitMs: 50 })
      consumer.subscribe([topic], { onRevoked: () => void revoked++ })
      return consumer
    }
    const a = join('a')
    const b = join('b')
    while (a.assignment().length !== 1 || b.assignment().length !== 1) await Promise.all([a.poll(50), b.poll(50)])
    const before = revoked
    const had = b.assignment()
    const { generation } = a.groupMetadata()
    await b.close()
    const again = join('b')
    while (again.assignment().length === 0) await Promise.all([a.poll(50), again.poll(50)])
    t.deepEqual(again.assignment(), had)
    t.deepEqual([revoked, a.groupMetadata().generation], [before, generation])
    const double = join('b')
    const polling = async (consumer: typeof double) => {
      for (;;) await consumer.poll(50)
    }
    const other = polling(double).catch(() => {})
    await t.throwsAsync(polling(again), { code: 'FENCED', message: /'b'/ })
    // Who leaves for good lets the others have its partitions at once.
    await double.close({ leave: true })
    await other
    while (a.assignment().length !== 2) await a.poll(50)
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

function pause(ms = 10): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
