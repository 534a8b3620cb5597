import { join } from 'node:path'

import { assert } from '../base/assert.ts'
import type { Files } from '../base/files.ts'
import { randomUuid, systemRandom } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { collisionKey, isInternalTopic } from './topic-name.ts'
import { VersionedFile } from './versioned-file.ts'

/** What the cluster knows about a topic. A change makes a new object. */
export interface TopicInfo {
  readonly name: string
  readonly id: string
  readonly partitions: number
  /** Settings that differ from the broker's, in text form. */
  readonly configs: ReadonlyMap<string, string>
  readonly internal: boolean
  /** Of its partitions: above 0 where the folders came from a cluster whose leaders had changed. */
  readonly leaderEpoch: number
}

interface StoredTopic {
  name: string
  id: string
  partitions: number
  configs: Record<string, string>
  /** Left out when it is 0. */
  leaderEpoch?: number
}

/** Settings of something that is no topic: the type is Kafka's number of it, the name of a broker is its id, or empty for all. */
interface StoredConfigs {
  type: number
  name: string
  configs: Record<string, string>
}

/** Quotas of one entity: its parts, sorted by type, each with a name or null for the default of its type. */
export interface StoredQuotas {
  readonly entity: readonly (readonly [type: string, name: string | null])[]
  readonly values: Readonly<Record<string, number>>
}

interface State {
  topics: StoredTopic[]
  configs?: StoredConfigs[]
  quotas?: readonly StoredQuotas[]
}

export interface LocalMetadataOptions {
  /** Data directory of the broker. */
  dir: string
  random?: RandomBytes
  files?: Files
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map()

/**
 * The metadata of a cluster of one process: its topics, settings and quotas, in `metadata.json` of the data directory. A change is seen when it is
 * durable. Two changes of the same topic must not be under way at the same time.
 */
export class LocalMetadata {
  readonly #file: VersionedFile<State>
  readonly #random: RandomBytes
  readonly #byName: Map<string, TopicInfo>
  readonly #byId: Map<string, TopicInfo>

  constructor(options: LocalMetadataOptions) {
    this.#file = new VersionedFile<State>(
      join(options.dir, 'metadata.json'),
      { topics: [] },
      {
        files: options.files,
        // Private keys and passwords can be among the settings.
        mode: 'secret',
        without: 'take the topics from their folders, with default settings',
      },
    )
    this.#random = options.random ?? systemRandom
    this.#byName = new Map()
    this.#byId = new Map()
    for (const stored of this.#file.value.topics) this.#remember(stored)
  }

  /** Why what is written down may be one change behind: the first copy is damaged. */
  get damage(): string | undefined {
    return this.#file.damage
  }

  /** True when nothing was ever written down here. */
  get isNew(): boolean {
    return this.#file.version === 0
  }

  /** How often it was changed. */
  get version(): number {
    return this.#file.version
  }

  get topicCount(): number {
    return this.#byName.size
  }

  topics(): Iterable<TopicInfo> {
    return this.#byName.values()
  }

  topic(name: string): TopicInfo | undefined {
    return this.#byName.get(name)
  }

  topicById(id: string): TopicInfo | undefined {
    return this.#byId.get(id)
  }

  /** A topic whose name differs only in '.' and '_', or undefined. */
  colliding(name: string): string | undefined {
    if (!/[._]/.test(name)) return undefined
    const key = collisionKey(name)
    for (const other of this.#byName.keys()) if (other !== name && collisionKey(other) === key) return other
    return undefined
  }

  newTopicId(): string {
    return randomUuid(this.#random)
  }

  /** Writes a new topic down. That it may exist (name, number of partitions, settings) has been checked. */
  async createTopic(
    name: string,
    partitions: number,
    configs: ReadonlyMap<string, string>,
    id = this.newTopicId(),
    leaderEpoch = 0,
  ): Promise<TopicInfo> {
    assert(!this.#byName.has(name), `topic ${name} is created twice`)
    const stored = storedTopic({ name, id, partitions, configs, leaderEpoch })
    await this.#change(({ topics }) => ({ topics: [...topics, stored] }))
    return this.#remember(stored)
  }

  async deleteTopic(name: string): Promise<void> {
    const info = this.#byName.get(name)
    assert(info !== undefined, `topic ${name} is deleted and does not exist`)
    await this.#change(({ topics }) => ({ topics: topics.filter((topic) => topic.name !== name) }))
    this.#byName.delete(name)
    this.#byId.delete(info.id)
  }

  /** Replaces the number of partitions or the settings of a topic. */
  async changeTopic(name: string, change: { partitions?: number; configs?: ReadonlyMap<string, string> }): Promise<TopicInfo> {
    const old = this.#byName.get(name)
    assert(old !== undefined, `topic ${name} is changed and does not exist`)
    const stored = storedTopic({ ...old, ...change })
    await this.#change(({ topics }) => ({ topics: topics.map((topic) => (topic.name === name ? stored : topic)) }))
    return this.#remember(stored)
  }

  /** Settings of something that is no topic; empty when it has none. */
  configs(type: number, name: string): ReadonlyMap<string, string> {
    const stored = this.#file.value.configs?.find((entry) => entry.type === type && entry.name === name)
    return stored === undefined ? NO_CONFIGS : new Map(Object.entries(stored.configs))
  }

  /** The names that have settings, in the order in which they got them. */
  configured(type: number): string[] {
    return (this.#file.value.configs ?? []).filter((entry) => entry.type === type).map(({ name }) => name)
  }

  /** Replaces the settings of something that is no topic; without any it is forgotten. */
  configure(type: number, name: string, configs: ReadonlyMap<string, string>): Promise<void> {
    const stored = { type, name, configs: Object.fromEntries(configs) }
    return this.#change(({ configs: all = [] }) => {
      const index = all.findIndex((entry) => entry.type === type && entry.name === name)
      if (configs.size === 0) return { configs: all.filter((_, i) => i !== index) }
      return { configs: index < 0 ? [...all, stored] : all.with(index, stored) }
    })
  }

  quotas(): readonly StoredQuotas[] {
    return this.#file.value.quotas ?? []
  }

  changeQuotas(change: (quotas: readonly StoredQuotas[]) => readonly StoredQuotas[]): Promise<void> {
    return this.#change(({ quotas = [] }) => ({ quotas: change(quotas) }))
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#file.settled()
  }

  #change(change: (state: State) => Partial<State>): Promise<void> {
    return this.#file.change((state) => ({ ...state, ...change(state) }))
  }

  #remember(stored: StoredTopic): TopicInfo {
    const info: TopicInfo = {
      name: stored.name,
      id: stored.id,
      partitions: stored.partitions,
      configs: new Map(Object.entries(stored.configs)),
      internal: isInternalTopic(stored.name),
      leaderEpoch: stored.leaderEpoch ?? 0,
    }
    this.#byName.set(info.name, info)
    this.#byId.set(info.id, info)
    return info
  }
}

function storedTopic({ name, id, partitions, configs, leaderEpoch }: Omit<TopicInfo, 'internal'>): StoredTopic {
  return { name, id, partitions, configs: Object.fromEntries(configs), ...(leaderEpoch > 0 && { leaderEpoch }) }
}
