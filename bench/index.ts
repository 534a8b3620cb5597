/** `npm run bench`: see {@link usage}. CPU-seconds and ratios are what counts here, not wall times: the machine may be busy. */
import { readFileSync } from 'node:fs'
import { type Arguments, type BenchOptions, parseArguments, usage } from './arguments.ts'
import { asJson, asMarkdown, asTable, fromJson } from './format.ts'
import type { BenchRow } from './row.ts'

/** Rows as they are measured, or all at the end. */
type Rows = AsyncIterable<BenchRow> | Promise<BenchRow[]>

const benches: Record<string, () => Promise<{ rows(options: BenchOptions): Rows }>> = {
  codec: () => import('./codec.ts'),
  validate: () => import('./validate.ts'),
  log: () => import('./log.ts'),
  broker: () => import('./broker.ts'),
  client: () => import('./client.ts'),
  compaction: () => import('./compaction.ts'),
  pipelines: () => import('./pipelines.ts'),
}

const { help, name, format, from, options } = await argumentsOf(process.argv.slice(2))
if (help) {
  console.log(await teach())
  process.exit()
}
if (from !== undefined) {
  print(fromJson(readFileSync(from, 'utf8')))
  process.exit()
}
const chosen = name === undefined || name === 'all' ? Object.keys(benches) : [name]
if (!chosen.every((one) => one in benches)) await refuse(`there is no '${name}'`)
for (const one of chosen) {
  if (format === 'table') console.log(`\n${one}`)
  const rows: BenchRow[] = []
  for await (const row of await (await benches[one]!()).rows(options)) {
    rows.push(row)
    if (format === 'json') console.log(asJson(row))
  }
  if (format !== 'json') print(rows)
}
process.exit()

async function argumentsOf(args: string[]): Promise<Arguments> {
  try {
    return parseArguments(args)
  } catch (error) {
    // Node appends advice about quoting.
    return refuse((error as Error).message.split('. ')[0]!)
  }
}

async function refuse(why: string): Promise<never> {
  console.error(`bench: ${why}\n\n${await teach()}`)
  process.exit(2)
}

async function teach(): Promise<string> {
  const [broker, client, pipelines] = await Promise.all([import('./broker.ts'), import('./client.ts'), import('./pipelines.ts')])
  return usage(Object.keys(benches), { broker: broker.rowNames, client: client.rowNames, pipelines: pipelines.rowNames })
}

function print(rows: readonly BenchRow[]): void {
  if (format === 'json') for (const row of rows) console.log(asJson(row))
  else console.log(format === 'markdown' ? asMarkdown(rows) : asTable(rows))
}
