import { topicNameProblem } from '../../coordination/topic-name.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { configSources } from '../config-source.ts'
import type { BrokerServices } from '../services.ts'
import { topicConfigs } from '../topic-config.ts'
import { resolveTopicConfig, topicConfigProblem } from '../topic-settings.ts'
import { brokerSynonyms } from './broker.ts'
import { configEntry } from './resource.ts'
import type { ConfigEntry, ConfigResource } from './resource.ts'

/** A topic. As in Kafka its settings are judged before it is asked whether it exists. */
export function topicResource(broker: BrokerServices, name: string): ConfigResource {
  const configs = broker.topics.get(name)?.configs ?? new Map<string, string>()
  return {
    configs,
    mustExist() {
      checkName(name)
      if (broker.topics.get(name) === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
    },
    describe: () => Object.keys(topicConfigs).map((config) => entry(broker, config, configs)),
    isList: (config) => topicConfigs[config]?.type === 'list',
    // What was changed at run time does not count here, as in Kafka.
    inherited: (config) => resolveTopicConfig(config, new Map(), { layers: broker.config.layers.slice(-1) })[0]!.value,
    check(next) {
      if (name === '') throw kafkaError('INVALID_REQUEST', 'Default topic resources are not allowed.')
      checkName(name)
      const wrong = topicConfigProblem(next)
      if (wrong !== undefined) throw kafkaError('INVALID_CONFIG', wrong)
    },
    apply: (next) => broker.topics.configure(name, next),
  }
}

function checkName(name: string): void {
  const problem = topicNameProblem(name)
  if (problem !== undefined) throw kafkaError('INVALID_TOPIC_EXCEPTION', problem)
}

function entry(broker: BrokerServices, name: string, configs: ReadonlyMap<string, string>): ConfigEntry {
  const key = topicConfigs[name]!
  const own = configs.get(name)
  const value = resolveTopicConfig(name, configs, broker.config)[0]!.value
  const first = key.synonyms[0]?.name
  const inherited = first === undefined ? [] : brokerSynonyms(broker.config, first)
  const synonyms = own === undefined ? inherited : [{ name, value: own, source: configSources.topic }, ...inherited]
  return configEntry(name, key, value, synonyms, false)
}
