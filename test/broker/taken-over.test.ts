import test, { type ExecutionContext } from 'ava'
import { nodeFiles } from '../../core/base/files.ts'
import { connect } from '../../core/index.ts'
import { LogManager } from '../../core/log/log-manager.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { batchOf } from '../support/logs.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { open } from '../support/wire.ts'

const TOPIC = 'travelled'

/** The folder of a broker of a cluster in which leaders had changed: partition 0 was written in the epochs 2 and 5, partition 1 in 3. */
async function travelledFolder(t: ExecutionContext): Promise<string> {
  const dir = await tempDir(t)
  const logs = await LogManager.open({ dir, files: nodeFiles })
  const epochs = [[2, 5], [3]]
  for (const [partition, written] of epochs.entries()) {
    const log = logs.create(TOPIC, partition, 'AAAAAAAAAAAAAAAAAAAAAQ')
    for (const leaderEpoch of written) log.append(batchOf([`${partition} of ${leaderEpoch}`]), { leaderEpoch })
  }
  await logs.close()
  return dir
}

test('a broker that takes over a folder is the leader after those who wrote it, also after a restart', async (t) => {
  const dir = await travelledFolder(t)
  for (const run of [1, 2]) {
    const broker = await startBroker(t, { dir })
    const channel = await open(t, broker)
    const { topics } = await channel.request(Metadata, 12, { topics: [{ name: TOPIC }] })
    t.deepEqual(
      topics[0]!.partitions.map(({ leaderEpoch }) => leaderEpoch),
      [6, 6],
      `run ${run}`,
    )
    const ends = await channel.request(OffsetForLeaderEpoch, 4, {
      topics: [{ topic: TOPIC, partitions: [2, 4, 5, 6].map((leaderEpoch) => ({ partition: 0, currentLeaderEpoch: 6, leaderEpoch })) }],
    })
    t.deepEqual(
      ends.topics[0]!.partitions.map(({ leaderEpoch, endOffset }) => [leaderEpoch, endOffset]),
      [2, 4, 5, 6].map((epoch) => (epoch < 5 ? [2, 1] : [epoch, 2])),
    )
    await broker.close()
  }
})

test('a consumer that committed the epoch of a former leader goes on where it was', async (t) => {
  const broker = await startBroker(t, { dir: await travelledFolder(t) })
  const client = await connect(broker)
  t.teardown(() => client.close())
  const options = { groupId: 'travellers', autoOffsetReset: 'none' } as const
  const committing = client.consumer(options)
  await committing.commit([
    { topic: TOPIC, partition: 0, offset: 1, leaderEpoch: 5 },
    { topic: TOPIC, partition: 1, offset: 0, leaderEpoch: 3 },
  ])
  await committing.close()
  await client.producer().send({ topic: TOPIC, partition: 0, value: 'of the new leader' })
  const consumer = client.consumer(options)
  consumer.subscribe([TOPIC])
  const seen: string[] = []
  while (seen.length < 3) {
    for (const { columns, from, count } of await consumer.poll(1000)) {
      for (let i = from; i < from + count; i++) seen.push(String(columns.value(i)))
    }
  }
  t.deepEqual(seen.toSorted(), ['0 of 5', '1 of 3', 'of the new leader'])
  await consumer.close()
})
