import test from 'ava'
import fc from 'fast-check'

import { FetchedRecords } from '../../core/client/fetched-records.ts'
import { PartitionState } from '../../core/client/partition-state.ts'
import { connect } from '../../core/index.ts'
import type { ConsumerBatch } from '../../core/index.ts'
import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { encodeMessage, encodeWrapper, type MessageToWrite } from '../../core/record/legacy-encode.ts'
import { Fetch } from '../../core/testing/index.ts'
import { newTopic, numbers } from '../support/client-kit.ts'
import { goldenMessages, goldenSets } from '../support/golden-sets.ts'
import { startBroker } from '../support/start-broker.ts'

/** Brokers of before 4.0 hand down what lies in old segments as it lies there. */

const chunk = fc.record({
  format: fc.constantFrom(0, 1, 2),
  codec: fc.constantFrom('none' as const, 'gzip' as const, 'snappy' as const, 'lz4' as const),
  gaps: fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }),
  logAppendTime: fc.boolean(),
})
type Chunk = typeof chunk extends fc.Arbitrary<infer T> ? T : never

interface Piece {
  bytes: Buffer
  next: number
}

function writeLog(chunks: readonly Chunk[]): { pieces: Piece[]; records: MessageToWrite[] } {
  const pieces: Piece[] = []
  const records: MessageToWrite[] = []
  let offset = 0
  for (const { format, codec, gaps, logAppendTime } of chunks) {
    const messages = gaps.map((gap, i) => {
      offset += gap + 1
      const timestamp = format === 0 ? -1 : 1000 + (logAppendTime ? 7 : i)
      return { offset, timestamp, key: i % 2 === 0 ? null : Buffer.from(`k${offset}`), value: Buffer.from(`v${offset}`) }
    })
    records.push(...messages)
    const add = (bytes: Buffer): void => void pieces.push({ bytes, next: batchEnd(bytes) })
    if (format === 2) add(batchOf(messages, codec))
    else {
      const options = { magic: format as 0 | 1, logAppendTime: format === 1 && logAppendTime }
      if (codec === 'none') for (const message of messages) add(encodeMessage(message, options))
      else add(encodeWrapper(messages, options, codec))
    }
  }
  return { pieces, records }
}

function batchOf(messages: readonly MessageToWrite[], compression: Chunk['codec']): Buffer {
  const builder = new BatchBuilder({ compression })
  const baseOffset = messages[0]!.offset
  for (const { offset, timestamp, key, value } of messages) builder.appendAt(offset - baseOffset, timestamp, key, value)
  return builder.build({ baseOffset })
}

/** The offset behind a batch, or behind a message, which is that of the last one in it. */
function batchEnd(bytes: Buffer): number {
  return batch.magic(bytes, 0) === batch.MAGIC ? batch.nextOffset(bytes, 0) : batch.baseOffset(bytes, 0) + 1
}

function seenIn({ columns, from, count }: ConsumerBatch): MessageToWrite[] {
  return Array.from({ length: count }, (_, i) => ({
    offset: columns.offset(from + i),
    timestamp: columns.timestamp(from + i),
    key: columns.key(from + i),
    value: columns.value(from + i),
  }))
}

test('messages of the formats 0 and 1 are read beside batches, each once, wherever fetches begin and are cut off', (t) => {
  fc.assert(
    fc.property(
      fc.array(chunk, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 400 }),
      fc.nat(30),
      (chunks, bytesMax, start) => {
        const { pieces, records } = writeLog(chunks)
        const end = pieces.at(-1)!.next
        const state = new PartitionState({ topic: 't', partition: 0 }, Math.min(start, end))
        const seen: MessageToWrite[] = []
        while (state.position! < end) {
          const rest = pieces.slice(pieces.findIndex(({ next }) => next > state.position!))
          // The first one comes whole (KIP-74).
          const answer = Buffer.concat(rest.map(({ bytes }) => bytes)).subarray(0, Math.max(bytesMax, rest[0]!.bytes.length))
          const fetched = new FetchedRecords(state, { records: answer, aborted: null, highWatermark: end, logStartOffset: 0 }, true)
          const whole = rest.findLast((_, i) => Buffer.concat(rest.slice(0, i + 1).map(({ bytes }) => bytes)).length <= answer.length)
          t.is(fetched.nextOffset, whole!.next)
          while (fetched.advance()) seen.push(...seenIn(fetched.take() ?? t.fail('nothing in it')!))
          t.is(state.position, fetched.nextOffset)
        }
        t.deepEqual(
          seen,
          records.filter(({ offset }) => offset >= start),
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('a damaged message is named, after what lies before it has been handed out', (t) => {
  const good = encodeMessage({ offset: 7, timestamp: -1, key: null, value: Buffer.from('good') }, { magic: 0 })
  const bad = encodeMessage({ offset: 8, timestamp: 5, key: null, value: Buffer.from('bad') }, { magic: 1 })
  bad[bad.length - 1]! ^= 1
  const state = new PartitionState({ topic: 't', partition: 3 }, 7)
  const fetch = (records: Buffer) => new FetchedRecords(state, { records, aborted: null, highWatermark: 9, logStartOffset: 0 }, true)
  const both = fetch(Buffer.concat([good, bad]))
  t.true(both.advance())
  t.deepEqual(
    seenIn(both.take()!).map(({ value }) => String(value)),
    ['good'],
  )
  t.false(both.advance())
  t.throws(() => fetch(Buffer.concat([bad, good])), { code: 'CORRUPT_BATCH', message: /offset 8 of t-3.*checksum.*seek\(\)/ })
  bad[batch.BatchField.magic] = 3
  t.throws(() => fetch(Buffer.concat([bad, Buffer.alloc(61)])), { code: 'CORRUPT_BATCH' })
})

test("a consumer, and one of raw batches, read what Kafka's clients of before 0.11 wrote", async (t) => {
  const broker = await startBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  const topic = await newTopic(client)
  const producer = client.producer()
  for (const value of numbers(50)) await producer.send({ topic, partition: 0, value })
  let old: Buffer
  // Instead of the batches up to 45; those behind are read as they are.
  broker.intercept(Fetch, async (call) => {
    const answer = await call.next()
    for (const partition of answer.responses.flatMap(({ partitions }) => partitions)) {
      const { records } = partition
      if (records !== null && records.length > 0 && batch.baseOffset(records, 0) <= 45) partition.records = old
    }
    return answer
  })
  for (const set of goldenSets) {
    old = Buffer.from(set.hex, 'hex')
    const tp = { topic, partition: 0 }
    const consumer = client.consumer({ maxPollRecords: 100 })
    consumer.assign([{ ...tp, offset: 40 }])
    const seen: MessageToWrite[] = []
    while (consumer.position(tp) !== 50) seen.push(...(await consumer.poll()).flatMap(seenIn))
    t.deepEqual(seen.slice(0, 5), goldenMessages(set), `format ${set.format} ${set.codec} ${set.time}`)
    t.deepEqual(
      seen.slice(5).map(({ offset }) => offset),
      [46, 47, 48, 49],
    )
    const raw = client.consumer({ raw: true })
    raw.assign([{ ...tp, offset: 40 }])
    const [first] = await raw.pollRaw()
    t.deepEqual([first!.baseOffset, first!.nextOffset, first!.count, first!.timestampType], [40, 46, 5, set.time])
    t.is(batch.checkBatch(first!.bytes, 0, first!.bytes.length), 'ok')
    await Promise.all([consumer.close(), raw.close()])
  }
})
