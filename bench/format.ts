import { formatTable } from '../cli/output.ts'
import { type BenchRow, type Range, met } from './row.ts'

/** For a terminal. */
export function asTable(rows: readonly BenchRow[]): string {
  const cells = rows.map((row) => [row.row, row.unit, peer(row), ours(row), ratio(row), targetOf(row), verdict(row)])
  return formatTable(['row', 'unit', 'peer', 'ours', 'ours/peer', 'target', ''], cells)
}

/** For docs/benchmarks.md: without the middle latencies, which nobody promised anything of. */
export function asMarkdown(rows: readonly BenchRow[]): string {
  const lines = ['| row | unit | peer | ours | ours/peer | target | |', '|---|---|---|---|---|---|---|']
  for (const row of rows) {
    if (row.unit === 'p50 ms') continue
    const reached = verdict(row)
    const cells = [row.row, row.unit, peer(row), ours(row), ratio(row), targetOf(row), reached === 'MISSED' ? '**missed**' : reached]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n')
}

/** One object a line, as `--json` prints them and `--from` reads them. */
export function asJson(row: BenchRow): string {
  return JSON.stringify({ ...row, met: met(row) ?? null })
}

/** The rows of an earlier run that was printed with `--json`; what else stands there is passed over. */
export function fromJson(text: string): BenchRow[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as BenchRow)
}

function peer(row: BenchRow): string {
  return withRange(row.peer, row.peerRange)
}

function ours(row: BenchRow): string {
  return withRange(row.ours, row.oursRange)
}

function ratio(row: BenchRow): string {
  return row.ratio === null ? '-' : number(row.ratio)
}

function targetOf({ target, targetOf: of, better }: BenchRow): string {
  if (target === null) return ''
  return `${better === 'lower' ? '≤' : '≥'} ${number(target)}${of === 'ratio' ? ' x' : ''}`
}

function verdict(row: BenchRow): string {
  const reached = met(row)
  return reached === undefined ? '' : reached ? 'met' : 'MISSED'
}

function withRange(value: number | null, range: Range | undefined): string {
  if (value === null || Number.isNaN(value)) return '-'
  return range === undefined || range[0] === range[1] ? number(value) : `${number(value)} (${number(range[0])} to ${number(range[1])})`
}

/** Three digits that count, or all before the point. */
function number(n: number): string {
  return n.toLocaleString('en-US', n >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 })
}
