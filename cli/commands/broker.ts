import { readFileSync } from 'node:fs'

import { Command, Option } from 'commander'

import { MoldauError, messageOf } from '../../core/base/errors.ts'
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
    .option('--config-file <file>', "settings in a properties file as Kafka's server.properties; -c outweighs it")
    .option(
      '--scram-users <file>',
      'who can log in by SCRAM from the start: lines of user:password. Those who can already keep their passwords',
    )
    .addOption(new Option('--log-level <level>', 'of the log on standard error').choices(logLevels).default('info'))
    .addHelpText(
      'after',
      `
Examples:
  moldau broker                                          on 127.0.0.1:9092, data in ./data
  moldau broker --port 0 --dir /var/lib/moldau           a free port; it is printed
  moldau broker -c num.partitions=6 -c auto.create.topics.enable=false
  moldau broker --config-file server.properties          listeners, TLS, log-ins, access control: docs/security.md
  kcat -b 127.0.0.1:9092 -L                              then, in another terminal

acks=all waits for the disk (fdatasync, shared by all who wait); -c durability=page-cache answers as Kafka does by default.`,
    )
    .action(async (options: Options, command: Command) => {
      const { Broker } = await import('../../core/broker/broker.ts')
      const { pino } = await import('pino')
      const logger = pino({ level: options.logLevel }, pino.destination(2))
      const config = { ...(options.configFile !== undefined && (await settingsOf(options.configFile))), ...options.config }
      // Who sets listeners has said where to listen.
      const isAsked = (name: string): boolean => !('listeners' in config) || command.getOptionValueSource(name) !== 'default'
      const broker = await Broker.start({
        dir: options.dir,
        ...(isAsked('port') && { port: options.port }),
        ...(isAsked('host') && { host: options.host }),
        config,
        ...(options.scramUsers !== undefined && { scramUsers: scramUsers(options.scramUsers) }),
        logger,
      })
      // Before we say that we are there: whoever reads it may ask us to stop at once.
      const stopped = untilSignal()
      process.stdout.write(`moldau broker ready at ${broker.bootstrap}, data in ${options.dir}; Ctrl-C stops it\n`)
      await stopped
      await broker.close()
    })
}

interface Options {
  port: number
  host: string
  dir: string
  config: Record<string, string>
  configFile?: string
  scramUsers?: string
  logLevel: string
}

async function settingsOf(path: string): Promise<Record<string, string>> {
  const { parseProperties } = await import('../client-config.ts')
  return Object.fromEntries(parseProperties(readInput('--config-file', path)))
}

function scramUsers(path: string): { name: string; password: string }[] {
  const lines = readInput('--scram-users', path).split(/\r?\n/)
  return lines
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line, i) => {
      const colon = line.indexOf(':')
      if (colon <= 0) throw new MoldauError('INVALID_CONFIG', `--scram-users: line ${i + 1} of ${path} is not of the form user:password`)
      return { name: line.slice(0, colon), password: line.slice(colon + 1) }
    })
}

function readInput(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new MoldauError('INPUT_MISSING', `${option}: cannot read ${path} (${messageOf(cause)})`, { cause })
  }
}
