import test from 'ava'

import { errorName } from '../../core/protocol/errors.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, ways } from '../support/wire.ts'

for (const way of ways) {
  test(`${way}: what was produced is fetched, with every acks and in order`, async (t) => {
    const channel = await open(t, await startBroker(t), way)
    await createTopic(channel, 'a', 2)
    t.deepEqual(await produce(channel, 'a', batch(['x', 'y'])), { error: 'NONE', baseOffset: 0, message: null })
    t.is((await produce(channel, 'a', batch(['z']), { acks: 1 })).baseOffset, 2)
    channel.send(Produce, 9, {
      acks: 0,
      timeoutMs: 1000,
      topicData: [{ name: 'a', partitionData: [{ index: 0, records: batch(['silent']) }] }],
    })
    const fetched = await fetchFrom(channel, 'a', 0)
    t.deepEqual(listing(fetched), ['0:x', '1:y', '2:z', '3:silent'])
    t.is(fetched.highWatermark, 4)
    t.is(fetched.lastStableOffset, 4)
    t.deepEqual(listing(await fetchFrom(channel, 'a', 0, { partition: 1 })), [])
  })

  test(`${way}: a fetch inside a batch gets the whole batch`, async (t) => {
    const channel = await open(t, await startBroker(t), way)
    await createTopic(channel, 'a')
    await produce(channel, 'a', batch(['p', 'q', 'r']))
    t.deepEqual(listing(await fetchFrom(channel, 'a', 2, { maxBytes: 1, partitionMaxBytes: 1 })), ['0:p', '1:q', '2:r'])
  })

  test(`${way}: a fetch that finds too little waits, and an append wakes it`, async (t) => {
    const broker = await startBroker(t)
    const [consumer, producer] = [await open(t, broker, way), await open(t, broker, way)]
    await createTopic(producer, 'a', 2)
    const waiting = fetchFrom(consumer, 'a', 0, { maxWaitMs: 30_000 })
    await produce(producer, 'a', batch(['other']), { partition: 1 })
    await produce(producer, 'a', batch(['awake']))
    t.deepEqual(listing(await waiting), ['0:awake'])
  })

  test(`${way}: answers to pipelined requests come in the order of the requests, also behind a fetch that waits`, async (t) => {
    const broker = await startBroker(t)
    const channel = await open(t, broker, way)
    await createTopic(channel, 'a')
    const order: string[] = []
    const note = (name: string) => (): void => void order.push(name)
    const fetched = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }
    const produced = { name: 'a', partitionData: [{ index: 0, records: batch(['x']) }] }
    await Promise.all([
      channel.request(Fetch, 11, { maxWaitMs: 30_000, minBytes: 1, topics: [{ topic: 'a', partitions: [fetched] }] }).then(note('fetch')),
      channel.request(Metadata, 9, { topics: [] }).then(note('metadata')),
      channel.request(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [produced] }).then(note('produce')),
    ])
    t.deepEqual(order, ['fetch', 'metadata', 'produce'])
  })
}

test('a fetch whose time is up answers with nothing', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  const fetched = await fetchFrom(channel, 'a', 0, { maxWaitMs: 5 })
  t.is(fetched.errorCode, 0)
  t.deepEqual(listing(fetched), [])
})

test('a fetch waits for minBytes, not for the first byte', async (t) => {
  const broker = await startBroker(t)
  const [consumer, producer] = [await open(t, broker), await open(t, broker)]
  await createTopic(producer, 'a')
  const one = batch(['0123456789'])
  const waiting = fetchFrom(consumer, 'a', 0, { maxWaitMs: 30_000, minBytes: one.length * 2 + 1 })
  for (let i = 0; i < 3; i++) await produce(producer, 'a', batch(['0123456789']))
  t.is(listing(await waiting).length, 3)
})

test('all partitions of a fetch share maxBytes, and the first that has records gets one batch whatever its size', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a', 3)
  for (const partition of [1, 2]) await produce(channel, 'a', batch(['x'.repeat(2000)]), { partition })
  const partitions = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 100_000 }))
  const sizes = async (maxBytes: number): Promise<number[]> => {
    const { responses } = await channel.request(Fetch, 11, { maxWaitMs: 0, minBytes: 1, maxBytes, topics: [{ topic: 'a', partitions }] })
    return responses[0]!.partitions.map(({ records }) => listing({ records } as never).length)
  }
  t.deepEqual(await sizes(1), [0, 1, 0])
  t.deepEqual(await sizes(3000), [0, 1, 0])
  t.deepEqual(await sizes(10_000), [0, 1, 1])
})

test('offsets outside the log are told apart from unknown partitions and wrong epochs', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await produce(channel, 'a', batch(['x']))
  t.is(errorName((await fetchFrom(channel, 'a', 2)).errorCode), 'OFFSET_OUT_OF_RANGE')
  t.is(errorName((await fetchFrom(channel, 'a', -5)).errorCode), 'OFFSET_OUT_OF_RANGE')
  t.is(errorName((await fetchFrom(channel, 'a', 0, { partition: 9 })).errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(errorName((await fetchFrom(channel, 'nope', 0)).errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
  const wanted = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000, currentLeaderEpoch: 7 }
  const { responses } = await channel.request(Fetch, 12, { maxWaitMs: 10_000, minBytes: 1, topics: [{ topic: 'a', partitions: [wanted] }] })
  t.is(errorName(responses[0]!.partitions[0]!.errorCode), 'UNKNOWN_LEADER_EPOCH')
})

test('topic ids name topics in Produce 13 and Fetch 13', async (t) => {
  const channel = await open(t, await startBroker(t))
  const topicId = await createTopic(channel, 'a')
  const produced = await channel.request(Produce, 13, {
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ topicId, partitionData: [{ index: 0, records: batch(['x']) }] }],
  })
  t.is(produced.responses[0]!.topicId, topicId)
  t.is(produced.responses[0]!.partitionResponses[0]!.errorCode, 0)
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }]
  const fetched = await channel.request(Fetch, 17, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      { topicId, partitions },
      { topicId: 'Zm9vYmFyYmF6cXV4MTIzNA', partitions },
    ],
  })
  t.deepEqual(listing(fetched.responses[0]!.partitions[0]!), ['0:x'])
  t.is(errorName(fetched.responses[1]!.partitions[0]!.errorCode), 'UNKNOWN_TOPIC_ID')
})

test('a corrupt batch is refused with a message that names the partition, and nothing of it is kept', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  const corrupt = batch(['hello'])
  corrupt[corrupt.length - 1]! ^= 1
  const answer = await produce(channel, 'a', corrupt)
  t.is(answer.error, 'CORRUPT_MESSAGE')
  t.regex(answer.message!, /a-0/)
  t.is((await produce(channel, 'a', batch(['x']).subarray(0, 30))).error, 'INVALID_RECORD')
  t.is((await produce(channel, 'a', null)).error, 'INVALID_RECORD')
  t.is((await produce(channel, 'a', batch(['y'.repeat(2_000_000)]))).error, 'MESSAGE_TOO_LARGE')
  t.is((await produce(channel, 'a', batch(['fine']))).baseOffset, 0)
})

test('what cannot be produced has an error of its own', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await createTopic(channel, 'two-replicas', 1, { 'min.insync.replicas': '2' })
  t.is((await produce(channel, 'nope', batch(['x']))).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(channel, 'a', batch(['x']), { partition: 7 })).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(channel, 'a', batch(['x']), { acks: 2 })).error, 'INVALID_REQUIRED_ACKS')
  t.is((await produce(channel, 'two-replicas', batch(['x']))).error, 'NOT_ENOUGH_REPLICAS')
  t.is((await produce(channel, 'two-replicas', batch(['x']), { acks: 1 })).error, 'NONE')
})

test('an error with acks=0 ends the connection, because nothing else can tell', async (t) => {
  const broker = await startBroker(t)
  const [careless, other] = [await open(t, broker), await open(t, broker)]
  const closed = new Promise<void>((resolve) => careless.onClose(() => resolve()))
  careless.send(Produce, 9, {
    acks: 0,
    timeoutMs: 1000,
    topicData: [{ name: 'nope', partitionData: [{ index: 0, records: batch(['x']) }] }],
  })
  await closed
  await createTopic(other, 'still-here')
  t.pass()
})

test('an idempotent producer that sends a batch twice gets the first offset twice, and out of order is refused', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  const ids = { producerId: 77, producerEpoch: 0 }
  t.is((await produce(channel, 'a', batch(['x', 'y'], { ...ids, baseSequence: 0 }))).baseOffset, 0)
  t.is((await produce(channel, 'a', batch(['x', 'y'], { ...ids, baseSequence: 0 }))).baseOffset, 0)
  t.is((await produce(channel, 'a', batch(['gap'], { ...ids, baseSequence: 9 }))).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  t.is((await produce(channel, 'a', batch(['z'], { ...ids, baseSequence: 2 }))).baseOffset, 2)
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:x', '1:y', '2:z'])
})

test('offsets are found by their ends and by time', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  for (const [i, timestamp] of [1000, 5000, 3000].entries()) await produce(channel, 'a', batch([`r${i}`], {}, timestamp))
  const find = async (timestamp: number, partitionIndex = 0): Promise<string> => {
    const { topics } = await channel.request(ListOffsets, 8, {
      replicaId: -1,
      topics: [{ name: 'a', partitions: [{ partitionIndex, timestamp }] }],
    })
    const { offset, timestamp: found, errorCode } = topics[0]!.partitions[0]!
    return errorCode === 0 ? `${offset}@${found}` : errorName(errorCode)
  }
  t.is(await find(-1), '3@-1')
  t.is(await find(-2), '0@-1')
  t.is(await find(-3), '1@5000')
  t.is(await find(-4), '0@-1')
  t.is(await find(0), '0@1000')
  t.is(await find(1001), '1@5000')
  t.is(await find(5001), '-1@-1')
  t.is(await find(-1, 4), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('the end of a leader epoch is known', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  await produce(channel, 'a', batch(['x', 'y']))
  const { topics } = await channel.request(OffsetForLeaderEpoch, 4, {
    topics: [{ topic: 'a', partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  })
  t.like(topics[0]!.partitions[0]!, { errorCode: 0, leaderEpoch: 0, endOffset: 2 })
})

test('a fetch that names all its partitions is answered whatever session it ends or begins; one that goes on with a session is told that there is none', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'sessions')
  await produce(channel, 'sessions', batch(['a']))
  const ask = (sessionId: number, sessionEpoch: number) =>
    channel.request(Fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      sessionId,
      sessionEpoch,
      topics: [{ topic: 'sessions', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
    })
  // kafka-go of segmentio says -1 for both.
  for (const [id, epoch] of [
    [0, -1],
    [0, 0],
    [-1, -1],
    [17, -1],
    [17, 0],
  ] as const) {
    const { errorCode, sessionId, responses } = await ask(id, epoch)
    t.deepEqual([errorCode, sessionId, responses.length], [0, 0, 1], `session ${id}, epoch ${epoch}`)
    t.deepEqual(listing(responses[0]!.partitions[0]!), ['0:a'])
  }
  for (const [id, epoch] of [
    [17, 1],
    [0, 1],
  ] as const)
    t.is((await ask(id, epoch)).errorCode, 70, `session ${id}, epoch ${epoch}`)
})
