import { Turns } from '../base/turns.ts'
import type { LocalMetadata, TopicInfo } from '../coordination/local.ts'
import { collisionKey, isInternalTopic, topicNameProblem } from '../coordination/topic-name.ts'
import type { LogConfig } from '../log/config.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { ReplicaManager, TopicSpec } from '../replica/replica-manager.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import { topicLogConfig } from './topic-log-config.ts'
import { topicConfigProblem } from './topic-settings.ts'

/** Partitions of one broker: each is a directory and some kilobytes of memory. */
export const PARTITIONS_MAX = 100_000

export interface TopicsOptions {
  metadata: LocalMetadata
  replicas: ReplicaManager
  config: BrokerConfig
  events: EventHub<BrokerEvents>
}

/**
 * The topics of this broker: what is written down about them, and their partitions. A change is seen by everybody when it is durable; the disk may
 * take its time, and those who change topics that cannot exist beside each other wait for each other meanwhile.
 */
export class Topics {
  readonly #metadata: LocalMetadata
  readonly #replicas: ReplicaManager
  readonly #config: BrokerConfig
  readonly #events: EventHub<BrokerEvents>
  readonly #turns: Turns

  constructor(options: TopicsOptions) {
    this.#metadata = options.metadata
    this.#replicas = options.replicas
    this.#config = options.config
    this.#events = options.events
    this.#turns = new Turns()
  }

  list(): Iterable<TopicInfo> {
    return this.#metadata.topics()
  }

  get(name: string): TopicInfo | undefined {
    return this.#metadata.topic(name)
  }

  byId(id: string): TopicInfo | undefined {
    return this.#metadata.topicById(id)
  }

  /**
   * Opens the partitions of every topic written down; makes those that a crash kept from being made, and finishes deletions that a crash
   * interrupted. Where nothing was ever written down (the file is lost, or the folders are Kafka's) the folders tell what there is.
   */
  async openAll(): Promise<void> {
    const changes: Promise<unknown>[] = []
    const adopts = this.#metadata.isNew || this.#metadata.damage !== undefined
    for (const { name, partitions, id } of this.#replicas.found()) {
      const known = this.get(name)
      if (known !== undefined && id === known.id) continue
      // An id that was lost, or lost a bit, is no other topic: two ids have next to nothing in common.
      if (known !== undefined && (id === undefined || difference(id, known.id) <= 2)) {
        this.#replicas.identify(name, known.id)
        continue
      }
      if (!adopts) {
        changes.push(this.#replicas.delete(name))
        continue
      }
      // This broker is the leader that follows those who wrote here: consumers have their epochs in what they committed.
      const leaderEpoch = this.#replicas.latestEpoch(name, partitions) + 1
      changes.push(this.#metadata.createTopic(name, partitions, new Map(), id, leaderEpoch))
    }
    await Promise.all(changes)
    for (const topic of this.#metadata.topics()) this.#replicas.open(topic, this.logConfig(topic.configs))
  }

  /**
   * Refuses what cannot become a topic.
   * @throws KafkaError INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_CONFIG
   */
  check(name: string, partitions: number, configs: ReadonlyMap<string, string | null>): void {
    this.checkName(name)
    this.checkConfigs(configs)
    this.#checkPartitions(name, partitions, partitions)
  }

  /**
   * Refuses settings that no topic can have.
   * @throws KafkaError INVALID_CONFIG
   */
  checkConfigs(configs: ReadonlyMap<string, string | null>): void {
    const configProblem = topicConfigProblem(configs)
    if (configProblem !== undefined) throw kafkaError('INVALID_CONFIG', configProblem)
  }

  /**
   * Refuses a name that cannot become a topic's.
   * @throws KafkaError INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS
   */
  checkName(name: string): void {
    const problem = topicNameProblem(name)
    if (problem !== undefined) throw kafkaError('INVALID_TOPIC_EXCEPTION', problem)
    if (this.get(name) !== undefined) throw kafkaError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
    const collision = this.#metadata.colliding(name)
    if (collision !== undefined) throw kafkaError('INVALID_TOPIC_EXCEPTION', `Topic '${name}' collides with existing topic: ${collision}`)
  }

  /**
   * Creates a topic, durably.
   * @throws KafkaError as {@link check} does; STORAGE_FAILED when the disk refuses: nothing of the topic is left
   */
  create(name: string, partitions: number, configs: ReadonlyMap<string, string> = new Map()): Promise<TopicInfo> {
    return this.#change(name, () => this.#create(name, partitions, configs))
  }

  /** Creates the topic that a client asked for by name, as `auto.create.topics.enable` has it; internal ones with what they need. */
  autoCreate(name: string): Promise<TopicInfo> {
    return isInternalTopic(name) ? this.ensureInternal(name) : this.#ensure(name, this.#config.get('num.partitions'), new Map())
  }

  /** An internal topic, created when it is not there yet. */
  ensureInternal(name: string, partitions?: number): Promise<TopicInfo> {
    const offsets = name === '__consumer_offsets'
    const count = partitions ?? this.#config.get(offsets ? 'offsets.topic.num.partitions' : 'transaction.state.log.num.partitions')
    const segmentBytes = this.#config.get(offsets ? 'offsets.topic.segment.bytes' : 'transaction.state.log.segment.bytes')
    const configs = new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      ['segment.bytes', String(segmentBytes)],
    ])
    return this.#ensure(name, count, configs)
  }

  /**
   * Deletes a topic: what is written down first, its files after. Answers false when somebody else has done so.
   * @throws MoldauError STORAGE_FAILED when the disk refuses: the topic stays
   */
  delete({ name, id }: TopicInfo): Promise<boolean> {
    return this.#change(name, async () => {
      if (this.byId(id) === undefined) return false
      await this.#metadata.deleteTopic(name)
      const deleted = this.#replicas.delete(name)
      this.#events.emit('topicDeleted', { topic: name })
      await deleted
      return true
    })
  }

  /**
   * Refuses a number of partitions that a topic cannot be given. Answers the topic.
   * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS
   */
  checkGrowth(name: string, partitions: number): TopicInfo {
    const topic = this.#known(name)
    if (partitions <= topic.partitions) {
      throw kafkaError(
        'INVALID_PARTITIONS',
        `The topic ${name} currently has ${topic.partitions} partition(s); ${partitions} would not be an increase.`,
      )
    }
    this.#checkPartitions(name, partitions, partitions - topic.partitions)
    return topic
  }

  /**
   * Gives a topic more partitions, durably.
   * @throws KafkaError as {@link checkGrowth} does; STORAGE_FAILED when the disk refuses: there are as many as before
   */
  grow(name: string, partitions: number): Promise<void> {
    return this.#change(name, async () => {
      const topic = this.checkGrowth(name, partitions)
      await this.#make({ ...topic, partitions }, topic.configs, () => this.#metadata.changeTopic(name, { partitions }))
      this.#events.emit('topicChanged', { topic: name, partitions })
    })
  }

  /**
   * Replaces the settings of a topic, durably; they have been checked.
   * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION
   */
  configure(name: string, configs: ReadonlyMap<string, string>): Promise<void> {
    return this.#change(name, async () => {
      this.#known(name)
      const info = await this.#metadata.changeTopic(name, { configs })
      this.#replicas.configure(name, this.logConfig(configs))
      this.#events.emit('topicChanged', { topic: name, partitions: info.partitions })
    })
  }

  /** Tells all logs their settings anew: the defaults that come from the broker have changed. */
  configureAll(): void {
    for (const { name, configs } of this.#metadata.topics()) this.#replicas.configure(name, this.logConfig(configs))
  }

  logConfig(configs: ReadonlyMap<string, string>): LogConfig {
    return topicLogConfig(configs, this.#config)
  }

  /** Resolves when nothing is being changed or written any more. */
  async settled(): Promise<void> {
    await this.#turns.idle()
    await this.#metadata.settled()
  }

  #change<T>(name: string, change: () => Promise<T>): Promise<T> {
    return this.#turns.take(collisionKey(name), change)
  }

  async #create(name: string, partitions: number, configs: ReadonlyMap<string, string>): Promise<TopicInfo> {
    this.check(name, partitions, configs)
    const id = this.#metadata.newTopicId()
    const write = (): Promise<TopicInfo> => this.#metadata.createTopic(name, partitions, configs, id)
    const info = await this.#make({ name, id, partitions }, configs, write)
    this.#events.emit('topicCreated', { topic: name, partitions })
    return info
  }

  #ensure(name: string, partitions: number, configs: ReadonlyMap<string, string>): Promise<TopicInfo> {
    return this.#change(name, async () => this.get(name) ?? (await this.#create(name, partitions, configs)))
  }

  /**
   * Makes the partitions that a topic has not yet. The folders first: a crash leaves some that no topic names, which the next start removes.
   * Nothing half-made stays when the disk refuses, and nobody writes into what is not written down.
   */
  async #make(topic: TopicSpec, configs: ReadonlyMap<string, string>, write: () => Promise<TopicInfo>): Promise<TopicInfo> {
    try {
      const made = this.#replicas.make(topic, this.logConfig(configs))
      const info = await write()
      this.#replicas.add(topic.name, made)
      // The broker's defaults may have changed meanwhile.
      this.#replicas.configure(topic.name, this.logConfig(info.configs))
      return info
    } catch (error) {
      await this.#replicas.discard(topic.name)
      throw error
    }
  }

  #known(name: string): TopicInfo {
    const topic = this.get(name)
    if (topic === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
    return topic
  }

  #checkPartitions(name: string, partitions: number, added: number): void {
    if (partitions < 1)
      throw kafkaError('INVALID_PARTITIONS', `Number of partitions of '${name}' was set to an invalid non-positive value: ${partitions}.`)
    if (this.#replicas.partitionCount + added > PARTITIONS_MAX) {
      throw kafkaError(
        'INVALID_PARTITIONS',
        `${added} partitions for '${name}' would be more than the ${PARTITIONS_MAX} that one broker holds.`,
      )
    }
  }
}

/** How many characters differ. */
function difference(a: string, b: string): number {
  return Array.from(a).filter((char, i) => char !== b[i]).length
}
