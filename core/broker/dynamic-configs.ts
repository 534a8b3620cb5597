import { brokerConfigs } from './broker-config.ts'
import { isListenerSetting } from './security-config.ts'
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

/** What a listener may be told while it is open. Kafka lets certificates and ways to log in change, too; ours looks at the files instead. */
const OF_LISTENER = /^listener\.name\.[^.]+\.max\.connections$/

/** Belongs to one listener of one broker: it cannot be the same for all. */
const ONE_BROKER = /^(ssl\.|sasl\.|listeners$|listener\.|principal\.builder\.class$)/

/** Whether a setting of the broker may change while it runs. */
export function isDynamic(name: string): boolean {
  if (SYNONYMS.has(name)) return !STATIC_SYNONYMS.test(name)
  return OTHERS.has(name) || OF_LISTENER.test(name)
}

/** Known, and given at the start only. */
export function isStatic(name: string): boolean {
  return (name in brokerConfigs || isListenerSetting(name)) && !isDynamic(name)
}

/** Cannot be set for all brokers at once. */
export function isOfOneBroker(name: string): boolean {
  return ONE_BROKER.test(name)
}
