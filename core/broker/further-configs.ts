import { className, flag, int, list, long, text, unset } from './config-type.ts'
import type { ConfigKey } from './config-type.ts'

/**
 * Settings of Kafka's brokers that programs ask for, and files with settings have, and that change nothing here: each says why. They are
 * accepted, kept and shown with Kafka's defaults.
 */
export const furtherConfigs = {
  ...threads(),
  ...buffers(),
  'add.partitions.to.txn.retry.backoff.max.ms': int(
    100,
    'longest wait between tries to verify a transaction: the coordinator is in this process',
  ),
  'add.partitions.to.txn.retry.backoff.ms': int(20, 'wait between tries to verify a transaction: the coordinator is in this process', {
    min: 1,
  }),
  'alter.config.policy.class.name': unset(className('', 'class that judges changes of settings: none is loaded here')),
  'auto.leader.rebalance.enable': flag(true, 'give leadership back to preferred leaders: this broker leads everything'),
  'client.quota.callback.class': unset(className('', 'class that decides quotas: none is loaded here')),
  'cordoned.log.dirs': list('', 'data directories that take no new partitions: there is one'),
  'create.topic.policy.class.name': unset(className('', 'class that judges new topics: none is loaded here')),
  'group.coordinator.append.linger.ms': int(-1, 'how long records of groups wait for more: they are written at the end of the turn', {
    min: -1,
  }),
  'group.coordinator.rebalance.protocols': list('classic,consumer', 'protocols of groups: both, always', ['classic', 'consumer']),
  'leader.imbalance.check.interval.seconds': long(300, 'how often leadership is looked at: this broker leads everything', { min: 1 }),
  'log.dir': list('/tmp/kafka-logs', 'where Kafka looks when log.dirs is not given'),
  'log.dir.failure.timeout.ms': long(30_000, 'how long a failed directory may go unreported: there is no other controller', { min: 1 }),
  'log.flush.start.offset.checkpoint.interval.ms': int(60_000, 'how often it is noted where logs begin: together with the others', {
    min: 0,
  }),
  'metric.reporters': list('org.apache.kafka.common.metrics.JmxReporter', 'classes that report metrics: none is loaded here'),
  'metrics.num.samples': int(2, 'samples kept for a metric of the JVM', { min: 1 }),
  'metrics.recording.level': text('INFO', 'which metrics of the JVM are recorded', ['INFO', 'DEBUG', 'TRACE']),
  'metrics.sample.window.ms': long(30_000, 'window of a metric of the JVM', { min: 1 }),
  'offsets.commit.timeout.ms': int(5000, 'how long a commit of offsets may wait for replicas: there are none', { min: 1 }),
  'offsets.topic.compression.codec': int(0, 'compression of __consumer_offsets: its batches are stored as they are'),
  'queued.max.requests': int(500, 'requests that may wait: connections are paused instead', { min: 1 }),
  'request.timeout.ms': int(30_000, 'how long this broker waits for an answer of another'),
  'socket.receive.buffer.bytes': int(-1, 'receive buffer of a socket: the system chooses (102400 in Kafka)'),
  'socket.send.buffer.bytes': int(-1, 'send buffer of a socket: the system chooses (102400 in Kafka)'),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int(
    10_000,
    'how often timed out transactions are looked for: a timer tells',
    { min: 1 },
  ),
  'transaction.partition.verification.enable': flag(true, 'check that a partition belongs to the transaction: always done here'),
  'transaction.state.log.min.isr': int(1, 'replicas that __transaction_state needs: there is one (2 in Kafka)', { min: 1 }),
  'transaction.two.phase.commit.enable': flag(false, 'transactions prepared by other systems: unstable in Kafka itself'),
} satisfies Record<string, ConfigKey>

function threads(): Record<string, ConfigKey> {
  const name = (what: string): string => `threads for ${what}: one event loop does it`
  return {
    'background.threads': int(10, name('background work'), { min: 1 }),
    'group.coordinator.background.threads': int(2, name('work of groups'), { min: 1 }),
    'group.coordinator.threads': int(4, name('groups'), { min: 1 }),
    'num.io.threads': int(8, name('requests'), { min: 1 }),
    'num.network.threads': int(3, name('connections'), { min: 1 }),
    'num.recovery.threads.per.data.dir': int(2, name('recovery'), { min: 1 }),
    'num.replica.alter.log.dirs.threads': unset(int(0, name('moving replicas between directories'))),
    'num.replica.fetchers': int(1, name('fetching from leaders')),
  }
}

function buffers(): Record<string, ConfigKey> {
  const waiting = 'finished waits kept before they are swept: they are taken out at once'
  const loading = 'bytes read at a time while coordinators load'
  return {
    'delete.records.purgatory.purge.interval.requests': int(1, waiting),
    'fetch.purgatory.purge.interval.requests': int(1000, waiting),
    'group.coordinator.cached.buffer.max.bytes': int(1_048_588, 'largest buffer kept for records of groups', { min: 524_288 }),
    'offsets.load.buffer.size': int(5_242_880, loading, { min: 1 }),
    'producer.purgatory.purge.interval.requests': int(1000, waiting),
    'transaction.state.log.load.buffer.size': int(5_242_880, loading, { min: 1 }),
  }
}
