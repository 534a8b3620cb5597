import { Command, Option } from 'commander'
import { collectSetting, portNumber } from '../options.ts'
import { untilSignal } from '../signals.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

export function brokerCommand(): Command {
  return new Command('broker')
    .description('Run a broker that any Kafka client can use, until Ctrl-C.')
    .option('-p, --port <number>', 'TCP port; 0 takes a free one', portNumber, 9092)
    .option('--host <address>', 'address to listen on, and to tell clients', '127.0.0.1')
    .option('-d, --dir <directory>', 'where the log lives; made when missing', './data')
    .option('-c, --config <name=value>', "a broker setting by Kafka's name; may be repeated", collectSetting, {})
    .addOption(new Option('--log-level <level>', 'of the log on standard error').choices(logLevels).default('info'))
    .addHelpText(
      'after',
      `
Examples:
  moldau broker                                          on 127.0.0.1:9092, data in ./data
  moldau broker --port 0 --dir /var/lib/moldau           a free port; it is printed
  moldau broker -c num.partitions=6 -c auto.create.topics.enable=false
  kcat -b 127.0.0.1:9092 -L                              then, in another terminal

acks=all waits for the disk (fdatasync, shared by all who wait); -c durability=page-cache answers as Kafka does by default.`,
    )
    .action(async (options: { port: number; host: string; dir: string; config: Record<string, string>; logLevel: string }) => {
      const { Broker } = await import('../../core/broker/broker.ts')
      const { pino } = await import('pino')
      const logger = pino({ level: options.logLevel }, pino.destination(2))
      const broker = await Broker.start({ dir: options.dir, port: options.port, host: options.host, config: options.config, logger })
      // Before we say that we are there: whoever reads it may ask us to stop at once.
      const stopped = untilSignal()
      process.stdout.write(`moldau broker ready at ${broker.bootstrap}, data in ${options.dir}; Ctrl-C stops it\n`)
      await stopped
      await broker.close()
    })
}
