import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { messageOf } from '../../base/errors.ts'
import { topicNameProblem } from '../../coordination/topic-name.ts'
import { DescribeConfigs } from '../../protocol/messages/describe-configs.ts'
import type { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import type { Input } from '../../protocol/schema.ts'
import { brokerConfigs } from '../broker-config.ts'
import { configTypes } from '../config-type.ts'
import type { ConfigKey } from '../config-type.ts'
import { GROUP_RESOURCE, groupConfigs } from '../group-configs.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import type { BrokerServices } from '../services.ts'
import { topicConfigs } from '../topic-config.ts'
import { configSources, resolveTopicConfig } from '../topic-settings.ts'
import type { ResolvedConfig } from '../topic-settings.ts'

type Wanted = DescribeConfigsRequest['resources'][number]
type Entry = Result['configs'][number]
type Result = Input<typeof DescribeConfigsResponse>['results'][number]

/** Kinds of things that have settings. */
const resource = { topic: 2, broker: 4 } as const

/** DescribeConfigs 0 to 4: all settings with where they come from. v1 sources and synonyms (KIP-226); v3 types and documentation (KIP-569). */
export const describeConfigs = handler({
  api: DescribeConfigs,
  minVersion: 0,
  maxVersion: 4,
  handle(request, context) {
    return { throttleTimeMs: 0, results: request.resources.map((wanted) => describe(context, wanted, request)) }
  },
})

function describe({ broker, version }: RequestContext, wanted: Wanted, request: DescribeConfigsRequest): Result {
  const { resourceType, resourceName, configurationKeys } = wanted
  try {
    const { table, resolve } = settingsOf(broker, resourceType, resourceName)
    const wantsAll = configurationKeys === null || configurationKeys.length === 0
    const names = Object.keys(table).filter((name) => wantsAll || configurationKeys.includes(name))
    return {
      errorCode: 0,
      errorMessage: null,
      resourceType,
      resourceName,
      configs: names.map((name) => ({
        ...entry(name, table[name]!, resolve(name), request),
        readOnly: resourceType === resource.broker,
        // Version 0 knows no sources, only this.
        ...(version === 0 && { isDefault: resolve(name)[0]!.source === configSources.default }),
      })),
    }
  } catch (error) {
    const code = error instanceof KafkaError ? error.kafkaCode : 'UNKNOWN_SERVER_ERROR'
    return { errorCode: errorCode(code), errorMessage: messageOf(error), resourceType, resourceName, configs: [] }
  }
}

interface Settings {
  table: Readonly<Record<string, ConfigKey>>
  resolve: (config: string) => ResolvedConfig[]
}

function settingsOf(broker: BrokerServices, type: number, name: string): Settings {
  if (type === resource.topic) return { table: topicConfigs, resolve: ofTopic(broker, name) }
  if (type === GROUP_RESOURCE) return { table: groupConfigs, resolve: (config) => broker.groupConfigs.resolve(name, config) }
  return { table: brokerConfigs, resolve: ofBroker(broker, type, name) }
}

function ofTopic(broker: BrokerServices, name: string): (config: string) => ResolvedConfig[] {
  const problem = topicNameProblem(name)
  if (problem !== undefined) throw kafkaError('INVALID_TOPIC_EXCEPTION', problem)
  const topic = broker.topics.get(name)
  if (topic === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', name)
  return (config) => resolveTopicConfig(config, topic.configs, broker.config)
}

/** The broker under its id; the empty name stands for settings that all brokers share, of which there are none. */
function ofBroker(broker: BrokerServices, type: number, name: string): (config: string) => ResolvedConfig[] {
  if (type !== resource.broker) throw kafkaError('INVALID_REQUEST', `resources of type ${type} have no settings here`)
  if (name !== '' && name !== String(broker.nodeId)) throw kafkaError('INVALID_REQUEST', `this is broker ${broker.nodeId}, not ${name}`)
  return (config) => {
    const fallback = { name: config, value: brokerConfigs[config]!.default, source: configSources.default }
    const given = broker.config.given.get(config)
    return given === undefined ? [fallback] : [{ name: config, value: given, source: configSources.staticBroker }, fallback]
  }
}

function entry(name: string, key: ConfigKey, found: readonly ResolvedConfig[], request: DescribeConfigsRequest): Omit<Entry, 'readOnly'> {
  const { value, source } = found[0]!
  const isSensitive = key.type === 'password'
  return {
    name,
    value: isSensitive ? null : value,
    configSource: source,
    isSensitive,
    synonyms: !request.includeSynonyms ? [] : isSensitive ? found.map((each) => ({ ...each, value: null })) : found,
    configType: configTypes[key.type],
    documentation: request.includeDocumentation ? key.doc : null,
  }
}
