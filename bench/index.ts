/**
 * npm run bench -- NAME [--json]
 *
 * Names: codec, validate, broker, compaction, pipelines, all. CPU-seconds and ratios are what counts here, not wall times: the machine
 * may be busy.
 * With --json one object a line: row, unit, ours, peer, ratio (ours over peer), target, better; peer is a real server or library
 * measured in the same run, null where there is none.
 */
import { parseArgs } from 'node:util'
import { formatTable } from '../cli/output.ts'
import type { BenchRow } from './row.ts'

const benches: Record<string, () => Promise<{ rows(): Promise<BenchRow[]> }>> = {
  codec: () => import('./codec.ts'),
  validate: () => import('./validate.ts'),
  broker: () => import('./broker.ts'),
  compaction: () => import('./compaction.ts'),
  pipelines: () => import('./pipelines.ts'),
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
const name = positionals[0] ?? 'all'
const chosen = name === 'all' ? Object.keys(benches) : [name]
if (!chosen.every((one) => one in benches)) {
  console.error(`bench: there is no '${name}'; choose one of ${Object.keys(benches).join(', ')}, all`)
  process.exit(2)
}
for (const one of chosen) {
  if (!values.json) console.log(`\n${one}`)
  const rows = await (await benches[one]!()).rows()
  if (values.json) for (const row of rows) console.log(JSON.stringify(row))
  else console.log(formatTable(['row', 'ours', 'peer', 'ours/peer', 'target', 'unit', 'better'], rows.map(cells)))
}
process.exit(0)

function cells({ row, unit, ours, peer, ratio, target, better }: BenchRow): string[] {
  const number = (n: number | null) => (n === null ? '-' : n.toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 3 : 0 }))
  return [row, number(ours), number(peer), number(ratio), number(target), unit, better]
}
