import test from 'ava'

import { silentLogger } from '../../core/base/logger.ts'
import { connect } from '../../core/index.ts'
import { quickHeartbeats } from '../support/client-kit.ts'
import { kinds, reading } from '../support/membership-audit.ts'
import { startBroker } from '../support/start-broker.ts'

for (const [name, kind] of Object.entries(kinds)) {
  test(`a subscribed topic that does not exist is named in the log once, and read when it comes (${name})`, async (t) => {
    const config = { 'auto.create.topics.enable': false, 'group.initial.rebalance.delay.ms': 0, ...quickHeartbeats } as const
    const broker = await startBroker(t, { config })
    const warned: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object, message: string) => void warned.push({ ...fields, message }) }
    const client = await connect(broker, { logger, unknownTopicTimeoutMs: 100, metadataMaxAgeMs: 100 })
    t.teardown(() => client.close())
    await client.admin.createTopics([{ name: 'there', partitions: 1 }])
    const consumer = client.consumer({ groupId: 'missing', ...kind, ...reading })
    consumer.subscribe(['there', 'later'])
    while (warned.length === 0 || consumer.assignment().length < 1) t.deepEqual(await consumer.poll(20), [])
    t.deepEqual(warned, [{ topic: 'later', message: 'group: a subscribed topic does not exist' }])
    await client.admin.createTopics([{ name: 'later', partitions: 1 }])
    while (consumer.assignment().length < 2) await consumer.poll(20)
    t.is(warned.length, 1)
    await consumer.close()
  })
}
