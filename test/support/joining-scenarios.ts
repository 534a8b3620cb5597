import { setTimeout as sleep } from 'node:timers/promises'

import { resolveAssignors } from '../../core/client/assignors/assignors.ts'
import type { AssignorName } from '../../core/client/assignors/assignors.ts'
import { KafkaError, MoldauError, tpKey } from '../../core/index.ts'
import type { Assignor, Client, ConsumerBatch } from '../../core/index.ts'
import { clientFor, newTopic, numbers, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'
import { eachKind } from './each-kind.ts'
import { until } from './until.ts'
import { produce, reading, valuesOf } from './membership-audit.ts'

/** How a consumer comes into its group and goes, and what the group is told of it. */
export const joiningScenarios: Readonly<Record<string, Scenario>> = {
  ...eachKind('the group is told in which rack a member runs', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    const groupId = uniqueName('racks')
    const racks = new Set<string | null>()
    const watched = kind.partitionAssignmentStrategy?.map((given): Assignor => {
      const [assignor] = resolveAssignors([given as AssignorName])
      return {
        ...assignor!,
        assign(members, topics) {
          for (const { rackId } of members) racks.add(rackId)
          return assignor!.assign(members, topics)
        },
      }
    })
    const member = { groupId, ...kind, ...reading, ...(watched && { partitionAssignmentStrategy: watched }) }
    const near = client.consumer({ ...member, clientRack: 'near' })
    const nowhere = client.consumer(member)
    near.subscribe([topic])
    nowhere.subscribe([topic])
    const isIn = (consumer: typeof near): boolean => consumer.groupMetadata().generation >= 0
    const both = (): boolean => watched === undefined || racks.size === 2
    while (!isIn(near) || !isIn(nowhere) || !both()) await Promise.all([near.poll(20), nowhere.poll(20)])
    if (watched !== undefined) t.deepEqual([...racks].map(String).toSorted(), ['near', 'null'])
    // In a classic group it is told by those who have come back from the rebalance.
    let told: string[] = []
    await until('the group tells a rack', async () => {
      await Promise.all([near.poll(20), nowhere.poll(20)])
      const [group] = await client.admin.describeConsumerGroups([groupId])
      told = group!.members.map(({ rackId }) => String(rackId)).toSorted()
      return told.includes('near')
    })
    t.deepEqual(told, ['near', 'null'])
    await Promise.all([near.close(), nowhere.close()])
  }),

  ...eachKind(
    'who is closed gives up what it holds: what is committed by itself first, then the listener may commit',
    async (t, env, kind) => {
      const client = await clientFor(t, env)
      const topic = await newTopic(client, 2)
      await produce(client, topic, 2, 20)
      for (const groupInstanceId of [undefined, 'stays']) {
        const groupId = uniqueName('closing')
        const told: string[] = []
        const consumer = client.consumer({ groupId, groupInstanceId, ...kind, ...reading, enableAutoCommit: true, autoCommitIntervalMs: 0 })
        consumer.subscribe([topic], {
          onRevoked: async (tps) => {
            told.push(`revoked ${tps.length} of ${consumer.assignment().length}`)
            const offsets = await consumer.committed(tps)
            told.push(...tps.map((tp) => `${offsets.get(tpKey(tp))?.offset === 10}`))
            await consumer.commit(tps.map((tp) => ({ ...tp, offset: 7, metadata: 'the last word' })))
            await t.throwsAsync(consumer.poll(), { code: 'CLOSED' })
          },
          onLost: () => t.fail('nothing was lost'),
        })
        let read = 0
        while (read < 20) for (const { count } of await consumer.poll(20)) read += count
        await consumer.close()
        t.deepEqual(told, ['revoked 2 of 2', 'true', 'true'])
        t.deepEqual(consumer.assignment(), [])
        const committed = await client.admin.listConsumerGroupOffsets(groupId)
        t.deepEqual(
          committed.map(({ offset, metadata }) => [offset, metadata]),
          [0, 1].map(() => [7, 'the last word']),
        )
        await t.throwsAsync(consumer.commit(), { code: 'CLOSED' })
      }
    },
  ),

  ...eachKind('a listener that throws when its consumer is closed keeps nobody in the group', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    const groupId = uniqueName('closing')
    const consumer = client.consumer({ groupId, ...kind, ...reading })
    const onRevoked = (): never => {
      throw new Error('no')
    }
    consumer.subscribe([topic], { onRevoked })
    while (consumer.assignment().length === 0) await consumer.poll(20)
    await t.throwsAsync(consumer.close(), { message: 'no' })
    const next = client.consumer({ groupId, ...kind, ...reading })
    next.subscribe([topic])
    while (next.assignment().length === 0) await next.poll(20)
    await next.close()
  }),

  ...eachKind('a topic that is deleted and created again is read from its beginning, whatever was committed', async (t, env, kind) => {
    const client = await clientFor(t, env)
    for (const [enableAutoCommit, pollsBetween] of [
      [false, 5],
      [true, 5],
      [false, 0],
      [true, 0],
    ] as const) {
      const topic = await newTopic(client, 2)
      const groupId = uniqueName('again')
      const consumer = client.consumer({ groupId, ...kind, ...reading, enableAutoCommit, autoCommitIntervalMs: 10 })
      consumer.subscribe([topic], { onRevoked: () => (enableAutoCommit ? undefined : consumer.commit().catch(() => {})) })
      const seen: string[] = []
      let first: ConsumerBatch | undefined
      const readUntil = async (count: number): Promise<void> => {
        while (new Set(seen).size < count) {
          for (const batch of await consumer.poll(20).catch(onlyUnknown)) {
            first ??= batch
            seen.push(...valuesOf(batch))
          }
          if (!enableAutoCommit) await consumer.commit().catch(() => {})
        }
      }
      await produce(client, topic, 2, 20)
      await readUntil(20)
      await client.admin.deleteTopics([topic])
      for (let n = 0; n < pollsBetween; n++) await consumer.poll(20).catch(onlyUnknown)
      await createAgain(client, topic)
      const producer = env.connect({ bootstrapTimeoutMs: 30_000, unknownTopicTimeoutMs: 30_000 })
      // More than the old one had: an old offset would pass over some.
      await produce(await producer, topic, 2, 60, 20)
      await (await producer).close()
      await readUntil(80)
      t.deepEqual(
        seen.toSorted((a, b) => Number(a) - Number(b)),
        numbers(80),
      )
      // What was read of the old one is no position in the new one.
      await t.throwsAsync(consumer.commit(first!))
      await consumer.close()
      const committed = await client.admin.listConsumerGroupOffsets(groupId)
      t.deepEqual(
        committed.map(({ offset }) => offset),
        [30, 30],
      )
    }
  }),
}

/** While a topic is gone a poll says so. */
function onlyUnknown(error: unknown): [] {
  if (error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC') return []
  throw error
}

/** Apache Kafka answers a deletion before it has forgotten the topic everywhere. */
async function createAgain(client: Client, topic: string): Promise<void> {
  for (;;) {
    try {
      return void (await client.admin.createTopics([{ name: topic, partitions: 2 }]))
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kafkaCode !== 'TOPIC_ALREADY_EXISTS') throw error
      await sleep(50)
    }
  }
}
