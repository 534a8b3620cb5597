import { readFileSync } from 'node:fs'

import { Command, Option } from 'commander'

import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { collectSetting, controlAddress, portNumber } from '../options.ts'
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
    .option('--control <[host:]port>', 'answer HTTP there, for tests that want faults and delays; 0 takes a free port', controlAddress)
    .addOption(
      new Option('--control-token <token>', 'what HTTP requests have to show; a --control that others reach needs one').env(
        'MOLDAU_CONTROL_TOKEN',
      ),
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

Test how a client takes errors, in any language (docs/testing.md):
  moldau broker --control 9644                           HTTP on 127.0.0.1:9644; GET / says what it can do
  curl 127.0.0.1:9644/rules -d '{"api": "Produce", "action": "error", "error": "NOT_LEADER_OR_FOLLOWER", "times": 2}'
  curl 127.0.0.1:9644/rules -d '{"api": "Produce", "topic": "orders", "action": "drop-after", "times": 1}'

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
      if (options.control !== undefined) await openControl(broker, options.control, options.controlToken)
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
  control?: { host: string; port: number }
  controlToken?: string
  logLevel: string
}

/** Without its control the broker is not what was asked for: it stops. */
async function openControl(broker: Broker, address: { host: string; port: number }, token: string | undefined): Promise<void> {
  const { startControl } = await import('../../core/testing/control/server.ts')
  try {
    const { url } = await startControl(broker, { ...address, ...(token !== undefined && { token }) })
    process.stdout.write(`moldau control at ${url}; anybody who reaches it can make this broker fail\n`)
  } catch (error) {
    await broker.close()
    throw error
  }
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
