import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { Dialer } from '../net/dialer.ts'
import { systemResolver } from '../net/resolver.ts'
import type { Resolver } from '../net/resolver.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import type { Address } from './address.ts'
import type { ConnectionsWatcher } from './connections-watcher.ts'

export interface ClusterOptions {
  dialer: Dialer
  bootstrap: readonly Address[]
  /** Kafka's `client.dns.lookup`: with `resolve_canonical_bootstrap_servers_only` each bootstrap address stands for all that its name has. */
  clientDnsLookup?: 'use_all_dns_ips' | 'resolve_canonical_bootstrap_servers_only'
  /** Default: what the operating system uses. */
  resolver?: Resolver
  /** How to log in; nothing where that is not asked for. */
  sasl?: SaslOptions | undefined
  clientId?: string
  clock?: Clock
  random?: RandomBytes
  logger?: Logger
  /** Kafka's `request.timeout.ms`; default 30 s. */
  requestTimeoutMs?: number
  /** How long {@link Cluster.connect} tries the addresses; default 3 s. */
  bootstrapTimeoutMs?: number
  /** Kafka's `retry.backoff.ms`; default 100. */
  retryBackoffMs?: number
  /** Kafka's `retry.backoff.max.ms`; default 1000. */
  retryBackoffMaxMs?: number
  /** Kafka's `metadata.max.age.ms`; default 5 minutes. */
  metadataMaxAgeMs?: number
  /** After so long without use a topic is not asked for any more; Kafka's `metadata.max.idle.ms`, default 5 minutes. */
  metadataMaxIdleMs?: number
  /** Whether the bootstrap addresses are tried again when no known broker answers; Kafka's `metadata.recovery.strategy`, default `rebootstrap`. */
  metadataRecoveryStrategy?: 'rebootstrap' | 'none'
  /** After so long without metadata the brokers are looked for anew; Kafka's `metadata.recovery.rebootstrap.trigger.ms`, default 5 minutes. */
  metadataRecoveryRebootstrapTriggerMs?: number
  /** Kafka's `reconnect.backoff.ms`; default 50. */
  reconnectBackoffMs?: number
  /** Kafka's `reconnect.backoff.max.ms`; default 1000. */
  reconnectBackoffMaxMs?: number
  /** Kafka's `socket.connection.setup.timeout.ms`: until TCP, TLS and each answer of the handshake and log-in; default 10 s. */
  socketConnectionSetupTimeoutMs?: number
  /** Kafka's `socket.connection.setup.timeout.max.ms`; default 30 s. */
  socketConnectionSetupTimeoutMaxMs?: number
  /** Kafka's `connections.max.idle.ms`; default 9 minutes. */
  connectionsMaxIdleMs?: number
  /** How long a topic may stay unknown (it is being created, the word has not spread) before UNKNOWN_TOPIC; default 5 s. */
  unknownTopicTimeoutMs?: number
  /** Told of the connections that nobody has as his own. */
  watcher?: ConnectionsWatcher | undefined
}

export const clusterDefaults = {
  clientDnsLookup: 'use_all_dns_ips',
  resolver: systemResolver,
  clientId: 'moldau',
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  requestTimeoutMs: 30_000,
  bootstrapTimeoutMs: 3000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1000,
  metadataMaxAgeMs: 300_000,
  metadataMaxIdleMs: 300_000,
  metadataRecoveryStrategy: 'rebootstrap',
  metadataRecoveryRebootstrapTriggerMs: 300_000,
  reconnectBackoffMs: 50,
  reconnectBackoffMaxMs: 1000,
  socketConnectionSetupTimeoutMs: 10_000,
  socketConnectionSetupTimeoutMaxMs: 30_000,
  connectionsMaxIdleMs: 540_000,
  unknownTopicTimeoutMs: 5000,
} as const
