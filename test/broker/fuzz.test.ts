import test from 'ava'

import type { Client } from '../../core/client/client.ts'
import { connect } from '../../core/client/connect.ts'
import { readAll } from '../support/client-kit.ts'
import { fuzz } from '../support/fuzz-frames.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { startBroker } from '../support/start-broker.ts'

/** Produces and reads back while `work` goes on; answers what was sent and what came. */
async function alongside(client: Client, work: () => Promise<void>): Promise<{ sent: string[]; read: string[] }> {
  const topic = 'of-a-normal-client'
  await client.admin.createTopics([{ name: topic, partitions: 1 }])
  const producer = client.producer()
  const sent: string[] = []
  let done = false
  const writing = (async () => {
    while (!done) {
      const value = `record ${sent.length}`
      await producer.send({ topic, value: Buffer.from(value) })
      sent.push(value)
    }
  })()
  await work()
  done = true
  await writing
  await producer.close()
  const consumer = client.consumer({ groupId: 'normal', autoOffsetReset: 'earliest', sessionTimeoutMs: 7000 })
  const read: string[] = []
  consumer.subscribe([topic])
  while (read.length < sent.length) {
    for (const { columns, from, count } of await consumer.poll(1000)) {
      for (let i = from; i < from + count; i++) read.push(columns.value(i)!.toString())
    }
  }
  await consumer.close()
  return { sent, read }
}

for (const [name, config] of Object.entries({
  'to everybody': {},
  'with access control': { 'authorizer.class.name': 'StandardAuthorizer' },
  'before logging in': {
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.plain.users': 'normal:secret',
    'connection.failed.authentication.delay.ms': 1,
  },
  'with little memory': { 'queued.max.request.bytes': 20_000 },
})) {
  test(`thousands of tampered requests cost their connections and nothing else: ${name}`, async (t) => {
    const seed = Date.now() % 1_000_000
    t.log(`seed ${seed}`)
    const errors: string[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void errors.push(message) }
    const broker = await startBroker(t, {
      logger,
      config: {
        'auto.create.topics.enable': false,
        'delete.topic.enable': false,
        'group.max.session.timeout.ms': 7000,
        'group.max.size': 100,
        ...config,
      },
    })
    const isGuarded = 'authorizer.class.name' in config
    const login = { sasl: { mechanism: 'PLAIN', username: 'normal', password: 'secret' } } as const
    const client = await connect(isGuarded ? broker : broker.bootstrap, 'listeners' in config ? login : {})
    t.teardown(() => client.close())
    await client.admin.createTopics(['t', 'u'].map((each) => ({ name: each, partitions: 2 })))
    const all = { principal: 'User:*', operation: 'all' } as const
    // Something is allowed and something is not.
    if (isGuarded)
      await client.admin.createAcls([
        { ...all, resourceType: 'topic', resourceName: 't' },
        { ...all, resourceType: 'group', resourceName: 'g' },
      ])
    let result = { frames: 0, connections: 0, stuck: 0 }
    const { sent, read } = await alongside(client, async () => {
      result = await fuzz(broker.port!, 4000, seededNumbers(seed))
    })
    t.true(sent.length > 0)
    t.deepEqual(read, sent)
    t.is(result.stuck, 0)
    for (const topic of ['t', 'u']) await t.notThrowsAsync(readAll(client, topic, 2), `no damaged batch of ${topic} reaches the disk`)
    t.log(`${result.frames} frames over ${result.connections} connections; ${sent.length} records alongside`)
    t.deepEqual([...new Set(errors)], [], 'nothing is a failure of the broker')
  })
}
