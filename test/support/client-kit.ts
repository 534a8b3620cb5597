import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ExecutionContext, TestFn } from 'ava'

import type { Dialer } from '../../core/net/dialer.ts'
import { Broker, tpKey } from '../../core/index.ts'
import type { Client, ClientOptions, Consumer, ConsumerBatch, ConsumerOptions, TopicPartition } from '../../core/index.ts'

/** Where a scenario runs: an embedded broker in process or over TCP, or a real Kafka. */
export interface Env {
  connect(options?: ClientOptions): Promise<Client>
  /** How connections to it are made, for tests that break them. */
  dialer: Dialer
}

/** Something that a client has to do, with checks that it has done it. */
export type Scenario = (t: ExecutionContext, env: Env) => Promise<void>

/** Settings of a broker: members of KIP-848 hear of changes at their next heartbeat. */
export const quickHeartbeats = { 'group.consumer.min.heartbeat.interval.ms': '50', 'group.consumer.heartbeat.interval.ms': '50' } as const

/** Settings of a broker: what may be compacted soon is. */
export const quickCleaner = { 'log.cleaner.backoff.ms': '50' } as const

let topics = 0

/** One broker for all tests of a file: they use names of their own. Call the result inside tests. */
export function sharedBroker(test: TestFn): () => Broker {
  let dir: string
  let broker: Broker | undefined
  test.before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'moldau-'))
    const config = {
      durability: 'page-cache',
      'offsets.topic.num.partitions': 2,
      'transaction.state.log.num.partitions': 2,
      'group.initial.rebalance.delay.ms': 0,
      ...quickHeartbeats,
      ...quickCleaner,
    } as const
    broker = await Broker.start({ dir, config })
  })
  test.after.always(async () => {
    await broker?.close()
    await rm(dir, { recursive: true, force: true })
  })
  return () => broker!
}

/** A name that no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${topics++}`
}

/** Patient: a machine that has much to do may take seconds to accept a connection, or to tell of a new topic. */
export async function clientFor(t: ExecutionContext, env: Env, options: ClientOptions = {}): Promise<Client> {
  const patience = { bootstrapTimeoutMs: 30_000, unknownTopicTimeoutMs: 30_000 }
  const client = await env.connect({ retryBackoffMs: 10, retryBackoffMaxMs: 100, ...patience, ...options })
  t.teardown(() => client.close())
  return client
}

export async function newTopic(client: Client, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = uniqueName('topic')
  await client.admin.createTopics([{ name, partitions, configs }])
  return name
}

export function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

export interface Seen extends TopicPartition {
  offset: number
  key: string | null
  value: string | null
}

/** Everything of a topic from the beginning to where it ends now, as this consumer is to see it. */
export async function readAll(client: Client, topic: string, partitions = 1, options: ConsumerOptions = {}): Promise<Seen[]> {
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest', ...options })
  try {
    consumer.assign(partitionsOf(topic, partitions))
    return await readToEnd(client, consumer)
  } finally {
    await consumer.close()
  }
}

/** What a poll hands out, however long that takes. */
export async function pollSome(consumer: Consumer): Promise<ConsumerBatch[]> {
  for (;;) {
    const batches = await consumer.poll()
    if (batches.length > 0) return batches
  }
}

/** Polls until every position has reached the end of its partition. */
export async function readToEnd(client: Client, consumer: Consumer): Promise<Seen[]> {
  const ends = await settledEnds(client, consumer)
  const seen: Seen[] = []
  while (consumer.assignment().some((tp) => (consumer.position(tp) ?? -1) < ends.get(tpKey(tp))!)) {
    for (const batch of await consumer.poll(200)) {
      const { columns, from, count, topic, partition } = batch
      for (let i = from; i < from + count; i++) {
        seen.push({
          topic,
          partition,
          offset: columns.offset(i),
          key: columns.key(i)?.toString() ?? null,
          value: columns.value(i)?.toString() ?? null,
        })
      }
    }
  }
  return seen
}

/** Apache Kafka answers a commit before its markers are in the partitions: waits until no transaction is open. */
async function settledEnds(client: Client, consumer: Consumer): Promise<Map<string, number>> {
  const partitions = consumer.assignment()
  for (;;) {
    const asked = partitions.map((tp) => ({ ...tp, at: 'latest' as const }))
    const stable = await client.admin.listOffsets(asked, { isolationLevel: 'read_committed' })
    const ends = await client.admin.listOffsets(asked)
    if (stable.every((answer, i) => answer.offset === ends[i]!.offset)) return new Map(ends.map((end) => [tpKey(end), end.offset]))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const valuesOf = (seen: readonly Seen[]): (string | null)[] => seen.map((record) => record.value)

/** Numbered records: 0, 1, 2 ... as text. */
export const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i))
