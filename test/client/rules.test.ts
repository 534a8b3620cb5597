import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { FetchedRecords } from '../../core/client/fetched-records.ts'
import { FlushGroup } from '../../core/client/flush-group.ts'
import { PartitionQueue } from '../../core/client/partition-queue.ts'
import { PartitionState } from '../../core/client/partition-state.ts'
import { partitionOfKey } from '../../core/client/partitioner.ts'
import { PendingBatch } from '../../core/client/pending-batch.ts'
import { addressText, parseAddresses } from '../../core/cluster/address.ts'
import { emptyImage, mergeMetadata } from '../../core/cluster/metadata.ts'
import { retry } from '../../core/cluster/retry.ts'
import { MoldauError } from '../../core/index.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { endTxnMarker } from '../../core/record/control.ts'

/** One step of a log: a producer writes a batch, or ends its transaction. */
type Step = { producer: number; count: number } | { producer: number; commit: boolean } | { plain: number } | { hole: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ producer: fc.integer({ min: 0, max: 2 }), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ producer: fc.integer({ min: 0, max: 2 }), commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ plain: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ hole: fc.integer({ min: 1, max: 2 }) }) },
)

interface LogBatch {
  bytes: Buffer
  first: number
  next: number
}

test('read_committed hands out what was committed and nothing else, wherever the fetches begin and end (T1, T2)', (t) => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
      fc.nat(60),
      (steps, sizes, start) => {
        const log = writeLog(steps)
        const state = new PartitionState({ topic: 't', partition: 0 }, Math.min(start, log.lastStable))
        const seen: number[] = []
        for (let n = 0; state.position! < log.lastStable; n++) {
          const from = log.batches.findIndex((b) => b.next > state.position!)
          const stable = log.batches.filter((b) => b.next <= log.lastStable)
          const part = stable.slice(from, from + sizes[n % sizes.length]!)
          if (part.length === 0) break
          const upTo = part.at(-1)!.next
          const aborted = log.aborted.filter((a) => a.marker >= state.position! && a.firstOffset < upTo)
          // A fetch is cut off anywhere after its first batch.
          const records = Buffer.concat([...part.map((b) => b.bytes), Buffer.alloc(7)])
          const fetched = new FetchedRecords(state, { records, aborted, highWatermark: 0, logStartOffset: 0 }, true)
          while (fetched.advance()) {
            const batch = fetched.take()
            for (let i = 0; i < (batch?.count ?? 0); i++) seen.push(batch!.columns.offset(batch!.from + i))
          }
        }
        t.deepEqual(
          seen,
          log.visible.filter((offset) => offset >= Math.min(start, log.lastStable)),
        )
        t.is(state.position, log.lastStable)
      },
    ),
    { numRuns: 300 },
  )
})

/** What a broker would hold and say of it. */
function writeLog(steps: readonly Step[]) {
  const batches: LogBatch[] = []
  const aborted: { producerId: number; firstOffset: number; marker: number }[] = []
  const open = new Map<number, { first: number; offsets: number[] }>()
  const visible: number[] = []
  let next = 0
  const add = (bytes: Buffer, count: number): number[] => {
    bytes.writeBigInt64BE(BigInt(next), 0)
    batches.push({ bytes, first: next, next: next + count })
    const offsets = Array.from({ length: count }, (_, i) => next + i)
    next += count
    return offsets
  }
  for (const one of steps) {
    if ('hole' in one) next += one.hole
    else if ('plain' in one) visible.push(...add(batchOf(one.plain, {}), one.plain))
    else if ('count' in one) {
      const offsets = add(
        batchOf(one.count, { producerId: one.producer, producerEpoch: 0, baseSequence: 0, transactional: true }),
        one.count,
      )
      const transaction = open.get(one.producer)
      if (transaction === undefined) open.set(one.producer, { first: offsets[0]!, offsets })
      else transaction.offsets.push(...offsets)
    } else {
      const transaction = open.get(one.producer)
      if (transaction === undefined) continue
      const [marker] = add(
        endTxnMarker({ producerId: one.producer, producerEpoch: 0, coordinatorEpoch: 0, commit: one.commit, timestamp: 1 }),
        1,
      )
      open.delete(one.producer)
      if (one.commit) visible.push(...transaction.offsets)
      else aborted.push({ producerId: one.producer, firstOffset: transaction.first, marker: marker! })
    }
  }
  const firstOpen = Math.min(...[...open.values()].map((transaction) => transaction.first))
  const lastStable = batches.findLast((batch) => batch.next <= firstOpen)?.next ?? 0
  return { batches, aborted, lastStable, visible: visible.filter((offset) => offset < lastStable).toSorted((a, b) => a - b) }
}

function batchOf(count: number, identity: Parameters<BatchBuilder['build']>[0]): Buffer {
  const builder = new BatchBuilder()
  for (let i = 0; i < count; i++) builder.append(1, null, Buffer.from('v'))
  return builder.build(identity)
}

test('a damaged batch is refused with its place, unless checksums are not asked for', (t) => {
  const bytes = batchOf(2, { baseOffset: 5 })
  bytes[bytes.length - 2]! ^= 1
  const answer = { records: bytes, aborted: null, highWatermark: 0, logStartOffset: 0 }
  const make = (check: boolean) => new FetchedRecords(new PartitionState({ topic: 't', partition: 3 }, 5), answer, check)
  t.throws(() => make(true).advance(), { code: 'CORRUPT_BATCH', message: /offset 5 of t-3/ })
  t.true(make(false).advance())
})

test('batches of a partition leave and come back in order, with the numbers they had', (t) => {
  const event = fc.oneof(fc.constant('append'), fc.constant('send'), fc.constant('answer'), fc.constant('lose'))
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const queue = new PartitionQueue('t', 0)
      const flush = new FlushGroup()
      const underWay: PendingBatch[] = []
      const arrived: number[] = []
      let expected = 0
      for (const what of [
        ...events,
        ...Array<string>(100)
          .fill('send')
          .flatMap(() => ['send', 'answer']),
      ]) {
        if (what === 'append') {
          const builder = new BatchBuilder()
          builder.append(1, null, null)
          queue.open = new PendingBatch(queue, builder, flush, 0, 0, queue.order())
          queue.seal()
        } else if (what === 'send') {
          const batch = queue.peek(Infinity)
          if (batch === undefined) continue
          const { baseSequence } = queue.identify(batch, 1, 0)
          t.is(baseSequence, batch.order)
          underWay.push(queue.take())
          t.true(queue.inflight <= 5)
          // The broker takes what comes next, knows what it has, and refuses a gap.
          if (baseSequence === expected) {
            arrived.push(baseSequence)
            expected++
          } else t.true(baseSequence < expected, 'a gap')
        } else if (what === 'answer' && underWay.length > 0) queue.acknowledged(underWay.shift()!)
        else if (what === 'lose') for (const batch of underWay.splice(0)) queue.giveBack(batch, 0)
      }
      t.deepEqual(
        arrived,
        arrived.map((_, i) => i),
      )
      t.is(arrived.length, events.filter((what) => what === 'append').length)
    }),
  )
})

test('keys go where every Kafka client puts them', (t) => {
  // From Kafka's Utils.murmur2: toPositive(murmur2(key)) % 1000.
  t.deepEqual(
    [
      '21',
      'foobar',
      'a-little-bit-long-string',
      'a-little-bit-longer-string',
      'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8',
      'abc',
    ].map((key) => partitionOfKey(Buffer.from(key), 1000)),
    [-973932308, -790332482, -985981536, -1486304829, -58897971, 479470107].map((hash) => (hash & 0x7fffffff) % 1000),
  )
})

test('addresses come with ports, without, in brackets and in lists', (t) => {
  t.deepEqual(parseAddresses('a:1, b ,[::1]:9,[fe80::1]').map(addressText), ['a:1', 'b:9092', '[::1]:9', '[fe80::1]:9092'])
  for (const wrong of ['a:b', 'a:99999', 'http://a', ':9'])
    t.throws(() => parseAddresses(wrong), { code: 'INVALID_CONFIG', message: /host:port/ })
})

test('metadata of an older leader epoch does not replace a newer one, unless the topic is another', (t) => {
  const answer = (topicId: string, leaderId: number, leaderEpoch: number) => ({
    throttleTimeMs: 0,
    brokers: [],
    clusterId: 'c',
    controllerId: 1,
    clusterAuthorizedOperations: 0,
    errorCode: 0,
    topics: [
      {
        errorCode: 0,
        name: 't',
        topicId,
        isInternal: false,
        topicAuthorizedOperations: 0,
        partitions: [{ errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch, replicaNodes: [], isrNodes: [], offlineReplicas: [] }],
      },
    ],
  })
  const one = mergeMetadata(emptyImage, answer('id1', 1, 5), 0)
  t.is(mergeMetadata(one, answer('id1', 2, 4), 0).topics.get('t')!.partitions[0]!.leader, 1)
  t.is(mergeMetadata(one, answer('id1', 2, 6), 0).topics.get('t')!.partitions[0]!.leader, 2)
  t.is(mergeMetadata(one, answer('id2', 3, 0), 0).topics.get('t')!.partitions[0]!.leader, 3)
})

test('retries pause longer each time, end at the time-out with the last reason, and spare what cannot be cured', async (t) => {
  const clock = new ManualClock()
  const policy = { clock, random: (buffer: Buffer) => buffer.fill(0x80), retryBackoffMs: 100, retryBackoffMaxMs: 1000 }
  const at: number[] = []
  const start = clock.monotonic()
  const failing = retry(policy, { what: 'try', timeoutMs: 3000 }, async () => {
    at.push(clock.monotonic() - start)
    throw new MoldauError('CONNECTION_LOST', 'gone', { retriable: true })
  })
  failing.catch(() => {})
  for (let n = 0; n < 800; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(5)
  }
  await t.throwsAsync(failing, { code: 'TIMEOUT', message: /try: no success within 3000 ms.*gone/ })
  t.deepEqual(
    at.map((ms) => Math.round(ms / 100) * 100),
    [0, 100, 300, 700, 1500, 2500],
  )
  let attempts = 0
  await t.throwsAsync(
    retry(policy, { what: 'try', timeoutMs: 3000 }, async () => {
      attempts++
      throw new MoldauError('FENCED', 'no')
    }),
    { code: 'FENCED' },
  )
  t.is(attempts, 1)
})
