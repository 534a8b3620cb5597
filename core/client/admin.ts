import { sleep } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { byTopic, tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, kafkaError } from '../protocol/errors.ts'
import { CreatePartitions } from '../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../protocol/messages/create-topics.ts'
import { DeleteRecords } from '../protocol/messages/delete-records.ts'
import { DeleteTopics } from '../protocol/messages/delete-topics.ts'
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import type { MetadataResponse } from '../protocol/messages/metadata.ts'
import { deleteGroup, describeGroup, listGroups, listTransactions } from './admin-groups.ts'
import { createAcls, deleteAcls, deleteScramCredential, describeAcls, describeScramUsers, setScramPassword } from './admin-security.ts'
import type { Acl, AclSelection, ScramUserDescription } from './admin-security.ts'
import type { ScramMechanism } from '../security/scram.ts'
import type {
  ClusterDescription,
  ConfigDescription,
  ConfigResource,
  GroupDescription,
  ListedGroup,
  ListedTopic,
  ListedTransaction,
  NewTopic,
  OffsetAnswer,
  OffsetQuestion,
  TopicDescription,
} from './admin-types.ts'
import { commitGroupOffsets, fetchGroupOffsets, findOffsets, OffsetAt } from './offset-requests.ts'
import type { GroupOffset } from './offset-requests.ts'
import type { Isolation, OffsetToCommit } from './types.ts'

const resourceTypes = { topic: 2, broker: 4 } as const
const CONFIG_SOURCE_DEFAULT = 5
/** How long a new topic may take until it is known everywhere. */
const PROPAGATION_MS = 5000
const SET = 0
const DELETE = 1

/** Topics, settings, offsets and groups of a cluster. Every call throws a KafkaError naming the thing when the cluster refuses. */
export class Admin {
  readonly #cluster: Cluster

  /** Made by {@link connect}: `client.admin`. */
  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Creates topics, and waits until they can be used.
   *
   * @param options ignoreExisting: a topic that exists is left as it is
   * @throws KafkaError TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_CONFIG ...
   */
  async createTopics(topics: readonly NewTopic[], options: { ignoreExisting?: boolean } = {}): Promise<void> {
    const body = topics.map((topic) => ({
      name: topic.name,
      numPartitions: topic.partitions ?? -1,
      replicationFactor: topic.replicationFactor ?? -1,
      assignments: [],
      configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value: String(value) })),
    }))
    await this.#onController('create topics', async (connection) => {
      const response = await connection.request(CreateTopics, { topics: body })
      for (const topic of response.topics) {
        if (options.ignoreExisting === true && errorName(topic.errorCode) === 'TOPIC_ALREADY_EXISTS') continue
        check(topic.errorCode, `create topic '${topic.name}'`, topic.errorMessage)
      }
    })
    await this.#waitFor(topics.map((topic) => topic.name))
  }

  /** @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION */
  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.#onController('delete topics', async (connection) => {
      const timeoutMs = this.#cluster.requestTimeoutMs
      const modern = connection.version(DeleteTopics) >= 6
      const body = modern
        ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })), timeoutMs }
        : { topicNames: [...names], timeoutMs }
      const response = await connection.request(DeleteTopics, body)
      for (const topic of response.responses) check(topic.errorCode, `delete topic '${topic.name}'`, topic.errorMessage)
    })
  }

  /** Raises the number of partitions of a topic to `count`. Keys are looked for elsewhere from then on. */
  async createPartitions(topic: string, count: number): Promise<void> {
    await this.#onController('create partitions', async (connection) => {
      const body = { topics: [{ name: topic, count, assignments: null }], timeoutMs: this.#cluster.requestTimeoutMs, validateOnly: false }
      const response = await connection.request(CreatePartitions, body)
      for (const result of response.results) check(result.errorCode, `add partitions to topic '${result.name}'`, result.errorMessage)
    })
    await this.#cluster.refresh()
  }

  async listTopics(): Promise<ListedTopic[]> {
    const response = await this.#metadata(null)
    return response.topics.map((topic) => ({ name: topic.name!, topicId: topic.topicId, internal: topic.isInternal }))
  }

  /** @throws MoldauError UNKNOWN_TOPIC naming the topic */
  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    if (names.length === 0) return []
    const response = await this.#metadata(names)
    const topics = new Map(response.topics.map((topic) => [topic.name, topic]))
    return names.map((name) => {
      const topic = topics.get(name)
      const error = topic === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : errorName(topic.errorCode)
      if (error === 'UNKNOWN_TOPIC_OR_PARTITION')
        throw new MoldauError('UNKNOWN_TOPIC', `topic '${name}' does not exist: listTopics() tells which do`)
      check(topic!.errorCode, `describe topic '${name}'`)
      return {
        name,
        topicId: topic!.topicId,
        internal: topic!.isInternal,
        partitions: topic!.partitions.map(describePartition).toSorted((a, b) => a.partition - b.partition),
      }
    })
  }

  async describeConfigs(resources: readonly ConfigResource[]): Promise<ConfigDescription[]> {
    const described: ConfigDescription[] = []
    for (const resource of resources) {
      const connection = await this.#of(resource)
      const body = { resources: [{ resourceType: resourceTypes[resource.type], resourceName: resource.name, configurationKeys: null }] }
      const result = (await connection.request(DescribeConfigs, body)).results[0]!
      check(result.errorCode, `settings of ${resource.type} '${resource.name}'`, result.errorMessage)
      const entries = result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => {
        return { name, value, readOnly, sensitive: isSensitive, isDefault: configSource === CONFIG_SOURCE_DEFAULT }
      })
      described.push({ ...resource, entries })
    }
    return described
  }

  /** Sets the given settings and leaves the others; null goes back to the default. */
  async alterConfigs(resource: ConfigResource, configs: Readonly<Record<string, string | number | boolean | null>>): Promise<void> {
    const changes = Object.entries(configs).map(([name, value]) => {
      return { name, configOperation: value === null ? DELETE : SET, value: value === null ? null : String(value) }
    })
    const connection = await this.#of(resource)
    const body = {
      resources: [{ resourceType: resourceTypes[resource.type], resourceName: resource.name, configs: changes }],
      validateOnly: false,
    }
    const result = (await connection.request(IncrementalAlterConfigs, body)).responses[0]!
    check(result.errorCode, `settings of ${resource.type} '${resource.name}'`, result.errorMessage)
  }

  /** Offsets by place or time, in the order of the questions. Under 'read_committed' the latest is the last stable offset. */
  async listOffsets(questions: readonly OffsetQuestion[], isolation: Isolation = 'read_uncommitted'): Promise<OffsetAnswer[]> {
    const queries = questions.map(({ topic, partition, at }) => ({
      topic,
      partition,
      timestamp: typeof at === 'number' ? at : OffsetAt[at],
    }))
    const found = await findOffsets(this.#cluster, queries, isolation, this.#cluster.requestTimeoutMs)
    return found.map(({ topic, partition, offset, timestamp }) => ({ topic, partition, offset, timestamp }))
  }

  /** Deletes the records before an offset of each partition; -1: all. Returns the new beginnings by `topic-partition`. */
  async deleteRecords(before: readonly (TopicPartition & { offset: number })[]): Promise<Map<string, number>> {
    const beginnings = new Map<string, number>()
    await this.#retry('delete records', async () => {
      for (const tp of before.filter((one) => !beginnings.has(tpKey(one)))) {
        await this.#cluster.topic(tp.topic, false)
        const connection = await this.#cluster.node(this.#cluster.leader(tp.topic, tp.partition))
        const topics = [...byTopic([tp])].map(([name, list]) => ({
          name,
          partitions: list.map((p) => ({ partitionIndex: p.partition, offset: p.offset })),
        }))
        const response = await connection.request(DeleteRecords, { topics, timeoutMs: this.#cluster.requestTimeoutMs })
        const result = response.topics[0]!.partitions[0]!
        check(result.errorCode, `delete records of ${tpKey(tp)}`)
        beginnings.set(tpKey(tp), result.lowWatermark)
      }
    })
    return beginnings
  }

  listGroups(): Promise<ListedGroup[]> {
    return listGroups(this.#cluster)
  }

  /** A group that does not exist is described as 'Dead'. */
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return Promise.all(groupIds.map((groupId) => this.#onCoordinator(groupId, (connection) => describeGroup(connection, groupId))))
  }

  /** Deletes groups without members, and their offsets. @throws KafkaError NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    await Promise.all(groupIds.map((groupId) => this.#onCoordinator(groupId, (connection) => deleteGroup(connection, groupId))))
  }

  /** Everything the group has committed. */
  groupOffsets(groupId: string): Promise<GroupOffset[]> {
    return this.#onCoordinator(groupId, (connection) => fetchGroupOffsets(connection, groupId, null))
  }

  /** Moves a group that has no members. */
  async alterGroupOffsets(groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
    const nobody = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    await this.#onCoordinator(groupId, (connection) => commitGroupOffsets(connection, nobody, offsets))
  }

  async describeCluster(): Promise<ClusterDescription> {
    await this.#cluster.refresh()
    const { clusterId, controllerId, brokers } = this.#cluster.image
    return { clusterId, controllerId, brokers: [...brokers.values()] }
  }

  listTransactions(): Promise<ListedTransaction[]> {
    return listTransactions(this.#cluster)
  }

  #retry<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.#cluster.retry({ what, timeoutMs: this.#cluster.requestTimeoutMs }, async () => {
      try {
        return await attempt()
      } catch (error) {
        if (isRetriableError(error)) await this.#cluster.refresh().catch(() => {})
        throw error
      }
    })
  }

  #onController<T>(what: string, call: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return this.#retry(what, async () => call(await this.#cluster.controller()))
  }

  #onCoordinator<T>(groupId: string, call: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return this.#retry(`group '${groupId}'`, async () => {
      const { coordinators } = this.#cluster
      const node = await coordinators.find('group', groupId)
      try {
        return await call(await this.#cluster.node(node))
      } catch (error) {
        coordinators.forget('group', groupId)
        throw error
      }
    })
  }

  /** A broker's settings are known to that broker. */
  #of(resource: ConfigResource): Promise<BrokerConnection> {
    return resource.type === 'broker' ? this.#cluster.node(Number(resource.name)) : this.#cluster.any()
  }

  #metadata(names: readonly string[] | null): Promise<MetadataResponse> {
    return this.#retry('describe topics', async () => {
      const topics = names === null ? null : names.map((name) => ({ name }))
      return (await this.#cluster.any()).request(Metadata, { topics, allowAutoTopicCreation: false })
    })
  }

  /** In a cluster the word of a new topic takes its time; until then brokers would say that it does not exist. */
  async #waitFor(names: readonly string[]): Promise<void> {
    const { clock } = this.#cluster
    const deadline = clock.monotonic() + PROPAGATION_MS
    while (clock.monotonic() < deadline) {
      await this.#cluster.refresh(names)
      const { topics } = this.#cluster.image
      if (names.every((name) => topics.get(name)?.partitions.every((p) => p.leader >= 0) === true)) return
      await sleep(clock, 20)
    }
  }

  /** Adds access control entries; those that are there already are no error. */
  async createAcls(acls: readonly Acl[]): Promise<void> {
    return createAcls(await this.#cluster.controller(), acls)
  }

  /** The access control entries that are meant; without a selection all. */
  async describeAcls(selection: AclSelection = {}): Promise<Acl[]> {
    return describeAcls(await this.#cluster.any(), selection)
  }

  /** Takes away access control entries, and answers which. */
  async deleteAcls(selections: readonly AclSelection[]): Promise<Acl[]> {
    return deleteAcls(await this.#cluster.controller(), selections)
  }

  /** Who can log in by SCRAM, and by which mechanisms. */
  async describeScramUsers(users: readonly string[] | null = null): Promise<ScramUserDescription[]> {
    return describeScramUsers(await this.#cluster.any(), users)
  }

  /**
   * Sets the password of a user. It does not leave this process: what is sent is its salted hash.
   *
   * @param iterations from 4096 (default) to 16384
   */
  async setScramPassword(user: string, password: string, mechanism: ScramMechanism = 'SCRAM-SHA-512', iterations?: number): Promise<void> {
    return setScramPassword(await this.#cluster.controller(), user, password, mechanism, iterations)
  }

  /** The user cannot log in by the mechanism any more; who is logged in stays so. */
  async deleteScramCredential(user: string, mechanism: ScramMechanism = 'SCRAM-SHA-512'): Promise<void> {
    return deleteScramCredential(await this.#cluster.controller(), user, mechanism)
  }
}

function describePartition(p: MetadataResponse['topics'][number]['partitions'][number]) {
  return { partition: p.partitionIndex, leader: p.leaderId, leaderEpoch: p.leaderEpoch, replicas: p.replicaNodes, isr: p.isrNodes }
}

function check(code: number, what: string, message: string | null = null): void {
  const error = errorName(code)
  if (error !== 'NONE') throw kafkaError(error, message === null ? what : `${what}: ${message}`)
}
