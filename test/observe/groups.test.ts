import test from 'ava'
import type { ExecutionContext } from 'ava'
import { filter, firstValueFrom, lastValueFrom, ReplaySubject, take, toArray, VirtualTimeScheduler } from 'rxjs'
import type { Observable } from 'rxjs'

import { groupLag } from '../../core/broker/group-lag.ts'
import { connect } from '../../core/index.ts'
import type { Broker, Client, Consumer } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type { ObservedError, ObservedGroup, PartitionLag } from '../../core/observe/index.ts'
import { DescribeGroups, FindCoordinator, ListGroups, OffsetFetch } from '../../core/testing/index.ts'
import { kafkaError } from '../../core/protocol/errors.ts'
import { startBroker } from '../support/start-broker.ts'

/** A broker in this process and a cluster seen by a client show a group in the same way. */
const ways = ['broker', 'client'] as const

interface World {
  broker: Broker
  client: Client
  group: ObservedGroup
}

async function start(t: ExecutionContext, way: (typeof ways)[number]): Promise<World> {
  const broker = await startBroker(t, {
    port: null,
    config: { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 },
  })
  const client = await connect(broker, { retryBackoffMs: 5 })
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  const groupId = 'g'
  const group = way === 'broker' ? observe({ broker, groupId }, { intervalMs: 5 }) : observe({ client, groupId }, { intervalMs: 5 })
  return { broker, client, group }
}

function recorded<T>(source: Observable<T>): ReplaySubject<T> {
  const values = new ReplaySubject<T>()
  source.subscribe(values)
  return values
}

async function polling(consumer: Consumer, until: Promise<unknown>): Promise<void> {
  let done = false
  void until.then(() => (done = true))
  // The broker knows before the member does.
  while (!done || consumer.assignment().length < 2) await consumer.poll(10)
}

const line = (lag: readonly PartitionLag[]): string =>
  lag
    .map(
      ({ partition, committed, end, lag: behind, memberId }) =>
        `${partition}:${committed}/${end} ${behind} ${memberId === null ? '-' : 'read'}`,
    )
    .join()

for (const way of ways) {
  test(`a group is followed from before it is there until it is gone (${way})`, async (t) => {
    const { broker, client, group } = await start(t, way)
    const states = recorded(group.state$)
    const members = recorded(group.members$)
    const assignments = recorded(group.assignments$)
    t.is(await firstValueFrom(states), 'Dead')
    const consumer = client.consumer({ groupId: 'g', autoOffsetReset: 'earliest', heartbeatIntervalMs: 20 })
    consumer.subscribe(['a'])
    await polling(consumer, firstValueFrom(assignments.pipe(filter((all) => all.length === 2))))
    const [member] = await firstValueFrom(members.pipe(filter((list) => list.some(({ assignment }) => assignment.length === 2))))
    t.like(member, { clientId: 'moldau', groupInstanceId: null })
    t.deepEqual(member!.assignment, [
      { topic: 'a', partition: 0 },
      { topic: 'a', partition: 1 },
    ])
    t.is(await firstValueFrom(group.state$), 'Stable', 'who comes late begins with what is now')
    t.deepEqual(
      (await firstValueFrom(group.assignments$)).map(({ partition, memberId }) => [partition, memberId]),
      [
        [0, member!.memberId],
        [1, member!.memberId],
      ],
    )
    await consumer.close()
    await firstValueFrom(states.pipe(filter((state) => state === 'Empty')))
    await client.admin.deleteConsumerGroups(['g'])
    await firstValueFrom(states.pipe(filter((state, i) => i > 0 && state === 'Dead')))
    await (way === 'broker' ? broker.close() : client.close())
    const seen = await lastValueFrom(states.pipe(toArray()))
    for (const [i, state] of seen.entries()) if (i > 0) t.not(state, seen[i - 1])
    t.deepEqual((await lastValueFrom(members.pipe(toArray()))).at(-1), [])
    t.deepEqual((await lastValueFrom(assignments.pipe(toArray()))).at(-1), [])
  })

  test(`lag$ follows appends and commits, and says nothing when nothing changes (${way})`, async (t) => {
    const { broker, client, group } = await start(t, way)
    const lags = recorded(group.lag$)
    const lines = (wanted: string): Promise<unknown> => firstValueFrom(lags.pipe(filter((lag) => line(lag) === wanted)))
    await lines('')
    const producer = client.producer()
    const send = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => producer.send({ topic: 'a', partition: 0, value: 'x' })))
    await send(10)
    await client.admin.alterConsumerGroupOffsets('g', [{ topic: 'a', partition: 0, offset: 4 }])
    await lines('0:4/10 6 -')
    await send(5)
    await lines('0:4/15 11 -')
    const consumer = client.consumer({ groupId: 'g', heartbeatIntervalMs: 20 })
    consumer.subscribe(['a'])
    await polling(consumer, lines('0:4/15 11 read,1:null/0 null read'))
    await consumer.commit([{ topic: 'a', partition: 0, offset: 15 }])
    await lines('0:15/15 0 read,1:null/0 null read')
    await consumer.close()
    await lines('0:15/15 0 -')
    await client.admin.deleteTopics(['a'])
    await lines('')
    await (way === 'broker' ? broker.close() : client.close())
    const seen = (await lastValueFrom(lags.pipe(toArray()))).map(line)
    for (const [i, each] of seen.entries()) if (i > 0) t.not(each, seen[i - 1])
  })
}

test('members of the new group protocol are shown as those of the classic one', async (t) => {
  const { broker, client, group } = await start(t, 'broker')
  const { ConsumerGroupHeartbeat } = await import('../../core/testing/index.ts')
  const { open } = await import('../support/wire.ts')
  const channel = await open(t, broker, 'in-process')
  await client.admin.alterConsumerGroupOffsets('other', [{ topic: 'a', partition: 0, offset: 0 }])
  const heartbeat = (memberEpoch: number, rest: object = {}) =>
    channel.request(ConsumerGroupHeartbeat, 1, { groupId: 'g', memberId: 'm', memberEpoch, ...rest })
  const shown = firstValueFrom(group.members$.pipe(filter((members) => members.some(({ assignment }) => assignment.length === 2))))
  const joined = await heartbeat(0, { rebalanceTimeoutMs: 1000, subscribedTopicNames: ['a'], topicPartitions: [] })
  t.is(joined.errorCode, 0)
  await heartbeat(joined.memberEpoch)
  const [member] = await shown
  t.is(member!.memberId, 'm')
  t.is((await firstValueFrom(group.group$)).protocolType, 'consumer')
})

test('a look that fails is an error that is told, and the next one is made', async (t) => {
  const { broker, client } = await start(t, 'client')
  const { groups$, topics$, errors$ } = observe(client, { intervalMs: 5 })
  const errors = recorded(errors$)
  const failing = broker.intercept(ListGroups, (call) => call.error('UNKNOWN_SERVER_ERROR'))
  const groups = recorded(groups$)
  const topics = recorded(topics$)
  await firstValueFrom(errors.pipe(take(1)))
  t.deepEqual(
    (await firstValueFrom(topics)).map(({ name }) => name),
    ['a'],
    'the others go on',
  )
  failing.remove()
  t.deepEqual(await firstValueFrom(groups), [])
  const told = await firstValueFrom(errors)
  t.regex(told.message, /^groups: UNKNOWN_SERVER_ERROR/)
  t.true(told.cause instanceof Error)

  const group = observe({ client, groupId: 'g' }, { intervalMs: 5 })
  const wrong: ObservedError[] = []
  group.errors$.subscribe((error) => wrong.push(error))
  const states = recorded(group.state$)
  const lags = recorded(group.lag$)
  await firstValueFrom(states)
  await firstValueFrom(lags)
  const refusing = [DescribeGroups, OffsetFetch].map((api) => broker.intercept([api], (call) => call.error('GROUP_AUTHORIZATION_FAILED')))
  const both = (): boolean =>
    ['group ', 'lag of group '].every((what) => wrong.some(({ message }) => message.startsWith(`${what}'g': GROUP_AUTH`)))
  while (!both()) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const each of refusing) each.remove()
  await client.admin.alterConsumerGroupOffsets('g', [{ topic: 'a', partition: 0, offset: 0 }])
  await firstValueFrom(states.pipe(filter((state) => state === 'Empty')))
  await firstValueFrom(lags.pipe(filter((lag) => lag.length === 1)))
  await client.close()
  await Promise.all([groups, topics, states, lags, errors].map((each) => lastValueFrom(each as Observable<unknown>)))
  t.deepEqual(await lastValueFrom(topics$.pipe(toArray())), [], 'who comes too late gets the end')
})

test('a coordinator that cannot tell the lag of a group of this process is an error that is told', async (t) => {
  const { broker } = await start(t, 'broker')
  const group = observe({ broker, groupId: 'g' }, { intervalMs: 5 })
  t.deepEqual(await firstValueFrom(group.lag$), [])
  const { groupLag: works } = broker
  broker.groupLag = () => Promise.reject(new Error('loading'))
  const told = firstValueFrom(group.errors$)
  const lag = firstValueFrom(group.lag$)
  t.is((await told).message, "lag of group 'g': loading")
  broker.groupLag = works
  t.deepEqual(await lag, [])
  const { describeGroup } = broker
  let asked = 0
  broker.describeGroup = (id) => {
    if (asked++ === 0) throw kafkaError('COORDINATOR_LOAD_IN_PROGRESS')
    return describeGroup.call(broker, id)
  }
  t.is(await firstValueFrom(group.state$), 'Dead', 'a group is told of when its coordinator has read its log')
  t.is(asked, 2)
})

test('topics, groups and transactions of a cluster are asked for while somebody has subscribed', async (t) => {
  const { broker, client } = await start(t, 'client')
  const { topics$, groups$, transactions$ } = observe(client, { intervalMs: 5 })
  let asked = 0
  broker.intercept(ListGroups, () => void asked++)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.is(asked, 0, 'nobody has subscribed')
  const topics = recorded(topics$)
  const groups = recorded(groups$)
  const transactions = recorded(transactions$)
  await client.admin.createTopics([{ name: 'b', partitions: 3 }])
  const both = await firstValueFrom(topics.pipe(filter((list) => list.some(({ name }) => name === 'b'))))
  t.deepEqual(
    both.find(({ name }) => name === 'b')!.partitions.map(({ partition, leader }) => [partition, leader]),
    [
      [0, 1],
      [1, 1],
      [2, 1],
    ],
  )
  await client.admin.alterConsumerGroupOffsets('g', [{ topic: 'a', partition: 0, offset: 0 }])
  t.like(await firstValueFrom(groups.pipe(filter((list) => list.length > 0))), [{ groupId: 'g', state: 'Empty' }])
  const producer = client.producer({ transactionalId: 'tx' })
  producer.begin()
  await producer.send({ topic: 'a', value: 'x' })
  await firstValueFrom(transactions.pipe(filter(([txn]) => txn?.state === 'Ongoing')))
  await producer.commit()
  await firstValueFrom(transactions.pipe(filter(([txn]) => txn?.state === 'CompleteCommit')))
})

test('several subscribers of one Observable are one asker, and the last to leave ends it', async (t) => {
  const { broker, client } = await start(t, 'client')
  let asked = 0
  broker.intercept(FindCoordinator, () => void asked++)
  const scheduler = new VirtualTimeScheduler()
  const group = observe({ client, groupId: 'g' }, { intervalMs: 1000, scheduler })
  let reads = 0
  broker.intercept(DescribeGroups, () => void reads++)
  const seen: string[] = []
  const subscriptions = [1, 2, 3].map((i) => group.state$.subscribe((state) => seen.push(`${i} ${state}`)))
  scheduler.maxFrames = 0
  scheduler.flush()
  while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  t.deepEqual(seen, ['1 Dead', '2 Dead', '3 Dead'])
  t.is(reads, 1)
  for (const subscription of subscriptions) subscription.unsubscribe()
  scheduler.maxFrames = 10_000
  scheduler.flush()
  t.is(scheduler.actions.length, 0, 'nothing is left to be done')
  t.is(reads, 1)
  t.true(asked <= 1)
})

test('what cannot be observed, and options that do not exist, are refused', async (t) => {
  const { broker, client } = await start(t, 'client')
  const refused = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })
  for (const target of [{}, { groupId: 'g' }, null, 'broker'])
    t.throws(() => observe(target as never), refused(/^observe: give it a broker, a client, /))
  t.throws(() => observe(client, { interval: 5 } as object), refused(/'interval': did you mean 'intervalMs'\?/))
  t.throws(() => observe({ broker, groupId: 'g' }, { crdit: 5 } as object), refused(/'crdit'; there are: intervalMs, scheduler/))
  t.throws(() => observe(client.producer(), { intervallMs: 5 } as object), refused(/did you mean 'intervalMs'/))
  t.throws(
    () => (observe as (target: object, options: object) => unknown)(broker, { intervalMs: 5 }),
    refused(/'intervalMs': there is none/),
  )
})

test('intervals that make no sense are refused', async (t) => {
  const { broker, client } = await start(t, 'client')
  for (const intervalMs of [0, -1, 0.5, NaN]) {
    for (const target of [() => observe(client, { intervalMs }), () => observe({ broker, groupId: 'g' }, { intervalMs })]) {
      t.throws(target, { code: 'INVALID_ARGUMENT', message: `observe: intervalMs must be a whole number of at least 1, not ${intervalMs}` })
    }
  }
})

test('lag is of what was committed and of what is read, and of nothing that is not there', (t) => {
  const ends: Record<string, number> = { 'a-0': 10, 'a-1': 7, 'b-0': 3 }
  const member = { memberId: 'm', groupInstanceId: null, clientId: 'c', clientHost: 'h' }
  const lag = groupLag(
    [
      {
        ...member,
        assignment: [
          { topic: 'b', partition: 0 },
          { topic: 'a', partition: 1 },
        ],
      },
    ],
    [
      { topic: 'a', partition: 1, offset: 2 },
      { topic: 'a', partition: 0, offset: 12 },
      { topic: 'gone', partition: 0, offset: 1 },
    ],
    (topic, partition) => ends[`${topic}-${partition}`],
  )
  t.deepEqual(lag, [
    { topic: 'a', partition: 0, committed: 12, end: 10, lag: 0, memberId: null },
    { topic: 'a', partition: 1, committed: 2, end: 7, lag: 5, memberId: 'm' },
    { topic: 'b', partition: 0, committed: null, end: 3, lag: null, memberId: 'm' },
  ])
})
