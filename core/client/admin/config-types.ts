import type { configResourceTypes, configTypes } from '../../protocol/config-codes.ts'
import type { AdminOptions } from './calls.ts'

/** Kafka's ConfigEntry.ConfigSource: who has set it. */
export const configSources = {
  unknown: 0,
  dynamicTopicConfig: 1,
  dynamicBrokerConfig: 2,
  dynamicDefaultBrokerConfig: 3,
  staticBrokerConfig: 4,
  defaultConfig: 5,
  dynamicBrokerLoggerConfig: 6,
  dynamicClientMetricsConfig: 7,
  dynamicGroupConfig: 8,
} as const

export type ConfigResourceType = keyof typeof configResourceTypes
export type ConfigSource = keyof typeof configSources
/** 'unknown': the broker does not say, or is newer than we are. */
export type ConfigType = keyof typeof configTypes | 'unknown'

export interface ConfigResource {
  /** A broker logger's names are those of node ids; client metrics are subscriptions to them (KIP-714). */
  type: ConfigResourceType
  /** A topic's name, a broker's node id, a group's id. A broker named '' stands for all: the defaults of the cluster. */
  name: string
}

export interface DescribeConfigsOptions extends AdminOptions {
  /** Only these settings; default all. */
  keys?: readonly string[]
  /** Tells every place where a value could come from (KIP-226); default false. */
  includeSynonyms?: boolean
  /** Tells what each setting is for (KIP-569); default false. */
  includeDocumentation?: boolean
}

export interface ConfigSynonym {
  name: string
  value: string | null
  source: ConfigSource
}

export interface ConfigEntry {
  name: string
  /** Null of what is secret. */
  value: string | null
  source: ConfigSource
  /** Nobody has set it. */
  isDefault: boolean
  readOnly: boolean
  sensitive: boolean
  type: ConfigType
  /** The first is the one that counts; empty when it was not asked for. */
  synonyms: ConfigSynonym[]
  /** Null when it was not asked for. */
  documentation: string | null
}

export interface ConfigDescription extends ConfigResource {
  entries: ConfigEntry[]
}

type Values = Readonly<Record<string, string | number | boolean>>

/** What to change of the settings of one thing; what is not named stays. */
export interface ConfigAlteration extends ConfigResource {
  set?: Values
  /** Back to the default. */
  delete?: readonly string[]
  /** Of settings that are lists: adds one or, with commas, several. */
  append?: Readonly<Record<string, string>>
  subtract?: Readonly<Record<string, string>>
}

export interface AlterConfigsOptions extends AdminOptions {
  /** Checks whether it could be done, and changes nothing; default false. */
  validateOnly?: boolean
}
