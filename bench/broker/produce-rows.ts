import type { BenchRow } from '../row.ts'
import { closedLoops } from './closed-loop.ts'
import { type Measure, type Subject, compare, sample } from './compare.ts'
import type { Bench, Group } from './group.ts'
import { RawConnection } from './raw-connection.ts'
import { type BatchShape, batchOf, produced, produceFrame } from './requests.ts'
import type { Contender, Settings } from './servers.ts'
import { createTopic, deleteTopic, freshTopic, touchMemory } from './topics.ts'

/** A round is over after so long, or so many bytes. */
const ROUND_SECONDS = 1.5
const ROUND_BYTES_MAX = 768 * 1024 * 1024

export interface ProduceLoad extends BatchShape {
  readonly connections?: number
  readonly partitions?: number
  /** Requests on their way on each connection. */
  readonly inFlight: number
  readonly acks?: -1 | 1
  /** `requests`, or bytes as they are on the wire. */
  readonly per: 'requests' | 'bytes'
  readonly topicSettings?: Settings
}

/** One topic, filled by connections that each write to one partition; a new one for each round. */
export function producing(server: Contender, load: ProduceLoad): Subject {
  const { connections = 1, partitions = 1, inFlight, acks = 1, per, topicSettings = {} } = load
  const records = batchOf(load)
  const open: RawConnection[] = []
  const run: Subject['run'] = async () => {
    while (open.length < connections) open.push(await RawConnection.open(server.bootstrap))
    const topic = freshTopic()
    await createTopic(server, topic, partitions, topicSettings)
    if (records.length > 4096) await touchMemory(ROUND_BYTES_MAX)
    const frames = Array.from({ length: partitions }, (_, i) => produceFrame(topic, i, records, acks))
    const loops = open.map((connection, i) => {
      return { connection, frame: frames[i % partitions]!, inFlight, check: (head: Buffer) => void produced(head, topic) }
    })
    const limits = { seconds: ROUND_SECONDS, requests: Math.floor(ROUND_BYTES_MAX / records.length) }
    const result = await sample(server, per === 'requests' ? 1e-6 : records.length / 1e9, () => closedLoops(loops, limits))
    await deleteTopic(server, topic)
    return result
  }
  return { server, run }
}

function produceGroup(load: ProduceLoad, measure: Measure): Group {
  return async (bench) => {
    const pair = await bench.pair()
    return compare(
      measure,
      pair.map((server) => producing(server, load)),
      bench.rounds,
    )
  }
}

const unitOf = { requests: 'M requests', bytes: 'GB' } as const

function produceRow(row: string, target: number | null, load: ProduceLoad): Group {
  return produceGroup(load, { row, unit: unitOf[load.per], target })
}

const small = { recordBytes: 100, records: 1 }
const kib16 = { recordBytes: 100, records: 150 }
const mib1 = { recordBytes: 1024, records: 1000 }

/** On several connections, since Kafka works on one request of a connection at a time: one alone would be slower there than it need be. */
export const oneMessage = produceRow('produce, one message, 16 connections', 0.25, {
  ...small,
  connections: 16,
  inFlight: 4,
  per: 'requests',
})
export const pingPong = produceRow('produce, one message, ping-pong', 0.25, { ...small, inFlight: 1, per: 'requests' })
export const pipelined = produceRow('produce, one message, one connection, 64 in flight', 0.25, { ...small, inFlight: 64, per: 'requests' })
export const batches16k = produceRow('produce, 16 KiB batches', 0.4, { ...kib16, connections: 4, inFlight: 4, per: 'bytes' })
export const batches1m = produceRow('produce, 1 MiB batches', 0.9, { ...mib1, connections: 4, inFlight: 2, per: 'bytes' })
export const producers1000 = produceRow('produce, 1,000 connections, 10 partitions, 1 KiB batches', null, {
  recordBytes: 100,
  records: 10,
  connections: 1000,
  partitions: 10,
  inFlight: 1,
  per: 'requests',
})

/** What producers send: Kafka unpacks a batch to look at every record, we check what encloses it. */
export async function compressed(bench: Bench): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const compression of ['lz4', 'zstd', 'snappy', 'gzip'] as const) {
    const load = { recordBytes: 200, records: 150, compression, connections: 4, inFlight: 4, per: 'requests' } as const
    rows.push(...(await produceRow(`produce, ${compression}, 150 records of 200 B`, null, load)(bench)))
  }
  return rows
}

/** acks=all on the disk, by many at once, against a Kafka that syncs every write, and one that does not sync at all. */
export async function synced(bench: Bench): Promise<BenchRow[]> {
  const ours = await bench.moldau({})
  const peer = (await bench.pair())[1]
  try {
    await ours.start()
    const rows: BenchRow[] = []
    for (const [name, shape] of Object.entries({ 'one message': small, '16 KiB batches': kib16 })) {
      const load = { ...shape, connections: 16, inFlight: 4, acks: -1, per: 'requests' } as const
      const subjects = [producing(ours, load)]
      if (peer !== undefined) {
        subjects.push({ ...producing(peer, { ...load, topicSettings: { 'flush.messages': '1' } }), label: 'Kafka with flush.messages=1' })
        subjects.push({ ...producing(peer, load), label: 'Kafka without sync' })
      }
      rows.push(
        ...(await compare(
          { row: `acks=all on the disk, ${name}, 16 connections`, unit: 'M requests', target: null },
          subjects,
          bench.rounds,
        )),
      )
    }
    return rows
  } finally {
    await ours.remove()
  }
}
