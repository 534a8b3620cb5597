import { Command, InvalidArgumentError, Option } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
import { type Guarantee, guarantees } from '../../pipelines/guarantee.ts'
import { bootstrapOption } from '../options.ts'

export interface RunOptions {
  bootstrap: string
  embedded?: string
  guarantee: Guarantee
  threads?: number
  drain?: boolean
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1 is needed')
  return value
}

export function runCommand(): Command {
  return new Command('run')
    .description('Run the pipelines that a file exports, until Ctrl-C.')
    .argument('<file>', 'a .ts or .js module; every pipeline it exports is run')
    .addOption(bootstrapOption())
    .option('--embedded <directory>', 'start a broker in this process, with its data there, in place of --bootstrap')
    .addOption(
      new Option('--guarantee <guarantee>', 'what holds when processes die (docs/pipelines/guarantees.md)')
        .choices(guarantees)
        .default('exactly-once'),
    )
    .addOption(
      new Option('--threads <n>', 'run them in so many worker threads, which share the tasks out; default: in the main thread').argParser(
        count,
      ),
    )
    .option('--drain', 'stop at what is the end of the sources now')
    .addHelpText(
      'after',
      `
Examples:
  moldau run ./jobs.ts                                   on the broker at 127.0.0.1:9092
  moldau run ./jobs.ts --bootstrap kafka-1:9092          the same, on any Kafka cluster
  moldau run ./jobs.ts --embedded ./data --drain         a batch run with its own broker
  moldau run ./jobs.ts --threads 4                       on four cores

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
      const { runFile } = await import('../run-file.ts')
      await runFile(file, options)
    })
}
