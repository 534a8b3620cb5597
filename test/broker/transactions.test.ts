import test from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { AddOffsetsToTxn } from '../../core/protocol/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../../core/protocol/messages/add-partitions-to-txn.ts'
import { DescribeTransactions } from '../../core/protocol/messages/describe-transactions.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { ListTransactions } from '../../core/protocol/messages/list-transactions.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { TxnOffsetCommit } from '../../core/protocol/messages/txn-offset-commit.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, open } from '../support/wire.ts'

/** What a client of transactions v1 speaks at the oldest (librdkafka), and one of v2 (Java 4). */
const dialects = {
  'v1, oldest calls': { produce: 7, add: 0, addOffsets: 0, commitOffsets: 0, end: 0, init: 0, v2: false },
  'v1, newest calls': { produce: 11, add: 3, addOffsets: 4, commitOffsets: 4, end: 4, init: 5, v2: false },
  v2: { produce: 12, add: 3, addOffsets: 4, commitOffsets: 5, end: 5, init: 5, v2: true },
} as const
type Dialect = (typeof dialects)[keyof typeof dialects]

/** A transactional producer, one request at a time. */
class TestProducer {
  readonly #channel: Channel
  readonly #dialect: Dialect
  readonly id: string
  readonly #sequences: Map<string, number>
  producerId: number
  epoch: number

  constructor(channel: Channel, dialect: Dialect, id: string) {
    this.#channel = channel
    this.#dialect = dialect
    this.id = id
    this.#sequences = new Map()
    this.producerId = -1
    this.epoch = -1
  }

  async init(): Promise<string> {
    const answer = await this.#channel.request(InitProducerId, this.#dialect.init, {
      transactionalId: this.id,
      transactionTimeoutMs: 30_000,
    })
    if (answer.errorCode !== 0) return errorName(answer.errorCode)
    this.producerId = answer.producerId
    this.epoch = answer.producerEpoch
    this.#sequences.clear()
    return 'NONE'
  }

  get #who() {
    return { transactionalId: this.id, producerId: this.producerId, producerEpoch: this.epoch }
  }

  async add(topic: string, partition = 0): Promise<string> {
    const answer = await this.#channel.request(AddPartitionsToTxn, this.#dialect.add, {
      v3AndBelowTransactionalId: this.id,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.epoch,
      v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
    })
    return errorName(answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode)
  }

  async send(topic: string, value: string, partition = 0): Promise<string> {
    if (!this.#dialect.v2) {
      const error = await this.add(topic, partition)
      if (error !== 'NONE') return error
    }
    return this.produce(topic, value, partition)
  }

  async produce(topic: string, value: string, partition = 0): Promise<string> {
    const key = `${topic}-${partition}`
    const baseSequence = this.#sequences.get(key) ?? 0
    const records = batch(
      [value],
      { producerId: this.producerId, producerEpoch: this.epoch, baseSequence, transactional: true },
      Date.now(),
    )
    const { responses } = await this.#channel.request(Produce, this.#dialect.produce, {
      transactionalId: this.id,
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    })
    const error = errorName(responses[0]!.partitionResponses[0]!.errorCode)
    if (error === 'NONE') this.#sequences.set(key, baseSequence + 1)
    return error
  }

  async commitOffset(
    group: string,
    topic: string,
    offset: number,
    { announced = true, ...member }: { generationId?: number; memberId?: string; groupInstanceId?: string; announced?: boolean } = {},
  ): Promise<string> {
    if (!this.#dialect.v2 && announced) {
      const { errorCode } = await this.#channel.request(AddOffsetsToTxn, this.#dialect.addOffsets, { ...this.#who, groupId: group })
      if (errorCode !== 0) return errorName(errorCode)
    }
    const { topics } = await this.#channel.request(TxnOffsetCommit, this.#dialect.commitOffsets, {
      ...this.#who,
      groupId: group,
      ...member,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }] }],
    })
    return errorName(topics[0]!.partitions[0]!.errorCode)
  }

  async end(committed: boolean): Promise<string> {
    const answer = await this.#channel.request(EndTxn, this.#dialect.end, { ...this.#who, committed })
    if (answer.errorCode !== 0) return errorName(answer.errorCode)
    if (this.#dialect.v2) {
      this.producerId = answer.producerId
      this.epoch = answer.producerEpoch
      this.#sequences.clear()
    }
    return 'NONE'
  }
}

async function prepare(channel: Channel, ...topics: string[]): Promise<void> {
  for (const topic of topics) await createTopic(channel, topic, 2)
  for (const keyType of [0, 1]) await channel.request(FindCoordinator, 4, { keyType, coordinatorKeys: ['k'] })
}

async function offsetOf(channel: Channel, group: string, requireStable = false): Promise<number | string> {
  const { groups } = await channel.request(OffsetFetch, 8, {
    groups: [{ groupId: group, topics: [{ name: 'in', partitionIndexes: [0] }] }],
    requireStable,
  })
  const { committedOffset, errorCode } = groups[0]!.topics[0]!.partitions[0]!
  return errorCode === 0 ? committedOffset : errorName(errorCode)
}

async function positions(channel: Channel, topic = 'out', partition = 0): Promise<{ stable: number; end: number; aborted: number }> {
  // Answered when what was appended before has been synced, and may be seen.
  await channel.request(ListOffsets, 7, {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
  })
  const { lastStableOffset, highWatermark, abortedTransactions } = await fetchFrom(channel, topic, 0, { partition, committed: true })
  return { stable: lastStableOffset, end: highWatermark, aborted: abortedTransactions?.length ?? 0 }
}

const fenced = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']

for (const [name, dialect] of Object.entries(dialects)) {
  test(`${name}: records and offsets of a transaction appear together, or not at all`, async (t) => {
    const broker = await startBroker(t)
    const channel = await open(t, broker)
    await prepare(channel, 'in', 'out')
    const producer = new TestProducer(channel, dialect, 'tx')
    t.is(await producer.init(), 'NONE')
    for (const [committed, offset] of [
      [true, 10],
      [false, 20],
      [true, 30],
    ] as const) {
      const before = await offsetOf(channel, 'g')
      const { end } = await positions(channel)
      t.is(await producer.send('out', 'a'), 'NONE')
      t.is(await producer.send('out', 'b'), 'NONE')
      t.is(await producer.send('out', 'c', 1), 'NONE')
      t.is(await producer.commitOffset('g', 'in', offset), 'NONE')
      t.deepEqual(
        await positions(channel),
        { ...(await positions(channel)), stable: end, end: end + 2 },
        'open transactions hold readers back',
      )
      t.is(await offsetOf(channel, 'g'), before)
      t.is(await offsetOf(channel, 'g', true), 'UNSTABLE_OFFSET_COMMIT')
      t.is(await producer.end(committed), 'NONE')
      const after = await positions(channel)
      t.is(after.stable, end + 3, 'two records and a marker, and nothing held back when EndTxn is answered')
      t.is(await offsetOf(channel, 'g', true), committed ? offset : before)
    }
    t.is((await positions(channel)).aborted, 1)
    t.is((await positions(channel, 'out', 1)).aborted, 1)
  })

  test(`${name}: a second instance fences the first and aborts what it left`, async (t) => {
    const broker = await startBroker(t)
    const channel = await open(t, broker)
    await prepare(channel, 'in', 'out')
    const first = new TestProducer(channel, dialect, 'tx')
    await first.init()
    await first.send('out', 'left behind')
    const second = new TestProducer(await open(t, broker), dialect, 'tx')
    t.is(await second.init(), 'NONE')
    t.deepEqual(await positions(channel), { stable: 2, end: 2, aborted: 1 })
    t.true(fenced.includes(await first.produce('out', 'zombie')))
    t.true(fenced.includes(await first.send('out', 'zombie')))
    t.true(fenced.includes(await first.commitOffset('g', 'in', 1)))
    t.true(fenced.includes(await first.end(true)))
    t.is(await second.send('out', 'x'), 'NONE')
    t.is(await second.end(true), 'NONE')
    t.deepEqual(await positions(channel), { stable: 4, end: 4, aborted: 1 })
  })

  test(`${name}: after a kill a transaction goes on, and what was committed stays so`, async (t) => {
    const child = new ChildBroker(t, await tempDir(t))
    await child.start()
    const before = await child.open()
    await prepare(before, 'in', 'out')
    const producer = new TestProducer(before, dialect, 'tx')
    await producer.init()
    await producer.send('out', 'one')
    await producer.commitOffset('g', 'in', 1)
    t.is(await producer.end(true), 'NONE')
    t.is(await producer.send('out', 'two'), 'NONE')
    t.is(await producer.commitOffset('g', 'in', 2), 'NONE')
    await child.kill()
    await child.start()
    const after = await child.open()
    t.deepEqual(await positions(after), { stable: 2, end: 3, aborted: 0 })
    t.is(await offsetOf(after, 'g', true), 'UNSTABLE_OFFSET_COMMIT')
    const again = Object.assign(new TestProducer(after, dialect, 'tx'), { producerId: producer.producerId, epoch: producer.epoch })
    t.is(await again.end(true), 'NONE')
    t.deepEqual(await positions(after), { stable: 4, end: 4, aborted: 0 })
    t.is(await offsetOf(after, 'g', true), 2)
    t.is(await again.init(), 'NONE')
    t.true(again.epoch > producer.epoch)
  })
}

for (const [name, error] of [
  ['v1, oldest calls', 'INVALID_TXN_STATE'],
  ['v1, newest calls', 'TRANSACTION_ABORTABLE'],
] as const) {
  test(`${name}: what was not added is refused (${error}), so that nothing hangs`, async (t) => {
    const channel = await open(t, await startBroker(t))
    await prepare(channel, 'in', 'out')
    const producer = new TestProducer(channel, dialects[name], 'tx')
    await producer.init()
    t.is(await producer.produce('out', 'early'), error)
    t.is(await producer.commitOffset('g', 'in', 1, { announced: false }), error)
    await producer.send('out', 'x')
    await producer.end(true)
    t.is(await producer.produce('out', 'late'), error)
    t.is(await producer.commitOffset('g', 'in', 1, { announced: false }), error)
    t.is(await producer.add('nowhere'), 'UNKNOWN_TOPIC_OR_PARTITION')
  })
}

for (const name of ['v1, newest calls', 'v2'] as const) {
  test(`${name}: offsets of a member that is no longer of the group, or of another generation, are refused in a transaction (KIP-447)`, async (t) => {
    const channel = await open(t, await startBroker(t))
    await prepare(channel, 'in', 'out')
    const join = (memberId: string) =>
      channel.request(JoinGroup, 5, {
        groupId: 'g',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId,
        groupInstanceId: 'i',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('none') }],
      })
    const { memberId, generationId } = await join('')
    await channel.request(SyncGroup, 3, {
      groupId: 'g',
      generationId,
      memberId,
      assignments: [{ memberId, assignment: Buffer.from('all') }],
    })
    const producer = new TestProducer(channel, dialects[name], 'tx')
    await producer.init()
    await producer.send('out', 'x')
    const commit = (member: { generationId: number; memberId: string; groupInstanceId?: string }) =>
      producer.commitOffset('g', 'in', 5, member)
    t.is(await commit({ generationId: generationId - 1, memberId }), 'ILLEGAL_GENERATION')
    t.is(await commit({ generationId, memberId: 'somebody' }), 'UNKNOWN_MEMBER_ID')
    t.is(await commit({ generationId, memberId: 'somebody', groupInstanceId: 'i' }), 'FENCED_INSTANCE_ID')
    t.is(await offsetOf(channel, 'g', true), -1, 'nothing of that is pending')
    t.is(await commit({ generationId, memberId, groupInstanceId: 'i' }), 'NONE')
    t.is(await offsetOf(channel, 'g', true), 'UNSTABLE_OFFSET_COMMIT')
    t.is(await producer.end(true), 'NONE')
    t.is(await offsetOf(channel, 'g', true), 5)
  })
}

for (const name of ['v1, oldest calls', 'v1, newest calls'] as const) {
  test(`${name}: requests of a connection that the client has left for another do nothing any more`, async (t) => {
    const broker = await startBroker(t)
    const [old, fresh] = [await open(t, broker), await open(t, broker)]
    await prepare(fresh, 'in', 'out')
    const before = new TestProducer(old, dialects[name], 'tx')
    await before.init()
    const after = Object.assign(new TestProducer(fresh, dialects[name], 'tx'), { producerId: before.producerId, epoch: before.epoch })
    await before.send('out', 'one')
    t.is(await before.commitOffset('g', 'in', 1), 'NONE')
    t.is(await after.commitOffset('g', 'in', 1), 'NONE')
    t.is(await after.end(true), 'NONE')
    t.is(await after.add('out'), 'NONE')
    t.is(await after.commitOffset('g', 'in', 2), 'NONE')
    t.is(await before.end(true), 'NOT_COORDINATOR')
    t.is(await before.commitOffset('g', 'in', 1, { announced: false }), 'NOT_COORDINATOR')
    t.is(await before.add('out', 1), 'NOT_COORDINATOR')
    t.is(await after.end(true), 'NONE')
    t.is(await offsetOf(fresh, 'g', true), 2)
  })
}

test('v2: an EndTxn whose answer was lost is answered again, and does not end the next transaction', async (t) => {
  const channel = await open(t, await startBroker(t))
  await prepare(channel, 'out')
  const producer = new TestProducer(channel, dialects.v2, 'tx')
  await producer.init()
  await producer.send('out', 'one')
  const retry = Object.assign(new TestProducer(channel, dialects.v2, 'tx'), { producerId: producer.producerId, epoch: producer.epoch })
  const late = Object.assign(new TestProducer(channel, dialects.v2, 'tx'), { producerId: producer.producerId, epoch: producer.epoch })
  t.is(await producer.end(true), 'NONE')
  t.is(await retry.end(true), 'NONE')
  t.is(retry.epoch, producer.epoch)
  await producer.send('out', 'two')
  t.is(await late.end(true), 'PRODUCER_FENCED')
  t.true(fenced.includes(await late.produce('out', 'late')))
  t.is(await producer.end(false), 'NONE')
  t.deepEqual(await positions(channel), { stable: 4, end: 4, aborted: 1 })
})

test('idempotent producers get ids of their own, also after a restart', async (t) => {
  const dir = await tempDir(t)
  const ids = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const broker = await startBroker(t, { dir })
    const channel = await open(t, broker)
    for (let version = 0; version <= 5; version++) {
      const { producerId, producerEpoch } = await channel.request(InitProducerId, version, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      })
      t.is(producerEpoch, 0)
      ids.add(producerId)
    }
    await broker.close()
  }
  t.is(ids.size, 18)
})

test('transactions are listed and described', async (t) => {
  const channel = await open(t, await startBroker(t))
  await prepare(channel, 'out')
  const [busy, idle] = [new TestProducer(channel, dialects.v2, 'busy'), new TestProducer(channel, dialects.v2, 'idle')]
  await busy.init()
  await idle.init()
  await busy.send('out', 'x', 1)
  const list = async (filter: { stateFilters?: string[]; transactionalIdPattern?: string; durationFilter?: number }) => {
    const { transactionStates, errorCode } = await channel.request(ListTransactions, 2, {
      stateFilters: [],
      producerIdFilters: [],
      ...filter,
    })
    return errorCode === 0
      ? transactionStates.map(({ transactionalId, transactionState }) => `${transactionalId} ${transactionState}`).toSorted()
      : errorName(errorCode)
  }
  t.deepEqual(await list({}), ['busy Ongoing', 'idle Empty'])
  t.deepEqual(await list({ stateFilters: ['Ongoing'] }), ['busy Ongoing'])
  t.deepEqual(await list({ transactionalIdPattern: 'i.*' }), ['idle Empty'])
  t.deepEqual(await list({ transactionalIdPattern: '(' }), 'INVALID_REGULAR_EXPRESSION')
  t.deepEqual(await list({ transactionalIdPattern: 'usy' }), [], 'the whole id has to match')
  const nasty = new TestProducer(channel, dialects.v2, 'ü'.padEnd(60, 'a'))
  await nasty.init()
  t.deepEqual(await list({ transactionalIdPattern: '.(a+)+!' }), [], 'and it does not take for ever to find that out')
  t.is((await list({ transactionalIdPattern: '[^b](a+)+' })).length, 1)
  // As in Kafka: what is not open has lasted for ever.
  t.is((await list({ durationFilter: 60_000 })).length, 2)
  const { transactionStates } = await channel.request(DescribeTransactions, 0, { transactionalIds: ['busy', 'nobody'] })
  t.deepEqual(transactionStates[0]!.topics, [{ topic: 'out', partitions: [1] }])
  t.is(errorName(transactionStates[1]!.errorCode), 'TRANSACTIONAL_ID_NOT_FOUND')
})
