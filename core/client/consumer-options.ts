import { assignmentStrategy, defaultAssignors } from './assignors/assignors.ts'
import type { ConsumerInterceptor } from './interceptors.ts'
import { amount, flag, listOf, memory, nonEmpty, oneOf, oneOfWords, positive, text } from './setting-kinds.ts'
import { offsetReset } from './offset-reset.ts'
import { ownSetting, setting } from './settings.ts'
import type { Options } from './settings.ts'

export const consumerSettings = {
  /** The group that partitions are shared out in, and whose offsets are committed. */
  groupId: setting('group.id', nonEmpty),
  /** Static membership (KIP-345): a restart within the session timeout causes no rebalance. */
  groupInstanceId: setting('group.instance.id', nonEmpty),
  /**
   * How the group is kept: 'classic' has a member share the partitions out, 'consumer' the coordinator (KIP-848; Kafka from 4.0 on), by and by and
   * without a stop for all. A group may be moved from one to the other member by member. Default 'classic'.
   */
  groupProtocol: setting('group.protocol', oneOfWords('classic', 'consumer'), 'classic'),
  /** With groupProtocol 'consumer': the assignor of the coordinator (`uniform`, `range`); default the first that it has. */
  groupRemoteAssignor: setting('group.remote.assignor', nonEmpty),
  /** 'read_committed' hands out no record of a transaction that is open or was aborted; default 'read_uncommitted'. */
  isolationLevel: setting('isolation.level', oneOf('read_uncommitted', 'read_committed'), 'read_uncommitted'),
  /**
   * Where to begin without a committed offset, or when the offset is gone: 'earliest', 'latest', 'none' (an error), or by duration, as
   * `{ byDurationMs: 3_600_000 }` or 'by_duration:PT1H' (KIP-1106); default 'latest'.
   */
  autoOffsetReset: setting('auto.offset.reset', offsetReset, 'latest'),
  /**
   * Whether the broker may create a topic that is subscribed to or assigned and does not exist (if its `auto.create.topics.enable` is true, too);
   * default true. Looking for offsets never creates one.
   */
  allowAutoCreateTopics: setting('allow.auto.create.topics', flag, true),
  /** A fetch is answered when so many bytes are there; default 1. */
  fetchMinBytes: setting('fetch.min.bytes', amount, 1),
  /** ... or after so many milliseconds; default 500. */
  fetchMaxWaitMs: setting('fetch.max.wait.ms', amount, 500),
  /** Largest answer to one fetch, in bytes; default 50 MiB. */
  fetchMaxBytes: setting('fetch.max.bytes', positive, 50 * 1024 * 1024),
  /** Of one partition in one fetch, in bytes; default 1 MiB. */
  maxPartitionFetchBytes: setting('max.partition.fetch.bytes', positive, 1024 * 1024),
  /**
   * Where this program runs: with a rack-aware selector on the brokers, records come from the nearest replica (KIP-392). The group is told too:
   * assignors that look at racks give partitions to members near their replicas (KIP-881).
   */
  clientRack: setting('client.rack', text, ''),
  /** What may lie fetched and not yet polled, in bytes (one fetch answer more at most); default 50 MiB. */
  prefetchBytes: ownSetting(memory, 50 * 1024 * 1024),
  /** Most records of one poll, rounded up to whole batches; default 500. */
  maxPollRecords: setting('max.poll.records', positive, 500),
  /** Whether checksums are compared; default true. */
  checkCrcs: setting('check.crcs', flag, true),
  /** After so long without a heartbeat a member is given up; default 45 s. Of classic groups only: of a group of KIP-848 the broker says it. */
  sessionTimeoutMs: setting('session.timeout.ms', amount, 45_000),
  /** How long a member may take between two polls, and to give up partitions in a rebalance; default 5 minutes. */
  maxPollIntervalMs: setting('max.poll.interval.ms', amount, 300_000),
  /** From one heartbeat to the next, less than `sessionTimeoutMs`; default 3 s. Of classic groups only: of a group of KIP-848 the broker says it. */
  heartbeatIntervalMs: setting('heartbeat.interval.ms', amount, 3000),
  /**
   * Assignors in order of preference, by name or as objects of your own: `range`, `roundrobin`, `sticky`, `cooperative-sticky`; the group takes one that
   * all its members have. Partitions stay with members during a rebalance when all of the list are cooperative. Default range, then
   * cooperative-sticky: the group uses range, and is changed to cooperative-sticky by leaving range out, one consumer after the other.
   */
  partitionAssignmentStrategy: setting('partition.assignment.strategy', assignmentStrategy, defaultAssignors),
  /**
   * Commits what the polls before have handed out every `autoCommitIntervalMs`, before partitions are revoked, and at the end: for programs that are
   * done with what a poll returned when they poll again. Default false, unlike Kafka's: the program commits what it has done.
   */
  enableAutoCommit: setting('enable.auto.commit', flag, false),
  /** From one automatic commit to the next; default 5 s. */
  autoCommitIntervalMs: setting('auto.commit.interval.ms', amount, 5000),
  /** Hands out batches as they lie in the log, by {@link Consumer.pollRaw} in the place of poll; default false. */
  raw: ownSetting(flag, false),
  /** See each batch before poll returns it, and what is committed. */
  interceptors: ownSetting(listOf<ConsumerInterceptor>('onConsume', 'onCommit'), []),
} as const

export type ConsumerOptions = Options<typeof consumerSettings>
