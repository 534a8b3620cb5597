import type { BrokerConnection } from '../../cluster/connection.ts'
import { DescribeConfigs } from '../../protocol/messages/describe-configs.ts'
import type { DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import { nameOf } from './codes.ts'
import { configResourceTypes, configTypes } from '../../protocol/config-codes.ts'
import { configSources } from './config-types.ts'
import type { ConfigDescription, ConfigEntry, ConfigResource, ConfigSource, DescribeConfigsOptions } from './config-types.ts'
import type { Answer } from './settle.ts'

/** What a resource is called in messages and in the failures of an AdminError. */
export function resourceName({ type, name }: ConfigResource): string {
  return `${type} ${name}`
}

export function resourceCode({ type, name }: ConfigResource) {
  return { resourceType: configResourceTypes[type], resourceName: name }
}

/** The same name, from an answer. */
export function answerName(answer: { readonly resourceType: number; readonly resourceName: string }): string {
  return `${nameOf(configResourceTypes, answer.resourceType)} ${answer.resourceName}`
}

export async function describeConfigs(
  connection: BrokerConnection,
  resources: readonly ConfigResource[],
  { keys, includeSynonyms = false, includeDocumentation = false }: DescribeConfigsOptions,
): Promise<Answer<ConfigDescription>[]> {
  const configurationKeys = keys === undefined ? null : [...keys]
  const { results } = await connection.request(DescribeConfigs, {
    resources: resources.map((resource) => ({ ...resourceCode(resource), configurationKeys })),
    // A version that knows nothing of them does not take the question.
    ...(includeSynonyms && { includeSynonyms }),
    ...(includeDocumentation && { includeDocumentation }),
  })
  const byName = new Map(resources.map((resource) => [resourceName(resource), resource]))
  return results.map((result) => {
    const name = answerName(result)
    const { type, name: of } = byName.get(name) ?? { type: 'topic', name: result.resourceName }
    const { errorCode, errorMessage } = result
    return { name, errorCode, errorMessage, value: { type, name: of, entries: result.configs.map((config) => entry(type, config)) } }
  })
}

type Found = DescribeConfigsResponse['results'][number]['configs'][number]

/** What version 0 means, which does not name the source, by the kind of thing. */
const dynamicSources = {
  topic: 'dynamicTopicConfig',
  broker: 'staticBrokerConfig',
  brokerLogger: 'dynamicBrokerLoggerConfig',
  clientMetrics: 'dynamicClientMetricsConfig',
  group: 'dynamicGroupConfig',
} as const

/** What the wire has where version 0 says nothing. */
const NO_SOURCE = -1

function entry(type: ConfigResource['type'], config: Found): ConfigEntry {
  const { name, value, readOnly, isSensitive: sensitive, documentation } = config
  const source =
    config.configSource === NO_SOURCE ? (config.isDefault ? 'defaultConfig' : dynamicSources[type]) : sourceOf(config.configSource)
  return {
    name,
    value,
    source,
    isDefault: source === 'defaultConfig',
    readOnly,
    sensitive,
    type: nameOf(configTypes, config.configType) ?? 'unknown',
    synonyms: config.synonyms.map((synonym) => ({ name: synonym.name, value: synonym.value, source: sourceOf(synonym.source) })),
    documentation,
  }
}

function sourceOf(code: number): ConfigSource {
  return nameOf(configSources, code) ?? 'unknown'
}
