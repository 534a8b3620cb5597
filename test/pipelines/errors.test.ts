import test, { type ExecutionContext } from 'ava'
import { bufferCount, delay, map as rxMap, mergeMap, toArray } from 'rxjs'
import { connect } from '../../core/index.ts'
import { json, string } from '../../core/serde/primitives.ts'
import { originOf, withoutOrigin } from '../../pipelines/errors/dead-letter.ts'
import {
  type Flow,
  concatMap,
  flatMap,
  map,
  mapAsync,
  type Pipeline,
  type PipelineMetrics,
  pipeline,
  type RunOptions,
  topic,
  type TopicRecord,
} from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const RECORDS = 60
/** Values that nobody can process; the last of all among them. */
const poison = new Set([3, 17, 18, 40, 59])

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const other = topic('other', { key: string, value: json<number>() })

type Item = TopicRecord<string, number>

const beginning = () => pipeline('p', { onError: 'dead-letter' }).from(input)

function checked(value: number): number {
  if (poison.has(value)) throw new TypeError(`cannot take ${value}`)
  return value
}

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(value)))

/** All of the key's good values, in order. */
const good = Array.from({ length: RECORDS }, (_, i) => i).filter((i) => !poison.has(i))

async function rig(t: ExecutionContext) {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics([input, output, other].map(({ name }) => ({ name, partitions: 1 })))
  const producer = client.producer()
  t.teardown(() => producer.close())
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    topic: 'in',
    partition: 0,
    key: Buffer.from('k'),
    value: Buffer.from(String(i)),
    timestamp: 1000 + i,
    headers: [{ key: 'mine', value: Buffer.from(`h${i}`) }],
  }))
  await Promise.all(records.map((record) => producer.send(record)))
  return { broker, client }
}

async function letters(client: Awaited<ReturnType<typeof connect>>, name: string) {
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest' })
  consumer.assign([{ topic: name, partition: 0, offset: 0 }])
  const end = (await consumer.endOffsets([{ topic: name, partition: 0 }])).get(`${name}-0`)!
  const found = []
  while (consumer.position({ topic: name, partition: 0 })! < end) {
    for (const { columns, from, count } of await consumer.poll(50)) {
      for (let i = from; i < from + count; i++) {
        const headers = columns.headers(i)
        found.push({
          key: columns.key(i)?.toString(),
          value: columns.value(i)?.toString(),
          timestamp: columns.timestamp(i),
          own: withoutOrigin(headers).map((h) => h.value?.toString()),
          origin: originOf(headers, 0)!,
        })
      }
    }
  }
  await consumer.close()
  return found
}

async function drained(t: ExecutionContext, jobs: Pipeline, options: Partial<RunOptions> = {}) {
  const { broker, client } = await rig(t)
  const { job } = await start(t, broker, [jobs], { codeVersion: '1.2.3', ...options })
  let metrics: PipelineMetrics | undefined
  job.metrics$.subscribe(([m]) => (metrics = m))
  await job.drain()
  const values = async (name: string) => (await readAll(client, name, (b) => JSON.parse(String(b)) as number)).map((r) => r.value)
  return { client, metrics, values }
}

const declarations: [string, (stream: Flow<Item>) => Pipeline, RegExp][] = [
  ['map', (s) => (s as ReturnType<typeof beginning>).pipe(map((r) => ({ key: r.key, value: checked(r.value) }))).to(output), /^map/],
  [
    'a flatMap before it',
    (s) =>
      s
        .pipe(
          flatMap((r) => [r, r]),
          map((r) => ({ key: r.key, value: r.value })),
        )
        .branch({ all: () => true })
        .all.pipe(mapAsync(async (r) => later({ ...r, value: checked(r.value) })))
        .pipe(flatMap((r) => [r]))
        .to(output),
    /^mapAsync/,
  ],
  ['mapAsync', (s) => s.pipe(mapAsync(async (r) => later({ key: r.key, value: checked(r.value) }))).to(output), /^mapAsync/],
  ['concatMap', (s) => s.pipe(concatMap(async (r) => later({ key: r.key, value: checked(r.value) }))).to(output), /^concatMap/],
  ['RxJS at once', (s) => s.perEpoch(rxMap((r) => ({ key: r.key, value: checked(r.value) }))).to(output), /^perEpoch/],
  ['RxJS later', (s) => s.perEpoch(mergeMap(async (r) => later({ key: r.key, value: checked(r.value) }), 4)).to(output), /^perEpoch/],
  [
    'RxJS in batches',
    (s) =>
      s
        .perEpoch(
          bufferCount(4),
          mergeMap((rs) => rs.map((r) => ({ key: r.key, value: checked(r.value) }))),
        )
        .to(output),
    /^perEpoch/,
  ],
  [
    'RxJS at the end of the epoch',
    (s) =>
      s
        .perEpoch(
          toArray(),
          delay(1),
          mergeMap((rs) => rs.map((r) => ({ key: r.key, value: checked(r.value) }))),
        )
        .to(output),
    /^perEpoch/,
  ],
  [
    'an operator behind RxJS',
    (s) =>
      s
        .perEpoch(delay(1))
        .pipe(map((r) => ({ key: r.key, value: checked(r.value) })))
        .to(output),
    /^map/,
  ],
  [
    'an operator behind keyBy',
    (s) =>
      s
        .keyBy((r) => r.key, { key: string, value: json<number>() })
        .pipe(map((r) => ({ key: r.key, value: checked(r.value) })))
        .to(output),
    /^map/,
  ],
  ['a key selector', (s) => s.keyBy((r) => `${checked(r.value) === -1}`, { key: string, value: json<number>() }).to(output), /^keyBy/],
  ['a predicate of branch', (s) => s.branch({ all: (r) => checked(r.value) >= 0 }).all.to(output), /^branch/],
  [
    'a topic that cannot take it',
    (s) =>
      s
        .pipe(map((r) => ({ key: r.key, value: r.value })))
        .to({ ...output, value: { ...output.value, serialize: (value: number) => output.value.serialize(checked(value)) } }),
    /^to 'out'/,
  ],
]

for (const [name, declare, operator] of declarations) {
  for (const records of [7, 500]) {
    test(`dead letters of ${name} are exact, epochs of ${records}`, async (t) => {
      const { client, metrics, values } = await drained(t, declare(beginning()), { epoch: { records, ms: 5 } })
      const written = await values('out')
      const expected = name === 'a flatMap before it' ? good.flatMap((v) => [v, v]) : good
      t.deepEqual(
        written.toSorted((a, b) => a - b),
        expected,
      )
      const found = await letters(client, 'moldau-p-dead-letters')
      t.deepEqual(
        found.map(({ value }) => Number(value)).toSorted((a, b) => a - b),
        [...poison],
      )
      for (const { key, value, timestamp, own, origin } of found) {
        const at = Number(value)
        t.is(key, 'k')
        t.is(timestamp, 1000 + at)
        t.deepEqual(own, [`h${at}`])
        t.is(origin.exception, 'TypeError')
        t.is(origin.message, `cannot take ${at}`)
        t.regex(origin.stacktrace, /checked/)
        t.regex(origin.operator, operator)
        t.deepEqual([origin.pipeline, origin.application, origin.version], ['p', 'moldau', '1.2.3'])
        t.is(origin.topic, name === 'an operator behind keyBy' ? 'moldau-p-1-keyBy-repartition' : 'in')
        if (origin.topic === 'in') t.is(origin.offset, at)
      }
      t.is(metrics!.deadLettered, poison.size)
      t.is(metrics!.skipped, 0)
    })
  }
}
