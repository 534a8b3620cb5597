import type { Clock } from '../../base/clock.ts'
import type { ConnectionGate } from '../../net/turnstile.ts'
import type { BrokerConfig } from '../broker-config.ts'
import { ListenerConfig } from '../listener-config.ts'
import type { Quotas } from './quotas.ts'
import { Rate } from './rate.ts'
import type { RateWindow } from './rate.ts'

export interface ConnectionRatesOptions {
  config: BrokerConfig
  quotas: Quotas
  window: RateWindow
  clock: Clock
}

/**
 * How fast connections may come (KIP-612, Kafka's ConnectionQuotas): `max.connection.creation.rate` of the broker and of each listener makes all
 * of a listener wait, the quota `connection_creation_rate` of an address ends what it has too much of.
 */
export class ConnectionRates {
  readonly #options: ConnectionRatesOptions
  readonly #ofBroker: Rate

  constructor(options: ConnectionRatesOptions) {
    this.#options = options
    this.#ofBroker = new Rate(options.window)
  }

  /** @param name of the listener */
  gate(name: string): ConnectionGate {
    const { config, quotas, window, clock } = this.#options
    const own = new ListenerConfig(config, name)
    const ofBroker = this.#ofBroker
    const ofListener = new Rate(window)
    return {
      delayMs() {
        const now = clock.monotonic()
        ofBroker.record(1, now)
        ofListener.record(1, now)
        const brokerMs = ofBroker.excessMs(config.get('max.connection.creation.rate'), now)
        const listenerMs = ofListener.excessMs(own.get('max.connection.creation.rate'), now)
        // Nobody waits longer than one sample, so that a change of the rate counts soon.
        return Math.min(Math.max(brokerMs, listenerMs), window.sampleMs)
      },
      refusalMs(address) {
        const ms = quotas.connect(address)
        if (ms === 0) return 0
        // It does not come in, so it does not count.
        const now = clock.monotonic()
        ofBroker.record(-1, now)
        ofListener.record(-1, now)
        return Math.min(ms, window.sampleMs)
      },
    }
  }
}
