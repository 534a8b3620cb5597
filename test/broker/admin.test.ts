import test from 'ava'
import type { ExecutionContext } from 'ava'

import { BrokerConfig } from '../../core/broker/broker-config.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { GroupConfigs } from '../../core/broker/group-configs.ts'
import { topicLogConfig } from '../../core/broker/topic-log-config.ts'
import { logConfigDefaults } from '../../core/log/config.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterConfigs } from '../../core/protocol/messages/alter-configs.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { DescribeLogDirs } from '../../core/protocol/messages/describe-log-dirs.ts'
import { DescribeProducers } from '../../core/protocol/messages/describe-producers.ts'
import { DescribeTopicPartitions } from '../../core/protocol/messages/describe-topic-partitions.ts'
import type { DescribeTopicPartitionsResponse } from '../../core/protocol/messages/describe-topic-partitions.ts'
import { GetTelemetrySubscriptions } from '../../core/protocol/messages/get-telemetry-subscriptions.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { ListConfigResources } from '../../core/protocol/messages/list-config-resources.ts'
import { PushTelemetry } from '../../core/protocol/messages/push-telemetry.ts'
import { WriteTxnMarkers } from '../../core/protocol/messages/write-txn-markers.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { compress } from '../../core/record/compression.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, channelTo, createTopic, fetchFrom, listing, open, openTransaction, produce } from '../support/wire.ts'

const resource = { topic: 2, broker: 4, logger: 8, metrics: 16, group: 32 } as const
const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** One batch of one record. */
function keyed(key: string, value: string): Buffer {
  const builder = new BatchBuilder({})
  builder.append(1_700_000_000_000, Buffer.from(key), Buffer.from(value))
  return builder.build({})
}

type Change = readonly [name: string, operation: keyof typeof operation, value?: string]

async function alter(channel: Channel, type: number, name: string, changes: readonly Change[], validateOnly = false): Promise<string> {
  const configs = changes.map(([config, verb, value = null]) => ({ name: config, configOperation: operation[verb], value }))
  const { responses } = await channel.request(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: type, resourceName: name, configs }],
    validateOnly,
  })
  return errorName(responses[0]!.errorCode)
}

/** A setting as `value@source`. */
async function setting(channel: Channel, type: number, name: string, config: string): Promise<string | undefined> {
  const { results } = await channel.request(DescribeConfigs, 4, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: [config] }],
    includeSynonyms: true,
  })
  const found = results[0]!.configs[0]
  return found && `${found.value}@${found.configSource}`
}

test('settings of the broker change while it runs, for it or for the cluster, and are there after a restart', async (t) => {
  const dir = await tempDir(t)
  const config = { 'log.retention.ms': '5000000', 'min.insync.replicas': 1 }
  const first = await startBroker(t, { dir, config })
  const channel = await open(t, first)
  await createTopic(channel, 'a')
  await createTopic(channel, 'own', 1, { 'retention.ms': '1000' })
  t.is(await setting(channel, resource.topic, 'a', 'retention.ms'), '5000000@4')
  t.is(await alter(channel, resource.broker, '', [['log.retention.ms', 'set', '6000000']]), 'NONE')
  t.is(await setting(channel, resource.topic, 'a', 'retention.ms'), '6000000@3')
  t.is(await alter(channel, resource.broker, '1', [['log.retention.ms', 'set', '7000000']]), 'NONE')
  t.is(await setting(channel, resource.topic, 'a', 'retention.ms'), '7000000@2')
  t.is(await setting(channel, resource.topic, 'own', 'retention.ms'), '1000@1')
  t.is(await setting(channel, resource.broker, '1', 'log.retention.ms'), '7000000@2')
  t.is(await setting(channel, resource.broker, '', 'log.retention.ms'), '6000000@3')

  // What counts is what the partitions do.
  t.is(await alter(channel, resource.broker, '', [['message.max.bytes', 'set', '300']]), 'NONE')
  t.is((await produce(channel, 'a', batch(['x'.repeat(500)]))).error, 'MESSAGE_TOO_LARGE')
  t.is((await produce(channel, 'own', batch(['x'.repeat(100)]))).error, 'NONE')
  t.is(await alter(channel, resource.broker, '1', [['min.insync.replicas', 'set', '2']]), 'NONE')
  t.is((await produce(channel, 'a', batch(['x']))).error, 'NOT_ENOUGH_REPLICAS')
  t.is(await alter(channel, resource.broker, '1', [['min.insync.replicas', 'delete']]), 'NONE')
  await first.close()

  const again = await open(t, await startBroker(t, { dir, config }))
  t.is(await setting(again, resource.topic, 'a', 'retention.ms'), '7000000@2')
  t.is((await produce(again, 'a', batch(['x'.repeat(500)]))).error, 'MESSAGE_TOO_LARGE')
  t.is((await produce(again, 'a', batch(['x']))).error, 'NONE')
  t.is(
    await alter(again, resource.broker, '', [
      ['message.max.bytes', 'delete'],
      ['log.retention.ms', 'delete'],
    ]),
    'NONE',
  )
  t.is(await alter(again, resource.broker, '1', [['log.retention.ms', 'delete']]), 'NONE')
  t.is((await produce(again, 'a', batch(['x'.repeat(500)]))).error, 'NONE')
  t.is(await setting(again, resource.topic, 'a', 'retention.ms'), '5000000@4')
})

test('a setting that is given at the start only, a wrong value and another broker are refused, and nothing changes', async (t) => {
  const channel = await open(t, await startBroker(t))
  const cases: readonly [string, Change[], string][] = [
    ['1', [['num.partitions', 'set', '3']], 'INVALID_REQUEST'],
    ['', [['log.retention.hours', 'set', '3']], 'INVALID_REQUEST'],
    ['1', [['log.retention.ms', 'set', 'long']], 'INVALID_REQUEST'],
    ['1', [['log.segment.bytes', 'append', '1']], 'INVALID_CONFIG'],
    [
      '1',
      [
        ['log.segment.bytes', 'set', '2000000'],
        ['num.partitions', 'set', '3'],
      ],
      'INVALID_REQUEST',
    ],
    [
      '1',
      [
        ['log.segment.bytes', 'set', '2000000'],
        ['log.segment.bytes', 'delete'],
      ],
      'INVALID_REQUEST',
    ],
    ['2', [['log.segment.bytes', 'set', '2000000']], 'INVALID_REQUEST'],
  ]
  for (const [name, changes, error] of cases) t.is(await alter(channel, resource.broker, name, changes), error, JSON.stringify(changes))
  t.is(await alter(channel, resource.broker, '1', [['log.segment.bytes', 'set', '2000000']], true), 'NONE')
  t.is(await setting(channel, resource.broker, '1', 'log.segment.bytes'), '1073741824@5')
  // A plug-in's setting is kept and never shown.
  t.is(await alter(channel, resource.broker, '1', [['no.such.setting', 'set', 'secret']]), 'NONE')
  t.is(await setting(channel, resource.broker, '1', 'no.such.setting'), 'null@2')
})

test('lists are extended and shortened, from what is inherited where nothing was set', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  t.is(await alter(channel, resource.topic, 'a', [['cleanup.policy', 'append', 'compact']]), 'NONE')
  t.is(await setting(channel, resource.topic, 'a', 'cleanup.policy'), 'delete,compact@1')
  t.is(await alter(channel, resource.topic, 'a', [['cleanup.policy', 'append', 'compact']]), 'NONE')
  t.is(await alter(channel, resource.topic, 'a', [['cleanup.policy', 'subtract', 'delete']]), 'NONE')
  t.is(await setting(channel, resource.topic, 'a', 'cleanup.policy'), 'compact@1')
  for (const version of [0, 1, 2]) {
    const { responses } = await channel.request(AlterConfigs, version, {
      resources: [{ resourceType: 2, resourceName: 'a', configs: [{ name: 'retention.ms', value: String(version + 1) }] }],
      validateOnly: false,
    })
    t.is(responses[0]!.errorCode, 0)
    t.is(await setting(channel, resource.topic, 'a', 'retention.ms'), `${version + 1}@1`)
    // AlterConfigs replaces everything.
    t.is(await setting(channel, resource.topic, 'a', 'cleanup.policy'), 'delete@5')
  }
})

test('the level of a logger that has one can be asked for and changed', async (t) => {
  const logger = { level: 'info', debug() {}, info() {}, warn() {}, error() {} }
  const channel = await open(t, await startBroker(t, { logger }))
  t.is(await setting(channel, resource.logger, '1', 'root'), 'INFO@6')
  t.is(await alter(channel, resource.logger, '1', [['root', 'set', 'DEBUG']]), 'NONE')
  t.is(logger.level, 'debug')
  t.is(await alter(channel, resource.logger, '1', [['root', 'set', 'LOUD']]), 'INVALID_CONFIG')
  t.is(await alter(channel, resource.logger, '1', [['kafka.log', 'set', 'DEBUG']]), 'INVALID_CONFIG')
  t.is(await alter(channel, resource.logger, '1', [['root', 'delete']]), 'INVALID_REQUEST')
  const silent = await open(t, await startBroker(t))
  t.is(await setting(silent, resource.logger, '1', 'root'), undefined)
})

test('resources with settings are listed by kind', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a')
  t.is(await alter(channel, resource.metrics, 'm', [['interval.ms', 'set', '1000']]), 'NONE')
  t.is(await alter(channel, resource.group, 'g', [['consumer.session.timeout.ms', 'set', '50000']]), 'NONE')
  const list = async (version: number, resourceTypes: number[]): Promise<string[]> => {
    const { errorCode, configResources } = await channel.request(ListConfigResources, version, version === 0 ? {} : { resourceTypes })
    if (errorCode !== 0) return [errorName(errorCode)]
    return configResources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`)
  }
  t.deepEqual(await list(0, []), ['16:m'])
  t.deepEqual(await list(1, []), ['2:a', '4:1', '8:1', '16:m', '32:g'])
  t.deepEqual(await list(1, [16, 4]), ['16:m', '4:1'])
  t.deepEqual(await list(1, [32]), ['32:g'])
  t.deepEqual(await list(1, [99]), ['UNSUPPORTED_VERSION'])
  t.is(await alter(channel, resource.metrics, 'm', [['interval.ms', 'set', '1']]), 'INVALID_REQUEST')
  t.is(await alter(channel, resource.metrics, 'm', [['match', 'set', 'planet=mars']]), 'INVALID_CONFIG')
  t.is(await alter(channel, resource.metrics, 'm', [['interval.ms', 'delete']]), 'NONE')
  t.deepEqual(await list(0, []), [])
  t.is(await alter(channel, resource.group, 'g', [['consumer.session.timeout.ms', 'delete']]), 'NONE')
  t.deepEqual(await list(1, [32]), [])
})

test('a group has settings of its own, else those of the broker, of now too', async (t) => {
  const channel = await open(t, await startBroker(t))
  const interval = 'consumer.assignment.interval.ms'
  const ofBroker = `group.${interval}`
  t.is(await setting(channel, resource.group, 'g', interval), '0@5')
  t.is(await alter(channel, resource.broker, '', [[ofBroker, 'set', '2000']]), 'NONE')
  t.is(await setting(channel, resource.group, 'g', interval), '2000@3')
  t.is(await alter(channel, resource.group, 'g', [[interval, 'set', '3000']], true), 'NONE')
  t.is(await setting(channel, resource.group, 'g', interval), '2000@3', 'it was only to be validated')
  t.is(await alter(channel, resource.group, 'g', [[interval, 'set', '3000']]), 'NONE')
  t.is(await setting(channel, resource.group, 'g', interval), '3000@8')
  t.is(await alter(channel, resource.group, 'g', [[interval, 'set', '15001']]), 'INVALID_CONFIG')
  const { responses } = await channel.request(AlterConfigs, 2, {
    resources: [{ resourceType: resource.group, resourceName: 'g', configs: [{ name: 'consumer.session.timeout.ms', value: '50000' }] }],
    validateOnly: false,
  })
  t.is(responses[0]!.errorCode, 0)
  t.is(await setting(channel, resource.group, 'g', interval), '2000@3', 'AlterConfigs replaces everything')
  t.is(await setting(channel, resource.group, 'g', 'consumer.session.timeout.ms'), '50000@8')
  t.is(await alter(channel, resource.broker, '1', [['group.consumer.session.timeout.ms', 'set', '50000']]), 'INVALID_REQUEST')
})

test('groups get the interval between assignments that the broker has now', async (t) => {
  const config = new BrokerConfig()
  const groups = new GroupConfigs(await tempDir(t), config)
  t.is(groups.settingsOf('g'), undefined)
  config.change(new Map(), new Map([['group.consumer.assignment.interval.ms', '2000']]))
  groups.put('own', new Map([['consumer.assignment.interval.ms', '3000']]))
  t.is(groups.settingsOf('g')?.consumerAssignmentIntervalMs, 2000)
  t.is(groups.settingsOf('own')?.consumerAssignmentIntervalMs, 3000)
  config.change(new Map(), new Map())
  t.is(groups.settingsOf('g')?.consumerAssignmentIntervalMs, 0)
})

test('the cleaner does what it is told while the broker runs, and after a restart, and is not told what it cannot do', async (t) => {
  const dir = await tempDir(t)
  const config = { 'log.cleaner.backoff.ms': 1e9, 'log.cleaner.min.cleanable.ratio': 0.001 }
  let broker = await startBroker(t, { dir, config })
  let channel = await open(t, broker)
  await createTopic(channel, 'c', 1, { 'cleanup.policy': 'compact', 'segment.bytes': '300' })
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await produce(channel, 'c', keyed('k', 'x'.repeat(200)))
  }
  const cleaned = (): Promise<unknown> => new Promise((resolve) => void broker.events.on('logCleaned', resolve))
  await fill()
  const first = cleaned()
  t.is(await alter(channel, resource.broker, '', [['log.cleaner.backoff.ms', 'set', '5']]), 'NONE')
  await first
  t.is(await setting(channel, resource.broker, '1', 'log.cleaner.backoff.ms'), '5@3')
  const refused: Change[] = [
    ['log.cleaner.threads', 'set', '3'],
    ['log.cleaner.threads', 'set', '0'],
    ['log.cleaner.dedupe.buffer.size', 'set', '1000'],
    ['log.cleaner.enable', 'set', 'false'],
    ['log.cleaner.io.buffer.load.factor', 'set', '2'],
  ]
  for (const change of refused) t.is(await alter(channel, resource.broker, '1', [change]), 'INVALID_REQUEST', change.join(' '))
  t.is(await alter(channel, resource.broker, '1', [['log.cleaner.threads', 'set', '2']]), 'NONE')
  t.is(await alter(channel, resource.broker, '1', [['log.cleaner.dedupe.buffer.size', 'set', '1048577']]), 'INVALID_REQUEST', 'for two')
  await broker.close()

  broker = await startBroker(t, { dir, config })
  channel = await open(t, broker)
  const second = cleaned()
  await fill()
  await second
  t.is(await setting(channel, resource.broker, '1', 'log.cleaner.threads'), '2@2')
})

test('fewer connections are taken from the moment on that they are limited, and the limit is there after a restart', async (t) => {
  const dir = await tempDir(t)
  const first = await startBroker(t, { dir })
  const channel = await open(t, first)
  t.is(await alter(channel, resource.broker, '1', [['max.connections', 'set', '1']]), 'NONE')
  await t.throwsAsync(async () => (await open(t, first)).request(ApiVersions, 0, {}))
  t.is(await setting(channel, resource.broker, '1', 'max.connections'), '1@2', 'who is there stays')
  await first.close()

  const second = await startBroker(t, { dir })
  const only = await open(t, second)
  t.is(await setting(only, resource.broker, '1', 'max.connections'), '1@2')
  await t.throwsAsync(async () => (await open(t, second)).request(ApiVersions, 0, {}))
  t.is(await alter(only, resource.broker, '1', [['max.connections', 'delete']]), 'NONE')
  const more = await open(t, second)
  t.is(await setting(more, resource.broker, '1', 'max.connections'), '10000@5')
})

test('connections of one address and of one listener are limited anew, with values that can be', async (t) => {
  const config = { listeners: 'A://127.0.0.1:0,B://127.0.0.1:0', 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' }
  const broker = await startBroker(t, { config })
  const [a, b] = broker.listeners.map(({ port }) => `127.0.0.1:${port}`) as [string, string]
  const channel = await channelTo(t, a)
  const isTaken = async (address: string): Promise<boolean> => {
    try {
      const one = await channelTo(t, address)
      await one.request(ApiVersions, 0, {})
      one.close()
      return true
    } catch {
      return false
    }
  }
  const set = (name: string, value: string): Promise<string> => alter(channel, resource.broker, '1', [[name, 'set', value]])
  const wrong = [
    ['max.connections.per.ip', '-1'],
    ['max.connections.per.ip.overrides', 'somewhere'],
    ['listener.name.a.max.connections', 'many'],
    // What a listener is, is given at the start.
    ['listener.name.a.ssl.client.auth', 'required'],
    ['listeners', 'A://127.0.0.1:0'],
    ['sasl.enabled.mechanisms', 'PLAIN'],
    ['super.users', 'User:me'],
  ] as const
  for (const [name, value] of wrong) t.is(await set(name, value), 'INVALID_REQUEST', name)
  t.is(await set('max.connections.per.ip', '1'), 'NONE')
  t.false(await isTaken(a))
  t.is(await set('max.connections.per.ip.overrides', '127.0.0.1:5'), 'NONE')
  t.true(await isTaken(a))
  t.is(await set('listener.name.a.max.connections', '1'), 'NONE')
  t.is(await setting(channel, resource.broker, '1', 'listener.name.a.max.connections'), '1@2')
  t.deepEqual([await isTaken(a), await isTaken(b)], [false, true])
  t.is(await alter(channel, resource.broker, '1', [['listener.name.a.max.connections', 'delete']]), 'NONE')
  t.true(await isTaken(a))
})

test('what is shown of the broker is what it does', async (t) => {
  const dir = await tempDir(t)
  const channel = await open(t, await startBroker(t, { dir, config: { 'log.dir': '/somewhere/else' } }))
  t.is(await setting(channel, resource.broker, '1', 'log.dirs'), `${dir}@4`)
  t.deepEqual(topicLogConfig(new Map(), new BrokerConfig()), logConfigDefaults)
  const { supportedFeatures, finalizedFeatures } = await channel.request(ApiVersions, 3, {
    clientSoftwareName: 'probe',
    clientSoftwareVersion: '1',
  })
  const levels = [
    ['group.version', 1],
    ['transaction.version', 2],
  ]
  t.deepEqual(
    supportedFeatures.map(({ name, maxVersion }) => [name, maxVersion]),
    levels,
  )
  t.deepEqual(
    finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    levels,
  )
})

test('the size of a partition is that of its segments, and there is room', async (t) => {
  const channel = await open(t, await startBroker(t))
  await createTopic(channel, 'a', 2)
  const records = batch(['x'.repeat(1000)])
  for (let i = 0; i < 3; i++) await produce(channel, 'a', Buffer.from(records))
  for (let version = 0; version <= 5; version++) {
    const { results } = await channel.request(DescribeLogDirs, version, {
      topics: version === 5 ? null : [{ topic: 'a', partitions: [0, 1, 7] }],
    })
    const sizes = results[0]!.topics[0]!.partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize])
    t.deepEqual(sizes, [
      [0, 3 * records.length],
      [1, 0],
    ])
    if (version >= 4) t.true(results[0]!.usableBytes > 0 && results[0]!.totalBytes >= results[0]!.usableBytes)
  }
})

type Cursor = NonNullable<DescribeTopicPartitionsResponse['nextCursor']>

test('topics are described page by page: every partition once, none twice', async (t) => {
  const channel = await open(t, await startBroker(t))
  for (const [name, partitions] of [
    ['b', 5],
    ['a', 3],
    ['c', 4],
  ] as const)
    await createTopic(channel, name, partitions)
  for (const limit of [1, 2, 3, 4, 5, 100]) {
    const seen: string[] = []
    let cursor: Cursor | null = null
    do {
      const page: DescribeTopicPartitionsResponse = await channel.request(DescribeTopicPartitions, 0, {
        topics: [],
        responsePartitionLimit: limit,
        cursor,
      })
      const found = page.topics.flatMap(({ name, partitions }) => partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`))
      t.true(found.length <= limit)
      seen.push(...found)
      cursor = page.nextCursor
    } while (cursor !== null)
    const all = [
      ['a', 3],
      ['b', 5],
      ['c', 4],
    ] as const
    t.deepEqual(
      seen,
      all.flatMap(([name, count]) => Array.from({ length: count }, (_, i) => `${name}-${i}`)),
    )
  }
})

test('an administrator sees who writes to a partition, and ends a transaction that hangs', async (t) => {
  for (const version of [0, 1, 2]) {
    const channel = await open(t, await startBroker(t, { config: { 'transaction.state.log.num.partitions': 1 } }))
    await createTopic(channel, 'a')
    await produce(channel, 'a', batch(['before']))
    const { producerId, epoch } = await openTransaction(channel, 'a')
    await produce(channel, 'a', batch(['after']))
    t.deepEqual(listing(await fetchFrom(channel, 'a', 0, { committed: true })), ['0:before'])
    const described = await channel.request(DescribeProducers, 0, { topics: [{ name: 'a', partitionIndexes: [0, 7] }] })
    const [here, missing] = described.topics[0]!.partitions
    t.like(here!.activeProducers[0], { producerId, producerEpoch: epoch, lastSequence: 0, currentTxnStartOffset: 1 })
    t.is(errorName(missing!.errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
    const mark = async (producerEpoch: number): Promise<string[]> => {
      const { markers } = await channel.request(WriteTxnMarkers, version, {
        markers: [
          { producerId, producerEpoch, transactionResult: false, topics: [{ name: 'a', partitionIndexes: [0, 7] }], coordinatorEpoch: 0 },
        ],
      })
      return markers[0]!.topics[0]!.partitions.map(({ errorCode }) => errorName(errorCode))
    }
    if (epoch > 0) t.is((await mark(epoch - 1))[0], 'INVALID_PRODUCER_EPOCH')
    t.deepEqual(await mark(epoch), ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
    t.deepEqual(
      (await fetchFrom(channel, 'a', 0, { committed: true })).abortedTransactions,
      [{ producerId, firstOffset: 1 }],
      'the last stable offset is free again, and the records are known as aborted',
    )
    const after = await channel.request(DescribeProducers, 0, { topics: [{ name: 'a', partitionIndexes: [0] }] })
    t.is(after.topics[0]!.partitions[0]!.activeProducers[0]!.currentTxnStartOffset, -1)
  }
})

async function telemetryClient(t: ExecutionContext, broker: Broker): Promise<Channel> {
  const channel = await open(t, broker)
  await channel.request(ApiVersions, 3, { clientSoftwareName: 'probe', clientSoftwareVersion: '7.1' })
  return channel
}

test('a client is asked for the metrics of the subscriptions that match it, and what it sends is handed on', async (t) => {
  const broker = await startBroker(t)
  const channel = await telemetryClient(t, broker)
  const ask = async (clientInstanceId: string) => channel.request(GetTelemetrySubscriptions, 0, { clientInstanceId })
  const nobody = await ask('AAAAAAAAAAAAAAAAAAAAAA')
  t.deepEqual(nobody.requestedMetrics, [])
  t.not(nobody.clientInstanceId, 'AAAAAAAAAAAAAAAAAAAAAA')

  t.is(
    await alter(channel, resource.metrics, 'mine', [
      ['metrics', 'set', 'org.probe.'],
      ['interval.ms', 'set', '60000'],
      ['match', 'set', 'client_software_name=pro.*,client_software_version=7\\.1'],
    ]),
    'NONE',
  )
  t.is(
    await alter(channel, resource.metrics, 'other', [
      ['metrics', 'set', '*'],
      ['interval.ms', 'set', '100'],
      ['match', 'set', 'client_id=somebody.else'],
    ]),
    'NONE',
  )
  const { clientInstanceId, subscriptionId, requestedMetrics, pushIntervalMs } = await ask(nobody.clientInstanceId)
  t.deepEqual(requestedMetrics, ['org.probe.'])
  t.is(pushIntervalMs, 60_000)

  const heard: string[] = []
  broker.events.on('telemetry', ({ clientId, metrics, terminating }) => heard.push(`${clientId} ${metrics.toString()} ${terminating}`))
  const push = async (text: string, compression: 'none' | 'gzip' | 'zstd' = 'none', more: object = {}): Promise<string> => {
    const compressionType = { none: 0, gzip: 1, zstd: 4 }[compression]
    const metrics = compress(compression, Buffer.from(text))
    const { errorCode } = await channel.request(PushTelemetry, 0, {
      clientInstanceId,
      subscriptionId,
      terminating: false,
      compressionType,
      metrics,
      ...more,
    })
    return errorName(errorCode)
  }
  t.is(await push('x', 'none', { subscriptionId: subscriptionId + 1 }), 'UNKNOWN_SUBSCRIPTION_ID')
  t.is(await push('one', 'zstd'), 'NONE')
  t.is(await push('two'), 'THROTTLING_QUOTA_EXCEEDED')
  t.is(await push('x', 'none', { compressionType: 9 }), 'UNSUPPORTED_COMPRESSION_TYPE')
  t.is(await push('last', 'gzip', { terminating: true }), 'NONE')
  t.is(await push('more', 'none', { terminating: true }), 'INVALID_REQUEST')
  t.deepEqual(heard, ['test one false', 'test last true'])

  // Who is asked for something else now has to ask.
  const second = await ask('AAAAAAAAAAAAAAAAAAAAAA')
  t.is(await alter(channel, resource.metrics, 'mine', [['metrics', 'set', 'org.else.']]), 'NONE')
  t.is(
    await push('x', 'none', { clientInstanceId: second.clientInstanceId, subscriptionId: second.subscriptionId }),
    'UNKNOWN_SUBSCRIPTION_ID',
  )
})
