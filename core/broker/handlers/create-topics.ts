import { KafkaError, detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { messageOf } from '../../base/errors.ts'
import { CreateTopics } from '../../protocol/messages/create-topics.ts'
import type { CreateTopicsRequest, CreateTopicsResponse } from '../../protocol/messages/create-topics.ts'
import type { Input } from '../../protocol/schema.ts'
import { isInternalTopic } from '../../coordination/topic-name.ts'
import { checkBrokers } from '../assignments.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { mutationsOf } from '../quotas/mutations.ts'
import type { Mutations } from '../quotas/mutations.ts'
import type { BrokerServices } from '../services.ts'
import { resolveTopicConfig } from '../topic-settings.ts'
import { topicConfigs } from '../topic-config.ts'

type Wanted = CreateTopicsRequest['topics'][number]
type TopicAnswer = Input<typeof CreateTopicsResponse>['topics'][number]

/** A quota that is used up refuses topics from this version on (KIP-599). */
const STRICT_SINCE = 6

/**
 * CreateTopics 0 to 7: creates topics, or only says whether it could (v1).
 * v4 lets the broker choose partitions and replicas (-1, KIP-464); v5 answers partitions, replicas and settings (KIP-525); v7 the topic id.
 */
export const createTopics = handler({
  api: CreateTopics,
  minVersion: 0,
  maxVersion: 7,
  async handle(request, context) {
    const twice = duplicates(request.topics.map(({ name }) => name))
    const mutations = mutationsOf(context, STRICT_SINCE)
    // A name that is there twice is answered once.
    const named = request.topics.filter(({ name }, i) => request.topics.findIndex((topic) => topic.name === name) === i)
    const made = named.map((wanted) => create(wanted, request.validateOnly, twice.has(wanted.name), context, mutations))
    const topics = await Promise.all(made)
    return { throttleTimeMs: mutations.throttleTimeMs, topics }
  },
})

async function create(
  wanted: Wanted,
  validateOnly: boolean,
  isTwice: boolean,
  { broker }: RequestContext,
  mutations: Mutations,
): Promise<TopicAnswer> {
  const { name } = wanted
  try {
    if (isTwice) throw kafkaError('INVALID_REQUEST', `topic ${name} is named twice`)
    const configs = new Map(wanted.configs.map(({ name: key, value }) => [key, value]))
    broker.topics.checkName(name)
    broker.topics.checkConfigs(configs)
    checkFactor(wanted)
    const partitions = partitionCount(wanted, broker)
    broker.topics.check(name, partitions, configs)
    checkReplicas(wanted, broker)
    if (isInternalTopic(name)) throw kafkaError('INVALID_TOPIC_EXCEPTION', `${name} is made by the broker itself`)
    mutations.take(partitions)
    const given = configs as ReadonlyMap<string, string>
    const topicId = validateOnly ? undefined : (await broker.topics.create(name, partitions, given)).id
    return {
      name,
      ...(topicId !== undefined && { topicId }),
      errorCode: 0,
      errorMessage: null,
      numPartitions: partitions,
      replicationFactor: 1,
      configs: settings(given, broker),
    }
  } catch (error) {
    if (!(error instanceof KafkaError))
      broker.logger.error({ topic: name, err: error }, `topic ${name} could not be created: ${messageOf(error)}`)
    const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
    return { name, errorCode: errorCode(code), errorMessage: detailOf(error), configs: [] }
  }
}

function partitionCount(wanted: Wanted, broker: BrokerServices): number {
  const { name, numPartitions, assignments } = wanted
  if (assignments.length === 0) return numPartitions === -1 ? broker.config.get('num.partitions') : numPartitions
  if (numPartitions !== -1 || wanted.replicationFactor !== -1) {
    throw kafkaError('INVALID_REQUEST', `topic ${name}: give either partitions and replication factor, or an assignment`)
  }
  const indexes = assignments.map(({ partitionIndex }) => partitionIndex).toSorted((a, b) => a - b)
  if (indexes.some((index, i) => index !== i))
    throw kafkaError('INVALID_REPLICA_ASSIGNMENT', `topic ${name}: partitions must be numbered from 0 without holes`)
  return assignments.length
}

function checkFactor({ name, replicationFactor }: Wanted): void {
  if (replicationFactor !== -1 && replicationFactor < 1) {
    throw kafkaError('INVALID_REPLICATION_FACTOR', `Replication factor of ${name} must be larger than 0, or -1 for the default.`)
  }
}

function checkReplicas({ replicationFactor, assignments }: Wanted, broker: BrokerServices): void {
  for (const { brokerIds } of assignments) checkBrokers(broker.nodeId, brokerIds)
  if (replicationFactor > 1) {
    throw kafkaError('INVALID_REPLICATION_FACTOR', `Replication factor: ${replicationFactor} larger than available brokers: 1.`)
  }
}

function settings(given: ReadonlyMap<string, string>, broker: BrokerServices): TopicAnswer['configs'] {
  return Object.keys(topicConfigs).map((name) => {
    const { value, source } = resolveTopicConfig(name, given, broker.config)[0]!
    return { name, value, readOnly: false, configSource: source, isSensitive: false }
  })
}

function duplicates(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(names.filter((name) => seen.has(name) || !seen.add(name)))
}
