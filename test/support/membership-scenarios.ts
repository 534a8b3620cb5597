import { setTimeout as sleep } from 'node:timers/promises'

import { KafkaError, records, tpKey } from '../../core/index.ts'
import type { Consumer, ConsumerBatch, TopicPartition } from '../../core/index.ts'
import { clientFor, newTopic, numbers, pollSome, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'
import { eachKind } from './each-kind.ts'
import { Audit, kinds, produce, reading, valuesOf } from './membership-audit.ts'

export const membershipScenarios: Readonly<Record<string, Scenario>> = {
  ...eachKind('a storm of rebalances with slow revokes loses and doubles nothing, and a partition has one owner', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 6)
    const groupId = uniqueName('storm')
    const audit = new Audit(t, client, groupId, kind)
    await produce(client, topic, 6, 300)
    audit.start(topic)
    audit.start(topic)
    await audit.until(() => audit.seen.length > 30)
    audit.start(topic)
    await audit.until(() => audit.assigned(2))
    await audit.stop(0)
    audit.start(topic)
    await produce(client, topic, 6, 300, 300)
    await audit.until(() => audit.assigned(3))
    await audit.stop(1)
    await audit.until(() => new Set(audit.seen).size === 600)
    await audit.end()
    t.deepEqual(
      audit.seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(600),
    )
  }),

  ...eachKind('what a zombie has read cannot be committed any more, by batch, by record or in a transaction', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    await produce(client, topic, 1, 20)
    const groupId = uniqueName('zombie')
    const tp = { topic, partition: 0 }
    const old = client.consumer({ groupId, ...kind, ...reading, maxPollIntervalMs: 1000 })
    let lost = 0
    // Who has nothing to say of lost partitions is told that they are revoked.
    old.subscribe([topic], { onRevoked: () => void lost++ })
    const [batch] = (await pollSome(old)) as [ConsumerBatch]
    const [record] = [...records(batch)]
    await old.commit(record)
    t.is((await old.committed([tp])).get(tpKey(tp))?.offset, record!.offset + 1)
    await old.commit(batch)
    t.is((await old.committed([tp])).get(tpKey(tp))?.offset, batch.nextOffset)
    // It does not poll: others get its partitions.
    const young = client.consumer({ groupId, ...kind, ...reading })
    young.subscribe([topic])
    while (young.assignment().length === 0) await young.poll(50)
    await young.commit([{ ...tp, offset: 20 }])
    const refused = /UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION|STALE_MEMBER_EPOCH/
    for (const what of [batch, record!, [batch]]) await t.throwsAsync(old.commit(what), { message: refused })
    await t.throwsAsync(old.commit(), { message: refused })
    const producer = client.producer({ transactionalId: uniqueName('zombie') })
    producer.begin()
    await t.throwsAsync(producer.sendOffsets([{ ...tp, offset: batch.nextOffset }], old.groupMetadata(batch)), { message: refused })
    await producer.abort()
    t.is((await young.committed([tp])).get(tpKey(tp))?.offset, 20)
    while (lost === 0) await Promise.all([old.poll(20), young.poll(20)])
    await young.close()
    while (old.assignment().length === 0) await old.poll(50)
    // It holds the partition again, but not since then.
    await t.throwsAsync(old.commit(batch), { instanceOf: KafkaError })
    t.is((await old.committed([tp])).get(tpKey(tp))?.offset, 20)
    await old.close()
  }),

  ...eachKind('partitions that are added while it runs are read, and topics that come into being', async (t, env, kind) => {
    const client = await clientFor(t, env, { metadataMaxAgeMs: 200 })
    const topic = await newTopic(client, 1)
    const later = uniqueName('later')
    const consumer = client.consumer({ groupId: uniqueName('growing'), ...kind, ...reading })
    consumer.subscribe([topic, later], { onRevoked: () => consumer.commit(), onLost: () => {} })
    const seen: string[] = []
    const read = async (count: number): Promise<void> => {
      while (seen.length < count) for (const batch of await consumer.poll(20)) seen.push(...valuesOf(batch))
    }
    await produce(client, topic, 1, 5)
    await read(5)
    await client.admin.createPartitions([{ topic, count: 3 }])
    await produce(client, topic, 3, 6, 5)
    await read(11)
    await client.admin.createTopics([{ name: later, partitions: 2 }]).catch(async (error: unknown) => {
      // A broker may create a topic that it is asked for.
      if ((error as { kafkaCode?: string }).kafkaCode !== 'TOPIC_ALREADY_EXISTS') throw error
      await client.admin.createPartitions([{ topic: later, count: 2 }])
    })
    await produce(client, later, 2, 4, 11)
    await read(15)
    t.deepEqual(
      seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(15),
    )
    t.is(consumer.assignment().length, 5)
    await consumer.close()
  }),

  ...eachKind('a member whose metadata are old reads the new partitions that it is given', async (t, env, kind) => {
    const [informed, uninformed] = [await clientFor(t, env, { metadataMaxAgeMs: 100 }), await clientFor(t, env)]
    const topic = await newTopic(uninformed, 1)
    const groupId = uniqueName('uninformed')
    const seen = new Set<string>()
    const members = [informed, uninformed].map((client) => client.consumer({ groupId, ...kind, ...reading }))
    const poll = async (some: Consumer[]): Promise<void> => {
      for (const batch of (await Promise.all(some.map((consumer) => consumer.poll(20)))).flat())
        for (const value of valuesOf(batch)) seen.add(value)
    }
    // The first is the leader of a classic group: it hears of new partitions, and gives them away.
    members[0]!.subscribe([topic])
    while (members[0]!.assignment().length === 0) await poll(members.slice(0, 1))
    members[1]!.subscribe([topic])
    await informed.admin.createPartitions([{ topic, count: 6 }])
    while (members.some((consumer) => consumer.assignment().length !== 3)) await poll(members)
    await produce(informed, topic, 6, 60)
    while (seen.size < 60) await poll(members)
    t.is(seen.size, 60)
    for (const consumer of members) await consumer.close()
  }),

  ...eachKind('a member that kept its partition through a rebalance may commit what it read before', async (t, env, kind) => {
    if (kind === kinds['the eager protocol']) return void t.pass('it keeps nothing')
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    await produce(client, topic, 2, 20)
    const groupId = uniqueName('keeps')
    const told: string[] = []
    const one = client.consumer({ groupId, ...kind, ...reading })
    one.subscribe([topic], {
      onAssigned: (tps) => void told.push(`assigned ${tps.length}`),
      onRevoked: (tps) => void told.push(`revoked ${tps.length}`),
    })
    const batches = new Map<string, ConsumerBatch>()
    while (batches.size < 2) for (const batch of await one.poll(50)) batches.set(tpKey(batch), batch)
    const two = client.consumer({ groupId, ...kind, ...reading })
    two.subscribe([topic])
    while (two.assignment().length === 0) await Promise.all([one.poll(20), two.poll(20)])
    while (one.assignment().length !== 1) await Promise.all([one.poll(20), two.poll(20)])
    const [kept] = one.assignment() as [TopicPartition]
    const [gone] = two.assignment() as [TopicPartition]
    await one.commit(batches.get(tpKey(kept)))
    t.is((await one.committed([kept])).get(tpKey(kept))?.offset, batches.get(tpKey(kept))!.nextOffset)
    await t.throwsAsync(one.commit(batches.get(tpKey(gone))), { instanceOf: KafkaError })
    t.is((await one.committed([gone])).get(tpKey(gone)), null)
    t.deepEqual(
      told.filter((line) => line !== 'assigned 0'),
      ['assigned 2', 'revoked 1'],
    )
    await Promise.all([one.close(), two.close()])
  }),

  ...eachKind('topics are subscribed by an expression', async (t, env, kind) => {
    const client = await clientFor(t, env, { metadataMaxAgeMs: 200 })
    const prefix = uniqueName('like')
    await client.admin.createTopics([
      { name: `${prefix}-a`, partitions: 1 },
      { name: `not-${prefix}-b`, partitions: 1 },
    ])
    const consumer = client.consumer({ groupId: uniqueName('like'), ...kind, ...reading })
    consumer.subscribe(new RegExp(`^${prefix}-[a-z]`))
    const topics = (): string[] => [...new Set(consumer.assignment().map((tp) => tp.topic))].toSorted()
    while (topics().length < 1) await consumer.poll(20)
    t.deepEqual(topics(), [`${prefix}-a`])
    if (kind.groupProtocol !== 'consumer') {
      // The coordinator of KIP-848 looks again after minutes.
      await client.admin.createTopics([{ name: `${prefix}-c`, partitions: 1 }])
      while (topics().length < 2) await consumer.poll(20)
      t.deepEqual(topics(), [`${prefix}-a`, `${prefix}-c`])
    }
    await consumer.close()
  }),

  ...eachKind('a member is alive while its listener takes long, and while it waits in one poll', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    const consumer = client.consumer({ groupId: uniqueName('slow'), ...kind, ...reading, maxPollIntervalMs: 1500 })
    const told: string[] = []
    consumer.subscribe([topic], {
      onAssigned: async (partitions) => {
        // A coordinator that has yet to hear of the topic assigns nothing of it at first.
        if (partitions.length === 0) return
        told.push('assigned')
        await sleep(500)
      },
      onLost: () => void told.push('lost'),
      onRevoked: () => void told.push('revoked'),
    })
    while (consumer.assignment().length === 0) await consumer.poll(20)
    const { generation } = consumer.groupMetadata()
    await consumer.poll(4000)
    t.deepEqual(told, ['assigned'])
    t.is(consumer.groupMetadata().generation, generation)
    await consumer.close()
  }),

  ...eachKind(
    'positions are committed by themselves where that is wanted, and what a loop was in the middle of is not',
    async (t, env, kind) => {
      const client = await clientFor(t, env)
      const topic = await newTopic(client, 1)
      for (let i = 0; i < 6; i++) await produce(client, topic, 1, 5, i * 5)
      const groupId = uniqueName('auto')
      const tp = { topic, partition: 0 }
      const options = { groupId, ...kind, ...reading, enableAutoCommit: true }
      const consumer = client.consumer({ ...options, autoCommitIntervalMs: 10 })
      consumer.subscribe([topic])
      const [first] = (await pollSome(consumer)) as [ConsumerBatch]
      const offset = async (): Promise<number> => (await consumer.committed([tp])).get(tpKey(tp))?.offset ?? -1
      while ((await offset()) < first.nextOffset) await consumer.poll(20)
      await consumer.close()
      const again = client.consumer(options)
      again.subscribe([topic])
      await again.close()
      const third = client.consumer({ ...options, groupId: uniqueName('auto') })
      third.subscribe([topic])
      const done: number[] = []
      for await (const batch of third) {
        if (done.length === 2) break
        done.push(batch.nextOffset)
      }
      const group = third.groupMetadata().groupId
      await third.close()
      const [committed] = await client.admin.listConsumerGroupOffsets(group)
      t.is(committed?.offset, done.at(-1))
    },
  ),

  ...eachKind('a static member that comes back finds its partitions as they were', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const groupId = uniqueName('static')
    const told: string[] = []
    const join = (groupInstanceId: string): Consumer => {
      const consumer = client.consumer({ groupId, groupInstanceId, ...kind, ...reading })
      consumer.subscribe([topic], { onRevoked: () => void told.push(`${groupInstanceId} revoked`) })
      return consumer
    }
    const a = join('a')
    const b = join('b')
    while (a.assignment().length !== 1 || b.assignment().length !== 1) await Promise.all([a.poll(20), b.poll(20)])
    const had = b.assignment()
    const before = told.length
    await b.close()
    t.deepEqual(told.slice(before), ['b revoked'])
    for (let n = 0; n < 10; n++) await a.poll(20)
    const again = join('b')
    while (again.assignment().length === 0) await Promise.all([a.poll(20), again.poll(20)])
    t.deepEqual(again.assignment(), had)
    t.is(told.length, before + 1)
    await again.close({ leave: true })
    while (a.assignment().length !== 2) await a.poll(20)
    await a.close()
  }),

  'a group moves from the classic protocol to that of KIP-848 member by member, and nothing is lost or doubled': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 4)
    const audit = new Audit(t, client, uniqueName('moves'), kinds['the cooperative protocol']!)
    audit.start(topic)
    audit.start(topic)
    await produce(client, topic, 4, 100)
    await audit.until(() => audit.assigned(0) && audit.assigned(1) && audit.seen.length > 20)
    audit.start(topic, kinds['the protocol of KIP-848'])
    await audit.until(() => audit.assigned(2))
    await audit.stop(0)
    audit.start(topic, kinds['the protocol of KIP-848'])
    await produce(client, topic, 4, 100, 100)
    await audit.until(() => audit.assigned(3))
    await audit.stop(1)
    await produce(client, topic, 4, 100, 200)
    await audit.until(() => new Set(audit.seen).size === 300)
    await audit.end()
    t.deepEqual(
      audit.seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(300),
    )
  },
}
