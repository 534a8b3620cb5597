import type { Work } from '../client.ts'
import { type BenchRow, median, range } from '../row.ts'
import type { Contender, Measured } from './contenders.ts'

/** "A third of the best client on npm, or less." */
const RATIO_TARGET = 1 / 3

interface Column {
  readonly unit: string
  readonly better: 'lower' | 'higher'
  readonly of: (one: Measured) => number
}

const cpu: Column = { unit: 'CPU-s per M records', better: 'lower', of: (one) => one.cpu / (one.records / 1e6) }
const rate: Column = { unit: 'M records/s', better: 'higher', of: (one) => one.records / 1e6 / one.seconds }
const memory: Column = { unit: 'MB resident at most', better: 'lower', of: (one) => one.megabytesMax }
const p50: Column = { unit: 'p50 ms', better: 'lower', of: (one) => one.p50! }
const p99: Column = { unit: 'p99 ms', better: 'lower', of: (one) => one.p99! }

const columnsOf = ({ job }: Work): Column[] => (job === 'latency' ? [p50, p99, cpu] : [cpu, rate, memory])

/** What one of our ways costs. */
export function rowsOf(work: Work, way: string, samples: readonly Measured[], failure: string | undefined): BenchRow[] {
  if (failure !== undefined) return [emptyRow(work, `moldau, ${way}`, failure)]
  return columnsOf(work).map((column) => {
    const target = column === cpu ? work.cpuTarget : null
    return { ...line(`${work.title}: ${way}`, column, samples, undefined), target, targetOf: 'ours' }
  })
}

/** The first of our ways against another client. */
export function rowsAgainst(work: Work, { name, fromNpm }: Contender, ours: readonly Measured[], theirs: readonly Measured[]): BenchRow[] {
  return columnsOf(work).map((column) => {
    const target = column === cpu && fromNpm && work.job !== 'latency' ? RATIO_TARGET : null
    return { ...line(`${work.title}, against ${name}`, column, ours, theirs), target, targetOf: 'ratio' }
  })
}

/** Says why there is nothing. */
export function emptyRow(work: Work, name: string, why: string): BenchRow {
  const row = `${work.title}, against ${name}: ${why}`
  return { row, unit: '', ours: Number.NaN, peer: null, ratio: null, target: null, better: 'lower' }
}

function line(row: string, { unit, better, of }: Column, ours: readonly Measured[], theirs: readonly Measured[] | undefined): BenchRow {
  const own = ours.map(of)
  const peer = theirs?.map(of)
  return {
    row,
    unit,
    better,
    ours: median(own),
    oursRange: range(own),
    peer: peer === undefined ? null : median(peer),
    ...(peer !== undefined && { peerRange: range(peer) }),
    ratio: peer === undefined ? null : median(own) / median(peer),
    target: null,
  }
}
