import type { Logger } from '../../base/logger.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { configSources } from '../config-source.ts'
import type { BrokerServices } from '../services.ts'
import type { ConfigEntry, ConfigResource } from './resource.ts'

/** The one logger that a broker has: what it was given as `logger`. */
const ROOT = 'root'

/** Kafka's levels, and what loggers of JavaScript call them. */
const LEVELS: Readonly<Record<string, string>> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'fatal',
  OFF: 'silent',
}

/** A logger whose level can be asked for and changed, as pino's can. */
type Leveled = Logger & { level: string }

/** The level of the broker's logger, where it has one. A level that was changed lasts until the broker stops, as in Kafka. */
export function loggerResource(broker: BrokerServices, name: string): ConfigResource {
  if (name === '') throw kafkaError('INVALID_REQUEST', 'Broker id must not be empty')
  if (!/^-?\d+$/.test(name)) throw kafkaError('INVALID_REQUEST', `Broker id must be an integer, but it is: ${name}`)
  if (name !== String(broker.nodeId))
    throw kafkaError('INVALID_REQUEST', `Unexpected broker id, expected ${broker.nodeId} but received ${name}`)
  const logger = leveled(broker.logger)
  return {
    configs: new Map(),
    describe: () => (logger === undefined ? [] : [entry(logger)]),
    isList: () => false,
    inherited: () => '',
    check(next, changed) {
      for (const logName of changed) checkLevel(logName, next.get(logName), logger)
    },
    apply(next) {
      const level = next.get(ROOT)
      if (logger !== undefined && level !== undefined) logger.level = LEVELS[level]!
    },
  }
}

function leveled(logger: Logger): Leveled | undefined {
  return 'level' in logger && typeof logger.level === 'string' ? (logger as Leveled) : undefined
}

function entry({ level }: Leveled): ConfigEntry {
  const value = Object.keys(LEVELS).find((key) => LEVELS[key] === level) ?? level.toUpperCase()
  return {
    name: ROOT,
    value,
    readOnly: false,
    configSource: configSources.logger,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: null,
  }
}

function checkLevel(name: string, level: string | null | undefined, logger: Leveled | undefined): void {
  if (name !== ROOT || logger === undefined) throw kafkaError('INVALID_CONFIG', `Logger ${name} does not exist!`)
  if (level === undefined) throw kafkaError('INVALID_REQUEST', `Removing the log level of the ${ROOT} logger is not allowed`)
  if (level === null || !(level in LEVELS)) {
    const valid = Object.keys(LEVELS).join(', ')
    throw kafkaError(
      'INVALID_CONFIG',
      `Cannot set the log level of ${name} to ${level} as it is not a supported log level. Valid log levels are ${valid}`,
    )
  }
}
