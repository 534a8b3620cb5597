import { messageOf } from '../../base/errors.ts'
import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import type { IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse } from '../../protocol/messages/incremental-alter-configs.ts'
import type { Input } from '../../protocol/schema.ts'
import { GROUP_RESOURCE } from '../group-configs.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'
import { topicConfigs } from '../topic-config.ts'
import { resolveTopicConfig, topicConfigProblem } from '../topic-settings.ts'

type Wanted = IncrementalAlterConfigsRequest['resources'][number]
type Change = Wanted['configs'][number]
type Answer = Input<typeof IncrementalAlterConfigsResponse>['responses'][number]

const TOPIC = 2

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** IncrementalAlterConfigs 0 to 1 (KIP-339): sets, deletes, extends or shortens single settings of topics and groups. The broker's own are given at its start. */
export const incrementalAlterConfigs = handler({
  api: IncrementalAlterConfigs,
  minVersion: 0,
  maxVersion: 1,
  handle(request, { broker }) {
    return { throttleTimeMs: 0, responses: request.resources.map((wanted) => alter(broker, wanted, request.validateOnly)) }
  },
})

function alter(broker: BrokerServices, wanted: Wanted, validateOnly: boolean): Answer {
  const { resourceType, resourceName } = wanted
  try {
    if (resourceType === GROUP_RESOURCE) {
      alterGroup(broker, wanted, validateOnly)
      return { errorCode: 0, errorMessage: null, resourceType, resourceName }
    }
    if (resourceType !== TOPIC) throw kafkaError('INVALID_REQUEST', 'only settings of topics and groups change while the broker runs')
    const topic = broker.topics.get(resourceName)
    if (topic === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', resourceName)
    const configs = new Map<string, string | null>(topic.configs)
    const seen = new Set<string>()
    for (const change of wanted.configs) {
      if (seen.has(change.name)) throw kafkaError('INVALID_REQUEST', `${change.name} is named twice`)
      seen.add(change.name)
      apply(broker, configs, change)
    }
    const problem = topicConfigProblem(configs)
    if (problem !== undefined) throw kafkaError('INVALID_CONFIG', problem)
    if (!validateOnly) broker.topics.configure(resourceName, configs as ReadonlyMap<string, string>)
    return { errorCode: 0, errorMessage: null, resourceType, resourceName }
  } catch (error) {
    const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
    return { errorCode: errorCode(code), errorMessage: messageOf(error), resourceType, resourceName }
  }
}

/** A group need not exist to have settings (KIP-1043). */
function alterGroup(broker: BrokerServices, { resourceName, configs: changes }: Wanted, validateOnly: boolean): void {
  const configs = new Map(broker.groupConfigs.given(resourceName))
  for (const { name, configOperation, value } of changes) {
    if (configOperation === operation.delete) configs.delete(name)
    else if (configOperation === operation.set && value !== null) configs.set(name, value)
    else throw kafkaError('INVALID_CONFIG', `${name} is not a list: set it as a whole`)
  }
  broker.groupConfigs.put(resourceName, configs, validateOnly)
}

function apply(broker: BrokerServices, configs: Map<string, string | null>, { name, configOperation, value }: Change): void {
  if (configOperation === operation.delete) {
    if (!(name in topicConfigs)) throw kafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`)
    configs.delete(name)
  } else if (configOperation === operation.set) {
    configs.set(name, value)
  } else if (configOperation === operation.append || configOperation === operation.subtract) {
    if (topicConfigs[name]?.type !== 'list') throw kafkaError('INVALID_CONFIG', `${name} is not a list: set it as a whole`)
    const now = resolveTopicConfig(name, configs as ReadonlyMap<string, string>, broker.config)[0]!
      .value.split(',')
      .filter((entry) => entry !== '')
    const entries = (value ?? '').split(',').map((entry) => entry.trim())
    const next = configOperation === operation.append ? [...new Set([...now, ...entries])] : now.filter((entry) => !entries.includes(entry))
    configs.set(name, next.join(','))
  } else {
    throw kafkaError('INVALID_REQUEST', `operation ${configOperation} of ${name} does not exist`)
  }
}
