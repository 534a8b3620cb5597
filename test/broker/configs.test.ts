import test from 'ava'

import { BrokerConfig } from '../../core/broker/broker-config.ts'
import { GroupConfigs } from '../../core/broker/group-configs.ts'
import { topicLogConfig } from '../../core/broker/topic-log-config.ts'
import { logConfigDefaults } from '../../core/log/config.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterConfigs } from '../../core/protocol/messages/alter-configs.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { ListConfigResources } from '../../core/protocol/messages/list-config-resources.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, channelTo, createTopic, open, produce } from '../support/wire.ts'
import { alter, resource, setting } from '../support/configs.ts'
import type { Change } from '../support/configs.ts'

/** One batch of one record. */
function keyed(key: string, value: string): Buffer {
  const builder = new BatchBuilder({})
  builder.append(1_700_000_000_000, Buffer.from(key), Buffer.from(value))
  return builder.build({})
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
  await groups.put('own', new Map([['consumer.assignment.interval.ms', '3000']]))
  await groups.settled()
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
