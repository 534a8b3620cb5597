import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { concatMap, tap } from 'rxjs'

import { Broker, connect } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'

/**
 * A process of its own, started with --expose-gc: a producer writes as fast as it can while a subscriber of `records$` hardly moves. Prints by how many
 * bytes memory has grown once all is written, and how many records came out. With the argument `greedy` the subscriber gives all credit back at once and
 * keeps the records in the queue of an operator, which is what credit is there to prevent.
 */
const greedy = process.argv[2] === 'greedy'
const RECORDS = 60_000
const VALUE_BYTES = 1000

/** Memory of buffers is given back a while after they are found to be unused. */
async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    ;(globalThis as unknown as { gc(): void }).gc()
    await sleep(50)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const dir = await mkdtemp(join(tmpdir(), 'moldau-'))
const broker = await Broker.start({ dir, config: { durability: 'page-cache' } })
const client = await connect(broker)
await client.admin.createTopics([{ name: 't', partitions: 2 }])
const consumer = client.consumer({
  autoOffsetReset: 'earliest',
  prefetchBytes: 1 << 20,
  maxPartitionFetchBytes: 256 << 10,
  fetchMaxBytes: 1 << 20,
  fetchMaxWaitMs: 20,
})
consumer.assign([
  { topic: 't', partition: 0 },
  { topic: 't', partition: 1 },
])
let taken = 0
const subscription = observe(consumer, { credit: 4, pollMs: 20 })
  .records$.pipe(
    tap((record) => greedy && record.done()),
    concatMap(async (record) => {
      await sleep(2)
      taken += record.value!.length
      record.done()
    }),
  )
  .subscribe()
const producer = client.producer({ batchSize: 64 << 10 })
await producer.partitions('t')
const value = Buffer.alloc(VALUE_BYTES)
// What everything has warmed up to is no growth.
let before = 0
for (let i = 0; i < RECORDS; i++) {
  producer.append('t', i % 2, null, value, 0)
  if (i % 200 === 0) await producer.ready()
  if (i % 2000 === 0) await producer.flush()
  if (i === RECORDS / 4) before = await used()
}
await producer.flush()
await sleep(500)
process.stdout.write(`${JSON.stringify({ grown: (await used()) - before, written: RECORDS * VALUE_BYTES, seen: taken / VALUE_BYTES })}\n`)
subscription.unsubscribe()
await client.close()
await broker.close()
await rm(dir, { recursive: true, force: true })
process.exit(0)
