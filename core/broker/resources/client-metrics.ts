import { kafkaError } from '../../protocol/errors.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import { configSources } from '../config-source.ts'
import { configProblem, int, list, splitList } from '../config-type.ts'
import type { ConfigKey } from '../config-type.ts'
import type { BrokerServices } from '../services.ts'
import { parseMatch } from '../telemetry-match.ts'
import { plainEntry } from './resource.ts'
import type { ConfigResource } from './resource.ts'

/** What a subscription to metrics of clients consists of (KIP-714). */
export const clientMetricsConfigs = {
  'interval.ms': int(300_000, 'how often a client sends its metrics, in milliseconds'),
  match: list('', 'which clients: selectors with patterns, as in client_id=billing-.*; all of them must match'),
  metrics: list('', 'prefixes of the names of the metrics; * asks for all'),
} satisfies Record<string, ConfigKey>

const INTERVAL_MIN_MS = 100
const INTERVAL_MAX_MS = 3_600_000

const keys: Readonly<Record<string, ConfigKey>> = clientMetricsConfigs

/** A subscription to metrics that clients send. It need not exist: to describe it shows the defaults. */
export function clientMetricsResource(broker: BrokerServices, name: string): ConfigResource {
  if (name === '') throw kafkaError('INVALID_REQUEST', 'Client metrics subscription name must not be empty')
  const configs = broker.metadata.configs(configResourceTypes.clientMetrics, name)
  return {
    configs,
    describe: () => Object.entries(keys).map(([config, key]) => plainEntry(config, key, configs.get(config), configSources.clientMetrics)),
    isList: (config) => keys[config]?.type === 'list',
    inherited: (config) => keys[config]?.default ?? '',
    check,
    apply: (next) => broker.metadata.configure(configResourceTypes.clientMetrics, name, next),
  }
}

function check(next: ReadonlyMap<string, string | null>): void {
  for (const [name, value] of next) {
    const key = keys[name]
    if (key === undefined) throw kafkaError('INVALID_REQUEST', `Unknown client metrics configuration: ${name}`)
    if (value === null) throw kafkaError('INVALID_REQUEST', `Null value not supported for client metrics configs: ${name}`)
    const problem = configProblem(name, key, value)
    if (problem !== undefined) throw kafkaError('INVALID_CONFIG', problem)
    if (name === 'match') for (const selector of splitList(value)) parseMatch(selector)
    if (name === 'interval.ms' && (Number(value) < INTERVAL_MIN_MS || Number(value) > INTERVAL_MAX_MS)) {
      throw kafkaError('INVALID_REQUEST', `Invalid value ${value} for interval.ms, interval must be between 100 and 3600000 (1 hour)`)
    }
  }
}
