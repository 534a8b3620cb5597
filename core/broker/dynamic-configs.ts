import { brokerConfigs } from './broker-config.ts'
import { isListenerSetting, listenerSetting } from './security-config.ts'
import { topicConfigs } from './topic-config.ts'

/** Broker settings that only give topics their defaults may change, but for those in the units that Kafka keeps for old files. */
const STATIC_SYNONYMS = /\.(hours|minutes)$|^log\.flush\.scheduler\.interval\.ms$/

/** The others that Kafka lets change while a broker runs (its `DynamicBrokerConfig`). */
const OTHERS = new Set([
  'background.threads',
  'config.providers',
  'cordoned.log.dirs',
  'group.consumer.assignment.interval.ms',
  'group.coordinator.cached.buffer.max.bytes',
  'log.cleaner.backoff.ms',
  'log.cleaner.dedupe.buffer.size',
  'log.cleaner.io.buffer.load.factor',
  'log.cleaner.io.buffer.size',
  'log.cleaner.io.max.bytes.per.second',
  'log.cleaner.threads',
  'max.connection.creation.rate',
  'max.connections',
  'max.connections.per.ip',
  'max.connections.per.ip.overrides',
  'metric.reporters',
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
  'producer.id.expiration.ms',
  'transaction.partition.verification.enable',
])

/** Names of topics' defaults, without their own. */
const SYNONYMS: ReadonlySet<string> = new Set(Object.values(topicConfigs).flatMap((key) => key.synonyms.map(({ name }) => name)))

/**
 * Certificates and whom to believe: each listener may be told while it is open (Kafka's `SslConfigs.RECONFIGURABLE_CONFIGS`). The ways to log in and
 * the rest of TLS belong to a listener as long as it is open. Kafka takes changes of them, for listeners that are yet to come, and nothing comes of it:
 * a broker without ZooKeeper gets no others.
 */
const CERTIFICATES =
  /^ssl\.(keystore\.(type|location|password|key|certificate\.chain)|key\.password|truststore\.(type|location|password|certificates))$/

/** How many may connect to a listener. */
const CONNECTIONS = /^max\.connection(s|\.creation\.rate)$/

/** Belongs to one listener of one broker: it cannot be the same for all. */
const ONE_BROKER = /^(ssl\.|sasl\.|listeners$|listener\.|principal\.builder\.class$)/

/** Whether a setting of the broker may change while it runs. */
export function isDynamic(name: string): boolean {
  if (SYNONYMS.has(name)) return !STATIC_SYNONYMS.test(name)
  const ofListener = ownOfListener(name)
  return OTHERS.has(name) || (ofListener !== undefined && (CERTIFICATES.test(ofListener) || CONNECTIONS.test(ofListener)))
}

/** May change while the broker runs, but only for one listener by its name. */
export function isOnlyOfListener(name: string): boolean {
  return CERTIFICATES.test(name)
}

/** Known, and given at the start only. */
export function isStatic(name: string): boolean {
  return (name in brokerConfigs || isListenerSetting(name)) && !isDynamic(name)
}

/** Cannot be set for all brokers at once. */
export function isOfOneBroker(name: string): boolean {
  return ONE_BROKER.test(name) && !CONNECTIONS.test(ownOfListener(name) ?? '')
}

/** What a setting is for one listener as a whole, not for a mechanism on it; undefined for all others. */
function ownOfListener(name: string): string | undefined {
  const parts = listenerSetting(name)
  return parts?.mechanism === undefined ? parts?.setting : undefined
}
