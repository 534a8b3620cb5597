import { connect } from 'moldau/core'
import { cpuOf } from './process-cpu.ts'
import { type Load, batchOf, dial, fetchAll, produceAll, touchMemory } from './raw-load.ts'
import { readyRows } from './ready.ts'
import { type BenchRow, median } from './row.ts'
import { type Server, startMoldau, startPeer } from './servers.ts'

/**
 * The broker as a process of its own, and a real Kafka beside it where java and its jars can be had: the same requests, in turn,
 * CPU-seconds of the broker's process only.
 */

/** A virtual machine compiles while it warms up. */
const WARM_UP_ROUNDS = 2
const ROUNDS = 3

const loads: readonly Load[] = [
  { name: 'one record of 100 B', recordBytes: 100, recordsPerBatch: 1, requests: 60_000, inFlight: 64, fetches: 0 },
  { name: '100 B records, 16 KiB batches', recordBytes: 100, recordsPerBatch: 150, requests: 20_000, inFlight: 16, fetches: 3 },
  { name: '1 KiB records, 1 MiB batches', recordBytes: 1024, recordsPerBatch: 1000, requests: 500, inFlight: 5, fetches: 2 },
]

interface Cpu {
  produce: number
  fetch: number
}

export async function rows(): Promise<BenchRow[]> {
  const ready = await readyRows()
  const ours = await startMoldau()
  const peer = await startPeer()
  try {
    const results = [...ready]
    for (const load of loads) results.push(...(await loadRows(load, ours, peer)))
    return results
  } finally {
    await ours.stop()
    await peer?.stop()
  }
}

async function loadRows(load: Load, ours: Server, peer: Server | undefined): Promise<BenchRow[]> {
  const measured = new Map<Server, Cpu[]>()
  const servers = [ours, ...(peer === undefined ? [] : [peer])]
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const cpu = await measure(server, load)
      if (round >= 0) measured.set(server, [...(measured.get(server) ?? []), cpu])
    }
  }
  const batchBytes = batchOf(load).length
  return (['produce', 'fetch'] as const).flatMap((what) => {
    const times = what === 'produce' ? 1 : load.fetches
    if (times === 0) return []
    const own = median(measured.get(ours)!.map((cpu) => cpu[what]))
    const theirs = peer === undefined ? null : median(measured.get(peer)!.map((cpu) => cpu[what]))
    const row = (unit: string, divisor: number): BenchRow => ({
      row: `${what}, ${load.name}`,
      unit: `broker CPU-s per ${unit}`,
      ours: own / divisor,
      peer: theirs === null ? null : theirs / divisor,
      ratio: theirs === null ? null : own / theirs,
      target: null,
      better: 'lower',
    })
    const requests = load.requests * times
    return [row('M records', (requests * load.recordsPerBatch) / 1e6), row('GB', (requests * batchBytes) / 1e9)]
  })
}

/** A topic of its own, filled, read, and deleted. */
async function measure(server: Server, load: Load): Promise<Cpu> {
  const topic = `bench-${load.recordBytes}-${load.recordsPerBatch}-${process.hrtime.bigint()}`
  const records = batchOf(load)
  const client = await connect(server.bootstrap)
  const channel = await dial(server.bootstrap)
  try {
    await client.admin.createTopics([{ name: topic, partitions: 1 }])
    await touchMemory(load.requests * records.length)
    const before = cpuOf(server.pid)
    await produceAll(channel, topic, load, records)
    const between = cpuOf(server.pid)
    for (let i = 0; i < load.fetches; i++) await fetchAll(channel, topic, load.requests * load.recordsPerBatch)
    const after = cpuOf(server.pid)
    await client.admin.deleteTopics([topic])
    return { produce: between - before, fetch: after - between }
  } finally {
    channel.close()
    await client.close()
  }
}
