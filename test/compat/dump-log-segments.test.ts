import { cp, open } from 'node:fs/promises'
import { basename, join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { Broker, connect } from '../../core/index.ts'
import type { Client, CompressionName, Producer } from '../../core/index.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { readAll } from '../support/client-kit.ts'
import { type DumpLogSegments, dumpLogSegments, type Dumped, type Fields, partitionFiles, sizeOf } from '../support/dump-log-segments.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { KAFKA_VERSION, startKafka } from '../support/start-kafka.ts'

const codecs: CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const config = { 'offsets.topic.num.partitions': 1, 'transaction.state.log.num.partitions': 1 } as const
const SEGMENT_BYTES = 150_000
const TOPIC = 'load'

/** What was acknowledged: the key and the value at each offset. */
type Sent = Map<number, { key: string; value: string }>

interface Transaction {
  firstOffset: number
  aborted: boolean
}

/** A value that is unlike the others, of a few hundred bytes that compress somewhat. */
const valueOf = (name: string, i: number): string => `${name} ${i} `.repeat(5 + (i % 40)).trim()

async function createTopic(client: Client): Promise<void> {
  await client.admin.createTopics([
    { name: TOPIC, partitions: 1, configs: { 'segment.bytes': SEGMENT_BYTES, 'index.interval.bytes': 1000 } },
  ])
}

/** Sends numbered records and waits for them; answers the smallest offset. */
async function send(producer: Producer, sent: Sent, name: string, from: number, count: number): Promise<number> {
  const all = Array.from({ length: count }, async (_, i) => {
    const record = { key: `${name}-${from + i}`, value: valueOf(name, from + i) }
    const { offset } = await producer.send({ topic: TOPIC, partition: 0, ...record, headers: [{ key: 'h', value: Buffer.from('1') }] })
    sent.set(offset, record)
    return offset
  })
  return Math.min(...(await Promise.all(all)))
}

/** Producers of every kind write to one partition at the same time. */
async function load(client: Client, sent: Sent): Promise<Transaction[]> {
  const transactions: Transaction[] = []
  const plain = codecs.map(async (compression) => {
    for (const idempotent of [true, false]) {
      const producer = client.producer({ compressionType: compression, enableIdempotence: idempotent, batchSize: 4000, lingerMs: 0 })
      for (let round = 0; round < 4; round++) await send(producer, sent, `${compression}-${idempotent}`, round * 100, 100)
      await producer.close()
    }
  })
  const transactional = ['one', 'two'].map(async (transactionalId, n) => {
    const producer = client.producer({ transactionalId, compressionType: codecs[n + 3]!, batchSize: 4000 })
    for (let round = 0; round < 6; round++) {
      producer.begin()
      const firstOffset = await send(producer, sent, transactionalId, round * 50, 50)
      const aborted = round % 3 === 1
      await (aborted ? producer.abort() : producer.commit())
      transactions.push({ firstOffset, aborted })
    }
    await producer.close()
  })
  await Promise.all([...plain, ...transactional])
  return transactions
}

function noComplaints(t: ExecutionContext, files: readonly Dumped[]): void {
  for (const { path, complaints } of files) t.deepEqual(complaints, [], path)
}

const isMarker = (record: Fields): boolean => record['endTxnMarker'] !== undefined
const numbersOf = (entry: Fields, ...names: string[]): number[] => names.map((name) => Number(entry[name]))

/** The log has each offset once, in files without gaps, valid, with what was sent; answers the batches and the markers. */
async function checkLogs(t: ExecutionContext, dump: DumpLogSegments, directory: string, sent: Sent) {
  const logs = await dump(await partitionFiles(directory, '.log'), '--deep-iteration', '--print-data-log')
  noComplaints(t, logs)
  let next = 0
  for (const { path, batches } of logs) {
    t.is(Number.parseInt(basename(path)), next, 'a segment is named by its first offset')
    let position = 0
    for (const batch of batches) {
      const [baseOffset, lastOffset, at, size] = numbersOf(batch, 'baseOffset', 'lastOffset', 'position', 'size')
      if (batch['isvalid'] !== 'true' || baseOffset !== next || at !== position) t.fail(`${path}: ${JSON.stringify(batch)}`)
      next = lastOffset! + 1
      position += size!
    }
    t.is(await sizeOf(path), position, path)
  }
  const records = logs.flatMap((log) => log.records)
  t.deepEqual(
    records.map((record) => Number(record['offset'])),
    Array.from({ length: next }, (_, i) => i),
  )
  const found = records.filter((record) => !isMarker(record))
  const wrong = [...sent].filter(([offset, { key, value }]) => records[offset]?.['key'] !== key || records[offset]['payload'] !== value)
  t.deepEqual(wrong, [])
  return { segments: logs.length, batches: logs.flatMap((log) => log.batches), records: found, markers: records.filter(isMarker), next }
}

/** Every entry of every index speaks of a batch that is there, by Kafka's judgement and by ours. */
async function checkIndexes(t: ExecutionContext, dump: DumpLogSegments, directory: string, batches: readonly Fields[]): Promise<void> {
  const indexes = await partitionFiles(directory, '.index')
  const times = await partitionFiles(directory, '.timeindex')
  noComplaints(t, await dump([...indexes, ...times], '--verify-index-only'))
  for (const { path, passed } of await dump([...indexes, ...times], '--index-sanity-check')) t.true(passed, path)
  const dumped = await dump([...indexes, ...times])
  noComplaints(t, dumped)
  const byLastOffset = new Map(batches.map((batch) => [Number(batch['lastOffset']), batch]))
  for (const { path, entries } of dumped) {
    const isIndex = path.endsWith('.index')
    t.is(entries.length, (await sizeOf(path)) / (isIndex ? 8 : 12), path)
    for (const entry of entries) {
      const batch = byLastOffset.get(Number(entry['offset']))
      t.is(batch?.[isIndex ? 'position' : 'CreateTime'], entry[isIndex ? 'position' : 'timestamp'], path)
    }
    // All but the last segment are full: one entry per 1000 bytes or batch.
    if (isIndex && path !== indexes.at(-1)) t.true(entries.length > 20, path)
  }
}

async function abortedIn(dump: DumpLogSegments, directory: string): Promise<Fields[]> {
  const files = await partitionFiles(directory, '.txnindex')
  return files.length === 0 ? [] : (await dump(files)).flatMap((file) => file.entries)
}

async function snapshotAt(t: ExecutionContext, dump: DumpLogSegments, directory: string, offset: number): Promise<Fields[]> {
  const newest = (await partitionFiles(directory, '.snapshot')).at(-1)!
  t.is(Number.parseInt(basename(newest)), offset, 'a clean stop leaves a snapshot at the end of the log')
  const files = await dump([newest])
  noComplaints(t, files)
  return files[0]!.entries
}

/** The folder of a broker that was stopped when `write` was done, and what that has answered. */
async function written<T>(t: ExecutionContext, write: (client: Client) => Promise<T>): Promise<{ dir: string; answer: T }> {
  const dir = await tempDir(t)
  const broker = await startBroker(t, { dir, config })
  const client = await connect(broker)
  await createTopic(client)
  const answer = await write(client)
  await client.close()
  await broker.close()
  return { dir, answer }
}

test(`Kafka ${KAFKA_VERSION} reads what many producers wrote, the indexes and snapshots with it`, async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const sent: Sent = new Map()
  const { dir, answer: transactions } = await written(t, (client) => load(client, sent))

  const directory = join(dir, `${TOPIC}-0`)
  const { segments, batches, records, markers, next } = await checkLogs(t, dump, directory, sent)
  t.true(segments >= 3, `${segments} segments`)
  t.is(sent.size, 5 * 2 * 400 + 2 * 300)
  t.is(records.length, sent.size)
  t.is(next, sent.size + transactions.length)
  t.true(records.every((record) => record['headerKeys'] === '[h]'))
  t.deepEqual(new Set(batches.map((batch) => batch['compresscodec'])), new Set<string | undefined>(codecs))
  t.is(new Set(batches.map((batch) => batch['producerId'])).size, 1 + 5 + 2)
  t.is(markers.filter((marker) => marker['endTxnMarker'] === 'COMMIT').length, 8)
  t.is(markers.filter((marker) => marker['endTxnMarker'] === 'ABORT').length, 4)
  await checkIndexes(t, dump, directory, batches)

  const aborted = transactions.filter((transaction) => transaction.aborted)
  const entries = await abortedIn(dump, directory)
  t.deepEqual(new Set(entries.map((entry) => Number(entry['firstOffset']))), new Set(aborted.map(({ firstOffset }) => firstOffset)))
  const abortMarkers = markers.filter((marker) => marker['endTxnMarker'] === 'ABORT').map((marker) => marker['offset'])
  t.deepEqual(
    entries.map((entry) => entry['lastOffset']),
    abortMarkers,
  )

  const producers = await snapshotAt(t, dump, directory, next)
  t.is(producers.length, 5 + 2)
  const last = new Map(batches.map((batch) => [batch['producerId'], batch['producerEpoch']]))
  for (const { producerId, producerEpoch, currentTxnFirstOffset } of producers) {
    t.is(producerEpoch, last.get(producerId))
    t.is(currentTxnFirstOffset, 'OptionalLong.empty')
  }
})

test('the tool would tell of an index entry or a batch that is wrong', async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const { dir } = await written(t, (client) => send(client.producer({ batchSize: 1000 }), new Map(), 'any', 0, 500))
  const directory = join(dir, `${TOPIC}-0`)
  const [log, index, times] = await Promise.all(
    ['.log', '.index', '.timeindex'].map(async (suffix) => (await partitionFiles(directory, suffix))[0]!),
  )
  await change(index!, 3)
  await change(times!, 7)
  const complaints = (await dump([index!, times!])).map((file) => file.complaints.length > 0)
  t.deepEqual(complaints, [true, true])
  await change(log!, 100)
  t.is((await dump([log!]))[0]!.batches[0]!['isvalid'], 'false')
})

test(`Kafka ${KAFKA_VERSION} reads the offsets of groups and the states of transactions`, async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const { dir } = await written(t, async (client) => {
    const producer = client.producer({ transactionalId: 'tx' })
    const consumer = client.consumer({ groupId: 'group' })
    consumer.subscribe([TOPIC])
    while (consumer.assignment().length === 0) await consumer.poll(100)
    await consumer.commit([{ topic: TOPIC, partition: 0, offset: 7, metadata: 'seven' }])
    for (const end of ['commit', 'abort'] as const) {
      producer.begin()
      await send(producer, new Map(), end, 0, 3)
      await producer.sendOffsets([{ topic: TOPIC, partition: 0, offset: end === 'commit' ? 8 : 9 }], consumer.groupMetadata())
      await producer[end]()
    }
    await consumer.close()
  })

  const offsets = await dump(await partitionFiles(join(dir, '__consumer_offsets-0'), '.log'), '--offsets-decoder')
  noComplaints(t, offsets)
  const committed = offsets[0]!.records.filter((record) => record['key']?.startsWith('{"type":"1"'))
  t.deepEqual(
    committed.map(({ key, payload }) => [dataOf(key), dataOf(payload)['offset'], dataOf(payload)['metadata']]),
    [7, 8, 9].map((offset) => [{ group: 'group', topic: TOPIC, partition: 0 }, offset, offset === 7 ? 'seven' : '']),
  )
  t.deepEqual(
    offsets[0]!.records.filter(isMarker).map((marker) => marker['endTxnMarker']),
    ['COMMIT', 'ABORT'],
  )
  const groups = offsets[0]!.records.filter((record) => record['key']?.startsWith('{"type":"2"'))
  t.deepEqual(dataOf(groups[0]!['key']), { group: 'group' })
  const members = dataOf(groups[0]!['payload'])['members'] as { assignment: { assignedPartitions: unknown } }[]
  t.deepEqual(members[0]!.assignment.assignedPartitions, [{ topic: TOPIC, partitions: [0] }])
  t.deepEqual(dataOf(groups.at(-1)!['payload'])['members'], [])

  const states = await dump(await partitionFiles(join(dir, '__transaction_state-0'), '.log'), '--transaction-log-decoder')
  noComplaints(t, states)
  const { records } = states[0]!
  t.deepEqual(new Set(records.map((record) => dataOf(record['key'])['transactionalId'])), new Set(['tx']))
  const statuses = records.map((record) => dataOf(record['payload'])['transactionStatus'])
  // Empty, then twice Ongoing (once per partition that is added, the group's included), Prepare and Complete.
  t.regex(statuses.join(''), /^01+241+35$/)
  const ongoing = records.filter((record) => dataOf(record['payload'])['transactionStatus'] === 1).at(-1)!
  const topics = dataOf(ongoing['payload'])['transactionPartitions'] as { topic: string; partitionIds: number[] }[]
  t.deepEqual(
    new Map(topics.map(({ topic, partitionIds }) => [topic, partitionIds])),
    new Map([
      [TOPIC, [0]],
      ['__consumer_offsets', [0]],
    ]),
  )
})

test(`Kafka ${KAFKA_VERSION} reads what kill -9 and the recovery have left`, async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const dir = await tempDir(t)
  const child = new ChildBroker(t, dir)
  await child.start()
  const client = await connect(`127.0.0.1:${child.port}`, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  t.teardown(() => client.close())
  await createTopic(client)
  const sent: Sent = new Map()
  const loading = load(client, sent)
  for (const part of [800, 2400]) {
    while (sent.size < part) await new Promise((resolve) => setTimeout(resolve, 1))
    await child.kill()
    await child.start()
  }
  const transactions = await loading
  const leftOpen = client.producer({ transactionalId: 'left open' })
  leftOpen.begin()
  const openFrom = await send(leftOpen, sent, 'open', 0, 20)
  await child.kill()
  const broker = await Broker.start({ dir })
  await broker.close()

  const directory = join(dir, `${TOPIC}-0`)
  const { batches, markers, next } = await checkLogs(t, dump, directory, sent)
  t.true(next >= sent.size + transactions.length)
  t.is(next, Math.max(...sent.keys()) + 1, 'the open transaction wrote last')
  t.is(markers.filter((marker) => marker['endTxnMarker'] === 'COMMIT').length, 8)
  await checkIndexes(t, dump, directory, batches)
  const aborted = await abortedIn(dump, directory)
  t.deepEqual(
    aborted.map((entry) => entry['lastOffset']),
    markers.filter((marker) => marker['endTxnMarker'] === 'ABORT').map((marker) => marker['offset']),
  )
  const producers = await snapshotAt(t, dump, directory, next)
  const unfinished = producers.filter(({ currentTxnFirstOffset }) => currentTxnFirstOffset !== 'OptionalLong.empty')
  t.deepEqual(
    unfinished.map(({ currentTxnFirstOffset }) => currentTxnFirstOffset),
    [`OptionalLong[${openFrom}]`],
  )
})

test(`folders that Kafka ${KAFKA_VERSION} wrote are opened and served`, async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const theirs = await tempDir(t)
  const kafka = await startKafka(t, { config: { 'log.dirs': theirs } })
  if (kafka === undefined) return
  const sent: Sent = new Map()
  const client = await connect(kafka.bootstrap)
  await client.admin.createTopics([{ name: TOPIC, partitions: 1, configs: { 'segment.bytes': 1024 * 1024 } }])
  for (const compression of codecs) {
    const producer = client.producer({ compressionType: compression, batchSize: 4000 })
    await send(producer, sent, compression, 0, compression === 'none' ? 4000 : 200)
    await producer.close()
  }
  const producer = client.producer({ transactionalId: 'tx' })
  producer.begin()
  await send(producer, new Map(), 'aborted', 0, 10)
  await producer.abort()
  producer.begin()
  await send(producer, sent, 'committed', 0, 10)
  await producer.commit()
  const consumer = client.consumer({ groupId: 'group' })
  consumer.assign([{ topic: TOPIC, partition: 0, offset: 0 }])
  await consumer.commit([{ topic: TOPIC, partition: 0, offset: 123, metadata: 'here' }])
  const before = await readAll(client, TOPIC)
  await client.close()
  await kafka.stop()
  // The same checks hold for Kafka's own log: they ask no more of ours, nor less.
  t.is((await checkLogs(t, dump, join(theirs, `${TOPIC}-0`), sent)).segments, 2)

  const ours = await tempDir(t)
  const folders = [`${TOPIC}-0`, ...[0, 1, 2, 3].flatMap((p) => [`__consumer_offsets-${p}`, `__transaction_state-${p}`])]
  for (const folder of folders) await cp(join(theirs, folder), join(ours, folder), { recursive: true })
  const broker = await startBroker(t, { dir: ours })
  const again = await connect(broker)
  t.teardown(() => again.close())
  t.deepEqual(await readAll(again, TOPIC), before)
  t.deepEqual(new Map(before.map(({ offset, key, value }) => [offset, { key, value }])), new Map([...sent].toSorted(([a], [b]) => a - b)))
  t.is((await again.admin.listConsumerGroupOffsets('group'))[0]!.offset, 123)
  const more: Sent = new Map()
  const goesOn = again.producer({ transactionalId: 'tx' })
  goesOn.begin()
  await send(goesOn, more, 'more', 0, 10)
  await goesOn.commit()
  t.is((await readAll(again, TOPIC)).length, before.length + 10)
})

async function change(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  byte[0]! ^= 1
  await file.write(byte, 0, 1, at)
  await file.close()
}

function dataOf(text: string | undefined): Record<string, unknown> {
  return (JSON.parse(text ?? '{}') as { data: Record<string, unknown> }).data
}
