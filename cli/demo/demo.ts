import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { formatVerify, verify } from '../../connectors/hdfs/index.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { makeDirectory } from '../../core/base/make-directory.ts'
import { Broker, connect } from '../../core/index.ts'
import { files } from '../../connectors/files/index.ts'
import { run, type Job, type PipelineMetrics } from '../../pipelines/index.ts'
import { archive, delays, delaysHourly, flights, replay } from '../../examples/flights/jobs.ts'
import { progress, type Progress } from '../progress.ts'
import { printJson } from '../output.ts'
import { untilSignal } from '../signals.ts'
import { findInput, type DemoInput } from './input.ts'
import { printReport, worstHours } from './report.ts'

export interface DemoOptions {
  dir: string
  port: number
  input?: string
  fresh?: boolean
  keep?: boolean
  json?: boolean
}

const partitions = 6

/** The main job: replay a file into a topic, aggregate and archive it while it fills, prove the result. */
export async function demo(options: DemoOptions): Promise<void> {
  const started = Date.now()
  const dir = resolve(options.dir)
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const input = findInput(options.input)
  await prepare(dir, input, options.fresh === true)
  const stop = untilSignal()
  const lake = join(dir, 'lake')
  const broker = await Broker.start({ dir: join(dir, 'broker'), port: options.port })
  say(`${input.note}\nbroker ready at ${broker.bootstrap} (try: kcat -b ${broker.bootstrap} -L), everything in ${dir}`)
  const client = await connect(broker)
  try {
    await client.admin.createTopics(
      [flights, delaysHourly].map(({ name }) => ({ name, partitions })),
      { ignoreExisting: true },
    )
    const settings = { client, guarantee: 'exactly-once', applicationId: 'demo', instanceId: 'demo' } as const
    const filling = await run([replay(input.path)], { ...settings, epoch: { records: 50_000, ms: 250 } })
    const reading = await run([delays, archive(lake)], settings)
    const total = (await files({ path: input.path }).count()) ?? 0
    const bars = showProgress([filling, reading], total)
    const finished = filling.drained().then(() => reading.drain())
    const signal = await Promise.race([finished, reading.done, stop]).finally(() => bars.close())
    if (typeof signal === 'string') {
      await Promise.all([filling.stop(), reading.stop()])
      say('stopped; start it again and it goes on from the last commit')
      process.exitCode = 130
      return
    }
    await finished
    const seconds = (Date.now() - started) / 1000
    const worst = await worstHours(client, delaysHourly, 10)
    const verified = await verify({ url: lake, topic: flights.name })
    const line = formatVerify(verified)
    // The kernel counts it in KiB.
    const rssMaxBytes = process.resourceUsage().maxRSS * 1024
    if (options.json) printJson({ dir, broker: broker.bootstrap, seconds, rssMaxBytes, worst, verified: line, ok: verified.ok })
    else await printReport({ dir, lake, seconds, worst, line, remedy: input.remedy })
    if (!verified.ok) process.exitCode = 1
    if (options.keep) {
      const again = await run([delays, archive(lake)], settings)
      say(`broker and pipelines go on at ${broker.bootstrap}; Ctrl-C stops them`)
      await Promise.race([stop, again.done])
      await again.stop()
    }
  } finally {
    await client.close()
    await broker.close()
  }
}

/** A row number means something in one file only, so a directory belongs to the input it was begun with. */
async function prepare(dir: string, input: DemoInput, fresh: boolean): Promise<void> {
  const mark = join(dir, 'demo.json')
  const text = await readFile(mark, 'utf8').catch(() => undefined)
  if (text !== undefined && fresh) {
    // Only what a demo makes: the directory may hold other things of its owner.
    for (const name of ['broker', 'lake', 'demo.json']) await rm(join(dir, name), { recursive: true, force: true })
  } else if (text !== undefined) {
    const begun = (JSON.parse(text) as { input: string }).input
    if (begun === input.path) return
    throw new MoldauError(
      'INVALID_ARGUMENT',
      `${dir} holds a demo that was begun with ${begun}, now the input is ${input.path}; add --fresh to begin anew there, or give another --dir`,
    )
  }
  try {
    makeDirectory(dir)
    await writeFile(mark, `${JSON.stringify({ input: input.path })}\n`)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MoldauError('DIRECTORY_UNUSABLE', `cannot write to ${dir}: ${why}; give a writable directory with --dir`, { cause })
  }
}

/** One bar for each pipeline; counts go on where an earlier run stopped. */
function showProgress(jobs: readonly Job[], total: number): Progress {
  const bars = progress()
  const latest = new Map<string, PipelineMetrics>()
  const started = performance.now()
  // What an earlier run had done already is no work of this one.
  const before = new Map<string, number>()
  const row = (name: string, value: number, lag: number) => {
    if (!before.has(name)) before.set(name, value)
    const seconds = (performance.now() - started) / 1000
    return { name, value, total, rate: (value - before.get(name)!) / Math.max(0.1, seconds), lag }
  }
  const show = (metrics: readonly PipelineMetrics[]) => {
    for (const one of metrics) latest.set(one.pipeline, one)
    const produced = Math.round((latest.get('replay')?.progress ?? 0) * total)
    const downstream = (name: string, pipeline: string) => {
      const lag = latest.get(pipeline)?.lag ?? produced
      return row(name, Math.max(0, produced - lag), lag)
    }
    bars.update([row('produced', produced, total - produced), downstream('processed', 'delays'), downstream('archived', 'archive')])
  }
  const subscriptions = jobs.map((job) => job.metrics$.subscribe({ next: show, error: () => {} }))
  return {
    update: (rows) => bars.update(rows),
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe()
      bars.close()
    },
  }
}
