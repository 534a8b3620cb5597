import { clientFor, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** What makes a topic by asking for it, where the broker does such things: `auto.create.topics.enable`. */
export const creatingScenarios: Readonly<Record<string, Scenario>> = {
  'a topic that is assigned or subscribed to is created, unless allowAutoCreateTopics is false': async (t, env) => {
    for (const allowAutoCreateTopics of [false, true]) {
      // Long enough for those that come to come.
      const client = await clientFor(t, env, allowAutoCreateTopics ? {} : { unknownTopicTimeoutMs: 500 })
      const isThere = async (name: string): Promise<boolean> => (await client.admin.listTopics()).some((topic) => topic.name === name)

      const assigned = uniqueName('assigned')
      const reader = client.consumer({ allowAutoCreateTopics })
      reader.assign([{ topic: assigned, partition: 0 }])
      const located = async (): Promise<void> => {
        while (reader.position({ topic: assigned, partition: 0 }) === undefined) await reader.poll(20)
      }
      if (allowAutoCreateTopics) await t.notThrowsAsync(located)
      else await t.throwsAsync(located, { code: 'UNKNOWN_TOPIC' })
      t.is(await isThere(assigned), allowAutoCreateTopics)

      const subscribed = uniqueName('subscribed')
      const member = client.consumer({ groupId: uniqueName('creating'), allowAutoCreateTopics })
      member.subscribe([subscribed])
      while (member.groupMetadata().generation < 0) await member.poll(20)
      t.is(await isThere(subscribed), allowAutoCreateTopics)
      await Promise.all([reader.close(), member.close()])
    }
  },

  'looking for offsets creates no topic': async (t, env) => {
    const client = await clientFor(t, env, { unknownTopicTimeoutMs: 200 })
    const consumer = client.consumer()
    const tp = { topic: uniqueName('looked-for'), partition: 0 }
    await t.throwsAsync(consumer.endOffsets([tp]), { code: 'UNKNOWN_TOPIC' })
    await t.throwsAsync(consumer.beginningOffsets([tp]), { code: 'UNKNOWN_TOPIC' })
    await t.throwsAsync(consumer.offsetsForTimes([{ ...tp, timestamp: 0 }]), { code: 'UNKNOWN_TOPIC' })
    t.false((await client.admin.listTopics()).some(({ name }) => name === tp.topic))
  },
}
