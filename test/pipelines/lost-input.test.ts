import test, { type ExecutionContext } from 'ava'
import type { Broker } from '../../core/broker/broker.ts'
import { type Client, connect, json, string } from '../../core/index.ts'
import { map, mapAsync, pipeline, topic } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const copy = pipeline('copy')
  .from(input)
  .pipe(map((r) => ({ key: r.key, value: r.value })))
  .to(output)

interface World {
  readonly broker: Broker
  readonly client: Client
  /** Writes the numbers. */
  readonly write: (from: number, to: number) => Promise<void>
  readonly read: () => Promise<number[]>
}

async function world(t: ExecutionContext): Promise<World> {
  const broker = await startSmallBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics([
    { name: 'in', partitions: 1 },
    { name: 'out', partitions: 1 },
  ])
  const write = async (from: number, to: number): Promise<void> => {
    const producer = client.producer()
    for (let n = from; n < to; n++) void producer.send({ topic: 'in', key: 'k', value: JSON.stringify(n) })
    await producer.close()
  }
  const read = async (): Promise<number[]> =>
    (await readAll(client, 'out', (b) => JSON.parse(String(b)) as number)).map(({ value }) => value)
  return { broker, client, write, read }
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

test('a pipeline does not start when records were deleted before it has read them, and says which', async (t) => {
  const { broker, client, write, read } = await world(t)
  await write(0, 10)
  const { job: first } = await start(t, broker, [copy])
  await first.drain()
  await write(10, 30)
  await client.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 17 }])
  const { job } = await start(t, broker, [copy])
  const error = await t.throwsAsync(job.done, { code: 'INPUT_LOST' })
  t.regex(
    error.message,
    /pipeline "copy" has lost input: in-0 was read up to offset 10 and begins at 17 now: 7 offsets were deleted before/,
  )
  t.regex(error.message, /lostInput: 'skip'/)
  t.deepEqual(await read(), numbers(0, 10))
})

test("with lostInput: 'skip' it goes on with what is there, and counts what is not", async (t) => {
  const { broker, client, write, read } = await world(t)
  await write(0, 10)
  const { job: first } = await start(t, broker, [copy])
  await first.drain()
  await write(10, 30)
  await client.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 17 }])
  const { job } = await start(t, broker, [copy], { lostInput: 'skip' })
  const lost: number[] = []
  job.metrics$.subscribe((metrics) => lost.push(metrics[0]!.lost))
  await job.drain()
  t.deepEqual(await read(), [...numbers(0, 10), ...numbers(17, 30)])
  t.is(lost.at(-1), 7)
})

for (const lostInput of ['fail', 'skip'] as const) {
  test(`records that are deleted while a slow operator works: ${lostInput}`, async (t) => {
    const { broker, client, write, read } = await world(t)
    const gate = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const slow = pipeline('slow')
      .from(input)
      .pipe(
        mapAsync(async (r) => {
          held.resolve()
          await gate.promise
          return { key: r.key, value: r.value }
        }),
      )
      .to(output)
    await write(0, 10)
    const { job } = await start(t, broker, [slow], { lostInput, epoch: { records: 5, ms: 5 } })
    job.done.catch(() => undefined)
    await held.promise
    // Far more than lies fetched here.
    const big = client.producer()
    for (let n = 10; n < 40; n++) void big.send({ topic: 'in', key: 'k', value: JSON.stringify(n).padEnd(900_000) })
    await big.close()
    await client.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 38 }])
    gate.resolve()
    if (lostInput === 'fail') {
      const error = await t.throwsAsync(job.done, { code: 'INPUT_LOST' })
      t.regex(error.message, /begins at 38 now/)
    } else {
      await job.drain()
      const out = await read()
      t.deepEqual(
        out,
        [...new Set(out)].sort((a, b) => a - b),
      )
      t.deepEqual(out.slice(-2), [38, 39])
      t.true(out.length < 40)
    }
  })
}

test('a position behind the end of the log is told apart', async (t) => {
  const { broker, client, write } = await world(t)
  await write(0, 10)
  // As after a broker was restored from an older copy.
  await client.admin.alterConsumerGroupOffsets('moldau-copy', [{ topic: 'in', partition: 0, offset: 50 }])
  const { job } = await start(t, broker, [copy])
  const error = await t.throwsAsync(job.done, { code: 'INPUT_LOST' })
  t.regex(error.message, /in-0 was read up to offset 50 and ends at 10 now: it was truncated or made anew/)
})
