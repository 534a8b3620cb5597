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
  together,
  topic,
  type TopicRecord,
  tumbling,
} from '../../pipelines/index.ts'
import { testPipeline } from '../../pipelines/testing/index.ts'
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

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

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
      t.deepEqual(sorted(written), expected)
      const found = await letters(client, 'moldau-p-dead-letters')
      t.deepEqual(sorted(found.map(({ value }) => Number(value))), [...poison])
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

/** Items whose value is poison go both ways; nobody may see half of one. */
const halves = (s: Flow<Item>) => {
  const plain = s.pipe(map((r) => ({ key: r.key, value: r.value })))
  return together(plain.to(other), plain.pipe(map((r) => ({ key: r.key, value: checked(r.value) }))).to(output))
}

for (const records of [7, 500]) {
  test(`a record that fails on one of two ways goes neither, epochs of ${records}`, async (t) => {
    const { values, client } = await drained(t, halves(beginning()), { epoch: { records, ms: 5 } })
    t.deepEqual(await values('out'), good)
    t.deepEqual(await values('other'), good)
    t.is((await letters(client, 'moldau-p-dead-letters')).length, poison.size)
  })

  test(`state is as if the records that failed had not been there, epochs of ${records}`, async (t) => {
    const declared = beginning()
      .groupByKey()
      .aggregate({ init: () => 0, add: (sum: number, r) => sum + checked(r.value) })
      .to(output)
    const { values, client } = await drained(t, declared, { epoch: { records, ms: 5 } })
    let sum = 0
    t.deepEqual(
      await values('out'),
      good.map((value) => (sum += value)),
    )
    const found = await letters(client, 'moldau-p-dead-letters')
    t.true(found.every(({ origin }) => origin.operator.startsWith('aggregate')))
    t.is(found.length, poison.size)
  })

  test(`what is behind an aggregation takes its record back out of it, epochs of ${records}`, async (t) => {
    const sums = beginning()
      .groupByKey()
      .reduce((a, b) => a + b)
    const declared = sums.pipe(map((r) => ({ key: r.key, value: r.value % 10 === 8 ? checked(3) : r.value }))).to(output)
    const { values } = await drained(t, declared, { epoch: { records, ms: 5 }, poisonMax: Infinity })
    let sum = 0
    const expected: number[] = []
    for (let i = 0; i < RECORDS; i++) {
      if ((sum + i) % 10 === 8) continue
      expected.push((sum += i))
    }
    t.deepEqual(await values('out'), expected)
  })

  test(`what a closed window gives and nobody can take is passed over, epochs of ${records}`, async (t) => {
    const declared = beginning()
      .groupByKey()
      .window(tumbling(10, { emit: 'close' }))
      .count()
      .pipe(map((r) => ({ key: r.key, value: r.window.start === 1020 ? checked(3) : r.window.start })))
      .to(output)
    const { values, client } = await drained(t, declared, { epoch: { records, ms: 5 } })
    t.deepEqual(await values('out'), [1000, 1010, 1030, 1040, 1050])
    const [letter] = await letters(client, 'moldau-p-dead-letters')
    t.is(letter!.origin.offset, -1)
    t.like(JSON.parse(letter!.value!), { key: 'k', value: 10, window: { start: 1020, end: 1030 } })
  })

  test(`records that cannot be read are dead letters with the bytes they have, epochs of ${records}`, async (t) => {
    const unreadable = topic('in', {
      key: string,
      value: { ...json<number>(), deserialize: (b: Buffer, from: number, to: number) => checked(Number(b.toString('utf8', from, to))) },
    })
    const declared = pipeline('p')
      .from(unreadable)
      .onError('dead-letter')
      .pipe(map((r) => ({ key: r.key, value: r.value })))
      .to(output)
    const { values, client } = await drained(t, declared, { epoch: { records, ms: 5 } })
    t.deepEqual(await values('out'), good)
    const found = await letters(client, 'moldau-p-dead-letters')
    t.deepEqual(
      found.map(({ value, origin }) => [value, origin.offset, origin.operator]),
      [...poison].map((at) => [String(at), at, "from 'in'"]),
    )
  })
}

test('a joiner that throws makes a dead letter of its record', async (t) => {
  const start = pipeline('p', { onError: 'dead-letter', deadLetters: 'graveyard' })
  const stream = start.from(input)
  const sums = stream.groupByKey().count()
  const declared = stream.join(sums, (value) => checked(value)).to(output)
  const { values, client } = await drained(t, declared)
  t.deepEqual(await values('out'), good)
  t.is((await letters(client, 'graveyard')).length, poison.size)
})

test('the operator beats the pipeline, which beats the run; a function decides from error and record', async (t) => {
  const asked: string[] = []
  const declared = pipeline('p', { onError: 'fail' })
    .from(input)
    .pipe(
      map((r) => ({ key: r.key, value: r.value < 20 ? checked(r.value) : r.value }), { onError: 'skip' }),
      map((r) => ({ key: r.key, value: checked(r.value) }), {
        onError: (error, record) => {
          asked.push(`${String(error)} ${record.topic}@${record.offset} ${String(record.key)}=${String(record.value)}`)
          return record.offset === 40 ? 'dead-letter' : 'skip'
        },
      }),
    )
    .to(output)
  const { values, client, metrics } = await drained(t, declared, { onError: 'fail' })
  t.deepEqual(await values('out'), good)
  t.deepEqual(asked, ['TypeError: cannot take 40 in@40 k=40', 'TypeError: cannot take 59 in@59 k=59'])
  t.like(metrics, { skipped: 4, deadLettered: 1 })
  t.is((await letters(client, 'moldau-p-dead-letters')).length, 1)
})

test('more records of one epoch than poisonMax stop the pipeline, and nothing is committed', async (t) => {
  const declared = beginning()
    .pipe(map((r) => ({ key: r.key, value: checked(r.value) })))
    .to(output)
  const { broker, client } = await rig(t)
  const { job } = await start(t, broker, [declared], { poisonMax: 4, epoch: { records: 500, ms: 500 } })
  await t.throwsAsync(job.drain(), {
    code: 'OPERATOR_FAILED',
    message: /more than 4 records of one epoch failed, the last at in-0@59.*raise poisonMax/s,
  })
  t.deepEqual(await readAll(client, 'out', String), [])
  t.deepEqual(await letters(client, 'moldau-p-dead-letters'), [])
})

test('without a handler the pipeline stops at the first', async (t) => {
  const declared = pipeline('p')
    .from(input)
    .pipe(map((r) => ({ key: r.key, value: checked(r.value) })))
    .to(output)
  const { broker } = await rig(t)
  const { job } = await start(t, broker, [declared])
  await t.throwsAsync(job.drain(), { code: 'OPERATOR_FAILED', message: /cannot take 3 \(at in-0@3\)/ })
})

for (const [name, declare] of [
  ['two ways', halves],
  ['RxJS later', declarations.find(([n]) => n === 'RxJS later')![1]],
] as const) {
  test(`dead letters are exact when the process is killed again and again: ${name}`, async (t) => {
    const { broker, client } = await rig(t)
    const options = { epoch: { records: 5, ms: 0 } }
    for (let round = 0; round < 6; round++) {
      const { job, kill } = await start(t, broker, [declare(beginning())], options)
      // Killed in the midst of the first, the second, the third … epoch.
      let epochs = 0
      await new Promise<void>((resolve) => {
        const subscription = job.metrics$.subscribe({
          next: ([m]) => {
            epochs = m!.epochs
            if (epochs >= 1) resolve()
          },
          complete: resolve,
        })
        setTimeout(resolve, 20 * (round + 1))
        t.teardown(() => subscription.unsubscribe())
      })
      kill()
    }
    const { job } = await start(t, broker, [declare(beginning())], options)
    await job.drain()
    const written = (await readAll(client, 'out', (b) => Number(String(b)))).map((r) => r.value)
    t.deepEqual(sorted(written), good)
    const found = await letters(client, 'moldau-p-dead-letters')
    t.deepEqual(sorted(found.map(({ value }) => Number(value))), [...poison])
  })
}

test('a record that cannot be read, and marks without a record, do not move the blame onto another', async (t) => {
  const texts = topic('in', { key: string, value: string })
  const asynchronously = (stream: Flow<Item>) =>
    stream.perEpoch(mergeMap(async (r) => later({ key: r.key, value: checked(r.value) }))).to(output)
  const declared = {
    in: asynchronously(beginning()),
    keyed: asynchronously(beginning().keyBy((r) => r.key, { key: string, value: json<number>() })),
  }
  for (const [name, jobs] of Object.entries(declared)) {
    const kit = testPipeline(jobs)
    await kit.pipe(
      texts,
      ['1', 'no json', '2', '3', '4'].map((value) => ({ key: 'k', value })),
    )
    t.deepEqual(
      kit.read(output).map(({ value }) => value),
      [1, 2, 4],
      name,
    )
    t.deepEqual(
      kit.deadLetters().map(({ value }) => String(value)),
      ['no json', '3'],
      name,
    )
  }
})
