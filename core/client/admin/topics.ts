import { sleep } from '../../base/clock.ts'
import { MoldauError } from '../../base/errors.ts'
import { ZERO_UUID } from '../../base/uuid.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { isRetriableError } from '../../cluster/retry.ts'
import { errorName } from '../../protocol/errors.ts'
import type { KafkaError } from '../../protocol/errors.ts'
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../protocol/messages/create-topics.ts'
import type { CreateTopicsResponse } from '../../protocol/messages/create-topics.ts'
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import type { AdminOptions } from './calls.ts'
import { describeTopics, refName } from './describe-topics.ts'
import { AdminFamily } from './family.ts'
import { isWorthRetrying } from './settle.ts'
import type { Answer } from './settle.ts'
import type {
  CreatedTopic,
  CreateTopicsOptions,
  DescribeTopicsOptions,
  ListedTopic,
  MutationOptions,
  NewPartitions,
  NewTopic,
  TopicDescription,
  TopicRef,
} from './topic-types.ts'
import * as specs from './specs.ts'

/** How long a new topic may take until it is known everywhere. */
const PROPAGATION_MS = 5000
const PROPAGATION_PAUSE_MS = 20
/** The version of DeleteTopics that knows ids. */
const IDS_SINCE = 6

/** Topics and the number of their partitions. */
export class TopicAdmin extends AdminFamily {
  /**
   * Creates topics, and waits until they can be used (Kafka's `Admin.createTopics`).
   *
   * @throws AdminError by topic: TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, INVALID_TOPIC_EXCEPTION ...
   */
  async createTopics(topics: readonly NewTopic[], options: CreateTopicsOptions = {}): Promise<CreatedTopic[]> {
    const made = await this.calls.onController<NewTopic, CreatedTopic>({
      what: 'create topic',
      items: topics,
      each: specs.newTopic,
      nameOf: ({ name }) => name,
      ...mutation(options),
      ask: async (connection, wanted, timeoutMs) => {
        const validateOnly = options.validateOnly === true
        const response = await connection.request(CreateTopics, {
          topics: wanted.map(newTopic),
          timeoutMs,
          ...(validateOnly && { validateOnly }),
        })
        return response.topics.map((topic) => createdTopic(topic, options))
      },
    })
    await this.#waitFor(made.filter(({ created }) => created).map(({ name }) => name))
    return made
  }

  /**
   * Deletes topics and their records (Kafka's `Admin.deleteTopics`).
   *
   * @throws AdminError by topic: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, TOPIC_DELETION_DISABLED ...
   */
  async deleteTopics(topics: readonly TopicRef[], options: Omit<MutationOptions, 'validateOnly'> = {}): Promise<void> {
    await this.calls.onController<TopicRef, void>({
      what: 'delete topic',
      items: topics,
      each: specs.topicRef,
      nameOf: refName,
      ...mutation(options),
      ask: (connection, wanted, timeoutMs) => deleteTopics(connection, wanted, timeoutMs),
    })
  }

  /**
   * Raises the number of partitions (Kafka's `Admin.createPartitions`, KIP-195). Keys are looked for elsewhere from then on.
   *
   * @throws AdminError by topic: INVALID_PARTITIONS, UNKNOWN_TOPIC_OR_PARTITION, REASSIGNMENT_IN_PROGRESS ...
   */
  async createPartitions(wanted: readonly NewPartitions[], options: MutationOptions = {}): Promise<void> {
    await this.calls.onController<NewPartitions, void>({
      what: 'add partitions to topic',
      items: wanted,
      each: specs.newPartitions,
      nameOf: ({ topic }) => topic,
      ...mutation(options),
      ask: async (connection, items, timeoutMs) => {
        const topics = items.map(({ topic, count, assignments }) => ({ name: topic, count, assignments: brokerIds(assignments) }))
        const { results } = await connection.request(CreatePartitions, { topics, timeoutMs, validateOnly: options.validateOnly ?? false })
        return results
      },
    })
    if (options.validateOnly !== true) await this.#waitFor([], wanted)
  }

  /** All topics that we may see (Kafka's `Admin.listTopics`). */
  async listTopics(options: AdminOptions = {}): Promise<ListedTopic[]> {
    const question = { topics: null, allowAutoTopicCreation: false }
    const { topics } = await this.calls.any('list topics', options, (connection) => connection.request(Metadata, question))
    return topics.map((topic) => ({ name: topic.name!, topicId: topic.topicId, internal: topic.isInternal }))
  }

  /**
   * The partitions of topics, with their leaders and replicas (Kafka's `Admin.describeTopics`), in the order of the names or ids.
   *
   * @throws AdminError by topic: UNKNOWN_TOPIC (its `code`), LEADER_NOT_AVAILABLE, TOPIC_AUTHORIZATION_FAILED
   */
  describeTopics(topics: readonly TopicRef[], options: DescribeTopicsOptions = {}): Promise<TopicDescription[]> {
    return this.calls.onAny<TopicRef, TopicDescription>({
      what: 'describe topic',
      items: topics,
      each: specs.topicRef,
      nameOf: refName,
      timeoutMs: options.timeoutMs,
      ask: (connection, wanted) => describeTopics(connection, wanted, options),
    })
  }

  /** In a cluster the word of a new topic or partition takes its time; until then brokers would say that it does not exist. */
  async #waitFor(names: readonly string[], grown: readonly NewPartitions[] = []): Promise<void> {
    const { cluster } = this.calls
    const counts = new Map([...names.map((name) => [name, 1] as const), ...grown.map(({ topic, count }) => [topic, count] as const)])
    if (counts.size === 0) return
    const deadline = cluster.clock.monotonic() + PROPAGATION_MS
    while (cluster.clock.monotonic() < deadline) {
      // What was to be done is done: a connection that ends meanwhile is no failure of it.
      await cluster.refresh(counts.keys()).catch((error: unknown) => {
        if (!isRetriableError(error)) throw error
      })
      const { topics } = cluster.image
      const isThere = ([name, count]: [string, number]): boolean => {
        const partitions = topics.get(name)?.partitions ?? []
        return partitions.length >= count && partitions.every((p) => p.leader >= 0)
      }
      if ([...counts].every(isThere)) return
      await sleep(cluster.clock, PROPAGATION_PAUSE_MS)
    }
  }
}

function mutation({ timeoutMs, retryOnQuotaViolation = true }: MutationOptions) {
  const retries = (error: KafkaError): boolean =>
    isWorthRetrying(error) && (retryOnQuotaViolation || error.kafkaCode !== 'THROTTLING_QUOTA_EXCEEDED')
  return { timeoutMs, retries }
}

function newTopic({ name, partitions = -1, replicationFactor = -1, assignments = [], configs = {} }: NewTopic) {
  return {
    name,
    numPartitions: partitions,
    replicationFactor,
    assignments: assignments.map((replicas, partitionIndex) => ({ partitionIndex, brokerIds: [...replicas] })),
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
  }
}

function createdTopic(topic: CreateTopicsResponse['topics'][number], options: CreateTopicsOptions): Answer<CreatedTopic> {
  const { name, topicId, errorCode, errorMessage, numPartitions: partitions, replicationFactor } = topic
  const existed = options.ignoreExisting === true && errorName(errorCode) === 'TOPIC_ALREADY_EXISTS'
  const configs = Object.fromEntries((topic.configs ?? []).map((config) => [config.name, config.value]))
  const created = !existed && options.validateOnly !== true
  return {
    name,
    errorCode: existed ? 0 : errorCode,
    errorMessage,
    value: { name, created, topicId, partitions, replicationFactor, configs },
  }
}

async function deleteTopics(connection: BrokerConnection, topics: readonly TopicRef[], timeoutMs: number): Promise<Answer<void>[]> {
  const names = topics.filter((topic) => typeof topic === 'string')
  if (connection.version(DeleteTopics) < IDS_SINCE) {
    const ids = topics.filter((topic) => typeof topic !== 'string')
    const refused = ids.map((ref) => ({
      name: ref.topicId,
      error: new MoldauError('UNSUPPORTED_VERSION', 'this broker deletes topics by name only'),
    }))
    if (names.length === 0) return refused
    const { responses } = await connection.request(DeleteTopics, { topicNames: names, timeoutMs })
    return [...responses.map((each) => ({ ...each, name: each.name! })), ...refused]
  }
  const asked = topics.map((ref) => (typeof ref === 'string' ? { name: ref, topicId: ZERO_UUID } : { name: null, topicId: ref.topicId }))
  const { responses } = await connection.request(DeleteTopics, { topics: asked, timeoutMs })
  const ids = new Set(topics.filter((topic) => typeof topic !== 'string').map(refName))
  return responses.map((each) => ({ ...each, name: ids.has(each.topicId) ? each.topicId : (each.name ?? each.topicId) }))
}

function brokerIds(assignments: NewPartitions['assignments']) {
  return assignments?.map((replicas) => ({ brokerIds: [...replicas] })) ?? null
}
