/**
 * npm run bench -- NAME [--rows one,16k] [--rounds 5] [--json]
 *
 * Names: codec, validate, log, broker, compaction, pipelines, all. CPU-seconds and ratios are what counts here, not wall times: the
 * machine may be busy.
 * --rows chooses rows of `broker` (docs/benchmarks.md has their names), --rounds how often each is measured.
 * With --json one object a line: see BenchRow in row.ts; peer is a real server or library measured in the same run, null where there
 * is none.
 */
import { parseArgs } from 'node:util'
import { formatTable } from '../cli/output.ts'
import { type BenchRow, type Range, met } from './row.ts'

export interface BenchOptions {
  /** Names of rows, empty for all. */
  rows: readonly string[]
  /** How often each row is measured. */
  rounds: number
}

/** Rows as they are measured, or all at the end. */
type Rows = AsyncIterable<BenchRow> | Promise<BenchRow[]>

const benches: Record<string, () => Promise<{ rows(options: BenchOptions): Rows }>> = {
  codec: () => import('./codec.ts'),
  validate: () => import('./validate.ts'),
  log: () => import('./log.ts'),
  broker: () => import('./broker.ts'),
  compaction: () => import('./compaction.ts'),
  pipelines: () => import('./pipelines.ts'),
}

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
  },
  allowPositionals: true,
})
const name = positionals[0] ?? 'all'
const chosen = name === 'all' ? Object.keys(benches) : [name]
if (!chosen.every((one) => one in benches)) {
  console.error(`bench: there is no '${name}'; choose one of ${Object.keys(benches).join(', ')}, all`)
  process.exit(2)
}
const options: BenchOptions = { rows: values.rows.split(',').filter((row) => row !== ''), rounds: Math.max(1, Number(values.rounds) || 5) }
for (const one of chosen) {
  if (!values.json) console.log(`\n${one}`)
  const rows: BenchRow[] = []
  for await (const row of await (await benches[one]!()).rows(options)) {
    rows.push(row)
    if (values.json) console.log(JSON.stringify({ ...row, met: met(row) ?? null }))
  }
  if (!values.json) console.log(formatTable(['row', 'unit', 'peer', 'ours', 'ours/peer', 'target', ''], rows.map(cells)))
}
process.exit()

function cells(row: BenchRow): string[] {
  const { unit, ours, oursRange, peer, peerRange, ratio, target, targetOf, better } = row
  const reached = met(row)
  const limit = target === null ? '' : `${better === 'lower' ? '<=' : '>='} ${number(target)}${targetOf === 'ratio' ? ' x' : ''}`
  const verdict = reached === undefined ? '' : reached ? 'met' : 'MISSED'
  return [row.row, unit, withRange(peer, peerRange), withRange(ours, oursRange), ratio === null ? '-' : ratio.toFixed(3), limit, verdict]
}

function withRange(value: number | null, range: Range | undefined): string {
  if (value === null || Number.isNaN(value)) return '-'
  return range === undefined ? number(value) : `${number(value)} (${number(range[0])} to ${number(range[1])})`
}

function number(n: number): string {
  return n.toLocaleString('en-US', { maximumSignificantDigits: n >= 100 ? 6 : 3, maximumFractionDigits: n < 10 ? 3 : n < 100 ? 1 : 0 })
}
