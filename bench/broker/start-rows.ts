import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import type { BenchRow } from '../row.ts'
import { closedLoops } from './closed-loop.ts'
import { benchRow, progress, shuffled } from './compare.ts'
import { fillPartition } from './fill.ts'
import type { Bench, Group } from './group.ts'
import { RawConnection } from './raw-connection.ts'
import { batchOf, produceFrame, produced } from './requests.ts'
import type { Contender } from './servers.ts'
import { createTopic } from './topics.ts'

const TARGET = 1 / 20
const GB = 1e9
const FILLED_BYTES = 10 * GB
const PARTITIONS = 4
/** Both brokers write down every minute up to where their logs are synced. */
const CHECKPOINT_MS = 62_000
const RETRY_MS = 5

/** Start of the process until a record is acknowledged, in a folder with one empty topic, after kill -9. */
export const startEmpty: Group = async (bench) => {
  const contenders = await both(bench)
  try {
    for (const server of contenders) {
      await server.start()
      await createTopic(server, 'bench-start', 1)
      await server.kill()
    }
    return await startRows('start, empty', contenders, bench.rounds, 'bench-start')
  } finally {
    for (const server of contenders) await server.remove()
  }
}

/**
 * The same with 10 GB in four partitions, in batches of 64 KiB. The page cache holds what it can, and lets go of what is oldest: the brokers are
 * filled by turns.
 */
export const start10g: Group = async (bench) => {
  const { bavail, bsize } = await statfs(tmpdir())
  if (bavail * bsize < 3 * FILLED_BYTES) {
    progress(`start, 10 GB: left out, ${tmpdir()} has less than ${(3 * FILLED_BYTES) / GB} GB free`)
    return []
  }
  const contenders = await both(bench)
  try {
    for (const server of contenders) {
      await server.start()
      await createTopic(server, 'bench-start', PARTITIONS)
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const server of shuffled(contenders)) {
        progress(`start, 10 GB: filling partition ${partition} of ${server.name}`)
        await fillPartition(server, 'bench-start', partition, FILLED_BYTES / PARTITIONS, { recordBytes: 100, records: 600 })
      }
    }
    progress('start, 10 GB: waiting for the checkpoints')
    await new Promise((resolve) => setTimeout(resolve, CHECKPOINT_MS))
    for (const server of contenders) await server.kill()
    return await startRows('start, 10 GB in 4 partitions, after kill -9', contenders, Math.min(bench.rounds, 3), 'bench-start')
  } finally {
    for (const server of contenders) await server.remove()
  }
}

async function both(bench: Bench): Promise<Contender[]> {
  const peer = await bench.kafka({})
  return [await bench.moldau({ durability: 'page-cache' }), ...(peer === undefined ? [] : [peer])]
}

async function startRows(row: string, contenders: readonly Contender[], rounds: number, topic: string): Promise<BenchRow[]> {
  const times = new Map<Contender, number[]>(contenders.map((server) => [server, []]))
  for (let round = 1; round <= rounds; round++) {
    progress(`${row}: round ${round} of ${rounds}`)
    for (const server of shuffled(contenders)) {
      const begun = performance.now()
      await server.start()
      await firstRecord(server, topic)
      times.get(server)!.push(performance.now() - begun)
      await server.kill()
    }
  }
  const [ours, peer] = contenders.map((server) => times.get(server)!)
  return [benchRow(row, 'ms to the first record', 'lower', ours!, peer, TARGET)]
}

/** Produces one record, again and again until it is taken. */
async function firstRecord(server: Contender, topic: string): Promise<void> {
  const frame = produceFrame(topic, 0, batchOf({ recordBytes: 100, records: 1 }), 1)
  for (;;) {
    try {
      const connection = await RawConnection.open(server.bootstrap)
      const loop = { connection, frame, inFlight: 1, check: (head: Buffer) => void produced(head, topic) }
      await closedLoops([loop], { seconds: 60, requests: 1 }).finally(() => connection.close())
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}
