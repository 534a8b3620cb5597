import test from 'ava'

import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { churn } from '../support/group-churn.ts'
import { tempDir } from '../support/start-broker.ts'
import { createTopic } from '../support/wire.ts'

test('members come, go and die, the broker is killed: every offset is committed once, and in order', async (t) => {
  const broker = new ChildBroker(t, await tempDir(t), {
    durability: 'page-cache',
    'group.consumer.min.session.timeout.ms': 100,
    'group.consumer.session.timeout.ms': 1500,
    'group.consumer.min.heartbeat.interval.ms': 10,
    'group.consumer.heartbeat.interval.ms': 20,
  })
  await broker.start()
  const channel = await broker.open()
  const topicId = await createTopic(channel, 't', 16)
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['churn'] })
  const restart = async (): Promise<void> => {
    await broker.kill()
    await broker.start()
  }
  const { faults, commits } = await churn({
    port: broker.port,
    topicId,
    partitions: 16,
    members: 8,
    seed: 2,
    changes: 9,
    sessionMs: 1500,
    restart,
    restartEvery: 4,
  })
  t.deepEqual(faults, [])
  t.true(commits > 16, `${commits} commits`)
})
