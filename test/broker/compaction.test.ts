import { join } from 'node:path'

import test from 'ava'

import { Broker, connect } from '../../core/index.ts'
import type { Client } from '../../core/index.ts'
import type { CleanedLog } from '../../core/log/cleaner/cleaner.ts'
import { readAll } from '../support/client-kit.ts'
import { compactWithKills } from '../support/compaction-kill.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

const config = {
  'log.cleaner.backoff.ms': 5,
  'log.cleaner.min.cleanable.ratio': 0.001,
  'offsets.topic.num.partitions': 1,
  'offsets.topic.segment.bytes': 3000,
  'transaction.state.log.num.partitions': 1,
  'transaction.state.log.segment.bytes': 3000,
} as const

/** Resolves when the topic has been cleaned from now on. */
function cleanedAgain(broker: Broker, topic: string): Promise<CleanedLog> {
  return new Promise((resolve) => {
    const off = broker.events.on('logCleaned', (cleaned) => {
      if (cleaned.topic !== topic) return
      off()
      resolve(cleaned)
    })
  })
}

async function transaction(
  client: Client,
  id: string,
  topic: string,
  value: string,
  group?: { id: string; offset: number },
): Promise<void> {
  const producer = client.producer({ transactionalId: id })
  producer.begin()
  await producer.send({ topic, partition: 0, key: value, value })
  if (group !== undefined) {
    await producer.sendOffsets([{ topic, partition: 0, offset: group.offset }], {
      groupId: group.id,
      generation: -1,
      memberId: '',
      groupInstanceId: null,
    })
  }
  await producer.commit()
  await producer.close()
}

test('groups, offsets and transactional ids are all there after their topics were compacted and the broker restarted', async (t) => {
  const dir = await tempDir(t)
  let broker = await startBroker(t, { dir, config })
  let client = await connect(broker)
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const cleanings = Promise.all([cleanedAgain(broker, '__consumer_offsets'), cleanedAgain(broker, '__transaction_state')])
  for (let round = 0; round < 30; round++) {
    for (let g = 0; g < 5; g++)
      await client.admin.alterConsumerGroupOffsets(`plain-${g}`, [{ topic: 'a', partition: 0, offset: round * 10 + g }])
    await transaction(client, `tx-${round % 3}`, 'a', `v${round}`, { id: `txn-${round % 3}`, offset: round })
  }
  for (const { recordsBefore, recordsAfter } of await cleanings) t.true(recordsAfter < recordsBefore)
  await client.close()
  await broker.close()
  for (let restart = 0; restart < 2; restart++) {
    broker = await startBroker(t, { dir, config })
    client = await connect(broker)
    for (let g = 0; g < 5; g++) t.is((await client.admin.listConsumerGroupOffsets(`plain-${g}`))[0]!.offset, 290 + g)
    for (let g = 0; g < 3; g++) t.is((await client.admin.listConsumerGroupOffsets(`txn-${g}`))[0]!.offset, 27 + g)
    t.is((await client.admin.listGroups()).length, 8)
    t.deepEqual((await client.admin.listTransactions()).map(({ transactionalId, state }) => `${transactionalId} ${state}`).sort(), [
      'tx-0 CompleteCommit',
      'tx-1 CompleteCommit',
      'tx-2 CompleteCommit',
    ])
    t.deepEqual(
      (await readAll(client, 'a', 1, { isolationLevel: 'read_committed' })).map(({ value }) => value),
      Array.from({ length: 30 }, (_, i) => `v${i}`),
    )
    await client.close()
    await broker.close()
  }
})

test('a transaction stays committed when a power loss takes its marker and the states of its time were compacted', async (t) => {
  const dir = await tempDir(t)
  const files = new FaultyFiles()
  const first = await Broker.start({ dir, files, port: null, config })
  const client = await connect(first)
  await client.admin.createTopics([
    { name: 'a', partitions: 1 },
    { name: 'b', partitions: 1 },
  ])
  await transaction(client, 'tx', 'a', 'committed')
  const cleaned = cleanedAgain(first, '__transaction_state')
  for (let i = 0; i < 20; i++) await transaction(client, 'tx', 'b', `later ${i}`)
  t.true((await cleaned).recordsAfter < (await cleaned).recordsBefore)
  files.powerLoss()
  const disk = files.copy()
  disk.unlink(join(dir, '.lock'))
  const second = await Broker.start({ dir, files: disk, port: null })
  const again = await connect(second)
  t.deepEqual(
    (await readAll(again, 'a', 1, { isolationLevel: 'read_committed' })).map(({ value }) => value),
    ['committed'],
  )
  await again.close()
  await second.close()
  await client.close().catch(() => {})
  await first.close()
})

test('a policy that is changed at run time is followed, and a topic that has gone leaves no trace in the checkpoint', async (t) => {
  const dir = await tempDir(t)
  const broker = await startBroker(t, { dir, config })
  const client = await connect(broker)
  await client.admin.createTopics([{ name: 'a', partitions: 1, configs: { 'segment.bytes': 2000 } }])
  const producer = client.producer({ batchSize: 500 })
  const write = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await producer.send({ topic: 'a', partition: 0, key: `k${i % 3}`, value: `v${i}`.repeat(10) })
  }
  await write()
  t.is((await readAll(client, 'a')).length, 100)
  const cleaned = cleanedAgain(broker, 'a')
  await client.admin.incrementalAlterConfigs([{ type: 'topic', name: 'a', set: { 'cleanup.policy': 'compact' } }])
  t.true((await cleaned).recordsAfter < 10)
  const left = await readAll(client, 'a')
  t.true(left.length < 60)
  await client.admin.incrementalAlterConfigs([{ type: 'topic', name: 'a', set: { 'cleanup.policy': 'delete' } }])
  t.deepEqual(await readAll(client, 'a'), left, 'holes are read over whatever the policy')
  const checkpoint = async (): Promise<string> =>
    String(await import('node:fs').then((fs) => fs.readFileSync(join(dir, 'cleaner-offset-checkpoint'))))
  t.regex(await checkpoint(), /^a 0 \d+$/m)
  await client.admin.deleteTopics(['a'])
  t.notRegex(await checkpoint(), /^a 0 /m)
  await client.close()
})

test('kill -9 while compacting loses no newest value and brings none back', async (t) => {
  const random = seededNumbers(20)
  const dir = await tempDir(t)
  const { faults, acknowledged, cleanedTo } = await compactWithKills({
    dir,
    lives: [400, 150, 600],
    random,
    teardown: (stop) => t.teardown(stop),
  })
  t.deepEqual(faults, [])
  t.true(acknowledged > 500 && cleanedTo > 0, `${acknowledged} acknowledged, cleaned to ${cleanedTo}`)
})
