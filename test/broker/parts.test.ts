import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Turns } from '../../core/base/turns.ts'
import { BrokerConfig, brokerConfigs } from '../../core/broker/broker-config.ts'
import { closest } from '../../core/broker/closest.ts'
import { configProblem, parseConfig } from '../../core/broker/config-type.ts'
import { topicConfigs } from '../../core/broker/topic-config.ts'
import { topicLogConfig } from '../../core/broker/topic-log-config.ts'
import { LocalMetadata } from '../../core/coordination/local.ts'
import { topicNameProblem } from '../../core/coordination/topic-name.ts'
import { VersionedFile } from '../../core/coordination/versioned-file.ts'
import { logConfigDefaults } from '../../core/log/config.ts'
import { FetchWait, Waiters } from '../../core/replica/waiting.ts'
import { FaultyFiles } from '../support/faulty-files.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function waiting(
  places: readonly { waiters: Waiters }[],
  clock: ManualClock,
  missingBytes: number,
  committed = false,
): { done: () => boolean } {
  let done = false
  void new FetchWait({ places, missingBytes, maxWaitMs: 500, committed, clock }).done.then(() => (done = true))
  return { done: () => done }
}

test('a wait ends when enough bytes have come in all its places together, and leaves none of them behind', async (t) => {
  const clock = new ManualClock()
  const places = [{ waiters: new Waiters() }, { waiters: new Waiters() }]
  const wait = waiting(places, clock, 100)
  places[0]!.waiters.wake(60, 60)
  await tick()
  t.false(wait.done())
  places[1]!.waiters.wake(40, 40)
  await tick()
  t.true(wait.done())
  t.deepEqual(
    places.map(({ waiters }) => waiters.size),
    [0, 0],
  )
})

test('a wait ends when its time is up', async (t) => {
  const clock = new ManualClock()
  const place = { waiters: new Waiters() }
  const wait = waiting([place], clock, 1)
  clock.advance(499)
  await tick()
  t.false(wait.done())
  clock.advance(1)
  await tick()
  t.true(wait.done())
  t.is(place.waiters.size, 0)
})

test('who reads committed records is not woken by records of an open transaction', async (t) => {
  const clock = new ManualClock()
  const place = { waiters: new Waiters() }
  const [all, committed] = [waiting([place], clock, 1), waiting([place], clock, 1, true)]
  place.waiters.wake(1000, 0)
  await tick()
  t.deepEqual([all.done(), committed.done()], [true, false])
  place.waiters.wake(70, Infinity)
  await tick()
  t.true(committed.done())
})

test('every default is a value that its own setting takes', (t) => {
  for (const [name, key] of [...Object.entries(topicConfigs), ...Object.entries(brokerConfigs)]) {
    if (key.unset !== true) t.is(configProblem(name, key, key.default), undefined, name)
    t.not(key.doc, '')
  }
})

test('the defaults of a log are those of its topic settings', (t) => {
  const { messageTimestampBeforeMaxMs, flushMessages, flushMs, ...rest } = topicLogConfig(new Map(), new BrokerConfig())
  t.deepEqual({ ...rest, messageTimestampBeforeMaxMs, flushMessages, flushMs }, { ...logConfigDefaults })
})

test("a topic's setting counts before the broker's, and of the broker's the one in the smallest unit", (t) => {
  const broker = new BrokerConfig({ 'log.retention.hours': 2, logRetentionMinutes: 5, 'message.max.bytes': 5000 })
  t.is(topicLogConfig(new Map(), broker).retentionMs, 5 * 60_000)
  t.is(topicLogConfig(new Map([['retention.ms', '77']]), broker).retentionMs, 77)
  t.is(topicLogConfig(new Map(), broker).maxMessageBytes, 5000)
  t.is(topicLogConfig(new Map(), new BrokerConfig({ 'log.retention.ms': -1 })).retentionMs, -1)
})

test('settings have their type', (t) => {
  const config = new BrokerConfig({ numPartitions: '7', 'auto.create.topics.enable': 'FALSE' })
  t.is(config.get('num.partitions'), 7)
  t.is(config.get('auto.create.topics.enable'), false)
  t.is(config.get('durability'), 'disk')
  t.deepEqual(parseConfig(topicConfigs['cleanup.policy']!, 'compact, delete'), ['compact', 'delete'])
  for (const wrong of ['', 'x', '1.5', '1e3', '99999999999'])
    t.truthy(configProblem('num.partitions', brokerConfigs['num.partitions']!, wrong), wrong)
})

test('the closest name is the name itself when there is one', (t) => {
  const names = Object.keys(brokerConfigs)
  for (const name of names) t.is(closest(name, names), name)
  t.is(closest('retention.mss', Object.keys(topicConfigs)), 'retention.ms')
})

test('a topic has a name that a directory can have', (t) => {
  for (const name of ['a', 'A-1_b.c', '...', 'x'.repeat(249)]) t.is(topicNameProblem(name), undefined, name)
  for (const name of ['', '.', '..', 'ä', 'a b', 'a/b', '../a', 'a\0', 'x'.repeat(250)]) t.truthy(topicNameProblem(name), name)
})

test('metadata survives the loss of power after every change', async (t) => {
  const action = fc.record({
    kind: fc.constantFrom('create', 'delete', 'change'),
    topic: fc.nat(4),
    partitions: fc.integer({ min: 1, max: 9 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 15 }), async (actions) => {
      const files = new FaultyFiles()
      files.mkdir('/data')
      const metadata = new LocalMetadata({ dir: '/data', files })
      for (const { kind, topic, partitions } of actions) {
        const name = `t${topic}`
        const configs = new Map([['retention.ms', String(partitions)]])
        if (metadata.topic(name) === undefined) await metadata.createTopic(name, partitions, configs)
        else if (kind === 'delete') await metadata.deleteTopic(name)
        else await metadata.changeTopic(name, { partitions, configs })
        files.powerLoss()
        const again = new LocalMetadata({ dir: '/data', files })
        t.deepEqual([...again.topics()].toSorted(byName), [...metadata.topics()].toSorted(byName))
        for (const info of again.topics()) t.is(again.topicById(info.id), info)
      }
    }),
    { numRuns: 50 },
  )
})

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)

test('a change that the disk refuses changes nothing', async (t) => {
  const files = new FaultyFiles()
  files.mkdir('/data')
  const metadata = new LocalMetadata({ dir: '/data', files })
  await metadata.createTopic('kept', 1, new Map())
  files.fault = (operation) => (operation === 'sync' ? 'EIO' : undefined)
  const error = await t.throwsAsync(metadata.createTopic('lost', 1, new Map()), { instanceOf: MoldauError })
  t.is(error?.code, 'STORAGE_FAILED')
  t.is(metadata.topic('lost'), undefined)
  t.is(metadata.topicCount, 1)
})

test('changes that come while the disk writes are written together, each made of what the one before it has left', async (t) => {
  const files = new FaultyFiles()
  files.mkdir('/data')
  const file = new VersionedFile<readonly string[]>('/data/value', [], { files, without: 'begin anew' })
  const add = (what: string): Promise<void> => file.change((value) => [...value, what])
  let writes = 0
  files.pause = async (path) => {
    if (path === '/data/value.tmp') writes++
    await new Promise((resolve) => setImmediate(resolve))
  }
  const first = Promise.all([add('a'), add('b')])
  while (writes === 0) await Promise.resolve()
  const rest = ['c', 'd', 'e'].map(add)
  const wrong = file.change(() => {
    throw new Error('not that one')
  })
  t.deepEqual(file.value, [])
  await first
  t.deepEqual(file.value, ['a', 'b'])
  await t.throwsAsync(wrong, { message: 'not that one' })
  await Promise.all(rest)
  t.deepEqual(file.value, ['a', 'b', 'c', 'd', 'e'])
  t.is(writes, 2)
  // What fails fails for all who share the write, and for nobody else.
  files.fault = (operation, path) => (operation === 'sync' && path === '/data/value.tmp' ? 'EIO' : undefined)
  const refused = await Promise.allSettled([add('f'), add('g')])
  t.deepEqual(
    refused.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  files.fault = () => undefined
  await add('h')
  await file.settled()
  files.powerLoss()
  const again = new VersionedFile<readonly string[]>('/data/value', [], { files, without: 'begin anew' })
  t.deepEqual(again.value, ['a', 'b', 'c', 'd', 'e', 'h'])
})

test('work on one thing is done in the order of asking, work on different things side by side', async (t) => {
  const turns = new Turns()
  const done: string[] = []
  const gates = new Map<string, () => void>()
  const work = (key: string, what: string): Promise<string> =>
    turns.take(key, async () => {
      done.push(`${what} begins`)
      await new Promise<void>((resolve) => gates.set(what, resolve))
      done.push(`${what} ends`)
      if (what === 'a1') throw new Error('a1 fails')
      return what
    })
  const all = [work('a', 'a1'), work('a', 'a2'), work('b', 'b1')]
  let isIdle = false
  const idle = turns.idle().then(() => (isIdle = true))
  t.deepEqual(done, ['a1 begins', 'b1 begins'])
  gates.get('b1')!()
  t.is(await all[2], 'b1')
  gates.get('a1')!()
  await t.throwsAsync(all[0]!, { message: 'a1 fails' })
  t.deepEqual(done, ['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins'])
  t.false(isIdle)
  gates.get('a2')!()
  t.is(await all[1], 'a2')
  await idle
  await turns.idle()
})

test('topics that differ only in dots and underscores collide', async (t) => {
  const files = new FaultyFiles()
  files.mkdir('/data')
  const metadata = new LocalMetadata({ dir: '/data', files })
  await metadata.createTopic('a.b', 1, new Map())
  t.is(metadata.colliding('a_b'), 'a.b')
  t.is(metadata.colliding('a.b'), undefined)
  t.is(metadata.colliding('ab'), undefined)
})
