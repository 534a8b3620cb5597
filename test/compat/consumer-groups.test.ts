import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { ConsumerGroupDescribe } from '../../core/protocol/messages/consumer-group-describe.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { ConfluentConsumer, confluentKafka } from '../support/confluent-kafka.ts'
import { missing } from '../support/missing.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'
import { batch, createTopic, produce } from '../support/wire.ts'
import { until } from '../support/until.ts'

const PARTITIONS = 6

/** The new group protocol (KIP-848) with librdkafka: members that are not ours, against a broker in a process of its own. */
interface Stage {
  broker: ChildBroker
  python: string
  /** Appends values that number the records of each partition. */
  produce(count: number): Promise<void>
  produced: number
  consumer(configuration?: Record<string, string | number>, topics?: string[]): ConfluentConsumer
}

async function stage(t: ExecutionContext, config: Record<string, string | number> = {}): Promise<Stage | undefined> {
  let python: string
  try {
    python = await confluentKafka()
  } catch (error) {
    missing(t, 'confluent-kafka', error)
    return undefined
  }
  const broker = new ChildBroker(t, await tempDir(t), config)
  await broker.start()
  await createTopic(await broker.open(), 't', PARTITIONS)
  const self: Stage = {
    broker,
    python,
    produced: 0,
    async produce(count) {
      const channel = await broker.open()
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const values = Array.from({ length: count }, (_, i) => `v${self.produced + i}`)
        const { error } = await produce(channel, 't', batch(values), { partition })
        if (error !== 'NONE') throw new Error(error)
      }
      self.produced += count
    },
    consumer: (configuration = {}, topics = ['t']) => {
      return new ConfluentConsumer(t, python, broker.port, { 'group.id': 'g', 'group.protocol': 'consumer', ...configuration }, topics)
    },
  }
  return self
}

const all = Array.from({ length: PARTITIONS }, (_, i) => `t-${i}`)

/** How often each record was read; every one that was written at least once. */
function audit(t: ExecutionContext, consumers: readonly ConfluentConsumer[], produced: number): number {
  const counts = new Map<string, number>()
  for (const { read } of consumers) for (const line of read) counts.set(line, (counts.get(line) ?? 0) + 1)
  for (const partition of all) {
    for (let offset = 0; offset < produced; offset++) t.true(counts.has(`${partition} ${offset} v${offset}`), `${partition} ${offset}`)
  }
  t.is(counts.size, produced * PARTITIONS, 'and nothing else')
  return [...counts.values()].reduce((sum, count) => sum + count - 1, 0)
}

const allRead = (consumers: readonly ConfluentConsumer[], produced: number) => (): boolean =>
  new Set(consumers.flatMap(({ read }) => read)).size >= produced * PARTITIONS

const shared = (...consumers: ConfluentConsumer[]): string[] => consumers.flatMap(({ assigned }) => assigned).toSorted()

test('members of librdkafka share partitions, take over from each other, and survive a broker that is killed', async (t) => {
  const on = await stage(t)
  if (on === undefined) return
  await on.produce(50)
  const one = on.consumer()
  await until('the first reads everything', allRead([one], 50))
  t.deepEqual(one.assigned, all)
  const two = on.consumer()
  const three = on.consumer({ 'group.remote.assignor': 'range' })
  const consumers = [one, two, three]
  await until('three share', () => consumers.every(({ assigned }) => assigned.length === 2), {
    details: () => consumers.map(({ assigned }) => assigned),
  })
  t.deepEqual(shared(...consumers), all)
  await on.produce(50)
  await until('all read', allRead(consumers, 100))
  await two.stop()
  await until('the others take over', () => shared(one, three).length === PARTITIONS)
  t.is(audit(t, consumers, 100), 0, 'who leaves commits what it has read, and nobody reads it again')

  await on.broker.kill()
  await on.broker.start()
  await on.produce(50)
  await until('they read on after the broker was killed', allRead(consumers, 150))
  t.deepEqual(shared(one, three), all)
  audit(t, consumers, 150)
  t.deepEqual(
    consumers.flatMap(({ errors }) => errors),
    [],
  )
})

test('a member of librdkafka that is killed is replaced after its session; a static one comes back to what it had', async (t) => {
  const on = await stage(t, {
    'group.consumer.min.session.timeout.ms': 1000,
    'group.consumer.session.timeout.ms': 6000,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.consumer.heartbeat.interval.ms': 1000,
  })
  if (on === undefined) return
  await on.produce(20)
  const one = on.consumer({ 'group.instance.id': 'one' })
  const two = on.consumer({ 'group.instance.id': 'two' })
  await until('they share', () => one.assigned.length === 3 && two.assigned.length === 3)
  const { assignments } = one
  const before = two.assigned
  await two.stop()
  const again = on.consumer({ 'group.instance.id': 'two' })
  await until('it has its partitions back', () => again.assigned.length === 3)
  t.deepEqual(again.assigned, before)
  t.is(one.assignments, assignments, 'the other one was not bothered')
  await again.stop('SIGKILL')
  await until('the other one has all', () => one.assigned.length === PARTITIONS)
  await on.produce(20)
  await until('and reads it', allRead([one, two, again], 40))
  audit(t, [one, two, again], 40)
})

test('expressions match topics that come later; a classic member and one of the new protocol share a group, both ways', async (t) => {
  const on = await stage(t, { 'group.consumer.min.heartbeat.interval.ms': 100, 'group.consumer.heartbeat.interval.ms': 500 })
  if (on === undefined) return
  await on.produce(20)
  const regex = on.consumer({ 'group.id': 'r' }, ['^(t|later)$'])
  await until('it has the topic', () => regex.assigned.length === PARTITIONS)
  await createTopic(await on.broker.open(), 'later', 1)
  await createTopic(await on.broker.open(), 'other', 1)
  await until('it has the new one', () => regex.assigned.includes('later-0'))
  t.is(regex.assigned.length, PARTITIONS + 1)
  await regex.stop()

  for (const strategy of ['cooperative-sticky', 'range']) {
    const id = { 'group.id': strategy }
    const classic = { ...id, 'group.protocol': 'classic', 'partition.assignment.strategy': strategy, 'session.timeout.ms': 10_000 }
    const old = on.consumer(classic)
    await until('the classic one has all', () => old.assigned.length === PARTITIONS)
    const fresh = on.consumer(id)
    const share = (): boolean => old.assigned.length === 3 && fresh.assigned.length === 3
    await until(`they share (${strategy})`, share, { details: () => [old.assigned, fresh.assigned] })
    await until('both read', allRead([old, fresh], 20))
    await old.stop()
    await until('the new protocol has all', () => fresh.assigned.length === PARTITIONS)
    const back = on.consumer(classic)
    await until('a classic one joins again', () => back.assigned.length === 3 && fresh.assigned.length === 3)
    await fresh.stop()
    await until('and is left alone', () => back.assigned.length === PARTITIONS)
    audit(t, [old, fresh, back], 20)
    await back.stop()
  }
})

test('groups of the new protocol that Kafka wrote down go on with our broker', async (t) => {
  let python: string
  try {
    python = await confluentKafka()
  } catch (error) {
    return missing(t, 'confluent-kafka', error)
  }
  const dir = await tempDir(t)
  const kafka = await startKafka(t, { config: { 'log.dirs': dir } })
  if (kafka === undefined) return
  const port = Number(kafka.bootstrap.split(':')[1])
  const channel = new Channel(await tcpDialer().dial('127.0.0.1', port), { clientId: 'test', clock: systemClock })
  t.teardown(() => channel.close())
  await createTopic(channel, 't', PARTITIONS)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await until('it is written', async () => (await produce(channel, 't', batch(['v0', 'v1']), { partition })).error === 'NONE')
  }
  const configuration = { 'group.id': 'g', 'group.protocol': 'consumer' }
  const members = [['^t$'], ['t']].map((topics) => new ConfluentConsumer(t, python, port, configuration, topics))
  await until('they share', () => members.every(({ assigned }) => assigned.length === 3))
  await until('all is read', allRead(members, 2))
  const describe = async (through: Channel) => {
    const { groups } = await through.request(ConsumerGroupDescribe, 1, { groupIds: ['g'], includeAuthorizedOperations: false })
    const { members: list, ...group } = groups[0]!
    const byName = (a: { memberId: string }, b: { memberId: string }): number => (a.memberId < b.memberId ? -1 : 1)
    return { ...group, members: list.toSorted(byName) }
  }
  // Once the commits are in: they come every half a second.
  await until('the commits are in', async () => {
    const { groups } = await channel.request(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
    return (
      groups[0]!.topics.flatMap(({ partitions }) => partitions).filter(({ committedOffset }) => committedOffset === 2).length === PARTITIONS
    )
  })
  const before = await describe(channel)
  t.is(before.groupState, 'Stable')
  for (const member of members) await member.stop('SIGKILL')
  await kafka.stop()

  // What is Kafka's own is left out: its cluster metadata, and the files that name its directories.
  const ours = await tempDir(t)
  for (const name of await readdir(dir)) {
    if (/^(t|__consumer_offsets)-\d+$/.test(name)) await cp(join(dir, name), join(ours, name), { recursive: true })
  }
  const broker = await startBroker(t, { dir: ours, port: 0 })
  const after = new Channel(await tcpDialer().dial('127.0.0.1', broker.port!), { clientId: 'test', clock: systemClock })
  t.teardown(() => after.close())
  t.deepEqual(await describe(after), before)
  const { groups } = await after.request(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
  t.is(groups[0]!.topics[0]!.partitions.length, PARTITIONS)
})
