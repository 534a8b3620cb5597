import type { BrokerConfig } from './broker-config.ts'
import { parseConfig } from './config-type.ts'
import type { ConfigValue } from './config-type.ts'
import { listenerConfigs } from './security-config.ts'
import type { ListenerSettingName, ListenerSettings } from './security-config.ts'

/** The settings of one listener: its own (`listener.name.<name>.…`), those of a mechanism on it, or the broker's. */
export class ListenerConfig {
  readonly #config: BrokerConfig
  readonly #prefix: string

  /** @param name of the listener, in any letters */
  constructor(config: BrokerConfig, name: string) {
    this.#config = config
    this.#prefix = `listener.name.${name.toLowerCase()}.`
  }

  get<K extends ListenerSettingName>(setting: K, mechanism?: string): ConfigValue<ListenerSettings[K]['type']> {
    const own =
      (mechanism === undefined ? undefined : this.#config.text(`${this.#prefix}${mechanism.toLowerCase()}.${setting}`)) ??
      this.#config.text(this.#prefix + setting)
    if (own === undefined) return this.#config.get(setting) as ConfigValue<ListenerSettings[K]['type']>
    return parseConfig(listenerConfigs[setting], own) as ConfigValue<ListenerSettings[K]['type']>
  }

  /** How a setting is called in errors. */
  nameOf(setting: ListenerSettingName): string {
    return this.#config.text(this.#prefix + setting) !== undefined ? this.#prefix + setting : setting
  }
}
