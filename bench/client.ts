import { kafka, moldau } from './broker/servers.ts'
import type { Contender as Server } from './broker/servers.ts'
import { progress, shuffled } from './broker/compare.ts'
import { type Contender, type Measured, otherClients, ourClient } from './client/contenders.ts'
import { Rounds } from './client/rounds.ts'
import { emptyRow, rowsAgainst, rowsOf } from './client/rows.ts'
import type { Task } from './client/task.ts'
import type { BenchOptions } from './arguments.ts'
import type { BenchRow } from './row.ts'

/** What a group of rows measures, and the ways of ours that are measured: the first is what the others are compared with. */
export interface Work {
  readonly title: string
  readonly job: Task['job']
  readonly valueBytes: number
  readonly ways: readonly string[]
  /** CPU-seconds per million records of ours, and of the others at least three times as many. */
  readonly cpuTarget: number | null
}

const groups: Readonly<Record<string, Work>> = {
  produce: { title: 'produce 100 B', job: 'produce', valueBytes: 100, ways: ['append', 'send'], cpuTarget: 0.5 },
  consume: { title: 'consume 100 B', job: 'consume', valueBytes: 100, ways: ['views', 'positions'], cpuTarget: 0.4 },
  'produce-1k': { title: 'produce 1 KiB', job: 'produce', valueBytes: 1024, ways: ['append'], cpuTarget: null },
  'consume-1k': { title: 'consume 1 KiB', job: 'consume', valueBytes: 1024, ways: ['views'], cpuTarget: null },
  latency: { title: 'one send at a time', job: 'latency', valueBytes: 100, ways: ['send'], cpuTarget: null },
}

/** For `--rows`. */
export const rowNames: readonly string[] = Object.keys(groups)

/**
 * Our client beside those that people use, each a process of its own, on one broker: the same records, in turn, and the CPU-seconds of
 * the client's process only. docs/benchmarks.md says what each row is.
 */
export async function* rows(options: BenchOptions): AsyncGenerator<BenchRow, void> {
  const { rows: names, rounds, kafka: onKafka, clients, against } = options
  const unknown = names.find((name) => !(name in groups)) ?? clients.find((name) => !(name in otherClients))
  if (unknown !== undefined) {
    const known = `rows are ${rowNames.join(', ')}, clients ${Object.keys(otherClients).join(', ')}`
    console.error(`bench: there is no '${unknown}': ${known}`)
    process.exit(2)
  }
  const missing = new Map<string, string>()
  const others = against === undefined ? await available(clients, missing) : [await ourClient(against)]
  const ours = await ourClient()
  const server = await (onKafka ? kafka() : moldau({ durability: 'page-cache' }))
  try {
    await server.start()
    for (const [name, work] of Object.entries(groups)) {
      if (names.length > 0 && !names.includes(name)) continue
      yield* await measure(work, server, ours, others, rounds)
      for (const [client, why] of missing) yield emptyRow(work, client, why)
    }
  } finally {
    await server.remove()
  }
}

async function available(names: readonly string[], missing: Map<string, string>): Promise<Contender[]> {
  const found: Contender[] = []
  for (const [name, get] of Object.entries(otherClients)) {
    if (names.length > 0 && !names.includes(name)) continue
    progress(`looking for ${name}`)
    try {
      found.push(await get())
    } catch (error) {
      console.error(`bench: no ${name} to compare with`, error)
      missing.set(name, 'it does not install here')
    }
  }
  return found
}

async function measure(work: Work, server: Server, ours: Contender, others: readonly Contender[], rounds: number): Promise<BenchRow[]> {
  const able = others.filter(({ jobs }) => jobs.includes(work.job))
  const subjects = [...work.ways.map((way) => ({ contender: ours, way })), ...able.map((contender) => ({ contender, way: work.ways[0]! }))]
  const samples = subjects.map((): Measured[] => [])
  const failures = new Map<number, string>()
  const bench = new Rounds(server, work.job, work.valueBytes)
  try {
    for (const contender of able) await bench.prepare(contender, ours)
    for (let round = 1; round <= rounds; round++) {
      for (const i of shuffled([...subjects.keys()])) {
        const { contender, way } = subjects[i]!
        if (failures.has(i)) continue
        progress(`${work.title}: round ${round} of ${rounds}: ${contender.name} ${way}`)
        try {
          samples[i]!.push(await bench.run(contender, way, ours))
        } catch (error) {
          console.error(`bench: ${work.title}: ${contender.name} failed`, error)
          process.exitCode = 1
          failures.set(i, 'it failed')
        }
      }
    }
  } finally {
    await bench.end()
  }
  const own = samples[0]!
  return [
    ...work.ways.flatMap((way, i) => rowsOf(i === 0 ? work : { ...work, cpuTarget: null }, way, samples[i]!, failures.get(i))),
    ...able.flatMap((contender, k) => {
      const i = work.ways.length + k
      const why = failures.get(i)
      return why === undefined ? rowsAgainst(work, contender, own, samples[i]!) : [emptyRow(work, contender.name, why)]
    }),
  ]
}
