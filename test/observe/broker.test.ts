import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import test from 'ava'
import type { ExecutionContext } from 'ava'
import { filter, firstValueFrom, lastValueFrom, ReplaySubject, toArray } from 'rxjs'
import type { Observable } from 'rxjs'

import { connect } from '../../core/index.ts'
import type { Broker, Client } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type { GroupSummary, TopicSummary, TransactionSummary } from '../../core/observe/index.ts'
import { AlterClientQuotas } from '../../core/testing/index.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { open } from '../support/wire.ts'

async function start(t: ExecutionContext): Promise<{ broker: Broker; client: Client }> {
  const broker = await startBroker(t, { port: null, config: { 'offsets.topic.num.partitions': 2 } })
  const client = await connect(broker)
  t.teardown(() => client.close())
  return { broker, client }
}

/** Subscribes now, and keeps all that comes for whoever asks later. */
function recorded<T>(source: Observable<T>): ReplaySubject<T> {
  const values = new ReplaySubject<T>()
  source.subscribe(values)
  return values
}

const names = (topics: readonly TopicSummary[]): string => topics.map(({ name, partitions }) => `${name}:${partitions}`).join()
const groupLine = ({ id, state, members, protocol }: GroupSummary): string => `${id} ${state} ${members} ${protocol}`.trim()

test('topics$ begins with the topics of now and follows creation, growth and deletion', async (t) => {
  const { broker, client } = await start(t)
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  const topics = recorded(observe(broker).topics$)
  await client.admin.createTopics([{ name: 'b', partitions: 1 }])
  await client.admin.createPartitions([{ topic: 'b', count: 3 }])
  await client.admin.deleteTopics(['a'])
  await client.admin.incrementalAlterConfigs([{ type: 'topic', name: 'b', set: { 'retention.ms': 1000 } }])
  await broker.close()
  const lists = await lastValueFrom(topics.pipe(toArray()))
  t.deepEqual(lists.map(names), ['a:2', 'a:2,b:1', 'a:2,b:3', 'b:3'])
  t.is(lists[0]![0]!.id.length, 22)
  t.is(lists[1]![0], lists[0]![0], 'what has not changed is the same object')
})

test('a topic of the same name made anew is a change', async (t) => {
  const { broker, client } = await start(t)
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const topics = recorded(observe(broker).topics$)
  await client.admin.deleteTopics(['a'])
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  await broker.close()
  const lists = await lastValueFrom(topics.pipe(toArray()))
  t.deepEqual(lists.map(names), ['a:1', '', 'a:1'])
  t.not(lists[2]![0]!.id, lists[0]![0]!.id)
})

test('a hundred topics made in one request are one emission', async (t) => {
  const { broker, client } = await start(t)
  const topics = recorded(observe(broker).topics$)
  const events = recorded(observe(broker).events$)
  await client.admin.createTopics(Array.from({ length: 100 }, (_, i) => ({ name: `t${i}`, partitions: 1 })))
  await broker.close()
  const lists = await lastValueFrom(topics.pipe(toArray()))
  t.deepEqual(
    lists.map(({ length }) => length),
    [0, 100],
  )
  const created = await lastValueFrom(
    events.pipe(
      filter(({ type }) => type === 'topicCreated'),
      toArray(),
    ),
  )
  t.is(created.length, 100, 'events are told one by one')
})

test('groups$ follows joins and leaves, and says nothing for commits', async (t) => {
  const { broker, client } = await start(t)
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  const groups = recorded(observe(broker).groups$)
  const seen = (line: string): Promise<unknown> => firstValueFrom(groups.pipe(filter((list) => list.map(groupLine).includes(line))))
  const member = () =>
    client.consumer({ groupId: 'g', autoOffsetReset: 'earliest', heartbeatIntervalMs: 20, partitionAssignmentStrategy: ['range'] })
  const first = member()
  first.subscribe(['a'])
  while (first.assignment().length < 2) await first.poll(20)
  await seen('g Stable 1 range')
  const before = (await firstValueFrom(observe(broker).groups$))[0]
  let emissions = 0
  const counting = observe(broker).groups$.subscribe(() => emissions++)
  for (let offset = 0; offset < 20; offset++) await first.commit([{ topic: 'a', partition: 0, offset }])
  t.is(emissions, 1, 'only the first list')
  counting.unsubscribe()
  t.deepEqual((await firstValueFrom(observe(broker).groups$))[0], before)

  const second = member()
  second.subscribe(['a'])
  const shared = (): boolean => first.assignment().length === 1 && second.assignment().length === 1
  while (!shared()) await Promise.all([first.poll(20), second.poll(20)])
  await seen('g Stable 2 range')
  await second.close()
  while (first.assignment().length < 2) await first.poll(20)
  await first.close()
  await seen('g Empty 0')
  await client.admin.deleteConsumerGroups(['g'])
  await broker.close()
  const lists = await lastValueFrom(groups.pipe(toArray()))
  t.deepEqual(lists[0], [])
  t.deepEqual(lists.at(-1), [])
  for (const [i, list] of lists.entries()) if (i > 0) t.notDeepEqual(list, lists[i - 1])
  t.is(lists.find((list) => list.length > 0)![0]!.protocolType, 'consumer')
})

test('groups of before a restart are in the first list', async (t) => {
  const dir = await tempDir(t)
  const before = await startBroker(t, { dir, port: null })
  const client = await connect(before)
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  await client.consumer({ groupId: 'kept' }).commit([{ topic: 'a', partition: 0, offset: 0 }])
  await client.close()
  await before.close()
  const broker = await startBroker(t, { dir, port: null })
  const kept = { id: 'kept', state: 'Empty', members: 0, protocolType: '', protocol: '' }
  t.deepEqual(await firstValueFrom(observe(broker).groups$), [kept])
})

test('transactions$ follows a transaction from its id to its end, and what comes after a restart', async (t) => {
  const dir = await tempDir(t)
  const start = () => startBroker(t, { dir, port: null, config: { 'transaction.state.log.num.partitions': 2 } })
  const broker = await start()
  const client = await connect(broker)
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  const transactions = recorded(observe(broker).transactions$)
  const seen = (state: string): Promise<readonly TransactionSummary[]> =>
    firstValueFrom(transactions.pipe(filter(([txn]) => txn?.state === state)))
  t.deepEqual(await firstValueFrom(transactions), [])
  const producer = client.producer({ transactionalId: 'tx', transactionTimeoutMs: 5000 })
  producer.begin()
  for (const partition of [0, 1]) await producer.send({ topic: 'a', partition, value: 'x' })
  const [open] = await firstValueFrom(transactions.pipe(filter(([txn]) => txn?.partitions === 2)))
  t.like(open, { id: 'tx', state: 'Ongoing', timeoutMs: 5000 })
  t.true(open!.startedAt! > 0)
  await producer.commit()
  t.is((await seen('CompleteCommit'))[0]!.startedAt, null)
  await client.close()
  await broker.close()
  await lastValueFrom(transactions)
  t.is((await firstValueFrom(observe(await start()).transactions$))[0]!.state, 'CompleteCommit')
})

test('quotas$ follows what is set and taken away', async (t) => {
  const { broker } = await start(t)
  const quotas = recorded(observe(broker).quotas$)
  const channel = await open(t, broker, 'in-process')
  const alter = (entityName: string | null, value: number | null): Promise<unknown> =>
    channel.request(AlterClientQuotas, 1, {
      entries: [
        {
          entity: [{ entityType: 'user', entityName }],
          ops: [{ key: 'producer_byte_rate', value: value ?? 0, remove: value === null }],
        },
      ],
      validateOnly: false,
    })
  await alter('alice', 1000)
  await alter('alice', 1000)
  await alter(null, 500)
  await alter('alice', null)
  await broker.close()
  const alice = { entity: { user: 'alice' }, limits: { producer_byte_rate: 1000 } }
  const everybody = { entity: { user: null }, limits: { producer_byte_rate: 500 } }
  t.deepEqual(await lastValueFrom(quotas.pipe(toArray())), [[], [alice], [alice, everybody], [everybody]])
  t.deepEqual(await lastValueFrom(observe(broker).quotas$.pipe(toArray())), [])
})

test('lists are watched once for all their subscribers, who begin with the latest', async (t) => {
  const { broker, client } = await start(t)
  const { topics$, errors$ } = observe(broker)
  let looks = 0
  const topic = broker.topic.bind(broker)
  broker.topic = (name) => (looks++, topic(name))
  const all = [recorded(topics$), recorded(topics$)]
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  await firstValueFrom(all[0]!.pipe(filter((list) => list.length === 1)))
  t.is(looks, 1)
  t.is(names(await firstValueFrom(topics$)), 'a:2')
  t.is(looks, 1)
  const errors = recorded(errors$)
  broker.events.emit('error', { message: 'odd', cause: 1 })
  await client.admin.createTopics([{ name: 'b', partitions: 1 }])
  await broker.close()
  t.deepEqual(await lastValueFrom(errors.pipe(toArray())), [{ message: 'odd', cause: 1 }])
  for (const each of all) t.deepEqual((await lastValueFrom(each.pipe(toArray()))).map(names), ['', 'a:2', 'a:2,b:1'])
})

test('events$ tells what happens, and all complete when the broker is closed', async (t) => {
  const { broker, client } = await start(t)
  const { events$, topics$, groups$ } = observe(broker)
  const events = recorded(events$)
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  await client.admin.createPartitions([{ topic: 'a', count: 3 }])
  await client.admin.deleteTopics(['a'])
  broker.events.emit('error', { message: 'odd', cause: 1 })
  const rest = [topics$, groups$].map((each) => lastValueFrom(each as Observable<unknown>))
  await broker.close()
  await Promise.all(rest)
  t.deepEqual(await lastValueFrom(events.pipe(toArray())), [
    { type: 'topicCreated', topic: 'a', partitions: 2 },
    { type: 'topicChanged', topic: 'a', partitions: 3 },
    { type: 'topicDeleted', topic: 'a' },
    { type: 'error', message: 'odd', cause: 1 },
    { type: 'closing', nodeId: 1 },
  ])
  for (const late of [events$, topics$, groups$]) t.deepEqual(await lastValueFrom((late as Observable<unknown>).pipe(toArray())), [])
})

test('a subscriber who has left is told nothing, and nothing of his is kept', async (t) => {
  const { broker, client } = await start(t)
  let told = 0
  const { events$, topics$, groups$ } = observe(broker)
  const subscriptions = [events$, topics$, groups$].map((each) => (each as Observable<unknown>).subscribe(() => told++))
  t.is(told, 2)
  for (const subscription of subscriptions) subscription.unsubscribe()
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  await broker.close()
  t.is(told, 2)
})

test('the entry point is moldau/core/observe, and moldau/core does not load RxJS', async (t) => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve: (name, context, next) => (loaded.push(name), next(name, context)) })
    await import('moldau/core')
    const before = loaded.filter((name) => name.startsWith('rxjs')).length
    const { observe } = await import('moldau/core/observe')
    console.log(before, loaded.includes('rxjs'), typeof observe)`
  const args = ['--conditions=moldau-source', '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL('../..', import.meta.url) })
  t.is(stdout.trim(), '0 true function')
})
