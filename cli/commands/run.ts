import { Command, Option } from 'commander'
import { connect } from '../../core/index.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { run, type Guarantee, type Job } from '../../pipelines/index.ts'
import { bootstrapOption } from '../options.ts'
import { formatCount } from '../output.ts'
import { pipelinesOf } from '../pipelines-of.ts'
import { untilSignal } from '../signals.ts'

interface RunOptions {
  bootstrap: string
  embedded?: string
  guarantee: Guarantee
  drain?: boolean
}

export function runCommand(): Command {
  return new Command('run')
    .description('Run the pipelines that a file exports, until Ctrl-C.')
    .argument('<file>', 'a .ts or .js module; every pipeline it exports is run')
    .addOption(bootstrapOption())
    .option('--embedded <directory>', 'start a broker in this process, with its data there, in place of --bootstrap')
    .addOption(
      new Option('--guarantee <guarantee>', 'of what is written').choices(['exactly-once', 'at-least-once']).default('exactly-once'),
    )
    .option('--drain', 'stop at what is the end of the sources now')
    .addHelpText(
      'after',
      `
Examples:
  moldau run ./jobs.ts                                   on the broker at 127.0.0.1:9092
  moldau run ./jobs.ts --bootstrap kafka-1:9092          the same, on any Kafka cluster
  moldau run ./jobs.ts --embedded ./data --drain         a batch run with its own broker

jobs.ts:
  import { string, json } from 'moldau/core'
  import { pipeline, topic, filter } from 'moldau/pipelines'
  const orders = topic('orders', { key: string, value: json<{ sum: number }>() })
  export const large = pipeline('large').from(orders).pipe(filter((r) => r.value.sum > 100)).to(topic('large-orders', { key: string, value: json<{ sum: number }>() }))`,
    )
    .action(async (file: string, options: RunOptions, command: Command) => {
      if (options.embedded !== undefined && command.getOptionValueSource('bootstrap') === 'cli') {
        throw new MoldauError('INVALID_ARGUMENT', '--embedded brings its own broker, --bootstrap names another; leave one of them out')
      }
      await runFile(file, options)
    })
}

async function runFile(file: string, options: RunOptions): Promise<void> {
  const pipelines = await pipelinesOf(file)
  const broker = options.embedded === undefined ? undefined : await startEmbedded(options.embedded)
  try {
    const client = await connect(broker ?? options.bootstrap)
    try {
      const job = await run(pipelines, { client, guarantee: options.guarantee })
      process.stderr.write(`running ${pipelines.map((p) => p.name).join(', ')} (${options.guarantee}); Ctrl-C stops after the epoch\n`)
      await untilEnd(job, options.drain === true)
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

async function startEmbedded(dir: string) {
  const { Broker } = await import('../../core/index.ts')
  const broker = await Broker.start({ dir })
  process.stderr.write(`broker at ${broker.bootstrap}, data in ${dir}\n`)
  return broker
}
