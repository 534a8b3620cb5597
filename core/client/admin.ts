import { sleep } from '../base/clock.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import type { MetadataResponse } from '../protocol/messages/metadata.ts'
import { alterConfigs, describeConfigs } from './admin-configs.ts'
import { deleteGroup, describeGroup, listGroups, listTransactions } from './admin-groups.ts'
import { createAcls, deleteAcls, deleteScramCredential, describeAcls, describeScramUsers, setScramPassword } from './admin-security.ts'
import type { Acl, AclSelection, ScramUserDescription } from './admin-security.ts'
import { createPartitions, createTopics, deleteRecords, deleteTopics, topicDescription } from './admin-topics.ts'
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

/** How long a new topic may take until it is known everywhere. */
const PROPAGATION_MS = 5000

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
    const ignoreExisting = options.ignoreExisting === true
    await this.#onController('create topics', (connection) => createTopics(connection, topics, ignoreExisting))
    await this.#waitFor(topics.map((topic) => topic.name))
  }

  /** @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const { requestTimeoutMs } = this.#cluster
    await this.#onController('delete topics', (connection) => deleteTopics(connection, names, requestTimeoutMs))
  }

  /** Raises the number of partitions of a topic to `count`. Keys are looked for elsewhere from then on. */
  async createPartitions(topic: string, count: number): Promise<void> {
    const { requestTimeoutMs } = this.#cluster
    await this.#onController('create partitions', (connection) => createPartitions(connection, topic, count, requestTimeoutMs))
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
    return names.map((name) => topicDescription(name, topics.get(name)))
  }

  async describeConfigs(resources: readonly ConfigResource[]): Promise<ConfigDescription[]> {
    const described: ConfigDescription[] = []
    for (const resource of resources) described.push(await describeConfigs(await this.#of(resource), resource))
    return described
  }

  /** Sets the given settings and leaves the others; null goes back to the default. */
  async alterConfigs(resource: ConfigResource, configs: Readonly<Record<string, string | number | boolean | null>>): Promise<void> {
    await alterConfigs(await this.#of(resource), resource, configs)
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
        beginnings.set(tpKey(tp), await deleteRecords(connection, tp, this.#cluster.requestTimeoutMs))
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
}
