import { kafkaError } from '../../protocol/errors.ts'
import { configSources } from '../config-source.ts'
import { groupConfigs } from '../group-configs.ts'
import type { BrokerServices } from '../services.ts'
import { brokerSynonyms } from './broker.ts'
import { configEntry } from './resource.ts'
import type { ConfigEntry, ConfigResource } from './resource.ts'

/** A group of the new protocol. It need not exist to have settings, nor to be described (KIP-1043), but it must have a name. */
export function groupResource(broker: BrokerServices, name: string): ConfigResource {
  const mustExist = (): void => {
    if (name === '') throw kafkaError('INVALID_REQUEST', 'Default group resources are not allowed.')
  }
  const configs = broker.groupConfigs.given(name)
  return {
    configs,
    mustExist,
    describe: () => Object.keys(groupConfigs).map((config) => entry(broker, config, configs)),
    isList: () => false,
    inherited: () => '',
    check(next) {
      mustExist()
      broker.groupConfigs.check(name, next)
    },
    apply: (next) => broker.groupConfigs.put(name, next),
  }
}

function entry(broker: BrokerServices, name: string, configs: ReadonlyMap<string, string>): ConfigEntry {
  const key = groupConfigs[name]!
  const own = configs.get(name)
  const inherited = brokerSynonyms(broker.config, key.synonym)
  const synonyms = own === undefined ? inherited : [{ name, value: own, source: configSources.group }, ...inherited]
  return configEntry(name, key, synonyms[0]?.value ?? key.default, synonyms, false)
}
