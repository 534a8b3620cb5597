import test from 'ava'
import type { ExecutionContext } from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import { Broker } from '../../core/broker/broker.ts'
import { PROBE_INTERVAL_MS } from '../../core/log/directory-health.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { killBroker } from '../support/broker-kill.ts'
import { flipBits, image } from '../support/bit-flips.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { type Member, beat, joinAlone } from '../support/group-of-one.ts'
import { powerStorm } from '../support/power-storm.ts'
import { tempDir } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce } from '../support/wire.ts'

test('a broker that loses power at any moment keeps what it promised: acknowledged records, offsets, transactions, topics', async (t) => {
  for (let seed = 1; seed <= 15; seed++) {
    t.deepEqual(
      await powerStorm({ seed, rounds: 3 }),
      [],
      `seed ${seed}; once more: test/soak/power-loss.ts --runs 1 --rounds 3 --seed ${seed}`,
    )
  }
})

test('a broker killed with -9 under load keeps what it acknowledged, whatever the crash has left behind the last whole write', async (t) => {
  const result = await killBroker({ t, dir: await tempDir(t), rounds: 4, seed: 4, longestMs: 400, tearsTails: true, auditEvery: 2 })
  t.deepEqual(result.faults, [])
  t.true(result.acknowledged > 0)
  t.log(result)
})

for (const clean of [true, false]) {
  test(`a flipped bit in any file of the broker is never served and never silent, ${clean ? 'after a clean stop' : 'after a kill'}`, async (t) => {
    const { faults, named } = await flipBits(await image(clean), 50, clean ? 1 : 2)
    t.deepEqual(faults, [])
    t.true(named > 1)
  })
}

const SESSION_MS = 10_000

async function commit(channel: Channel, { groupId, memberId, generationId }: Member, committedOffset: number): Promise<string> {
  const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }]
  const answer = await channel.request(OffsetCommit, 8, { groupId, memberId, generationIdOrMemberEpoch: generationId, topics })
  return errorName(answer.topics[0]!.partitions[0]!.errorCode)
}

async function faulty(
  t: ExecutionContext,
): Promise<{ files: FaultyFiles; clock: ManualClock; broker: Broker; channel: Channel; member: Member }> {
  const files = new FaultyFiles()
  files.mkdir('/machine/data')
  const clock = new ManualClock(Date.now())
  const config = { durability: 'disk', 'offsets.topic.num.partitions': 1 }
  const broker = await Broker.start({ dir: '/machine/data', files, port: null, clock, config })
  t.teardown(() => {
    files.fault = () => undefined
    files.pause = () => Promise.resolve()
    return broker.close()
  })
  const channel = await open(t, broker, 'in-process')
  await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  for (const topic of ['a', 'b']) t.is((await produce(channel, topic, batch(['first']))).error, 'NONE')
  return { files, clock, broker, channel, member: await joinAlone(channel, 'g', SESSION_MS) }
}

test('a disk that takes seconds to sync holds up who waits for that sync, and nobody else', async (t) => {
  const { files, clock, broker, channel, member } = await faulty(t)
  const { promise: slow, resolve: release } = Promise.withResolvers<void>()
  files.pause = (path) => (path.includes('/a-0') || path.includes('__consumer_offsets') ? slow : Promise.resolve())
  const waiting = await open(t, broker, 'in-process')
  const alsoWaiting = await open(t, broker, 'in-process')
  let answered = 0
  const produced = produce(waiting, 'a', batch(['slow'])).finally(() => answered++)
  const committed = commit(alsoWaiting, member, 1).finally(() => answered++)
  for (let i = 0; i < 20; i++) {
    t.is((await produce(channel, 'b', batch([`${i}`]))).error, 'NONE')
    t.is(await beat(channel, member), 'NONE')
    clock.advance(SESSION_MS / 2)
    t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:first'], 'what is synced is served, what is not is hidden')
  }
  t.is(answered, 0)
  t.is(broker.directory.state, 'online')
  release()
  t.is((await produced).error, 'NONE')
  t.is(await committed, 'NONE')
  t.deepEqual(listing(await fetchFrom(channel, 'a', 1)), ['1:slow'])
})

test('a disk that fails costs no member its session, and commits are taken again when it works', async (t) => {
  const { files, clock, broker, channel, member } = await faulty(t)
  files.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined)
  t.is(await commit(channel, member, 1), 'COORDINATOR_NOT_AVAILABLE')
  t.is((await produce(channel, 'a', batch(['refused']))).error, 'KAFKA_STORAGE_ERROR')
  for (let i = 0; i < 10; i++) {
    t.is(await commit(channel, member, 1), 'COORDINATOR_NOT_AVAILABLE')
    t.is(await beat(channel, member), 'NONE')
    t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:first'])
    // Nobody is there for longer than a session: its end could not be written down.
    clock.advance(SESSION_MS + 1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.like(broker.directory, { state: 'failing', affected: ['__consumer_offsets-0', 'a-0'] })
  files.fault = () => undefined
  while (broker.directory.state === 'failing') {
    t.is(await beat(channel, member), 'NONE')
    clock.advance(PROBE_INTERVAL_MS)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(await beat(channel, member), 'NONE')
  t.is(await commit(channel, member, 1), 'NONE')
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:first', '1:refused'])
})
