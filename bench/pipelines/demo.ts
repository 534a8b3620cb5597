import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker, connect } from 'moldau/core'
import { type Pipeline, run } from 'moldau/pipelines'
import { findInput } from '../../cli/demo/input.ts'
import { archive, delays, delaysHourly, flights, replay } from '../../examples/flights/jobs.ts'
import { runCommand } from '../../test/support/run-command.ts'
import { cpuDuring } from '../process-cpu.ts'
import { type BenchRow, median } from '../row.ts'

/** The demo's pipelines one by one, each with the embedded broker in the same process, and the whole demo as a person runs it. */

const ROUNDS = 3

export async function demoRows(): Promise<BenchRow[]> {
  const { path, note } = findInput(undefined)
  console.error(note)
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const broker = await Broker.start({ dir: join(dir, 'broker'), port: null })
  const client = await connect(broker)
  try {
    await client.admin.createTopics([flights, delaysHourly].map(({ name }) => ({ name, partitions: 6 })))
    const measured = new Map<string, Measured[]>()
    const measure = async (name: string, pipeline: Pipeline, applicationId: string) => {
      const one = await measureOne(pipeline, client, applicationId)
      measured.set(name, [...(measured.get(name) ?? []), one])
    }
    await measure('replay: parquet to topic', replay(path), 'fill')
    for (let round = 0; round < ROUNDS; round++) {
      await measure('archive: topic to Avro lake', archive(join(dir, `lake-${round}`)), `archive-${round}`)
      await measure('delays: topic to windows to topic', delays, `delays-${round}`)
    }
    return [...[...measured].flatMap(([name, runs]) => rowsOf(name, runs)), await demoRow(dir)]
  } finally {
    await client.close()
    await broker.close()
    await rm(dir, { recursive: true, force: true })
  }
}

interface Measured {
  records: number
  seconds: number
  cpu: number
}

async function measureOne(pipeline: Pipeline, client: Awaited<ReturnType<typeof connect>>, applicationId: string): Promise<Measured> {
  let records = 0
  const started = performance.now()
  const cpu = await cpuDuring(async () => {
    const job = await run([pipeline], { client, applicationId, guarantee: 'exactly-once' })
    const counting = job.metrics$.subscribe(([metrics]) => (records = metrics?.recordsIn ?? records))
    await (pipeline.name === 'replay' ? job.drained() : job.drain())
    counting.unsubscribe()
  })
  return { records, seconds: (performance.now() - started) / 1000, cpu }
}

/** The archive's rate is promised for two quiet cores; the others have no target yet. */
const rateTargets: Record<string, number> = { 'archive: topic to Avro lake': 300_000 }

function rowsOf(name: string, runs: readonly Measured[]): BenchRow[] {
  const cpu = median(runs.map((run) => (run.cpu / run.records) * 1e6))
  const rate = median(runs.map((run) => run.records / run.seconds))
  const target = rateTargets[name] ?? null
  return [
    { row: name, unit: 'CPU-s per M records, with broker', ours: cpu, peer: null, ratio: null, target: null, better: 'lower' },
    { row: name, unit: 'records/s', ours: rate, peer: null, ratio: null, target, better: 'higher' },
  ]
}

async function demoRow(dir: string): Promise<BenchRow> {
  const done = await runCommand('npm', ['run', '--silent', 'demo', '--', '--dir', join(dir, 'demo'), '--json'])
  if (done.code !== 0) throw new Error(done.stderr)
  const { rssMaxBytes } = JSON.parse(done.stdout) as { rssMaxBytes: number }
  return {
    row: 'demo: broker and pipelines',
    unit: 'MB resident at most',
    ours: rssMaxBytes / 1e6,
    peer: null,
    ratio: null,
    target: 400,
    better: 'lower',
  }
}
