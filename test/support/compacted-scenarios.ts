import type { ExecutionContext } from 'ava'

import { tpKey } from '../../core/index.ts'
import type { Client, RawBatch } from '../../core/index.ts'
import { clientFor, newTopic, pollSome, readAll, readToEnd, uniqueName } from './client-kit.ts'
import type { Scenario, Seen } from './client-kit.ts'
import { until } from './until.ts'

/** Segments are closed after a moment, and cleaned as soon as that is so: the broker looks every `log.cleaner.backoff.ms`. */
const COMPACTED = { 'cleanup.policy': 'compact', 'segment.ms': '20', 'min.cleanable.dirty.ratio': '0.01' } as const
const ROUNDS = 6

/** Longer than a segment is open. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30))

/** What a compacted topic is to show: the newest committed value of each key. */
type Newest = Map<string, string>

/** Writes batches that will lose their first, middle and last records, all of them, or none; and ends with an aborted transaction. */
async function load(client: Client, topic: string): Promise<{ newest: Newest; written: number }> {
  const newest: Newest = new Map()
  let written = 0
  const producers = [client.producer(), client.producer(), client.producer({ transactionalId: uniqueName('compacted') })] as const
  const [once, plain, transactional] = producers
  const write = async (producer: (typeof producers)[number], values: Record<string, string>, committed = true): Promise<void> => {
    await producer.sendBatch({ topic, partition: 0, keys: Object.keys(values), values: Object.values(values) })
    written += Object.keys(values).length
    if (committed) for (const [key, value] of Object.entries(values)) newest.set(key, value)
  }
  // All of it is written again by others: the batch stays, empty, since the broker has to know the last number of its producer.
  await write(once, { a: 'once', b: 'once' })
  for (let round = 0; round < ROUNDS; round++) {
    const value = `round ${round}`
    await write(plain, { a: value, [`kept-${round}`]: value, b: value, c: value })
    await write(plain, { c: value, d: value })
    transactional.begin()
    await write(transactional, { b: `${value}, committed`, t: value, [`kept-t-${round}`]: value })
    await transactional.commit()
    transactional.begin()
    await write(transactional, { a: 'aborted', t: 'aborted', [`aborted-${round}`]: value }, false)
    await transactional.abort()
    await pause()
  }
  await write(plain, { last: 'of all' })
  transactional.begin()
  await write(transactional, { last: 'aborted' }, false)
  await transactional.abort()
  await Promise.all(producers.map((producer) => producer.close()))
  return { newest, written }
}

async function rawBatches(client: Client, topic: string): Promise<RawBatch[]> {
  const consumer = client.consumer({ raw: true, autoOffsetReset: 'earliest' })
  const tp = { topic, partition: 0 }
  consumer.assign([tp])
  const end = (await consumer.endOffsets([tp])).get(tpKey(tp))!
  const batches: RawBatch[] = []
  while ((consumer.position(tp) ?? 0) < end) batches.push(...(await consumer.pollRaw(100)))
  await consumer.close()
  return batches
}

/** The offset of the last record in a batch; undefined in one that is empty. */
function lastRecord(batch: RawBatch): number | undefined {
  const columns = batch.columns()
  return columns.count === 0 ? undefined : columns.offset(columns.count - 1)
}

async function checkPlaces(t: ExecutionContext, client: Client, topic: string, all: readonly Seen[]): Promise<void> {
  const tp = { topic, partition: 0 }
  const groupId = uniqueName('compacted')
  const [end] = await client.admin.listOffsets([{ ...tp, at: 'latest' }])
  const options = { groupId, isolationLevel: 'read_committed', autoOffsetReset: 'earliest', fetchMaxWaitMs: 10 } as const
  // One batch a fetch, and one a poll: those that show nothing must not hold it up.
  const consumer = client.consumer({ ...options, maxPartitionFetchBytes: 1, maxPollRecords: 1 })
  consumer.assign([tp])
  t.deepEqual(await readToEnd(client, consumer), all)
  t.deepEqual([consumer.position(tp), consumer.currentLag(tp)], [end!.offset, 0])
  await consumer.commit()
  t.is((await client.admin.listConsumerGroupOffsets(groupId))[0]?.offset, end!.offset, 'past the last record, which was aborted')
  // The first offset of each hole.
  const holes = [-1, ...all.map(({ offset }) => offset)].map((offset) => offset + 1).filter((offset, i) => offset !== all[i]?.offset)
  t.true(holes.length > ROUNDS)
  for (const hole of holes) {
    consumer.seek(tp, hole)
    t.deepEqual(
      await readToEnd(client, consumer),
      all.filter(({ offset }) => offset > hole),
      `from ${hole} on`,
    )
  }
  // Where the group goes on in a hole.
  await consumer.commit([{ ...tp, offset: holes[0]! }])
  await consumer.close()
  const successor = client.consumer(options)
  successor.assign([tp])
  t.is((await pollSome(successor))[0]!.firstOffset, all.find(({ offset }) => offset > holes[0]!)!.offset)
}

/** What the cleaner leaves of a topic. */
export const compactedScenarios: Readonly<Record<string, Scenario>> = {
  'a compacted topic with holes and empty batches is read once, to its very end, from wherever': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1, COMPACTED)
    const { newest, written } = await load(client, topic)
    let all: Seen[] = []
    await until('no key is there twice', async () => {
      all = await readAll(client, topic)
      return new Set(all.map(({ key }) => key)).size === all.length
    })
    t.deepEqual(Object.fromEntries(all.map(({ key, value }) => [key!, value!])), Object.fromEntries(newest))
    t.true(all.length < written / 2)
    const offsets = all.map(({ offset }) => offset)
    t.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    )
    const batches = (await rawBatches(client, topic)).filter(({ control }) => control === null)
    t.true(
      batches.some(({ count }) => count === 0),
      'an empty batch is kept for its producer',
    )
    t.true(
      batches.some((batch) => (lastRecord(batch) ?? Infinity) < batch.nextOffset - 1),
      'a batch without its last record',
    )
    t.true(
      batches.some((batch) => batch.count > 0 && batch.columns().offset(0) > batch.baseOffset),
      'a batch without its first record',
    )
    await checkPlaces(t, client, topic, all)
  },
}
