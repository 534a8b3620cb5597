import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

import test from 'ava'
import { concatMap, filter, firstValueFrom, lastValueFrom, map, take, tap, toArray } from 'rxjs'
import type { Observable } from 'rxjs'

import { connect, json, string } from '../../core/index.ts'
import type { Client, ConsumerOptions, KafkaError } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type { ObservedAssignment, ObservedError } from '../../core/observe/index.ts'
import { OffsetCommit } from '../../core/testing/index.ts'
import { clientFor, newTopic, partitionsOf, sharedBroker, uniqueName } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'

const run = promisify(execFile)
const broker = sharedBroker(test)
const env: Env = {
  connect: (options) => connect(broker(), options),
  get dialer() {
    return broker().dialer
  },
}

/** Numbered records, five to a batch. */
async function numbered(client: Client, count: number): Promise<string> {
  const topic = await newTopic(client, 1)
  const producer = client.producer()
  for (let n = 0; n < count; n += 5) {
    await Promise.all(
      Array.from({ length: Math.min(5, count - n) }, (_, i) =>
        producer.send({ topic, key: `k${n + i}`, value: JSON.stringify({ n: n + i }) }),
      ),
    )
  }
  await producer.close()
  return topic
}

test('records$ hands out every record once, read by serdes, and goes on in the middle of a batch', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 50)
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 10 })
  consumer.assign(partitionsOf(topic, 1))
  const { records$ } = observe(consumer, { credit: 2, pollMs: 20, key: string, value: json<{ n: number }>() })
  const seen: string[] = []
  // 7 is no multiple of 5: each subscription ends inside of a batch, and the next begins there.
  while (seen.length < 50) {
    const part = records$.pipe(
      take(Math.min(7, 50 - seen.length)),
      concatMap(async (record) => {
        await sleep(1)
        record.done()
        record.done()
        return `${record.key}=${record.value!.n}@${record.nextOffset}`
      }),
      toArray(),
    )
    seen.push(...(await lastValueFrom(part)))
    t.is(consumer.position({ topic, partition: 0 }), seen.length)
  }
  t.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, n) => `k${n}=${n}@${n + 1}`),
  )
})

const protocols: Readonly<Record<string, ConsumerOptions>> = {
  'the eager protocol': { partitionAssignmentStrategy: ['range'], heartbeatIntervalMs: 50 },
  'the cooperative protocol': { partitionAssignmentStrategy: ['cooperative-sticky'], heartbeatIntervalMs: 50 },
  'the protocol of KIP-848': { groupProtocol: 'consumer' },
}
for (const [name, protocol] of Object.entries(protocols)) {
  test(`assignments$ follows a group in ${name}, and waits for its listener`, async (t) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 2)
    const first = client.consumer({ ...protocol, groupId: topic, fetchMaxWaitMs: 10 })
    const second = client.consumer({ ...protocol, groupId: topic, fetchMaxWaitMs: 10 })
    const said: string[] = []
    const onRevoked = async (): Promise<void> => {
      said.push('begins')
      await sleep(20)
      said.push('ends')
    }
    const changes: ObservedAssignment[] = []
    const { assignments$ } = observe(first, { listener: { onRevoked } })
    const subscription = assignments$.subscribe((change) => {
      changes.push(change)
      if (change.change === 'revoked') said.push('told')
    })
    first.subscribe([topic])
    second.subscribe([topic])
    while (first.assignment().length < 2) await first.poll(20)
    let polling = true
    const others = (async () => {
      while (polling) await second.poll(20)
    })()
    while (first.assignment().length !== 1 || second.assignment().length !== 1) await first.poll(20)
    polling = false
    await others
    subscription.unsubscribe()
    t.deepEqual(changes[0], { change: 'now', partitions: [], assignment: [] })
    t.deepEqual(changes.at(-1)!.assignment, first.assignment())
    t.deepEqual(said.slice(0, 3), ['begins', 'ends', 'told'])
    const isEager = name === 'the eager protocol'
    t.deepEqual(
      changes.map(({ change, partitions }) => `${change} ${partitions.length}`),
      ['now 0', 'assigned 2', ...(isEager ? ['revoked 2', 'assigned 1'] : ['revoked 1'])],
    )
    const metrics = first.metrics()
    t.is(metrics.value('assigned-partitions'), 1)
    t.true(metrics.value('heartbeat-total')! > 0 && metrics.value('rebalance-total')! >= 2)
  })
}

test('assignments$ follows assign()', async (t) => {
  const client = await clientFor(t, env)
  const topic = await newTopic(client, 3)
  const consumer = client.consumer()
  const [p0, p1, p2] = partitionsOf(topic, 3)
  consumer.assign([p0!])
  const changes: ObservedAssignment[] = []
  const subscription = observe(consumer).assignments$.subscribe((change) => changes.push(change))
  consumer.assign([p0!, p1!])
  consumer.assign([p1!, p0!])
  consumer.assign([p1!, p2!])
  subscription.unsubscribe()
  t.deepEqual(changes, [
    { change: 'now', partitions: [p0!], assignment: [p0!] },
    { change: 'assigned', partitions: [p1!], assignment: [p0!, p1!] },
    { change: 'revoked', partitions: [p0!], assignment: [p1!] },
    { change: 'assigned', partitions: [p2!], assignment: [p1!, p2!] },
  ])
})

test('lag$ and metrics$ follow a consumer, errors$ tells what poll throws, and all complete with it', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 20)
  const consumer = client.consumer({ autoOffsetReset: 'none', fetchMaxWaitMs: 10 })
  consumer.assign(partitionsOf(topic, 1))
  const { lag$, metrics$, errors$, records$ } = observe(consumer, { intervalMs: 10, pollMs: 20 })
  const errors = lastValueFrom(
    errors$.pipe(
      map(({ message }) => message),
      toArray(),
    ),
  )
  const totals = lastValueFrom(metrics$.pipe(map((metrics) => metrics.value('records-consumed-total'))))
  await t.throwsAsync(lastValueFrom(records$))
  consumer.seek({ topic, partition: 0 }, 'earliest')
  const done = lastValueFrom(
    records$.pipe(
      take(20),
      tap((record) => record.done()),
    ),
  )
  t.deepEqual(await firstValueFrom(lag$.pipe(filter(([one]) => one?.lag === 0))), [{ topic, partition: 0, position: 20, end: 20, lag: 0 }])
  await done
  await sleep(30)
  await consumer.close()
  t.is(await totals, 20)
  t.is((await errors).length, 1)
  t.deepEqual(await lastValueFrom(observe(consumer).metrics$.pipe(toArray())), [])
})

test('a failed automatic commit is told by errors$, reading goes on, and the next one commits', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 10)
  const groupId = uniqueName('told')
  const refused = broker().intercept(OffsetCommit, (call) =>
    call.request.groupId === groupId ? call.error('OFFSET_METADATA_TOO_LARGE') : undefined,
  )
  const consumer = client.consumer({ groupId, enableAutoCommit: true, autoCommitIntervalMs: 1, autoOffsetReset: 'earliest' })
  consumer.subscribe([topic])
  const errors: ObservedError[] = []
  observe(consumer).errors$.subscribe((error) => errors.push(error))
  let read = 0
  while (read < 10 || errors.length === 0) for (const { count } of await consumer.poll(20)) read += count
  t.is(read, 10)
  t.regex(errors[0]!.message, /automatic commit.*OFFSET_METADATA_TOO_LARGE/)
  t.is((errors[0]!.cause as KafkaError).kafkaCode, 'OFFSET_METADATA_TOO_LARGE')
  refused.remove()
  await consumer.close()
  t.deepEqual(
    (await client.admin.listConsumerGroupOffsets(groupId)).map(({ offset }) => offset),
    [10],
  )
})

test('batches that are in work are not committed behind the back of the subscriber: with enableAutoCommit nothing is handed out', async (t) => {
  const client = await clientFor(t, env)
  const topic = await numbered(client, 10)
  const groupId = uniqueName('refused')
  const consumer = client.consumer({ groupId, enableAutoCommit: true, autoOffsetReset: 'earliest' })
  consumer.subscribe([topic])
  const { batches$, records$, lag$ } = observe(consumer)
  for (const reading$ of [batches$, records$])
    await t.throwsAsync(lastValueFrom(reading$ as Observable<unknown>), {
      code: 'INVALID_CONFIG',
      message: /enableAutoCommit.*commit\(batch\)/,
    })
  // Whoever polls may look on.
  let read = 0
  while (read < 10) for (const { count } of await consumer.poll(20)) read += count
  t.is((await firstValueFrom(lag$))[0]?.lag, 0)
})

test('a producer and a client show metrics and errors', async (t) => {
  const client = await clientFor(t, env)
  const topic = await newTopic(client, 1, { 'max.message.bytes': '500' })
  const producer = client.producer()
  const seen = observe(producer, { intervalMs: 10 })
  const failed = firstValueFrom(seen.errors$)
  await t.throwsAsync(producer.send({ topic, value: 'x'.repeat(2000) }))
  t.regex((await failed).message, new RegExp(topic))
  const metrics = await firstValueFrom(observe(client, { intervalMs: 10 }).metrics$)
  t.is(metrics.value('record-error-total', { topic }), 1)
  const all = lastValueFrom(seen.metrics$.pipe(map((one) => one.value('record-error-total'))))
  await firstValueFrom(seen.metrics$)
  await producer.close()
  t.is(await all, 1)
})

test('memory stays bounded with a subscriber who hardly moves, and would not without credit', async (t) => {
  const child = join(import.meta.dirname, '../support/slow-subscriber.ts')
  const measure = async (mode: string): Promise<{ grown: number; written: number; seen: number }> => {
    const { stdout } = await run(process.execPath, ['--expose-gc', '--conditions=moldau-source', child, mode])
    return JSON.parse(stdout) as { grown: number; written: number; seen: number }
  }
  const patient = await measure('patient')
  t.true(patient.seen > 0 && patient.seen * 1000 < patient.written / 10, `${patient.seen} records came out meanwhile`)
  t.true(patient.grown < 8e6, `memory has grown by ${patient.grown} bytes`)
  const greedy = await measure('greedy')
  t.true(greedy.grown > 32e6, `without credit by ${greedy.grown} bytes only: the test would not see a leak`)
  t.log(`${patient.written} bytes written: grown by ${patient.grown} with credit, ${greedy.grown} without`)
})
