import test from 'ava'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { SLOW_PARTITIONS, SlowScenario } from '../support/slow-disk-scenario.ts'
import { tempDir } from '../support/start-broker.ts'
import { batch, produce } from '../support/wire.ts'

const SESSION_MS = 1500

/** The long version, with latencies, is test/soak/slow-disk.ts. */

/** The position of a group without members. */
async function commitOf(channel: Channel): Promise<string> {
  const topics = [{ name: 'fast', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }]
  const { topics: answers } = await channel.request(OffsetCommit, 8, {
    groupId: 'alone',
    memberId: '',
    generationIdOrMemberEpoch: -1,
    topics,
  })
  return errorName(answers[0]!.partitions[0]!.errorCode)
}

test('syncs that hang hold up nobody who does not wait for them: other topics, consumers, heartbeats, whatever is administered', async (t) => {
  const scenario = await SlowScenario.start({ t, dir: await tempDir(t), threads: 16, sessionMs: SESSION_MS })
  const { channel } = scenario
  await scenario.tell({ hold: null })
  let answered = 0
  const slow = Array.from({ length: SLOW_PARTITIONS }, async (_, partition) => {
    const { error } = await produce(await scenario.dial(), 'slow', batch(['slow']), { partition })
    answered++
    return error
  })
  const committed = commitOf(await scenario.dial()).finally(() => answered++)
  const administered = (await scenario.administer()).map((done) => done.finally(() => answered++))
  const begun = Date.now()
  // The first of each partition, and what is to be deleted.
  let sent = 3
  // Longer than a session.
  while (sent < 30 || Date.now() - begun < 2 * SESSION_MS) {
    t.is((await produce(channel, 'fast', batch(['fast']), { partition: sent % 2 })).error, 'NONE')
    t.is((await produce(channel, 'slow', batch(['not waited for']), { partition: sent % SLOW_PARTITIONS, acks: 1 })).error, 'NONE')
    sent++
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  while (scenario.consumed < sent) await new Promise((resolve) => setTimeout(resolve, 10))
  t.is(answered, 0)
  await scenario.tell({ hold: 0 })
  t.deepEqual(new Set(await Promise.all(slow)), new Set(['NONE']))
  t.is(await committed, 'NONE')
  t.deepEqual(await Promise.all(administered), ['NONE', 'NONE', 'NONE', 'NONE', 'NONE'])
  await scenario.commit()
  t.is(scenario.assignments, 1)
})

test('syncs that fail are told to those who wait for them, and the others go on', async (t) => {
  const scenario = await SlowScenario.start({ t, dir: await tempDir(t), threads: 4, sessionMs: SESSION_MS })
  const { channel } = scenario
  await scenario.tell({ errno: 'EIO' })
  const begun = Date.now()
  for (let sent = 0; sent < 20 || Date.now() - begun < 2 * SESSION_MS; sent++) {
    t.is((await produce(channel, 'slow', batch(['refused']), { partition: sent % SLOW_PARTITIONS })).error, 'KAFKA_STORAGE_ERROR')
    t.is((await produce(channel, 'fast', batch(['fast']), { partition: sent % 2 })).error, 'NONE')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await scenario.tell({ errno: null })
  for (let partition = 0; partition < SLOW_PARTITIONS; partition++) {
    while ((await produce(channel, 'slow', batch(['taken']), { partition })).error === 'KAFKA_STORAGE_ERROR')
      await new Promise((resolve) => setTimeout(resolve, 50))
  }
  while ((await scenario.commit().catch(() => 'again')) === 'again') await new Promise((resolve) => setTimeout(resolve, 50))
  t.is(scenario.assignments, 1)
})
