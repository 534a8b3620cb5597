import { cpuOf } from '../process-cpu.ts'
import { type BenchRow, median, range } from '../row.ts'
import type { LoopResult } from './closed-loop.ts'
import type { Contender } from './servers.ts'

/** A virtual machine compiles while it warms up: so long each broker does what a row measures before it is measured, and longer if the first rounds are short. */
export const WARM_UP_SECONDS = 6

/** p99 is to be at or below Kafka's in every row. */
const LATENCY_TARGET = 1

/** What one round of one broker came to. */
export interface Sample {
  /** CPU-seconds of the broker's process. */
  readonly cpu: number
  readonly units: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

export interface Subject {
  readonly server: Contender
  /** What to call it where the broker's name does not tell. */
  readonly label?: string
  /** One round of a second or two. */
  run(): Promise<Sample>
}

export interface Measure {
  readonly row: string
  /** What is counted: 'M requests'. */
  readonly unit: string
  /** CPU per unit, ours over Kafka's; null where nothing was promised. */
  readonly target: number | null
}

/** CPU of the server while `work` runs; `unitsPerRequest` turns its requests into what the row counts. */
export async function sample(server: Contender, unitsPerRequest: number, work: () => Promise<LoopResult>): Promise<Sample> {
  const before = cpuOf(server.pid)
  const { requests, seconds, latencies } = await work()
  const cpu = cpuOf(server.pid) - before
  return { cpu, units: requests * unitsPerRequest, seconds, p50: latencies.percentile(50), p99: latencies.percentile(99) }
}

/** Rounds of all subjects, in another order each time, after a warm-up; the first subject is ours. One group of rows for each of the others. @param isWarm the warm-up has been done */
export async function compare(measure: Measure, subjects: readonly Subject[], rounds: number, isWarm = false): Promise<BenchRow[]> {
  for (const subject of isWarm ? [] : subjects) {
    progress(`${measure.row}: warming up ${subject.label ?? subject.server.name}`)
    for (let seconds = 0; seconds < WARM_UP_SECONDS;) seconds += Math.max((await subject.run()).seconds, 0.5)
  }
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]))
  for (let round = 1; round <= rounds; round++) {
    progress(`${measure.row}: round ${round} of ${rounds}`)
    for (const subject of shuffled(subjects)) samples.get(subject)!.push(await subject.run())
  }
  const [ours, ...peers] = subjects
  if (peers.length === 0) return rowsOf(measure, samples.get(ours!)!, undefined)
  return peers.flatMap((peer) => {
    const row = peers.length === 1 ? measure.row : `${measure.row}, against ${peer.label ?? peer.server.name}`
    return rowsOf({ ...measure, row }, samples.get(ours!)!, samples.get(peer)!)
  })
}

function rowsOf({ row, unit, target }: Measure, ours: readonly Sample[], peer: readonly Sample[] | undefined): BenchRow[] {
  const line = (what: string, better: 'lower' | 'higher', of: (one: Sample) => number, ratioTarget: number | null): BenchRow =>
    benchRow(row, what, better, ours.map(of), peer?.map(of), ratioTarget)
  return [
    line(`CPU-s per ${unit}`, 'lower', ({ cpu, units }) => cpu / units, target),
    line(`${unit}/s`, 'higher', ({ units, seconds }) => units / seconds, null),
    line('p50 ms', 'lower', ({ p50 }) => p50, null),
    line('p99 ms', 'lower', ({ p99 }) => p99, LATENCY_TARGET),
  ]
}

/** A line whose target, if it has one, is for the ratio. */
export function benchRow(
  row: string,
  unit: string,
  better: 'lower' | 'higher',
  ours: readonly number[],
  peer: readonly number[] | undefined,
  ratioTarget: number | null,
): BenchRow {
  const own = median(ours)
  const theirs = peer === undefined ? null : median(peer)
  return {
    row,
    unit,
    ours: own,
    oursRange: range(ours),
    peer: theirs,
    ...(peer !== undefined && { peerRange: range(peer) }),
    ratio: theirs === null ? null : own / theirs,
    target: ratioTarget,
    targetOf: 'ratio',
    better,
  }
}

/** What the bench is doing, on standard error. */
export function progress(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
}

export function shuffled<T>(values: readonly T[]): T[] {
  const left = [...values]
  return Array.from(values, () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!)
}
