import { join } from 'node:path'

import type { Files } from '../base/files.ts'
import { VersionedFile } from '../coordination/versioned-file.ts'
import type { GroupConfig } from '../coordinator/group-state.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { BrokerConfig } from './broker-config.ts'
import { configProblem, type ConfigKey, int } from './config-type.ts'

interface GroupKey extends ConfigKey {
  /** The broker's setting that counts where a group has none. */
  readonly synonym: BrokerDefault
  readonly min: number
}

type BrokerDefault = `group.consumer.${'session.timeout' | 'heartbeat.interval' | 'assignment.interval'}.ms`

/** Settings that a group may have for itself, of the new protocol (KIP-848). */
export const groupConfigs: Readonly<Record<string, GroupKey>> = {
  'consumer.session.timeout.ms': {
    ...int(45_000, 'session timeout of the members', { min: 1 }),
    synonym: 'group.consumer.session.timeout.ms',
    min: 1,
  },
  'consumer.heartbeat.interval.ms': {
    ...int(5000, 'how often the members report', { min: 1 }),
    synonym: 'group.consumer.heartbeat.interval.ms',
    min: 1,
  },
  'consumer.assignment.interval.ms': {
    ...int(0, 'how long after an assignment the next one is made', { min: 0 }),
    synonym: 'group.consumer.assignment.interval.ms',
    min: 0,
  },
}

/** Groups with settings of their own; the next new one is refused. */
const GROUPS_MAX = 100_000

type Stored = Record<string, Record<string, string>>

/** The settings of groups, in `group-configs.json` of the data directory. */
export class GroupConfigs {
  readonly #file: VersionedFile<Stored>
  readonly #config: BrokerConfig
  /** What all groups have since the broker's settings were changed while it ran. */
  #changed: Partial<GroupConfig> | undefined

  constructor(dir: string, config: BrokerConfig, files?: Files) {
    this.#file = new VersionedFile<Stored>(
      join(dir, 'group-configs.json'),
      {},
      { files, without: 'begin with no settings of single groups' },
    )
    this.#config = config
    this.#changed = undefined
    config.watch(() => (this.#changed = { consumerAssignmentIntervalMs: config.get('group.consumer.assignment.interval.ms') }))
  }

  /** Groups that have settings of their own. */
  groupIds(): string[] {
    return Object.keys(this.#file.value)
  }

  given(groupId: string): ReadonlyMap<string, string> {
    return new Map(Object.entries(Object.hasOwn(this.#file.value, groupId) ? this.#file.value[groupId]! : {}))
  }

  /** For the coordinator: what differs from the settings that the broker started with. */
  settingsOf(groupId: string): Partial<GroupConfig> | undefined {
    // Asked for with every request of every group.
    if (!Object.hasOwn(this.#file.value, groupId)) return this.#changed
    const given = this.given(groupId)
    const value = (name: string): number => Number(given.get(name) ?? this.#config.get(groupConfigs[name]!.synonym))
    return {
      consumerSessionTimeoutMs: value('consumer.session.timeout.ms'),
      consumerHeartbeatIntervalMs: value('consumer.heartbeat.interval.ms'),
      consumerAssignmentIntervalMs: value('consumer.assignment.interval.ms'),
    }
  }

  /**
   * Refuses what no group can have, and settings for more groups than there may be.
   * @throws KafkaError INVALID_CONFIG, INVALID_REQUEST
   */
  check(groupId: string, configs: ReadonlyMap<string, string | null>): void {
    for (const [name, value] of configs) this.#check(name, value ?? '')
    const value = (name: string): number => Number(configs.get(name) ?? this.#config.get(groupConfigs[name]!.synonym))
    if (configs.size > 0 && value('consumer.heartbeat.interval.ms') >= value('consumer.session.timeout.ms')) {
      throw kafkaError('INVALID_CONFIG', 'consumer.heartbeat.interval.ms must be less than consumer.session.timeout.ms')
    }
    const isNew = !Object.hasOwn(this.#file.value, groupId)
    if (isNew && configs.size > 0 && this.groupIds().length >= GROUPS_MAX) {
      throw kafkaError('INVALID_REQUEST', `${GROUPS_MAX} groups with settings of their own are the limit: delete those of others first`)
    }
  }

  /** Replaces the settings of a group by what was checked, durably. */
  put(groupId: string, configs: ReadonlyMap<string, string>): Promise<void> {
    return this.#file.change((value) => {
      const { [groupId]: before, ...others } = value
      if (configs.size > 0) return { ...others, [groupId]: Object.fromEntries(configs) }
      return before === undefined ? value : others
    })
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#file.settled()
  }

  #check(name: string, value: string): void {
    const key = Object.hasOwn(groupConfigs, name) ? groupConfigs[name] : undefined
    if (key === undefined) throw kafkaError('INVALID_CONFIG', `Unknown group config name: ${name}`)
    const what = name.slice('consumer.'.length) as 'session.timeout.ms' | 'heartbeat.interval.ms' | 'assignment.interval.ms'
    const problem = configProblem(name, key, value)
    if (problem !== undefined) throw kafkaError('INVALID_CONFIG', problem)
    const min = this.#config.get(`group.consumer.min.${what}`)
    const max = this.#config.get(`group.consumer.max.${what}`)
    if (Number(value) < min) throw kafkaError('INVALID_CONFIG', `${name} must be greater than or equal to group.consumer.min.${what}`)
    if (Number(value) > max) throw kafkaError('INVALID_CONFIG', `${name} must be less than or equal to group.consumer.max.${what}`)
  }
}
