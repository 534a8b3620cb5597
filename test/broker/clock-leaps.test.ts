import test from 'ava'

import { AgeClock } from '../../core/base/age-clock.ts'
import { LeapingClock } from '../support/leaping-clock.ts'
import { LongLived } from '../support/long-lived.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, createTopic, open, produce } from '../support/wire.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

test('age is counted at the pace of the monotonic clock while a leap of the wall clock is new, and never ahead of the wall clock', (t) => {
  const clock = new LeapingClock()
  const start = clock.now()
  const age = new AgeClock(clock)
  const passed = (): number => age.now() - start
  clock.advance(10_000)
  t.is(passed(), 10_000)
  clock.leap(59_000)
  t.is(passed(), 69_000, 'drift is followed')
  clock.leap(DAY_MS)
  t.is(passed(), 69_000)
  clock.advance(HOUR_MS - 1)
  t.is(passed(), 69_000 + HOUR_MS - 1)
  clock.leap(-DAY_MS)
  t.is(passed(), 69_000 + HOUR_MS - 1, 'it is right again')
  clock.leap(-DAY_MS)
  t.is(passed(), 69_000 + HOUR_MS - 1 - DAY_MS, 'what is set back makes nothing older')
  clock.leap(DAY_MS)
  t.is(passed(), 69_000 + HOUR_MS - 1)
  clock.leap(DAY_MS)
  t.is(passed(), 69_000 + HOUR_MS - 1)
  clock.advance(HOUR_MS)
  t.is(passed(), 69_000 + 2 * HOUR_MS - 1 + DAY_MS, 'a leap that lasts is believed')
  clock.advance(HOUR_MS)
  t.is(passed(), 69_000 + 3 * HOUR_MS - 1 + DAY_MS)
})

test('leaps of the wall clock by an hour or a day end no session and no transaction, and delete neither records nor offsets nor ids', async (t) => {
  const clock = new LeapingClock()
  const config = {
    'log.retention.check.interval.ms': MINUTE_MS,
    'offsets.retention.minutes': 60,
    'offsets.retention.check.interval.ms': MINUTE_MS,
    'transactional.id.expiration.ms': HOUR_MS,
    'producer.id.expiration.ms': HOUR_MS,
    'connections.max.idle.ms': DAY_MS,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.num.partitions': 1,
  } as const
  const broker = await startBroker(t, { clock, config })
  const channel = await open(t, broker, 'in-process')
  const all = await LongLived.begin(channel, {
    now: () => clock.now(),
    retentionMs: HOUR_MS,
    sessionTimeoutMs: 10_000,
    transactionTimeoutMs: 15 * MINUTE_MS,
  })
  const pass = async (ms: number, beats = true): Promise<void> => {
    for (let left = ms; left > 0; left -= 5000) {
      clock.advance(Math.min(left, 5000))
      await new Promise((resolve) => setImmediate(resolve))
      if (beats) t.deepEqual(await all.beat(), [])
    }
  }
  await pass(20_000)
  t.deepEqual(await all.missing(), [])
  for (const leap of [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, -DAY_MS, DAY_MS, -HOUR_MS, HOUR_MS]) {
    clock.leap(leap)
    t.deepEqual(await all.beat(), [])
    await pass(65_000)
    t.deepEqual(await all.missing(), [], `after a leap of ${leap} ms`)
  }
  for (let i = 0; i < 12; i++) {
    clock.leap(1000)
    await pass(5000)
  }
  t.deepEqual(await all.missing(), [], 'and after drift')

  // Time itself still counts.
  clock.leap(-DAY_MS)
  await pass(10_001, false)
  t.is((await all.beat()).filter((fault) => fault.startsWith('the classic')).length, 1)
  await pass(5 * MINUTE_MS, false)
  t.is(await all.end(), 'INVALID_TXN_STATE', 'its time is up')
  clock.leap(DAY_MS)
  await pass(40 * MINUTE_MS, false)
  t.is(await all.logStart(), 0)
  await pass(10 * MINUTE_MS, false)
  t.true((await all.logStart()) > 0, 'records are an hour old')
})

test('a leap right after a start makes a partition that nobody has opened yet forget no producer', async (t) => {
  const clock = new LeapingClock()
  const dir = await tempDir(t)
  const once = batch(['once'], { producerId: 7, producerEpoch: 0, baseSequence: 0 }, clock.now())
  const before = await startBroker(t, { dir, clock })
  const channel = await open(t, before, 'in-process')
  await createTopic(channel, 't', 1, { 'message.timestamp.before.max.ms': String(Number.MAX_SAFE_INTEGER) })
  t.is((await produce(channel, 't', Buffer.from(once))).baseOffset, 0)
  await before.close()
  const after = await startBroker(t, { dir, clock })
  clock.leap(2 * DAY_MS)
  const again = await produce(await open(t, after, 'in-process'), 't', Buffer.from(once))
  t.deepEqual([again.error, again.baseOffset], ['NONE', 0], 'a repetition, not a second record')
})
