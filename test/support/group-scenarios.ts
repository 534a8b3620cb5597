import { KafkaError, TransactionAbortableError, tpKey } from '../../core/index.ts'
import type { TopicPartition } from '../../core/index.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { holdingDialer } from './holding-dialer.ts'
import { clientFor, newTopic, numbers, partitionsOf, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Members of groups. */
export const groupScenarios: Readonly<Record<string, Scenario>> = {
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
        fetchMaxWaitMs: 50,
        maxPartitionFetchBytes: 300,
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
    const offsets = await client.admin.listConsumerGroupOffsets(groupId)
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
      const consumer = client.consumer({ groupId, heartbeatIntervalMs: 40_000, fetchMaxWaitMs: 50 })
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
    await t.throwsAsync(producer.sendOffsets([{ ...tp, offset: 3 }], then), { instanceOf: TransactionAbortableError })
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
      const consumer = client.consumer({ groupId, groupInstanceId, heartbeatIntervalMs: 50, fetchMaxWaitMs: 50 })
      consumer.subscribe([topic], { onRevoked: () => void revoked++ })
      return consumer
    }
    const a = join('a')
    const b = join('b')
    while (a.assignment().length !== 1 || b.assignment().length !== 1) await Promise.all([a.poll(50), b.poll(50)])
    const had = b.assignment()
    const { generation } = a.groupMetadata()
    await b.close()
    // Its own listener heard of it.
    const before = revoked
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

function pause(ms = 10): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
