import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { Dialer } from '../net/dialer.ts'
import { systemResolver } from '../net/resolver.ts'
import type { Resolver } from '../net/resolver.ts'
import { securitySettings } from './security-settings.ts'
import { amount, callable, flag, given, oneOf, oneOfWords, positive, text } from './setting-kinds.ts'
import { ownSetting, setting } from './settings.ts'
import type { Options, ReadOptions } from './settings.ts'

export const clientSettings = {
  /** Names this program in the broker's logs and quotas; default `moldau`. */
  clientId: setting('client.id', text, 'moldau'),
  /** How long the answer to a request may take; after that the connection is given up, and most requests are made again. Default 30 s. */
  requestTimeoutMs: setting('request.timeout.ms', amount, 30_000),
  /** How long a call of `admin` may take with all its attempts; default 1 minute. */
  defaultApiTimeoutMs: setting('default.api.timeout.ms', amount, 60_000),
  /** How long `connect` tries the addresses; default 3 s. */
  bootstrapTimeoutMs: ownSetting(amount, 3000),
  /** Pause before another attempt, doubled for each further one, plus or minus a fifth; default 100 ms. */
  retryBackoffMs: setting('retry.backoff.ms', amount, 100),
  /** The longest of these pauses; default 1 s. */
  retryBackoffMaxMs: setting('retry.backoff.max.ms', amount, 1000),
  /** What is known of topics and leaders is asked for anew after so long; default 5 minutes. */
  metadataMaxAgeMs: setting('metadata.max.age.ms', amount, 300_000),
  /** After so long without use a topic is not asked for any more; default 5 minutes. */
  metadataMaxIdleMs: setting('metadata.max.idle.ms', amount, 300_000),
  /** Whether the addresses given to `connect` are tried again when no known broker answers (KIP-899); default `rebootstrap`. */
  metadataRecoveryStrategy: setting('metadata.recovery.strategy', oneOfWords('rebootstrap', 'none'), 'rebootstrap'),
  /** After so long without metadata the brokers are looked for anew (KIP-1102); default 5 minutes. */
  metadataRecoveryRebootstrapTriggerMs: setting('metadata.recovery.rebootstrap.trigger.ms', amount, 300_000),
  /** Pause after a broker did not take a connection, doubled for each further time; default 50 ms. */
  reconnectBackoffMs: setting('reconnect.backoff.ms', amount, 50),
  /** The longest of these pauses; default 1 s. */
  reconnectBackoffMaxMs: setting('reconnect.backoff.max.ms', amount, 1000),
  /** How long a connection may take to come up, and each answer of its handshake and log-in; doubled after a failure. Default 10 s. */
  socketConnectionSetupTimeoutMs: setting('socket.connection.setup.timeout.ms', positive, 10_000),
  /** The most that it is doubled to; default 30 s. */
  socketConnectionSetupTimeoutMaxMs: setting('socket.connection.setup.timeout.max.ms', positive, 30_000),
  /** Connections that nobody uses for so long are closed; default 9 minutes. */
  connectionsMaxIdleMs: setting('connections.max.idle.ms', positive, 540_000),
  /**
   * All addresses of a host are tried one after the other. `resolve_canonical_bootstrap_servers_only` has each address given to `connect` stand
   * for the canonical names of all its addresses. Default `use_all_dns_ips`.
   */
  clientDnsLookup: setting('client.dns.lookup', oneOf('use_all_dns_ips', 'resolve_canonical_bootstrap_servers_only'), 'use_all_dns_ips'),
  /** How host names become addresses; default: as the operating system does it. */
  resolver: ownSetting(given<Resolver>('an object', 'addresses', 'canonicalName'), systemResolver),
  /** How long a topic may stay unknown before a call fails with UNKNOWN_TOPIC; default 5 s. */
  unknownTopicTimeoutMs: ownSetting(amount, 5000),
  /** Whether metrics are sent to the cluster when it asks for them (KIP-714); default true. */
  enableMetricsPush: setting('enable.metrics.push', flag, true),
  ...securitySettings,
  /** How connections are made; default TCP. A Broker brings its own. */
  dialer: ownSetting(given<Dialer>('an object', 'dial')),
  /** What tells the time and waits; default that of the system. For tests with a time of their own. */
  clock: ownSetting(given<Clock>('a clock', 'now', 'monotonic', 'after'), systemClock),
  /** Where chance comes from; default that of the system. For tests that repeat. */
  random: ownSetting(callable<RandomBytes>('a function that fills a buffer'), systemRandom),
  /** Default: pino from `warn` up on standard error, or as the environment variable MOLDAU_LOG_LEVEL says; pass a silent one to embed. */
  logger: ownSetting(given<Logger>('a logger', 'debug', 'info', 'warn', 'error')),
} as const

export type ClientOptions = Options<typeof clientSettings>

/** What is read of them: how to speak TLS has become part of the dialer. */
export type ReadClientOptions = Omit<ReadOptions<typeof clientSettings>, Exclude<keyof typeof securitySettings, 'sasl'>>
