import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { type Client, connect } from '../../core/index.ts'
import { json, string } from '../../core/serde/primitives.ts'
import { EpochSize } from '../../pipelines/epoch-size.ts'
import { type CallContext, map, mapAsync, type MapAsyncOptions, pipeline, together, topic, tumbling } from '../../pipelines/index.ts'
import { readOptions } from '../../pipelines/options.ts'
import { plan } from '../../pipelines/planner.ts'
import { sameUnderAnyEpochSize, testPipeline } from '../../pipelines/testing/index.ts'
import { TestTask } from '../support/pipelines.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const other = topic('other', { key: string, value: json<number>() })

interface Item {
  readonly key: string
  readonly value: number
}

const through = (run: (r: Item, call: CallContext) => Promise<Item>, options?: MapAsyncOptions) =>
  pipeline('p')
    .from(input)
    .pipe(mapAsync((r, call) => run({ key: r.key, value: r.value }, call), options))
    .to(output)

const turns = async (n: number) => {
  for (let i = 0; i < n; i++) await new Promise(setImmediate)
}

/** What becomes of the call for one item: how many attempts fail, and how long each takes, in turns of the event loop. */
interface Fate {
  readonly key: string
  readonly failures: number
  readonly turns: number
}

const fates: fc.Arbitrary<Fate[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    // Two repetitions: three failures are the end of it.
    failures: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
    turns: fc.nat(4),
  }),
  { maxLength: 25 },
)

for (const order of ['key', 'all', 'none'] as const) {
  test(`order '${order}' holds under any latencies and failures; each record is there once, or a dead letter, and is called no oftener than it fails`, async (t) => {
    let failed = 0
    await fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 3, 100), async (items, concurrency, epochRecords) => {
        const calls = items.map(() => 0)
        let [running, most] = [0, 0]
        const job = through(
          async (r) => {
            const { failures, turns: wait } = items[r.value]!
            most = Math.max(most, ++running)
            const attempt = ++calls[r.value]!
            await turns(wait)
            running--
            if (attempt <= failures) throw new Error('no')
            return r
          },
          { concurrency, order, retry: { retries: 2, backoff: 0 } },
        )
        const kit = testPipeline(job, { onError: 'dead-letter', epochRecords, poisonMax: Infinity })
        await kit.pipe(
          input,
          items.map(({ key }, value) => ({ key, value })),
        )
        const written = kit.read(output).map(({ key, value }) => ({ key, value }))
        const good = items.flatMap(({ key, failures }, value) => (failures < 3 ? [{ key, value }] : []))
        const dead = items.flatMap(({ failures }, value) => (failures < 3 ? [] : [value]))
        failed += dead.length
        const of = (key: string, list: Item[]) => list.filter((r) => r.key === key)
        if (order === 'all') t.deepEqual(written, good)
        else if (order === 'key') for (const key of ['a', 'b', 'c']) t.deepEqual(of(key, written), of(key, good))
        t.deepEqual(
          written.toSorted((a, b) => a.value - b.value),
          good,
        )
        const letters = kit.deadLetters().map(({ offset }) => offset)
        t.deepEqual(
          letters.toSorted((a, b) => a - b),
          dead,
        )
        t.deepEqual(
          calls,
          items.map(({ failures }) => Math.min(3, failures + 1)),
        )
        t.true(most <= concurrency)
      }),
      { numRuns: 60 },
    )
    t.true(failed > 0)
  })
}

test('many calls are under way at a time for one partition', async (t) => {
  let [running, most] = [0, 0]
  const job = through(
    async (r) => {
      most = Math.max(most, ++running)
      await turns(2)
      running--
      return r
    },
    { concurrency: 32 },
  )
  const kit = testPipeline(job)
  await kit.pipe(
    input,
    Array.from({ length: 200 }, (_, value) => ({ key: `k${value}`, value })),
  )
  t.is(most, 32)
  t.is(kit.read(output).length, 200)
})

test('whatever the epochs are and wherever the process dies, outputs and dead letters are the same', async (t) => {
  const seen: string[] = []
  const job = through(
    async (r, { attempt }) => {
      await turns(r.value % 3)
      if (r.value % 5 === 3 || (r.value % 4 === 1 && attempt === 1)) throw new RangeError(`no ${r.value}`)
      return { key: r.key, value: r.value * 10 }
    },
    { retry: { retries: 1, backoff: 0 }, onError: 'dead-letter' },
  )
  await sameUnderAnyEpochSize(job, async (kit) => {
    await kit.pipe(
      input,
      Array.from({ length: 24 }, (_, value) => ({ key: `k${value % 4}`, value, timestamp: value })),
    )
    const letters = kit.deadLetters().map(({ offset, exception, operator }) => `${offset} ${exception} ${operator}`)
    seen.push(JSON.stringify(letters.toSorted()))
  })
  t.is(new Set(seen).size, 1)
  t.deepEqual(
    JSON.parse(seen[0]!),
    [13, 18, 23, 3, 8].map((offset) => `${offset} RangeError mapAsync (operator 1)`),
  )
})

test('a record that went two ways goes neither when its call fails', async (t) => {
  let calls = 0
  const stream = pipeline('p', { onError: 'dead-letter' }).from(input)
  const job = together(
    stream.pipe(map((r) => ({ key: r.key, value: r.value }))).to(other),
    stream
      .pipe(
        mapAsync(async (r) => {
          calls++
          if (r.value === 2) throw new Error('no')
          return { key: r.key, value: r.value }
        }),
      )
      .to(output),
  )
  const kit = testPipeline(job)
  await kit.pipe(
    input,
    [1, 2, 3].map((value) => ({ key: 'k', value })),
  )
  const values = (list: Item[]) => list.map(({ value }) => value)
  t.deepEqual(values(kit.read(output)), [1, 3])
  t.deepEqual(values(kit.read(other)), [1, 3])
  t.is(kit.deadLetters().length, 1)
  t.is(calls, 5, 'the epoch was run again without the record')
})

test('state behind mapAsync, and a second mapAsync, never saw the record that failed there', async (t) => {
  const job = pipeline('p', { onError: 'dead-letter' })
    .from(input)
    .pipe(
      mapAsync(async (r) => ({ key: r.key, value: r.value })),
      mapAsync(async (r) => (r.value === 3 ? Promise.reject(new Error('no')) : r)),
      map((r) => {
        if (r.value === 4) throw new Error('not that one')
        return r
      }),
    )
    .keyBy((r) => r.key, { key: string, value: json<number>() })
    .reduce((a, b) => a + b)
    .to(output)
  const play = async (epochRecords: number) => {
    const kit = testPipeline(job, { epochRecords })
    await kit.pipe(
      input,
      [1, 2, 3, 4, 5].map((value) => ({ key: 'k', value })),
    )
    return { sums: kit.read(output).map(({ value }) => value), dead: kit.deadLetters().map(({ offset }) => offset) }
  }
  for (const records of [1, 2, 100]) {
    const { sums, dead } = await play(records)
    t.deepEqual(sums, [1, 3, 8])
    t.deepEqual(
      dead.toSorted((a, b) => a - b),
      [2, 3],
    )
  }
})

test('a call for the result of a closed window that fails is a dead letter, and the others are not called again', async (t) => {
  let calls = 0
  const job = pipeline('p', { onError: 'dead-letter' })
    .from(input)
    .groupByKey()
    .window(tumbling(10, { emit: 'close' }))
    .count()
    .pipe(
      mapAsync(async (r) => {
        calls++
        if (r.window.start === 10) throw new Error('no')
        return { key: r.key, value: r.value }
      }),
    )
    .to(output)
  const kit = testPipeline(job)
  await kit.pipe(
    input,
    [0, 1, 12, 25].map((timestamp) => ({ key: 'k', value: 0, timestamp })),
  )
  await kit.end()
  t.deepEqual(
    kit.read(output).map(({ value }) => value),
    [2, 1],
  )
  const [letter] = kit.deadLetters()
  t.is(letter!.offset, -1)
  t.like(JSON.parse(String(letter!.value)), { window: { start: 10 } })
  t.is(calls, 3)
})

test('when one call fails the epoch, the signals of the others are aborted, and nothing of it is written', async (t) => {
  const reasons: string[] = []
  const job = through((r, { signal }) => {
    if (r.value === 3) return Promise.reject(new Error('no answer'))
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(`${r.value} ${(signal.reason as Error).message.slice(0, 60)}`)
        reject(signal.reason as Error)
      })
    })
  })
  const task = new TestTask(job)
  const items = [1, 2, 3].map((value) => ({ key: `k${value}`, value }))
  await t.throwsAsync(task.epoch(items), { code: 'OPERATOR_FAILED', message: /mapAsync \(operator 1\): no answer \(at in-0@2\)/ })
  t.deepEqual(reasons.length, 2)
  t.true(reasons.every((reason) => reason.includes('no answer')))
  t.deepEqual(task.log.read(output), [])
})

test('a call that never settles is named by the watchdog; with a timeout it is a failed call', async (t) => {
  const clock = new ManualClock()
  const never = (): Promise<Item> => new Promise(() => undefined)
  const stuck = new TestTask(through(never), { clock }).epoch([{ key: 'k', value: 1 }])
  await turns(1)
  clock.advance(1000)
  await t.throwsAsync(stuck, {
    code: 'OPERATOR_UNSAFE',
    message: /the call for in-0@0 did not settle in 1000 ms.*Give the calls a timeout/,
  })
  const late = new TestTask(through(never, { timeout: 300 }), { clock }).epoch([{ key: 'k', value: 1 }])
  await turns(1)
  clock.advance(300)
  await t.throwsAsync(late, { code: 'OPERATOR_FAILED', message: /the call took longer than 300 ms \(at in-0@0\)/ })
})

test('calls that are only slow, or held back, may be done when the epoch is run again', async (t) => {
  const clock = new ManualClock()
  const slow = new TestTask(
    through((r) => new Promise((resolve) => clock.after(400, () => resolve(r))), { concurrency: 1 }),
    { clock },
  )
  const epoch = slow.epoch([1, 2, 3, 4].map((value) => ({ key: 'k', value })))
  for (let i = 0; i < 10; i++) {
    await turns(1)
    clock.advance(100)
  }
  const error = await t.throwsAsync(epoch, {
    code: 'TIMEOUT',
    message: /2 records still wait for their calls after 1000 ms.*Raise concurrency/,
  })
  t.true((error as Error & { retriable: boolean }).retriable)
  const circuitBreaker = { minimumCalls: 1, windowCalls: 1, halfOpenCalls: 1, openMs: 5000 }
  const held = new TestTask(
    through(async () => Promise.reject(new Error('no')), { circuitBreaker, retry: 9 }),
    { clock },
  )
  const waits = held.epoch([{ key: 'k', value: 1 }])
  for (let i = 0; i < 10; i++) {
    await turns(1)
    clock.advance(100)
  }
  await t.throwsAsync(waits, { code: 'TIMEOUT', message: /its circuit breaker is open/ })
})

test('an epoch of calls begins small, grows while they are fast, and shrinks to what takes a tenth of the watchdog', (t) => {
  const job = plan(through(async (r) => r))
  const settings = readOptions({ client: {} as Client, watchdogMs: 10_000 })
  const size = new EpochSize(settings, job.parts)
  t.is(size.records, 256)
  size.took(256, 10)
  t.is(size.records, 512)
  size.took(100, 10)
  t.is(size.records, 512, 'it was not full')
  size.took(512, 700)
  t.is(size.records, 512)
  size.took(512, 4000)
  t.is(size.records, 128)
  size.took(128, 1_000_000)
  t.is(size.records, 1)
  for (let i = 0; i < 20; i++) size.took(size.records, 1)
  t.is(size.records, 10_000)
  t.is(new EpochSize(settings, plan(pipeline('p').from(input).to(output)).parts).records, 50_000)
  t.is(new EpochSize(readOptions({ client: {} as Client, epoch: { records: 5 } }), job.parts).records, 5)
})

/** A service that can be switched off, and a job that calls it for each of 200 records on a broker. */
async function service() {
  const state = { up: true, calls: 0 }
  const job = () =>
    through(
      async (r) => {
        state.calls++
        await turns(1)
        if (!state.up) throw new Error('service unavailable')
        return r
      },
      { retry: { retries: 1000, backoff: 1, backoffMax: 2 }, circuitBreaker: { minimumCalls: 5, openMs: 20, halfOpenCalls: 1 } },
    )
  return { state, job }
}

const RECORDS = 200

async function brokerWith(t: Parameters<typeof startSmallBroker>[0]) {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics([input, output].map(({ name }) => ({ name, partitions: 2 })))
  const producer = client.producer()
  t.teardown(() => producer.close())
  const records = Array.from({ length: RECORDS }, (_, i) => ({ topic: 'in', key: Buffer.from(`k${i % 7}`), value: Buffer.from(String(i)) }))
  await Promise.all(records.map((record) => producer.send(record)))
  const written = async () => {
    const read = await readAll(client, 'out', (b) => Number(String(b)))
    for (let k = 0; k < 7; k++) {
      const values = read.filter(({ key }) => key === `k${k}`).map(({ value }) => value)
      t.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
        'each key in order',
      )
    }
    return read.map(({ value }) => value).toSorted((a, b) => a - b)
  }
  return { broker, written }
}

const all = Array.from({ length: RECORDS }, (_, i) => i)

test('a service that is gone opens the circuit breaker, which metrics say; when it is back everything is there once', async (t) => {
  const { state, job } = await service()
  const { broker, written } = await brokerWith(t)
  state.up = false
  const running = await start(t, broker, [job()], { watchdogMs: 200, retryMs: 60_000, epoch: { records: 50, ms: 5 } })
  await new Promise<void>((resolve) => {
    running.job.metrics$.subscribe(([m]) => {
      const [calls] = m!.calls ?? []
      if (calls?.circuitBreaker !== 'closed' && calls?.operator === 'mapAsync (operator 1)' && m!.restarts > 0) resolve()
    })
  })
  t.deepEqual(await written(), [])
  state.up = true
  await running.job.drain()
  t.deepEqual(await written(), all)
})

test('a job whose calls wait for a service that is gone stops at once, and the next one does what is left', async (t) => {
  const { state, job } = await service()
  const { broker, written } = await brokerWith(t)
  state.up = false
  const first = await start(t, broker, [job()], { watchdogMs: 600_000, epoch: { records: 50, ms: 5 } })
  await new Promise<void>((resolve) => {
    first.job.metrics$.subscribe(([m]) => {
      if (m!.calls?.[0]?.circuitBreaker === 'open') resolve()
    })
  })
  await first.job.stop()
  t.deepEqual(await written(), [])
  state.up = true
  const second = await start(t, broker, [job()], { epoch: { records: 50, ms: 5 } })
  await second.job.drain()
  t.deepEqual(await written(), all)
})
