import { setTimeout as wait } from 'node:timers/promises'

import { type Client, connect, int64 } from 'moldau/core'
import { progress } from '../broker/compare.ts'
import { Latencies } from '../broker/latencies.ts'
import type { Contender as Server } from '../broker/servers.ts'
import { createTopic, freshTopic } from '../broker/topics.ts'
import { type BenchRow, median, range } from '../row.ts'
import type { Engine } from './engines.ts'
import { PARTITIONS, recordOf } from './task.ts'

const RECORDS_PER_SECOND = 5000
const SEND_EVERY_MS = 2
const WARM_UP_MS = 8000
const MEASURED_MS = 10_000

/** What a reader of committed results waits for them, in milliseconds. */
interface Waits {
  readonly p50: number
  readonly p99: number
}

/**
 * How long it takes from a record that is produced to the count that comes of it, as a reader of committed records sees it, at a steady rate.
 *
 * @param synced what the broker does before it answers, for the title
 */
export async function latencyRows(
  server: Server,
  synced: string,
  ours: Engine,
  peer: Engine | undefined,
  rounds: number,
): Promise<BenchRow[]> {
  const title = `latency, keyed count, committed, at ${RECORDS_PER_SECOND}/s, ${synced}`
  const client = await connect(server.bootstrap)
  const measured = new Map<Engine, Waits[]>([ours, ...(peer === undefined ? [] : [peer])].map((engine) => [engine, []]))
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const [engine, waits] of measured) {
        progress(`${title}: round ${round} of ${rounds}, ${engine.name}`)
        waits.push(await measure(server, client, engine, `latency-${round}-${waits.length}-${engine === ours ? 'a' : 'b'}`))
      }
    }
  } finally {
    await client.close()
  }
  const [mine, theirs] = [measured.get(ours)!, peer === undefined ? undefined : measured.get(peer)!]
  return (['p50', 'p99'] as const).map((which) => {
    const [own, other] = [mine.map((one) => one[which]), theirs?.map((one) => one[which])]
    return {
      row: `${title}${peer === undefined ? '' : `, against ${peer.name}`}`,
      unit: `ms ${which}`,
      better: 'lower',
      ours: median(own),
      oursRange: range(own),
      peer: other === undefined ? null : median(other),
      ...(other !== undefined && { peerRange: range(other) }),
      ratio: other === undefined ? null : median(own) / median(other),
      target: which === 'p50' ? 20 : null,
    }
  })
}

async function measure(server: Server, client: Client, engine: Engine, application: string): Promise<Waits> {
  const [input, output] = [freshTopic(), freshTopic()]
  for (const name of [input, output]) await createTopic(server, name, PARTITIONS)
  const running = await engine.start({ job: 'count', bootstrap: server.bootstrap, application, input, output, latency: 'low' })
  const over = new AbortController()
  try {
    const waits = new Latencies()
    const began = performance.now()
    const reading = read(client, output, over.signal, (ms) => {
      if (performance.now() - began > WARM_UP_MS) waits.add(ms)
    })
    await Promise.race([send(client, input, WARM_UP_MS + MEASURED_MS), running.failed])
    await wait(500)
    over.abort()
    await reading
    return { p50: waits.percentile(50), p99: waits.percentile(99) }
  } finally {
    over.abort()
    await running.end()
    const own = (await client.admin.listTopics()).filter(({ name }) => name.startsWith(`${application}-`)).map(({ name }) => name)
    await client.admin.deleteTopics([input, output, ...own])
  }
}

/** Sends records that say when they were sent, at a steady rate. */
async function send(client: Client, topic: string, forMs: number): Promise<void> {
  const producer = client.producer({ lingerMs: 0 })
  await producer.partitions(topic)
  await producer.init()
  const began = performance.now()
  for (let sent = 0; performance.now() - began < forMs;) {
    const due = ((performance.now() - began) / 1000) * RECORDS_PER_SECOND
    for (; sent < due; sent++) {
      const { key, value } = recordOf(sent)
      producer.append(topic, producer.partitionFor(topic, key), key, value, Date.now())
    }
    await wait(SEND_EVERY_MS)
  }
  await producer.close()
}

/** A count has the time of its record. */
async function read(client: Client, topic: string, signal: AbortSignal, onWait: (ms: number) => void): Promise<void> {
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest' })
  consumer.assign(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 })))
  let records = 0
  while (!signal.aborted) {
    for (const { columns, from, count } of await consumer.poll(50)) {
      const now = Date.now()
      for (let i = from; i < from + count; i++) {
        onWait(now - columns.timestamp(i))
        int64.deserialize(columns.value(i)!, 0, 8)
        records++
      }
    }
  }
  await consumer.close()
  if (records === 0) throw new Error('no count came out')
}
