import { MoldauError } from '../base/errors.ts'
import { migrationPolicies } from '../coordinator/group-state.ts'
import { LONG_MAX, configProblem, double, flag, int, list, long, parseConfig, short, text, unset } from './config-type.ts'
import type { ConfigKey, ConfigType, ConfigValue } from './config-type.ts'
import { closest } from './closest.ts'
import { configSources } from './config-source.ts'
import { furtherConfigs } from './further-configs.ts'
import { checkListenerSetting, isListenerSetting, securityConfigs } from './security-config.ts'
import { topicConfigs } from './topic-config.ts'

/** The broker's settings under Kafka's names, except `durability`, which is ours. Those that only give topics their defaults are added below. */
const ownKeys = {
  ...securityConfigs,
  'auto.create.topics.enable': flag(true, 'a topic that is asked for and does not exist is created'),
  'broker.rack': unset(text('', 'the rack this broker stands in')),
  'connections.max.idle.ms': long(600_000, 'a connection that says nothing for this long is ended'),
  'controlled.shutdown.enable': flag(true, 'move leadership away before stopping: nobody is there to take it'),
  'controller.quota.window.num': int(11, 'samples that the rate of changes to the cluster is taken over', { min: 1 }),
  'controller.quota.window.size.seconds': int(1, 'length of such a sample', { min: 1 }),
  'default.replication.factor': int(1, 'replicas of a topic that is created without a number', { min: 1 }),
  'delete.topic.enable': flag(true, 'may topics be deleted'),
  durability: text('disk', 'disk: acks=all is answered after fdatasync; page-cache: after the write, as Kafka does', [
    'disk',
    'page-cache',
  ]),
  'fetch.max.bytes': int(57_671_680, 'most bytes answered to one fetch', { min: 1024 }),
  'group.consumer.assignment.interval.ms': int(
    0,
    'how long after an assignment a group of the new protocol gets the next one (1000 in Kafka 4.3; see the initial delay)',
    { min: 0 },
  ),
  'group.consumer.assignors': list('uniform,range', 'assignors of the new group protocol, the default first', ['uniform', 'range']),
  'group.consumer.heartbeat.interval.ms': int(5000, 'how often members of the new group protocol report', { min: 1 }),
  'group.consumer.max.assignment.interval.ms': int(15_000, 'longest assignment interval that a group may have', { min: 0 }),
  'group.consumer.max.heartbeat.interval.ms': int(15_000, 'longest heartbeat interval that a group may have', { min: 1 }),
  'group.consumer.max.session.timeout.ms': int(60_000, 'longest session timeout that a group may have', { min: 1 }),
  'group.consumer.max.size': int(2_147_483_647, 'members of one group of the new protocol', { min: 1 }),
  'group.consumer.migration.policy': text(
    'bidirectional',
    'which groups change their protocol while they have members: upgrade from the classic one, downgrade to it, both, or none',
    migrationPolicies,
  ),
  'group.consumer.min.assignment.interval.ms': int(0, 'shortest assignment interval that a group may have', { min: 0 }),
  'group.consumer.min.heartbeat.interval.ms': int(5000, 'shortest heartbeat interval that a group may have', { min: 1 }),
  'group.consumer.min.session.timeout.ms': int(45_000, 'shortest session timeout that a group may have', { min: 1 }),
  'group.consumer.regex.refresh.interval.ms': int(600_000, 'how often the topics of expressions are looked for at least', { min: 10_000 }),
  'group.consumer.session.timeout.ms': int(45_000, 'session timeout of members of the new group protocol', { min: 1 }),
  'group.initial.rebalance.delay.ms': int(
    0,
    'how long an empty group waits for more members (3000 in Kafka; a lone broker mostly serves one process)',
    { min: 0 },
  ),
  'group.max.session.timeout.ms': int(1_800_000, 'longest session timeout a member may ask for', { min: 1 }),
  'group.max.size': int(10_000, 'members of one group', { min: 1 }),
  'group.min.session.timeout.ms': int(6000, 'shortest session timeout a member may ask for', { min: 1 }),
  'log.cleaner.backoff.ms': long(15_000, 'pause of the cleaner when there is nothing to compact', { min: 0 }),
  'log.cleaner.dedupe.buffer.size': long(134_217_728, 'memory for keys while logs are compacted, over all threads', { min: 1024 * 1024 }),
  'log.cleaner.enable': flag(true, 'compact topics with cleanup.policy=compact'),
  'log.cleaner.io.buffer.load.factor': double(0.9, 'how full the table of keys may get', { min: 0.01, max: 0.99 }),
  'log.cleaner.io.buffer.size': int(524_288, 'memory to read and write through, over all threads', { min: 0 }),
  'log.cleaner.io.max.bytes.per.second': double(Number.MAX_VALUE, 'bytes that the cleaner may read and write in a second', { min: 1 }),
  'log.cleaner.threads': int(1, 'logs that are compacted at a time, all on the one event loop', { min: 0 }),
  'log.flush.offset.checkpoint.interval.ms': int(60_000, 'how often it is noted up to where logs are synced, and where they begin', {
    min: 1,
  }),
  'log.retention.check.interval.ms': long(300_000, 'how often old segments are looked for', { min: 1 }),
  'log.dirs': unset(list('', 'the data directory: always what the option dir says')),
  'max.request.partition.size.limit': int(2000, 'most partitions in one answer of DescribeTopicPartitions', { min: 1 }),
  'num.partitions': int(1, 'partitions of a topic that is created without a number', { min: 1 }),
  'offset.metadata.max.bytes': int(4096, 'largest text committed with an offset', { min: 0 }),
  'offsets.retention.check.interval.ms': long(600_000, 'how often expired offsets are looked for', { min: 1 }),
  'offsets.retention.minutes': int(10_080, 'how long an empty group keeps its offsets', { min: 1 }),
  'offsets.topic.num.partitions': int(50, 'partitions of __consumer_offsets', { min: 1 }),
  'offsets.topic.replication.factor': short(1, 'replicas of __consumer_offsets', { min: 1 }),
  'offsets.topic.segment.bytes': int(104_857_600, 'segment size of __consumer_offsets', { min: 14 }),
  'producer.id.expiration.ms': int(86_400_000, 'how long an idle producer is remembered', { min: 1 }),
  'quota.window.num': int(11, 'samples that the rates of clients are taken over', { min: 1 }),
  'quota.window.size.seconds': int(1, 'length of such a sample', { min: 1 }),
  'replica.lag.time.max.ms': long(30_000, 'a follower that lags this long leaves the in-sync set: there are none', { min: 1 }),
  'socket.listen.backlog.size': int(1024, 'connections that may wait to be accepted (50 in Kafka)', { min: 1 }),
  'socket.request.max.bytes': int(104_857_600, 'largest request', { min: 1 }),
  'telemetry.max.bytes': int(1_048_576, 'largest metrics of a client in one piece', { min: 1 }),
  'transaction.max.timeout.ms': int(900_000, 'longest transaction timeout a producer may ask for', { min: 1 }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int(3_600_000, 'how often expired transactional ids are looked for', {
    min: 1,
  }),
  'transaction.state.log.num.partitions': int(50, 'partitions of __transaction_state', { min: 1 }),
  'transaction.state.log.replication.factor': short(1, 'replicas of __transaction_state', { min: 1 }),
  'transaction.state.log.segment.bytes': int(104_857_600, 'segment size of __transaction_state', { min: 14 }),
  'transactional.id.expiration.ms': int(604_800_000, 'how long an idle transactional id is remembered', { min: 1 }),
} satisfies Record<string, ConfigKey>

type OwnKeys = typeof ownKeys
export type BrokerConfigName = keyof OwnKeys

/** Where a topic's setting has broker settings in several units, Kafka gives only the largest unit a default. */
const WITHOUT_DEFAULT = new Set(['log.retention.ms', 'log.retention.minutes', 'log.roll.ms', 'log.roll.jitter.ms', 'log.flush.interval.ms'])

/** Every key: our own, and each broker setting that a topic's default comes from. */
export const brokerConfigs: Readonly<Record<string, ConfigKey>> = { ...furtherConfigs, ...defaultsOfTopics(), ...ownKeys }

/** What a user may write: Kafka's dotted names or the same in camelCase. */
export type BrokerConfigInput = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** Settings that stand above others, and where they come from, with the codes of DescribeConfigs. */
export interface ConfigLayer {
  readonly source: number
  readonly values: ReadonlyMap<string, string>
}

/** What is wrong with settings before they are in force, in a sentence that names them; undefined when they can be. */
export type ConfigJudge = (next: BrokerConfig, changed: readonly string[]) => string | undefined

const NOTHING: ReadonlyMap<string, string> = new Map()

/**
 * The settings of a broker: what was given at its start, else Kafka's default; above both what was changed since, for this broker or for
 * all of the cluster (KIP-226).
 */
export class BrokerConfig {
  /** Only what was given at the start, in text form. */
  readonly given: ReadonlyMap<string, string>
  #layers: readonly ConfigLayer[]
  #values: Map<string, unknown>
  readonly #listeners: Set<() => void>
  readonly #judges: Set<ConfigJudge>

  /** @throws MoldauError INVALID_CONFIG naming the setting, with the closest name when it does not exist. */
  constructor(input: BrokerConfigInput = {}) {
    this.given = new Map(Object.entries(input).map(([name, value]) => checked(name, value)))
    this.#layers = []
    this.#values = new Map()
    this.#listeners = new Set()
    this.#judges = new Set()
    this.change(NOTHING, NOTHING)
  }

  get<K extends BrokerConfigName>(name: K): ConfigValue<OwnKeys[K]['type']> {
    return this.#values.get(name) as ConfigValue<OwnKeys[K]['type']>
  }

  /** The most specific first. */
  get layers(): readonly ConfigLayer[] {
    return this.#layers
  }

  /** What is in force for a setting in text form; undefined when only its default is. */
  text(name: string): string | undefined {
    for (const { values } of this.#layers) {
      const value = values.get(name)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** Replaces what was changed at run time: for this broker, and for the whole cluster. The values have been checked. */
  change(ofBroker: ReadonlyMap<string, string>, ofCluster: ReadonlyMap<string, string>): void {
    this.#layers = [
      { source: configSources.broker, values: ofBroker },
      { source: configSources.cluster, values: ofCluster },
      { source: configSources.staticBroker, values: this.given },
    ]
    for (const [name, key] of Object.entries(ownKeys)) {
      this.#values.set(name, parseConfig<ConfigType>(key, this.text(name) ?? key.default))
    }
    for (const listener of this.#listeners) listener()
  }

  /** The same settings after other changes at run time, to be judged before they are made. */
  changedTo(ofBroker: ReadonlyMap<string, string>, ofCluster: ReadonlyMap<string, string>): BrokerConfig {
    const changed = new BrokerConfig(Object.fromEntries(this.given))
    changed.change(ofBroker, ofCluster)
    return changed
  }

  /** The same settings without what was changed at run time. */
  asGiven(): BrokerConfig {
    return this.changedTo(NOTHING, NOTHING)
  }

  /**
   * What those who have to work with settings have against a change at run time; undefined when nothing.
   * @param changed the names that the change gives a value or takes it from
   */
  problemWith(
    ofBroker: ReadonlyMap<string, string>,
    ofCluster: ReadonlyMap<string, string>,
    changed: readonly string[],
  ): string | undefined {
    const next = this.changedTo(ofBroker, ofCluster)
    for (const judge of this.#judges) {
      const problem = judge(next, changed)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Asks the judge before settings change at run time. */
  judge(judge: ConfigJudge): void {
    this.#judges.add(judge)
  }

  /** Calls the listener whenever settings have changed at run time. */
  watch(listener: () => void): void {
    this.#listeners.add(listener)
  }
}

function checked(name: string, value: string | number | boolean | readonly string[]): [string, string] {
  if (isListenerSetting(name)) {
    checkListenerSetting(name, String(value))
    return [name, String(value)]
  }
  const dotted = name in brokerConfigs ? name : name.replace(/[A-Z]/g, (letter) => `.${letter.toLowerCase()}`)
  const key = brokerConfigs[dotted]
  if (key === undefined) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `there is no broker setting '${name}'; did you mean '${closest(dotted, Object.keys(brokerConfigs))}'?`,
    )
  }
  const given = value === Infinity ? LONG_MAX : String(value)
  const problem = configProblem(dotted, key, given)
  if (problem !== undefined) throw new MoldauError('INVALID_CONFIG', problem)
  return [dotted, given]
}

function defaultsOfTopics(): Record<string, ConfigKey> {
  const keys: Record<string, ConfigKey> = {}
  for (const [name, { synonyms, ...key }] of Object.entries(topicConfigs)) {
    for (const { name: synonym, factor } of synonyms) {
      keys[synonym] =
        factor === 1
          ? { ...withOwnDefault(synonym, key), doc: `default of ${name}: ${key.doc}` }
          : withOwnDefault(synonym, int(unitDefault(key, factor), `default of ${name} in another unit`))
    }
  }
  return keys
}

function unitDefault(key: ConfigKey, factor: number): number {
  return Math.floor(Number(key.default) / factor)
}

function withOwnDefault(synonym: string, key: ConfigKey): ConfigKey {
  return WITHOUT_DEFAULT.has(synonym) ? unset(key) : key
}
