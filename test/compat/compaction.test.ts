import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import test from 'ava'

import { type Broker, connect } from '../../core/index.ts'
import type { Client } from '../../core/index.ts'
import type { CleanedLog } from '../../core/log/cleaner/cleaner.ts'
import { readAll } from '../support/client-kit.ts'
import { dumpLogSegments, partitionFiles } from '../support/dump-log-segments.ts'
import { runCommand } from '../support/run-command.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { KAFKA_VERSION, kafkaLibs, startKafka } from '../support/start-kafka.ts'

const TOPIC = 'compacted'
const config = {
  'log.cleaner.backoff.ms': 50,
  'log.cleaner.min.cleanable.ratio': 0.01,
  'offsets.topic.num.partitions': 1,
  'offsets.topic.segment.bytes': 4000,
  'transaction.state.log.num.partitions': 1,
  'transaction.state.log.segment.bytes': 4000,
} as const

/** The newest value of each key; null for a tombstone that is still there. */
async function newest(client: Client): Promise<Map<string, string | null>> {
  return new Map((await readAll(client, TOPIC, 1, { isolationLevel: 'read_committed' })).map(({ key, value }) => [key!, value]))
}

const isGap = (line: string): boolean => /^(Non-consecutive offsets in .*| *-?\d+ is followed by \d+)$/.test(line)

function watchCleanings(broker: Broker): CleanedLog[] {
  const cleanings: CleanedLog[] = []
  broker.events.on('logCleaned', (cleaned) => void cleanings.push(cleaned))
  return cleanings
}

/** Upserts of every kind of producer, with tombstones and aborted transactions. */
async function load(client: Client, name: string, valueBytes: number, rounds: number): Promise<void> {
  const plain = client.producer({ compressionType: 'zstd', batchSize: 4000 })
  const producer = client.producer({ transactionalId: `tx-${name}`, batchSize: 4000 })
  const value = (i: number): string => `${name} ${i} `.padEnd(valueBytes, 'x')
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        plain.send({ topic: TOPIC, partition: 0, key: `k${(i * 7) % 30}`, value: i % 9 === 0 ? null : value(round * 50 + i) }),
      ),
    )
    producer.begin()
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => producer.send({ topic: TOPIC, partition: 0, key: `t${i}`, value: value(round) })),
    )
    await (round % 3 === 1 ? producer.abort() : producer.commit())
  }
  await plain.close()
  await producer.close()
}

test(`Kafka ${KAFKA_VERSION}'s LogCompactionTester passes, and it is compaction that it tests`, async (t) => {
  if ((await dumpLogSegments(t)) === undefined) return
  const broker = await startBroker(t, { config: { ...config, 'log.segment.bytes': 100_000 } })
  const cleanings = watchCleanings(broker)
  const tool = ['org.apache.kafka.tools.LogCompactionTester', '--bootstrap-server', broker.bootstrap]
  const options = [
    '--messages',
    '40000',
    '--duplicates',
    '10',
    '--percent-deletes',
    '20',
    '--topics',
    '2',
    '--sleep',
    '2',
    '--compression-type',
    'lz4',
  ]
  const said = await runCommand('java', ['-cp', join(await kafkaLibs(), '*'), ...tool, ...options])
  t.regex(JSON.stringify(said), /Data verification is completed/)
  const ofTool = cleanings.filter(({ topic }) => topic.startsWith('log-cleaner-test'))
  t.true(ofTool.length >= 2)
  t.true(ofTool.some(({ recordsBefore, recordsAfter }) => recordsAfter < recordsBefore / 2))
})

test(`Kafka ${KAFKA_VERSION} reads segments, indexes and snapshots after compaction`, async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const dir = await tempDir(t)
  const broker = await startBroker(t, { dir, config })
  const cleanings = watchCleanings(broker)
  const client = await connect(broker)
  const configs = { 'cleanup.policy': 'compact', 'segment.bytes': 30_000, 'index.interval.bytes': 500, 'delete.retention.ms': 200 }
  await client.admin.createTopics([{ name: TOPIC, partitions: 1, configs }])
  await load(client, 'one', 100, 20)
  for (let i = 0; i < 60; i++) await client.admin.alterConsumerGroupOffsets('group', [{ topic: TOPIC, partition: 0, offset: i }])
  await load(client, 'two', 100, 20)
  const values = await newest(client)
  const [end] = await client.admin.listOffsets([{ topic: TOPIC, partition: 0, at: 'latest' }])
  // Most of what was written, not what the first cleaning has found.
  const isCleaned = (topic: string): boolean =>
    cleanings.some((cleaned) => cleaned.topic === topic && (topic !== TOPIC || cleaned.cleanedTo > end!.offset * 0.75))
  for (const topic of [TOPIC, '__consumer_offsets', '__transaction_state']) {
    while (!isCleaned(topic)) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await client.close()
  await broker.close()

  const directory = join(dir, `${TOPIC}-0`)
  const logs = await dump(await partitionFiles(directory, '.log'), '--deep-iteration', '--print-data-log')
  const batches = logs.flatMap((log) => log.batches)
  t.true(batches.length > 0 && batches.every((batch) => batch['isvalid'] === 'true'))
  t.true(batches.some((batch) => batch['deleteHorizonMs'] !== undefined && batch['deleteHorizonMs'] !== 'OptionalLong.empty'))
  // The tool says of every compacted log, Kafka's own as well, that it has gaps; it must say nothing else.
  for (const { path, complaints } of logs)
    t.deepEqual(
      complaints.filter((line) => !isGap(line)),
      [],
      path,
    )
  const offsets = logs.flatMap((log) => log.records).map((record) => Number(record['offset']))
  t.deepEqual(
    offsets,
    [...new Set(offsets)].sort((a, b) => a - b),
  )
  t.true(offsets.length < offsets.at(-1)! / 2)
  const indexes = [...(await partitionFiles(directory, '.index')), ...(await partitionFiles(directory, '.timeindex'))]
  for (const { path, complaints } of await dump(indexes, '--verify-index-only')) t.deepEqual(complaints, [], path)
  for (const { path, passed } of await dump(indexes, '--index-sanity-check')) t.true(passed, path)
  for (const suffix of ['.txnindex', '.snapshot']) {
    const files = await partitionFiles(directory, suffix)
    if (files.length > 0) for (const { path, complaints } of await dump(files)) t.deepEqual(complaints, [], path)
  }
  for (const [folder, decoder] of [
    ['__consumer_offsets-0', '--offsets-decoder'],
    ['__transaction_state-0', '--transaction-log-decoder'],
  ] as const) {
    const decoded = await dump(await partitionFiles(join(dir, folder), '.log'), '--deep-iteration', decoder)
    for (const { path, complaints } of decoded)
      t.deepEqual(
        complaints.filter((line) => !isGap(line)),
        [],
        path,
      )
    t.true(
      decoded.some((log) => log.records.length > 0),
      folder,
    )
  }
  // And what a broker that knows nothing but the folder makes of it.
  const alone = await tempDir(t)
  await cp(directory, join(alone, `${TOPIC}-0`), { recursive: true })
  const again = await startBroker(t, { dir: alone })
  const reader = await connect(again)
  const seen = await newest(reader)
  for (const [key, value] of values) t.true(seen.get(key) === value || (value === null && !seen.has(key)), key)
  await reader.close()
})

test(`a folder that Kafka ${KAFKA_VERSION} compacted is opened, served and compacted further`, async (t) => {
  const theirs = await tempDir(t)
  const kafka = await startKafka(t, { config: { 'log.dirs': theirs, 'log.cleaner.backoff.ms': '100' } })
  if (kafka === undefined) return
  const client = await connect(kafka.bootstrap)
  const configs = {
    'cleanup.policy': 'compact',
    'segment.bytes': 1024 * 1024,
    'min.cleanable.dirty.ratio': 0.01,
    'delete.retention.ms': 100,
  }
  await client.admin.createTopics([{ name: TOPIC, partitions: 1, configs }])
  await load(client, 'kafka', 2000, 60)
  const cleanedTo = async (): Promise<number> => {
    const text = await readFile(join(theirs, 'cleaner-offset-checkpoint'), 'utf8').catch(() => '')
    return Number(new RegExp(`^${TOPIC} 0 (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  }
  while ((await cleanedTo()) === 0) await new Promise((resolve) => setTimeout(resolve, 100))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = await readAll(client, TOPIC, 1, { isolationLevel: 'read_committed' })
  const values = new Map(before.map(({ key, value }) => [key!, value]))
  await client.close()
  await kafka.stop()

  const ours = await tempDir(t)
  for (const name of [`${TOPIC}-0`, 'cleaner-offset-checkpoint', 'recovery-point-offset-checkpoint']) {
    await cp(join(theirs, name), join(ours, name), { recursive: true })
  }
  const broker = await startBroker(t, { dir: ours, config })
  const cleanings = watchCleanings(broker)
  const again = await connect(broker)
  t.deepEqual(await readAll(again, TOPIC, 1, { isolationLevel: 'read_committed' }), before)
  const set = { 'cleanup.policy': 'compact', 'segment.bytes': 50_000, 'delete.retention.ms': 100 }
  await again.admin.incrementalAlterConfigs([{ type: 'topic', name: TOPIC, set }])
  const more = again.producer()
  for (let i = 0; i < 100; i++) {
    const record = { key: `k${i % 30}`, value: `more ${i} `.padEnd(2000, 'y') }
    await more.send({ topic: TOPIC, partition: 0, ...record })
    values.set(record.key, record.value)
  }
  while (!cleanings.some(({ topic, recordsAfter }) => topic === TOPIC && recordsAfter > 0))
    await new Promise((resolve) => setTimeout(resolve, 10))
  const seen = await newest(again)
  for (const [key, value] of values) t.true(seen.get(key) === value || (value === null && !seen.has(key)), key)
  await again.close()
})
