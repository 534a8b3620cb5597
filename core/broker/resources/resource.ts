import type { Input } from '../../protocol/schema.ts'
import type { DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import { configTypes } from '../../protocol/config-codes.ts'
import { defaultText } from '../config-type.ts'
import type { ConfigKey } from '../config-type.ts'
import { configSources } from '../config-source.ts'

/** One setting as DescribeConfigs answers it, but for the fields that only old versions have. */
export type ConfigEntry = Omit<Input<typeof DescribeConfigsResponse>['results'][number]['configs'][number], 'isDefault'>
export type Synonym = NonNullable<ConfigEntry['synonyms']>[number]

/** Something that has settings: a topic, the broker, what clients are asked to measure. */
export interface ConfigResource {
  /** All settings, whether they were set or not. */
  describe(): ConfigEntry[]
  /**
   * Asked before it is described, and after a change was checked.
   * @throws KafkaError when it is not there
   */
  mustExist?(): void
  /** What was set for it, and nothing else: changes start from here. */
  readonly configs: ReadonlyMap<string, string>
  /** Whether entries can be appended to the setting and taken from it. */
  isList(name: string): boolean
  /** What there is from the start where nothing was set: entries are appended to that. */
  inherited(name: string): string
  /**
   * Refuses what cannot be.
   * @param next all settings after the change
   * @param changed the names that the change gives a value or takes it from
   * @throws KafkaError INVALID_CONFIG, INVALID_REQUEST
   */
  check(next: ReadonlyMap<string, string | null>, changed: readonly string[]): void
  /** Takes over what was checked, durably. */
  apply(next: ReadonlyMap<string, string>): void | Promise<void>
}

/** A setting that has no broker setting behind it: its own value, or the default. */
export function plainEntry(name: string, key: ConfigKey, own: string | undefined, source: number): ConfigEntry {
  return { ...configEntry(name, key, own ?? defaultText(key), [], false), configSource: own === undefined ? configSources.default : source }
}

/** @param synonyms where the value could come from, the most specific first; the source of the value is the first one's */
export function configEntry(
  name: string,
  key: ConfigKey,
  value: string | null,
  synonyms: readonly Synonym[],
  readOnly: boolean,
): ConfigEntry {
  const isSensitive = key.type === 'password'
  return {
    name,
    value: isSensitive ? null : value,
    readOnly,
    configSource: synonyms[0]?.source ?? configSources.default,
    isSensitive,
    synonyms: isSensitive ? synonyms.map((synonym) => ({ ...synonym, value: null })) : synonyms,
    configType: configTypes[key.type],
    documentation: key.doc,
  }
}
