import { readFileSync } from 'node:fs'
import type { BenchRow } from '../row.ts'
import { benchRow, progress } from './compare.ts'
import type { Group } from './group.ts'
import { producing } from './produce-rows.ts'
import type { Contender } from './servers.ts'
import { createTopic, freshTopic } from './topics.ts'

const TARGET = 1 / 8
const ROUNDS_OF_LOAD = 4
const IDLE_MS = 15_000

/** Brokers of their own, each under every kind of produce load in turn; then left alone. */
export const memory: Group = async (bench) => {
  const peer = await bench.kafka({})
  const contenders = [await bench.moldau({ durability: 'page-cache' }), ...(peer === undefined ? [] : [peer])]
  const started: number[] = []
  const loaded: number[] = []
  const idle: number[] = []
  const most: number[] = []
  try {
    for (const server of contenders) {
      progress(`memory: loading ${server.name}`)
      await server.start()
      await createTopic(server, freshTopic(), 1)
      started.push(megabytes(server, 'VmRSS'))
      await load(server)
      loaded.push(megabytes(server, 'VmRSS'))
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
      idle.push(megabytes(server, 'VmRSS'))
      most.push(megabytes(server, 'VmHWM'))
    }
  } finally {
    for (const server of contenders) await server.remove()
  }
  const row = (what: string, [ours, theirs]: readonly number[], target: number | null): BenchRow =>
    benchRow(`memory, ${what}`, 'MB resident', 'lower', [ours!], theirs === undefined ? undefined : [theirs], target)
  return [
    row('after the start', started, null),
    row('after load', loaded, TARGET),
    row(`${IDLE_MS / 1000} s later`, idle, TARGET),
    row('at most', most, null),
  ]
}

async function load(server: Contender): Promise<void> {
  const loads = [
    producing(server, { recordBytes: 100, records: 1, inFlight: 64, per: 'requests' }),
    producing(server, { recordBytes: 100, records: 150, inFlight: 16, per: 'bytes' }),
    producing(server, { recordBytes: 1024, records: 1000, inFlight: 5, per: 'bytes' }),
    producing(server, { recordBytes: 100, records: 10, connections: 1000, partitions: 10, inFlight: 1, per: 'requests' }),
  ]
  for (const subject of loads) for (let i = 0; i < ROUNDS_OF_LOAD; i++) await subject.run()
}

function megabytes({ pid }: Contender, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return (Number(line![1]) * 1024) / 1e6
}
