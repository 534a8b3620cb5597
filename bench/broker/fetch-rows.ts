import type { BenchRow } from '../row.ts'
import type { LoopResult } from './closed-loop.ts'
import { type Subject, compare, progress, sample } from './compare.ts'
import { fill } from './fill.ts'
import type { Bench, Group } from './group.ts'
import { Latencies } from './latencies.ts'
import { RawConnection } from './raw-connection.ts'
import { type BatchShape, batchOf, fetchFrame, fetched, produceFrame, produced } from './requests.ts'
import type { Contender } from './servers.ts'
import { createTopic, deleteTopic, freshTopic } from './topics.ts'

const TOPIC_BYTES = 256 * 1024 * 1024
const TAIL_SECONDS = 1.5
const TAIL_WAIT_MS = 500
const TARGET = 0.8

const shapes: Readonly<Record<string, BatchShape>> = {
  '16 KiB batches': { recordBytes: 100, records: 150 },
  '1 MiB batches': { recordBytes: 1024, records: 1000 },
}

/** Reads a partition from its start to its end, one request after the other, in answers of 1 MiB. Units are requests; `bytes` what came. */
async function readAll(
  connection: RawConnection,
  topic: string,
  batchBytes: number,
  records: number,
): Promise<LoopResult & { bytes: number }> {
  const batches = Math.ceil(TOPIC_BYTES / batchBytes)
  const latencies = new Latencies()
  const started = performance.now()
  let requests = 0
  let offset = 0
  let sentAt = started
  return new Promise((resolve, reject) => {
    const ask = (): void => {
      sentAt = performance.now()
      connection.write(fetchFrame(topic, 0, offset, 0))
    }
    connection.onLost = reject
    connection.onRead = () => {}
    connection.onAnswer = (head) => {
      try {
        const bytes = fetched(head, topic)
        // Kafka sends the beginning of the next batch along.
        if (bytes < batchBytes) throw new Error(`the broker answered ${bytes} bytes, batches have ${batchBytes}`)
        offset += Math.floor(bytes / batchBytes) * records
      } catch (error) {
        return reject(error as Error)
      }
      latencies.add(performance.now() - sentAt)
      requests++
      if (offset < batches * records) return ask()
      resolve({ requests, seconds: (performance.now() - started) / 1000, latencies, bytes: batches * batchBytes })
    }
    ask()
  })
}

/** One round for each of the topics, which are used up one after the other, the last one as often as needed. */
function reading(server: Contender, topics: readonly string[], batchBytes: number, records: number, times: number): Subject {
  let next = 0
  const run: Subject['run'] = async () => {
    const topic = topics[Math.min(next++, topics.length - 1)]!
    const connection = await RawConnection.open(server.bootstrap)
    let bytes = 0
    const result = await sample(server, 1, async () => {
      let last = await readAll(connection, topic, batchBytes, records)
      bytes = last.bytes
      let seconds = last.seconds
      for (let i = 1; i < times; i++) {
        last = await readAll(connection, topic, batchBytes, records)
        bytes += last.bytes
        seconds += last.seconds
      }
      return { ...last, seconds }
    })
    connection.close()
    return { ...result, units: bytes / 1e9 }
  }
  return { server, run }
}

/** What was written a moment ago and is still in the page cache; the checksums of ours have been seen. */
export async function fetchRecent(bench: Bench): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [name, shape] of Object.entries(shapes)) {
    const pair = await bench.pair()
    const topic = freshTopic()
    let batchBytes = 0
    for (const server of pair) batchBytes = await fill(server, topic, TOPIC_BYTES, shape)
    const subjects = pair.map((server) => reading(server, [topic], batchBytes, shape.records, 4))
    rows.push(...(await compare({ row: `fetch, ${name}`, unit: 'GB', target: TARGET }, subjects, bench.rounds)))
    for (const server of pair) await deleteTopic(server, topic)
  }
  return rows
}

/** Written by a process that has ended since: nothing of it has been checked or read by the one that serves it. */
export async function fetchCold(bench: Bench): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [name, shape] of Object.entries(shapes)) {
    const pair = await bench.pair()
    const warmUp = freshTopic()
    const topics = Array.from({ length: bench.rounds }, freshTopic)
    let batchBytes = 0
    for (const server of pair) {
      progress(`fetch after a restart, ${name}: filling ${server.name}`)
      for (const topic of [warmUp, ...topics]) batchBytes = await fill(server, topic, TOPIC_BYTES, shape)
      await server.restart()
    }
    for (const server of pair) {
      const warm = reading(server, [warmUp], batchBytes, shape.records, 1)
      for (let seconds = 0; seconds < 5;) seconds += (await warm.run()).seconds
    }
    const subjects = pair.map((server) => reading(server, topics, batchBytes, shape.records, 1))
    const measure = { row: `fetch after a restart, ${name}`, unit: 'GB', target: TARGET }
    rows.push(...(await compare(measure, subjects, bench.rounds, true)))
    for (const server of pair) for (const topic of [warmUp, ...topics]) await deleteTopic(server, topic)
  }
  return rows
}

/** A consumer waits at the end of a partition, a message is produced, the consumer gets it: the time between, and the CPU of both. */
export const fetchAtTail: Group = async (bench) => {
  const pair = await bench.pair()
  const subjects = pair.map((server) => ({ server, run: () => tailRound(server) }))
  return compare({ row: 'fetch at the tail: produce to long poll', unit: 'M messages', target: TARGET }, subjects, bench.rounds)
}

async function tailRound(server: Contender): ReturnType<Subject['run']> {
  const topic = freshTopic()
  await createTopic(server, topic, 1)
  const consumer = await RawConnection.open(server.bootstrap)
  const producer = await RawConnection.open(server.bootstrap)
  const frame = produceFrame(topic, 0, batchOf({ recordBytes: 100, records: 1 }), 1)
  const result = await sample(server, 1e-6, () => {
    const latencies = new Latencies()
    const started = performance.now()
    let offset = 0
    let sentAt = 0
    let produces = 0
    return new Promise<LoopResult>((resolve, reject) => {
      const next = (): void => {
        consumer.write(fetchFrame(topic, 0, offset, TAIL_WAIT_MS))
        // The fetch has to be there before what it waits for.
        setImmediate(() => {
          sentAt = performance.now()
          producer.write(frame)
        })
      }
      const done = (): void => {
        if (produces !== offset) return
        const seconds = (performance.now() - started) / 1000
        if (seconds < TAIL_SECONDS) return next()
        resolve({ requests: offset, seconds, latencies })
      }
      const checked = (check: () => void): void => {
        try {
          check()
        } catch (error) {
          reject(error as Error)
        }
      }
      consumer.onLost = reject
      producer.onLost = reject
      producer.onAnswer = (head) =>
        checked(() => {
          produced(head, topic)
          produces++
          done()
        })
      consumer.onAnswer = (head) =>
        checked(() => {
          if (fetched(head, topic) <= 0) return consumer.write(fetchFrame(topic, 0, offset, TAIL_WAIT_MS))
          latencies.add(performance.now() - sentAt)
          offset++
          done()
        })
      next()
    })
  })
  consumer.close()
  producer.close()
  await deleteTopic(server, topic)
  return result
}
