import test from 'ava'
import fc from 'fast-check'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { Broker } from '../../core/broker/broker.ts'
import { connect } from '../../core/index.ts'
import { Channel } from '../../core/net/channel.ts'
import { KafkaError, errorName } from '../../core/protocol/errors.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import * as header from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import type { CompressionName } from '../../core/record/compression-names.ts'
import { endTxnMarker } from '../../core/record/control.ts'
import { decodeMessageSet } from '../../core/record/legacy-decode.ts'
import { encodeMessage, encodeWrapper } from '../../core/record/legacy-encode.ts'
import { MESSAGE_LOG_OVERHEAD, type LegacyMessage } from '../../core/record/legacy-message.ts'
import { Partition } from '../../core/replica/partition.ts'
import { nextMessages, readLegacy } from '../../core/replica/read-legacy.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { DIRECTORY, openLog } from '../support/logs.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce } from '../support/wire.ts'

const old = (records: Buffer | null): string[] =>
  decodeMessageSet(records!, 1 << 20).messages.map(
    ({ offset, magic, timestamp, value }) => `${offset} ${magic} ${timestamp} ${value!.toString()}`,
  )

test('Produce 0 to 2 stores record batches, Fetch 0 to 3 answers message sets', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const time = 1_700_000_000_000
  const set = (magic: 0 | 1): Buffer =>
    Buffer.concat([7, 9].map((n) => encodeMessage({ offset: n, timestamp: time, key: null, value: Buffer.from(`m${n}`) }, { magic })))
  t.is((await produce(channel, 'a', set(0), { version: 0, acks: 1 })).baseOffset, 0)
  t.is((await produce(channel, 'a', set(1), { version: 2, acks: 1 })).baseOffset, 2)
  t.is((await produce(channel, 'a', set(1), { version: 2, acks: 2 })).error, 'INVALID_REQUIRED_ACKS')
  const damaged = set(1)
  damaged[20]! ^= 1
  t.is((await produce(channel, 'a', damaged, { version: 2, acks: 1 })).error, 'CORRUPT_MESSAGE')
  t.is((await produce(channel, 'a', set(1), { version: 3, acks: 1 })).error, 'INVALID_RECORD')
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:m7', '1:m9', '2:m7', '3:m9'])
  t.deepEqual(old((await fetchFrom(channel, 'a', 1, { version: 1 })).records), ['1 0 -1 m9', '2 0 -1 m7', '3 0 -1 m9'])
  t.deepEqual(old((await fetchFrom(channel, 'a', 1, { version: 3 })).records), ['1 1 -1 m9', `2 1 ${time} m7`, `3 1 ${time} m9`])
  t.deepEqual(old((await fetchFrom(channel, 'a', 2, { version: 3, partitionMaxBytes: 1 })).records), [`2 1 ${time} m7`], 'at least one')
})

test('an old fetch is refused zstd, and refused at all where conversion is off', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  await createTopic(channel, 'off', 1, { 'message.downconversion.enable': 'false' })
  await produce(channel, 'a', batch(['x']))
  const zstd = new BatchBuilder({ compression: 'zstd' })
  zstd.append(1, null, Buffer.from('z'))
  await produce(channel, 'a', zstd.build())
  await produce(channel, 'off', batch(['x']))
  const error = async (topic: string, offset: number, version: number): Promise<string> =>
    errorName((await fetchFrom(channel, topic, offset, { version })).errorCode)
  t.is(await error('a', 0, 2), 'NONE')
  t.is(await error('a', 1, 2), 'UNSUPPORTED_COMPRESSION_TYPE')
  t.is(await error('off', 0, 3), 'UNSUPPORTED_VERSION')
  t.is(await error('off', 0, 4), 'NONE')
})

test('ListOffsets 0 answers the ends as lists, newest first', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  for (const value of ['a', 'b', 'c']) await produce(channel, 'a', batch([value]))
  const ask = async (timestamp: number, maxNumOffsets: number): Promise<number[]> => {
    const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, timestamp, maxNumOffsets }] }]
    return (await channel.request(ListOffsets, 0, { replicaId: -1, topics })).topics[0]!.partitions[0]!.oldStyleOffsets
  }
  t.deepEqual(await ask(-1, 10), [3, 0])
  t.deepEqual(await ask(-1, 1), [3])
  t.deepEqual(await ask(-2, 10), [0])
  t.deepEqual(await ask(1, 10), [])
})

const TIME = 1_700_000_000_000
const messagesOf = (records: Buffer | null): readonly LegacyMessage[] => decodeMessageSet(records!, 1 << 20).messages

test('old clients see the records of committed and aborted transactions, and no markers', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const client = await connect(broker)
  t.teardown(() => client.close())
  const producer = client.producer({ transactionalId: 'tx' })
  for (const [i, commit] of [true, false, true].entries()) {
    producer.begin()
    await producer.send({ topic: 'a', partition: 0, value: Buffer.from(`tx ${i}`), headers: [{ key: 'h', value: Buffer.from('x') }] })
    await (commit ? producer.commit() : producer.abort())
  }
  for (const version of [0, 1, 2, 3]) {
    const seen: string[] = []
    for (let offset = 0; ;) {
      const { records, errorCode } = await fetchFrom(channel, 'a', offset, { version, partitionMaxBytes: 1 })
      t.is(errorCode, 0)
      const messages = messagesOf(records)
      if (messages.length === 0) break
      for (const message of messages) seen.push(`${message.offset}:${String(message.value)}`)
      offset = messages.at(-1)!.offset + 1
    }
    t.deepEqual(seen, ['0:tx 0', '2:tx 1', '4:tx 2'], `Fetch ${version}`)
    const inside = messagesOf((await fetchFrom(channel, 'a', 1, { version })).records)
    t.deepEqual([inside[0]!.offset, String(inside[0]!.value)], [2, 'tx 1'], 'at a marker')
  }
})

for (const compression of ['none', 'gzip', 'snappy', 'lz4'] as const) {
  test(`null keys and values, times of producers and of the log, for old clients, ${compression}`, async (t) => {
    const broker = await startBroker(t)
    const channel = await open(t, broker)
    await createTopic(channel, 'a')
    await createTopic(channel, 'log', 1, { 'message.timestamp.type': 'LogAppendTime' })
    const written = [
      { timestamp: TIME, key: null, value: Buffer.from('no key') },
      { timestamp: TIME + 7, key: Buffer.from('k'), value: null },
      { timestamp: -1, key: null, value: null },
      { timestamp: TIME + 3, key: Buffer.alloc(0), value: Buffer.alloc(0) },
    ]
    const builder = new BatchBuilder({ compression })
    for (const { timestamp, key, value } of written) builder.append(timestamp, key, value, [{ key: 'h', value: null }])
    const modern = Buffer.from(builder.build())
    const numbered = written.map((message, offset) => ({ ...message, offset }))
    const ancient = (magic: 0 | 1): Buffer =>
      compression === 'none'
        ? Buffer.concat(numbered.map((message) => encodeMessage(message, { magic })))
        : encodeWrapper(numbered, { magic }, compression)
    let base = 0
    for (const [version, sent] of [
      [11, modern],
      [2, ancient(1)],
      [1, ancient(0)],
    ] as const) {
      for (const topic of ['a', 'log']) {
        const before = Date.now()
        t.is((await produce(channel, topic, Buffer.from(sent), { version, acks: 1 })).error, 'NONE')
        for (const fetch of [1, 3]) {
          const messages = messagesOf((await fetchFrom(channel, topic, base, { version: fetch })).records)
          t.deepEqual(
            messages.map(({ offset, key, value }) => ({ offset, key, value })),
            written.map(({ key, value }, i) => ({ offset: base + i, key, value })),
          )
          for (const [i, { timestamp, logAppendTime }] of messages.entries()) {
            if (fetch === 1) t.is(timestamp, -1)
            else if (topic === 'log') t.true(logAppendTime && timestamp >= before && timestamp === messages[0]!.timestamp)
            else t.is(timestamp, version === 1 ? -1 : written[i]!.timestamp)
          }
        }
      }
      base += written.length
    }
    // The wrapper has the newest time, which is what a broker of 0.10 would index it by.
    const { records } = await fetchFrom(channel, 'a', 0, { version: 2, partitionMaxBytes: 1 })
    if (compression !== 'none') t.is(Number(records!.readBigInt64BE(18)), TIME + 7)
    t.deepEqual(
      listing(await fetchFrom(channel, 'a', 0)).map((line) => line.replace(/^\d+:/, '')),
      [1, 2, 3].flatMap(() => ['no key', 'null', 'null', '']),
    )
  })
}

interface Model {
  /** What an old client may see. */
  messages: { offset: number; timestamp: number; key: string; value: string; bytes: number }[]
  /** Offsets of batches that it cannot be given, and what follows them. */
  zstd: { first: number; next: number }[]
  end: number
}

const part = fc.option(
  fc.string({ maxLength: 20 }).map((text) => Buffer.from(text)),
  { nil: null },
)
const oldRead = fc.record({
  batches: fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('data' as const),
          compression: fc.constantFrom<CompressionName>('none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
          records: fc.array(fc.record({ gap: fc.nat(2), timestamp: fc.integer({ min: -1, max: 2 ** 41 }), key: part, value: part }), {
            minLength: 1,
            maxLength: 6,
          }),
          /** Offsets behind the last record that compaction has emptied. */
          rest: fc.nat(2),
          logAppendTime: fc.boolean(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('marker' as const), count: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('empty' as const), length: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('hole' as const), length: fc.integer({ min: 1, max: 9 }) }) },
    ),
    { minLength: 1, maxLength: 12 },
  ),
  maxBytes: fc.constantFrom(0, 1, 60, 300, 100_000),
  patience: fc.constantFrom(1, 200, 2000, 1_000_000),
  magic: fc.constantFrom<0 | 1>(0, 1),
})

type Layout = typeof oldRead extends fc.Arbitrary<infer T> ? T : never

/** The file of a segment as appends, transactions and compaction leave it, and what is in it. */
function layOut({ batches: shapes, magic }: Layout): { file: Buffer; model: Model } {
  const parts: Buffer[] = []
  const model: Model = { messages: [], zstd: [], end: 0 }
  const add = (bytes: Buffer): void => {
    header.setBaseOffset(bytes, 0, model.end)
    header.setLeaderEpoch(bytes, 0, 0)
    parts.push(bytes)
    model.end = header.nextOffset(bytes, 0)
  }
  for (const shape of shapes) {
    if (shape.kind === 'hole') model.end += shape.length
    else if (shape.kind === 'marker') for (let i = 0; i < shape.count; i++) add(markerOf(i))
    else if (shape.kind === 'empty') add(emptied(shape.length))
    else {
      const builder = new BatchBuilder({ compression: shape.compression })
      let delta = -1
      const appendTime = shape.logAppendTime ? TIME : undefined
      for (const { gap, timestamp, key, value } of shape.records) {
        delta += gap + 1
        builder.appendAt(delta, timestamp, key, value, [{ key: 'dropped', value: null }])
        if (shape.compression === 'zstd') continue
        const time = magic === 0 ? -1 : (appendTime ?? timestamp)
        const bytes = MESSAGE_LOG_OVERHEAD + 14 + 8 * magic + (key?.length ?? 0) + (value?.length ?? 0)
        model.messages.push({ offset: model.end + delta, timestamp: time, key: String(key), value: String(value), bytes })
      }
      const first = model.end
      add(
        Buffer.from(builder.build({ lastOffsetDelta: delta + shape.rest, ...(appendTime !== undefined && { logAppendTime: appendTime }) })),
      )
      if (shape.compression === 'zstd') model.zstd.push({ first, next: model.end })
    }
  }
  // The log ends with a batch: a hole at its end nobody knows of.
  add(markerOf(0))
  return { file: Buffer.concat(parts), model }
}

function markerOf(producerId: number): Buffer {
  return Buffer.from(endTxnMarker({ producerId, producerEpoch: 0, coordinatorEpoch: 0, commit: producerId % 2 === 0, timestamp: TIME }))
}

/** A batch that compaction has taken all records from. */
function emptied(length: number): Buffer {
  const builder = new BatchBuilder()
  builder.append(TIME, null, null)
  const bytes = Buffer.from(builder.build()).subarray(0, header.BATCH_OVERHEAD)
  bytes.writeInt32BE(header.BATCH_OVERHEAD - header.LOG_OVERHEAD, header.BatchField.length)
  bytes.writeInt32BE(0, header.BatchField.recordCount)
  bytes.writeInt32BE(length - 1, header.BatchField.lastOffsetDelta)
  header.sealBatch(bytes, 0)
  return bytes
}

test('what an old client reads from any offset is what a naive model of the log says: markers, holes, emptied batches, zstd, limits', async (t) => {
  await fc.assert(
    fc.asyncProperty(oldRead, async (layout) => {
      const { file, model } = layOut(layout)
      const files = new FaultyFiles()
      files.mkdir(DIRECTORY)
      files.writeFile(`${DIRECTORY}/${'0'.repeat(20)}.log`, file)
      const config = { cleanupPolicy: 'compact' as const, messageTimestampAfterMaxMs: -1 }
      const log = openLog({ files, clock: new ManualClock(TIME), config })
      const partition = new Partition('topic', 0, '', log)
      if (log.logEndOffset !== model.end) throw new Error(`the log ends at ${log.logEndOffset}, not ${model.end}`)
      for (let start = 0; start <= model.end; start++) {
        const expected = model.messages.filter(({ offset }) => offset >= start)
        // From each offset the first answer, from the beginning all of them.
        const found = await consume(partition, layout, model, start, start === 0)
        const count = start === 0 ? expected.length : Math.min(found.length, expected.length)
        t.deepEqual(
          found,
          expected.slice(0, count).map(({ bytes: _, ...message }) => message),
        )
        if (start > 0 && expected.length > 0 && model.zstd.length === 0) t.true(found.length > 0, 'always something')
      }
      log.abandon()
    }),
    { numRuns: 80 },
  )
})

/** Reads as an old client does: what is older than its position it throws away, and then asks for what follows the newest. */
async function consume(partition: Partition, { maxBytes, patience, magic }: Layout, model: Model, start: number, all: boolean) {
  const seen: Omit<Model['messages'][number], 'bytes'>[] = []
  let offset = start
  let from = start
  for (let rounds = 0; offset < model.end; rounds++) {
    if (rounds > 20_000) throw new Error(`no progress at ${offset}`)
    let answer
    try {
      answer = readLegacy(partition, { offset, from, maxBytes, end: model.end, magic, patience: { bytes: patience } })
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kafkaCode !== 'UNSUPPORTED_COMPRESSION_TYPE') throw error
      // An operator would send the group on behind it.
      offset = from = model.zstd.find(({ next }) => next > from && next > offset)!.next
      continue
    }
    if (answer.goOnAt !== undefined) {
      from = await nextMessages(partition, answer.goOnAt, offset)
      continue
    }
    const messages = decodeMessageSet(answer.records, 1 << 20).messages
    const one = model.messages.find((message) => message.offset >= offset)?.bytes ?? 0
    const compressed = messages.length > 0 && decodeMessageSet(answer.records, 1 << 20).compression !== 'none'
    if (answer.records.length > Math.max(maxBytes, one) && !compressed) throw new Error(`${answer.records.length} bytes for ${maxBytes}`)
    const newer = messages.filter((message) => message.offset >= offset)
    if (messages.length === 0) break
    if (newer.length === 0) throw new Error(`nothing new from ${offset} on: the client would ask for ever`)
    for (const { offset: at, timestamp, key, value } of newer) seen.push({ offset: at, timestamp, key: String(key), value: String(value) })
    offset = from = newer.at(-1)!.offset + 1
    if (!all) break
  }
  return seen
}

test('an old fetch behind a hundred thousand markers is answered, and others are answered meanwhile', async (t) => {
  const files = new FaultyFiles()
  const options = { dir: '/data', files, port: null, config: { durability: 'page-cache' } } as const
  const first = await Broker.start(options)
  const dial = async (broker: Broker): Promise<Channel> =>
    new Channel(await broker.dialer.dial('', 0), { clientId: 'old', clock: systemClock })
  const maker = await dial(first)
  await createTopic(maker, 'a', 2)
  maker.close()
  await first.close()
  const marker = markerOf(0)
  const count = 100_000
  const log = Buffer.alloc(marker.length * count)
  for (let i = 0; i < count; i++) {
    marker.copy(log, i * marker.length)
    header.setBaseOffset(log, i * marker.length, i)
  }
  files.writeFile(`/data/a-0/${'0'.repeat(20)}.log`, log)
  for (const path of files.paths()) if (/cleanshutdown|a-0[/].*(index|snapshot)/.test(path)) files.unlink(path)
  const broker = await Broker.start(options)
  t.teardown(() => broker.close())
  const [old, other] = [await dial(broker), await dial(broker)]
  t.teardown(() => [old, other].forEach((channel) => channel.close()))
  const done: string[] = []
  const fetching = fetchFrom(old, 'a', 0, { version: 2 }).then((answer) => (done.push('fetch'), answer))
  let between = 0
  while (!done.includes('fetch')) {
    await other.request(Metadata, 9, { topics: [{ name: 'a' }] })
    if (!done.includes('fetch')) between++
  }
  t.true(between >= 2, `${between} others were answered meanwhile`)
  t.deepEqual([(await fetching).errorCode, (await fetching).records!.length], [0, 0])
  // It waits like any other where there is nothing but markers, and is woken.
  const waiting = fetchFrom(old, 'a', 0, { version: 2, maxWaitMs: 60_000 })
  await other.request(Metadata, 9, { topics: [{ name: 'a' }] })
  t.is((await produce(other, 'a', batch(['behind']))).baseOffset, count)
  t.deepEqual(
    messagesOf((await waiting).records).map(({ offset, value }) => `${offset}:${String(value)}`),
    [`${count}:behind`],
  )
  t.deepEqual(
    messagesOf((await fetchFrom(old, 'a', 0, { version: 0 })).records).map(({ offset }) => offset),
    [count],
  )
})
