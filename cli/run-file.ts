import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Broker, connect } from '../core/index.ts'
import { run, type Job } from '../pipelines/index.ts'
import { clientOptions } from './cluster.ts'
import type { RunOptions } from './commands/run.ts'
import { formatCount } from './output.ts'
import { pipelinesOf } from './pipelines-of.ts'
import { untilSignal } from './signals.ts'

/** Runs the pipelines of a file until their end, or until a signal. */
export async function runFile(file: string, options: RunOptions): Promise<void> {
  const pipelines = await pipelinesOf(file)
  const { guarantee, threads, drain = false } = options
  const broker = options.embedded === undefined ? undefined : await startEmbedded(options.embedded)
  const running = `running ${pipelines.map((p) => p.name).join(', ')} (${guarantee}${threads === undefined ? '' : `, ${threads} threads`}); Ctrl-C stops after the epoch\n`
  try {
    if (threads !== undefined) {
      const bootstrap = broker?.bootstrap ?? options.bootstrap
      const own = broker === undefined ? await clientOptions() : {}
      const job = await run(pathToFileURL(resolve(file)), { bootstrap, clientOptions: own, guarantee, threads })
      process.stderr.write(running)
      return await untilEnd(job, drain)
    }
    const client = broker === undefined ? await connect(options.bootstrap, await clientOptions()) : await connect(broker)
    try {
      const job = await run(pipelines, { client, guarantee })
      process.stderr.write(running)
      await untilEnd(job, drain)
    } finally {
      await client.close()
    }
  } finally {
    await broker?.close()
  }
}

/** Metrics go to standard error meanwhile. A signal stops the job after the epochs under way. */
async function untilEnd(job: Job, drain: boolean): Promise<void> {
  const lines = job.metrics$.subscribe((metrics) => {
    const text = metrics.map((m) => {
      return `${m.pipeline}: in ${formatCount(m.recordsIn)}, out ${formatCount(m.recordsOut)}, lag ${formatCount(m.lag)}`
    })
    process.stderr.write(`${text.join(' | ')}\n`)
  })
  try {
    await Promise.race([drain ? job.drain() : job.done, untilSignal().then(() => job.stop())])
  } finally {
    lines.unsubscribe()
  }
}

async function startEmbedded(dir: string): Promise<Broker> {
  const broker = await Broker.start({ dir })
  process.stderr.write(`broker at ${broker.bootstrap}, data in ${dir}\n`)
  return broker
}
