import { connect } from 'moldau/core'
import type { BenchOptions } from './arguments.ts'
import { progress, shuffled } from './broker/compare.ts'
import { kafka, moldau as moldauBroker } from './broker/servers.ts'
import { demoRows } from './pipelines/demo.ts'
import { type Engine, flink, kafkaStreams, moldau } from './pipelines/engines.ts'
import { latencyRows } from './pipelines/latency.ts'
import { type Measured, Rounds } from './pipelines/rounds.ts'
import type { JobName } from './pipelines/task.ts'
import { type BenchRow, median, range } from './row.ts'

interface Job {
  readonly title: string
  readonly job: JobName
  readonly records: number
  /** Ours over Kafka Streams with its state in memory. */
  readonly cpuRatioTarget: number | null
  readonly rateRatioTarget: number | null
  /** CPU-seconds per million records of ours. */
  readonly cpuTarget: number | null
}

const jobs: Readonly<Record<JobName, Job>> = {
  count: {
    title: 'keyed count, every update out',
    job: 'count',
    records: 3_000_000,
    cpuRatioTarget: 0.3,
    rateRatioTarget: 2,
    cpuTarget: null,
  },
  window: {
    title: 'count by minute, out when it is over',
    job: 'window',
    records: 3_000_000,
    cpuRatioTarget: null,
    rateRatioTarget: null,
    // What Flink takes.
    cpuTarget: 2.3,
  },
}

/** For `--rows`. */
export const rowNames: readonly string[] = [...Object.keys(jobs), 'latency', 'demo']

/**
 * Pipelines beside other engines, exactly once, each engine a process of its own on one broker, in turn: the CPU-seconds of the engine's
 * process only, and each output is read and checked. Then the demo's pipelines by themselves.
 */
export async function* rows({ rows: names, rounds, kafka: onKafka, clients }: BenchOptions): AsyncGenerator<BenchRow, void> {
  const unknown = names.find((name) => !rowNames.includes(name)) ?? clients.find((name) => !(name in otherEngines))
  if (unknown !== undefined) {
    const known = `rows are ${rowNames.join(', ')}, engines ${Object.keys(otherEngines).join(', ')}`
    console.error(`bench: there is no '${unknown}': ${known}`)
    process.exit(2)
  }
  const isAsked = (name: string): boolean => names.length === 0 || names.includes(name)
  const asked = Object.values(jobs).filter(({ job }) => isAsked(job))
  if (asked.length > 0) {
    const server = await (onKafka ? kafka() : moldauBroker({ durability: 'page-cache' }))
    await server.start()
    const client = await connect(server.bootstrap)
    try {
      const ours = await moldau()
      for (const job of asked) {
        yield* await measure(job, new Rounds(server, client, job.job, job.records), ours, await othersOf(job.job, clients), rounds)
      }
    } finally {
      await client.close()
      await server.remove()
    }
  }
  if (isAsked('latency')) yield* latency(clients, rounds, onKafka)
  if (isAsked('demo')) yield* await demoRows()
}

/** On a broker that syncs before it answers, and on one that does not. */
async function* latency(clients: readonly string[], rounds: number, onKafka: boolean): AsyncGenerator<BenchRow, void> {
  const peer = clients.length === 0 || clients.includes('kafka-streams') ? (await othersOf('count', ['kafka-streams']))[0] : undefined
  const kinds = onKafka
    ? [['Kafka, not synced', await kafka()] as const]
    : [['not synced', await moldauBroker({ durability: 'page-cache' })] as const, ['synced', await moldauBroker({})] as const]
  for (const [synced, server] of kinds) {
    await server.start()
    try {
      yield* await latencyRows(server, synced, await moldau(), peer, rounds)
    } finally {
      await server.remove()
    }
  }
}

/** The others by name: how each is had, and what it runs. */
const otherEngines: Readonly<Record<string, { readonly jobs: readonly JobName[]; readonly make: () => Promise<Engine> }>> = {
  'kafka-streams': { jobs: ['count', 'window'], make: () => kafkaStreams('memory') },
  'kafka-streams-rocksdb': { jobs: ['count', 'window'], make: () => kafkaStreams('rocksdb') },
  flink: { jobs: ['window'], make: flink },
}

async function othersOf(job: JobName, names: readonly string[]): Promise<Engine[]> {
  if (process.env['MOLDAU_BENCH_ALONE'] !== undefined) return []
  const made: Engine[] = []
  for (const [name, { jobs: can, make }] of Object.entries(otherEngines)) {
    if (!can.includes(job) || (names.length > 0 && !names.includes(name))) continue
    try {
      made.push(await make())
    } catch (error) {
      console.error(`bench: ${name} is left out: ${String(error)}`)
    }
  }
  return made
}

async function measure(job: Job, work: Rounds, ours: Engine, others: readonly Engine[], rounds: number): Promise<BenchRow[]> {
  const measured = new Map<Engine, Measured[]>([ours, ...others].map((engine) => [engine, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const engine of shuffled([...measured.keys()])) {
      progress(`${job.title}: round ${round} of ${rounds}, ${engine.name}`)
      measured.get(engine)!.push(await work.run(engine))
    }
  }
  await work.end()
  const own = measured.get(ours)!
  if (others.length === 0) return rowsOf(job.title, job, own, undefined)
  return others.flatMap((other, i) => {
    // The targets are against the first: Kafka Streams with the faster of its stores.
    const targets = i === 0 ? job : { ...job, cpuRatioTarget: null, rateRatioTarget: null, cpuTarget: null }
    return rowsOf(`${job.title}, against ${other.name}`, targets, own, measured.get(other)!)
  })
}

function rowsOf(row: string, job: Job, own: readonly Measured[], theirs: readonly Measured[] | undefined): BenchRow[] {
  const line = (
    unit: string,
    better: 'lower' | 'higher',
    of: (one: Measured) => number,
    target: number | null,
    targetOf: 'ours' | 'ratio',
  ) => {
    const [mine, peer] = [own.map(of), theirs?.map(of)]
    return {
      row,
      unit,
      better,
      ours: median(mine),
      oursRange: range(mine),
      peer: peer === undefined ? null : median(peer),
      ...(peer !== undefined && { peerRange: range(peer) }),
      ratio: peer === undefined ? null : median(mine) / median(peer),
      target,
      targetOf,
    }
  }
  const cpuOf = (one: Measured): number => one.cpu / (one.records / 1e6)
  const cpu =
    job.cpuTarget === null
      ? line('CPU-s per M records', 'lower', cpuOf, job.cpuRatioTarget, 'ratio')
      : line('CPU-s per M records', 'lower', cpuOf, job.cpuTarget, 'ours')
  return [cpu, line('M records/s', 'higher', (one) => one.records / 1e6 / one.seconds, job.rateRatioTarget, 'ratio')]
}
