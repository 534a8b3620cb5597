import { messageOf } from '../../base/errors.ts'
import { kafkaError } from '../../protocol/errors.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { brokerConfigs } from '../broker-config.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import { configSources } from '../config-source.ts'
import { configProblem, defaultText, password } from '../config-type.ts'
import type { ConfigKey } from '../config-type.ts'
import { isDynamic, isOfOneBroker, isOnlyOfListener, isStatic } from '../dynamic-configs.ts'
import { ipOverrides } from '../ip-overrides.ts'
import { isListenerSetting, listenerConfigs, listenerSetting } from '../security-config.ts'
import type { BrokerServices } from '../services.ts'
import { topicConfigs } from '../topic-config.ts'
import { configEntry } from './resource.ts'
import type { ConfigEntry, ConfigResource, Synonym } from './resource.ts'

/** Stands for all brokers of the cluster. */
const CLUSTER = ''

/** A setting that nobody knows may be a secret of a plug-in: it is kept and never shown, as in Kafka. */
const UNKNOWN = password('not known to this broker')

/**
 * This broker under its id, or what is set for all brokers under the empty name (KIP-226).
 * @throws KafkaError INVALID_REQUEST for another broker
 */
export function brokerResource(broker: BrokerServices, name: string): ConfigResource {
  checkName(broker, name)
  const configs = broker.metadata.configs(configResourceTypes.broker, name)
  return {
    configs,
    describe() {
      const own = name === CLUSTER ? [...configs.keys()] : [...Object.keys(brokerConfigs), ...strangers(broker.config)]
      return own.map((config) => entry(broker, config, name === CLUSTER))
    },
    isList: (config) => brokerConfigs[config]?.type === 'list',
    inherited: (config) => broker.config.given.get(config) ?? brokerConfigs[config]?.default ?? '',
    check(next, changed) {
      check(next, changed, name)
      const problem = problemOfAll(broker, name, next as ReadonlyMap<string, string>, changed)
      if (problem !== undefined) throw kafkaError('INVALID_REQUEST', problem)
    },
    async apply(next) {
      await broker.metadata.configure(configResourceTypes.broker, name, next)
      applyDynamicConfigs(broker.config, broker.metadata)
    },
  }
}

/** Tells the settings what was changed while a broker ran, now or in an earlier life. */
export function applyDynamicConfigs(config: BrokerConfig, metadata: BrokerServices['metadata']): void {
  config.change(changesOfBroker(metadata), metadata.configs(configResourceTypes.broker, CLUSTER))
}

function changesOfBroker(metadata: BrokerServices['metadata']): ReadonlyMap<string, string> {
  const ofBroker = metadata.configured(configResourceTypes.broker).find((name) => name !== CLUSTER)
  return ofBroker === undefined ? new Map() : metadata.configs(configResourceTypes.broker, ofBroker)
}

/** Where a broker's setting could come from, beginning with the setting itself: others in larger units stand behind it, or that of all listeners. */
export function brokerSynonyms(config: BrokerConfig, name: string): Synonym[] {
  const ofAllListeners = listenerSetting(name)?.setting
  const names = FAMILIES.get(name) ?? (ofAllListeners === undefined ? [name] : [name, ofAllListeners])
  const found: Synonym[] = []
  for (const { source, values } of config.layers) {
    for (const synonym of names) {
      const value = values.get(synonym)
      if (value !== undefined) found.push({ name: synonym, value, source })
    }
  }
  for (const synonym of names) {
    const key = brokerConfigs[synonym]
    const value = key && defaultText(key)
    if (typeof value === 'string') found.push({ name: synonym, value, source: configSources.default })
  }
  const first = found.findIndex((synonym) => synonym.name === name)
  return first < 0 ? [] : found.slice(first)
}

/** `log.retention.ms` stands before `log.retention.minutes`, and that before `log.retention.hours`. */
const FAMILIES: ReadonlyMap<string, readonly string[]> = new Map(
  Object.values(topicConfigs).flatMap(({ synonyms }) => {
    const names = synonyms.map(({ name }) => name)
    return names.map((name, i) => [name, names.slice(i)] as const)
  }),
)

function entry(broker: BrokerServices, name: string, ofCluster: boolean): ConfigEntry {
  const key = keyOf(name) ?? UNKNOWN
  const synonyms = brokerSynonyms(broker.config, name).filter(({ source }) => !ofCluster || source === configSources.cluster)
  const value = ofCluster ? (synonyms[0]?.value ?? null) : (broker.config.text(name) ?? defaultText(key))
  const shown = configEntry(name, key, value, synonyms, !isDynamic(name))
  return key === UNKNOWN ? { ...shown, configType: 0 } : shown
}

/** Settings that were changed at run time and that are in no table. */
function strangers(config: BrokerConfig): string[] {
  const names = config.layers.flatMap(({ values }) => [...values.keys()])
  return [...new Set(names)].filter((name) => !(name in brokerConfigs))
}

function checkName(broker: BrokerServices, name: string): void {
  if (name === CLUSTER || name === String(broker.nodeId)) return
  const wrong = /^-?\d+$/.test(name)
    ? `Unexpected broker id, expected ${broker.nodeId} or empty string, but received ${name}`
    : `Broker id must be an integer, but it is: ${name}`
  throw kafkaError('INVALID_REQUEST', wrong)
}

function check(next: ReadonlyMap<string, string | null>, changed: readonly string[], resource: string): void {
  // What is taken away is not looked at, as in Kafka.
  const given = changed.filter((name) => next.has(name))
  const fixed = given.filter(isStatic)
  refuse(fixed.filter(isOnlyOfListener), 'These security configs can be dynamically updated only per-listener using the listener prefix')
  refuse(
    fixed.filter((name) => !isListenerSetting(name)),
    'Cannot update these configs dynamically',
  )
  refuse(fixed, 'Configs cannot be updated dynamically for existing listener, restart broker for update')
  if (resource === CLUSTER)
    refuse(given.filter(isOfOneBroker), 'Cannot update these configs at default cluster level, broker id must be specified')
  for (const name of given) {
    const problem = valueProblem(name, next.get(name) ?? '')
    if (problem !== undefined) throw kafkaError('INVALID_REQUEST', problem)
  }
}

/** What is wrong with a value; undefined for settings that nobody knows. */
function valueProblem(name: string, value: string): string | undefined {
  const key = keyOf(name)
  const problem = key && configProblem(name, key, value)
  if (problem !== undefined || name !== 'max.connections.per.ip.overrides') return problem
  try {
    ipOverrides(value)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** The broker's own settings, and those of single listeners. */
function keyOf(name: string): ConfigKey | undefined {
  const ofListener: Readonly<Record<string, ConfigKey>> = listenerConfigs
  return brokerConfigs[name] ?? ofListener[listenerSetting(name)?.setting ?? '']
}

/** What those say who have to work with all of the settings as they would be then. */
function problemOfAll(
  { config, metadata }: BrokerServices,
  resource: string,
  next: ReadonlyMap<string, string>,
  changed: readonly string[],
): string | undefined {
  if (resource === CLUSTER) return config.problemWith(changesOfBroker(metadata), next, changed)
  return config.problemWith(next, metadata.configs(configResourceTypes.broker, CLUSTER), changed)
}

function refuse(names: readonly string[], why: string): void {
  if (names.length > 0) throw kafkaError('INVALID_REQUEST', `${why}: [${names.join(', ')}]`)
}
