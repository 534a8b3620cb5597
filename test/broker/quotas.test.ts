import test from 'ava'
import { ManualClock, systemClock } from '../../core/base/clock.ts'
import type { StoredQuotas } from '../../core/coordination/local.ts'
import { LocalMetadata } from '../../core/coordination/local.ts'
import { findQuota, entityKey } from '../../core/broker/quotas/entity.ts'
import { Quotas } from '../../core/broker/quotas/quotas.ts'
import { Rate, TokenBucket } from '../../core/broker/quotas/rate.ts'
import { login } from '../../core/cluster/login.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeClientQuotas } from '../../core/protocol/messages/describe-client-quotas.ts'
import { GetTelemetrySubscriptions } from '../../core/protocol/messages/get-telemetry-subscriptions.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import type { Channel } from '../../core/net/channel.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, channelTo, createTopic, open } from '../support/wire.ts'
import { setQuota } from '../support/quotas.ts'

test('the most specific quota counts, in the order in which Kafka looks for it', (t) => {
  const order: readonly [StoredQuotas['entity'], string][] = [
    [
      [
        ['user', 'u'],
        ['client-id', 'c'],
      ],
      'user=u,client-id=c',
    ],
    [
      [
        ['user', 'u'],
        ['client-id', null],
      ],
      'user=u,client-id=c',
    ],
    [[['user', 'u']], 'user=u'],
    [
      [
        ['user', null],
        ['client-id', 'c'],
      ],
      'user=u,client-id=c',
    ],
    [
      [
        ['user', null],
        ['client-id', null],
      ],
      'user=u,client-id=c',
    ],
    [[['user', null]], 'user=u'],
    [[['client-id', 'c']], 'client-id=c'],
    [[['client-id', null]], 'client-id=c'],
  ]
  const limits = new Map(order.map(([entity], i) => [entityKey(entity), { producer_byte_rate: i + 1 }]))
  for (const [i, [entity, scope]] of order.entries()) {
    t.deepEqual(findQuota(limits, 'producer_byte_rate', 'u', 'c'), { limit: i + 1, scope })
    // Another user, another client, another kind of quota: not this one.
    t.is(findQuota(limits, 'consumer_byte_rate', 'u', 'c'), undefined)
    limits.delete(entityKey(entity))
  }
  t.is(findQuota(limits, 'producer_byte_rate', 'u', 'c'), undefined)
  t.is(
    entityKey([
      ['client-id', 'c'],
      ['user', 'u'],
    ]),
    entityKey([
      ['user', 'u'],
      ['client-id', 'c'],
    ]),
  )
})

test('a rate looks back over its samples, and tells how long to be silent until it is down to the limit', (t) => {
  const rate = new Rate({ samples: 11, sampleMs: 1000 })
  rate.record(20_000, 0)
  // As if silent before: 20,000 bytes over ten seconds.
  t.is(rate.at(0), 2000)
  t.is(rate.excessMs(1000, 0), 10_000)
  t.is(rate.excessMs(2000, 0), 0)
  // Being silent for that long is enough, and a moment less is not.
  t.true(rate.excessMs(1000, 9000) > 0)
  t.is(rate.excessMs(1000, 20_000), 0)
  for (let second = 20; second < 60; second++) rate.record(1000, second * 1000)
  t.true(Math.abs(rate.at(60_000) - 1000) < 100, `${rate.at(60_000)}`)
})

test('a bucket may be overdrawn once, and fills at its rate', (t) => {
  const bucket = new TokenBucket({ samples: 11, sampleMs: 1000 })
  t.false(bucket.isEmpty(1, 0))
  bucket.take(21, 1, 0)
  t.true(bucket.isEmpty(1, 0))
  t.is(bucket.excessMs(1, 0), 10_000)
  t.is(bucket.excessMs(1, 4000), 6000)
  t.false(bucket.isEmpty(1, 10_000))
  // No more than a window's worth is saved up.
  bucket.take(11, 1, 1_000_000)
  t.false(bucket.isEmpty(1, 1_000_000))
  bucket.take(1, 1, 1_000_000)
  t.true(bucket.isEmpty(1, 1_000_000))
})

test('the average of a client that obeys stays within its quota', async (t) => {
  const clock = new ManualClock()
  const window = { samples: 11, sampleMs: 1000 }
  const metadata = new LocalMetadata({ dir: await tempDir(t) })
  const quotas = new Quotas({ metadata, clock, window, mutationWindow: window })
  t.false(quotas.isActive)
  await quotas.change([['client-id', 'c']], () => ({ consumer_byte_rate: 10_000, producer_byte_rate: 10_000 }))
  await metadata.settled()
  const client = { user: 'ANONYMOUS', clientId: 'c' }
  let sent = 0
  const begin = clock.monotonic()
  for (let i = 0; i < 300; i++) {
    sent += 5000
    const silence = quotas.use('producer_byte_rate', client, 5000)
    clock.advance(silence + 50)
  }
  const rate = (sent * 1000) / (clock.monotonic() - begin)
  t.true(rate > 8000 && rate < 11_500, `${rate} bytes per second of 10,000`)
  t.is(quotas.use('producer_byte_rate', { user: 'ANONYMOUS', clientId: 'other' }, 1e9), 0)
  // With the sample that has just begun there are eleven.
  t.is(quotas.fetchBytesMax(client), 100_000)
})

test('a producer over its quota is answered at once, told to be silent, and not read until then', async (t) => {
  const broker = await startBroker(t)
  const [admin, slow] = [await open(t, broker), await open(t, broker, 'in-process')]
  await createTopic(admin, 'a')
  const send = async (channel: Channel, version = 11): Promise<number> => {
    const answer = await channel.request(Produce, version, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: 'a', partitionData: [{ index: 0, records: batch(['x'.repeat(1000)]) }] }],
    })
    t.is(answer.responses[0]!.partitionResponses[0]!.errorCode, 0)
    return answer.throttleTimeMs
  }
  t.is(await send(slow), 0)
  // So little that the silence lasts for seconds: a machine with much to do must not sleep through it.
  await setQuota(admin, [['user', null]], 'producer_byte_rate', 400)
  // 1,1xx bytes at 400 per second over ten seconds are still allowed; many of them are not.
  let throttled = 0
  for (let i = 0; i < 10 && throttled === 0; i++) throttled = await send(slow)
  t.true(throttled > 0, 'no request was throttled')
  let answered = false
  const next = slow.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' }).then(() => (answered = true))
  await new Promise((resolve) => setTimeout(resolve, Math.min(throttled / 4, 50)))
  t.false(answered, 'the connection is read although its client shall be silent')
  // Without quotas the others go on, and so does this one when its time is up.
  await setQuota(admin, [['user', null]], 'producer_byte_rate', null)
  t.is(await send(admin), 0)
  await next
  t.true(answered)
})

test('a quota that is next to nothing is told as the longest silence there is, and kept', async (t) => {
  const rate = new Rate({ samples: 11, sampleMs: 1000 })
  rate.record(20_000, 0)
  t.is(rate.excessMs(Number.MIN_VALUE, 0), 2 ** 31 - 1)
  const bucket = new TokenBucket({ samples: 11, sampleMs: 1000 })
  bucket.take(5, Number.MIN_VALUE, 0)
  t.is(bucket.excessMs(Number.MIN_VALUE, 0), 2 ** 31 - 1)

  const broker = await startBroker(t)
  const [admin, slow] = [await open(t, broker), await open(t, broker, 'in-process')]
  await createTopic(admin, 'a', 4)
  await setQuota(admin, [['user', 'in-process']], 'producer_byte_rate', 1)
  const { throttleTimeMs, responses } = await slow.request(Produce, 11, {
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: 'a', partitionData: [0, 1, 2, 3].map((index) => ({ index, records: batch(['x'.repeat(1_000_000)]) })) }],
  })
  t.is(responses[0]!.partitionResponses[3]!.errorCode, 0)
  t.is(throttleTimeMs, 2 ** 31 - 1)
  let answered = false
  slow.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' }).then(
    () => (answered = true),
    () => {},
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.false(answered, 'a timer that overflows fires at once')
})

test('topics over the quota of mutations are refused to new clients, and slow old ones down', async (t) => {
  const broker = await startBroker(t)
  const admin = await open(t, broker)
  await setQuota(admin, [['client-id', null]], 'controller_mutation_rate', 1000)
  // Each on a connection of its own: one over the quota is not read for a while.
  const create = async (version: number, name: string, numPartitions: number): Promise<[string, boolean]> => {
    const { topics, throttleTimeMs } = await (
      await open(t, broker)
    ).request(CreateTopics, version, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
    })
    return [errorName(topics[0]!.errorCode), throttleTimeMs > 0]
  }
  t.deepEqual(await create(7, 'a', 5), ['NONE', false])
  await setQuota(admin, [['client-id', null]], 'controller_mutation_rate', 0.1)
  t.deepEqual(await create(7, 'b', 5), ['NONE', true])
  t.deepEqual(await create(7, 'c', 1), ['THROTTLING_QUOTA_EXCEEDED', true])
  const deleted = await (await open(t, broker)).request(DeleteTopics, 5, { topicNames: ['b'], timeoutMs: 1000 })
  t.is(errorName(deleted.responses[0]!.errorCode), 'THROTTLING_QUOTA_EXCEEDED')
  const grown = await (
    await open(t, broker)
  ).request(CreatePartitions, 3, {
    topics: [{ name: 'b', count: 6, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  t.is(errorName(grown.results[0]!.errorCode), 'THROTTLING_QUOTA_EXCEEDED')
  t.deepEqual(await create(5, 'old', 1), ['NONE', true])
})

test('an address that connects too often is refused, and others are not', async (t) => {
  const broker = await startBroker(t)
  const admin = await open(t, broker, 'in-process')
  await setQuota(admin, [['ip', '127.0.0.1']], 'connection_creation_rate', 1)
  let refused = 0
  for (let i = 0; i < 15; i++) {
    const channel = await channelTo(t, broker.bootstrap)
    const answer = channel.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    const late = new Promise<'late'>((resolve) => systemClock.after(200, () => resolve('late')))
    const outcome = await Promise.race([answer.then(() => 'answered' as const).catch(() => 'ended' as const), late])
    if (outcome !== 'answered') refused++
    answer.catch(() => {})
  }
  t.true(refused >= 1 && refused <= 6, `${refused} of 15 refused`)
  t.deepEqual((await admin.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })).errorCode, 0)
})

test('quotas are found by every form of filter, and again after a restart', async (t) => {
  const dir = await tempDir(t)
  const first = await startBroker(t, { dir })
  const before = await open(t, first)
  await setQuota(
    before,
    [
      ['user', 'u'],
      ['client-id', 'c'],
    ],
    'producer_byte_rate',
    1e9,
  )
  await setQuota(before, [['user', 'u']], 'request_percentage', 50.5)
  await setQuota(before, [['user', null]], 'consumer_byte_rate', 1e9)
  await setQuota(before, [['ip', null]], 'connection_creation_rate', 1e6)
  await setQuota(before, [['client-id', 'gone']], 'producer_byte_rate', 5)
  await setQuota(before, [['client-id', 'gone']], 'producer_byte_rate', null)
  await first.close()
  const channel = await open(t, await startBroker(t, { dir }))
  const found = async (components: [string, number, string | null][], strict: boolean): Promise<number[]> => {
    const { entries } = await channel.request(DescribeClientQuotas, 1, {
      components: components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })),
      strict,
    })
    return entries!.flatMap(({ values }) => values.map(({ value }) => value))
  }
  t.deepEqual(await found([], false), [1e9, 50.5, 1e9, 1e6])
  t.deepEqual(await found([['user', 0, 'u']], true), [50.5])
  t.deepEqual(await found([['user', 0, 'u']], false), [1e9, 50.5])
  t.deepEqual(await found([['user', 1, null]], false), [1e9])
  t.deepEqual(
    await found(
      [
        ['user', 2, null],
        ['client-id', 2, null],
      ],
      true,
    ),
    [1e9],
  )
  t.deepEqual(await found([['ip', 2, null]], true), [1e6])
  for (const version of [0, 1]) {
    const { errorCode, entries } = await channel.request(DescribeClientQuotas, version, {
      components: [
        { entityType: 'ip', matchType: 2, match: null },
        { entityType: 'user', matchType: 2, match: null },
      ],
      strict: false,
    })
    t.is(errorName(errorCode), 'INVALID_REQUEST')
    t.is(entries, null)
  }
})

test('a user has the quotas of the name that he has logged in with, and the broker knows his software', async (t) => {
  const broker = await startBroker(t, {
    config: {
      listeners: 'SASL_PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.plain.users': 'alice:secret,bob:secret',
    },
  })
  const nobody = await channelTo(t, `127.0.0.1:${broker.listeners[1]!.port}`)
  const as = async (username: string): Promise<Channel> => {
    const channel = await open(t, broker)
    await channel.request(ApiVersions, 3, { clientSoftwareName: `soft-${username}`, clientSoftwareVersion: '1' })
    await login(channel, broker.bootstrap, { mechanism: 'PLAIN', username, password: 'secret' }, () => 1)
    return channel
  }
  const [alice, bob] = [await as('alice'), await as('bob')]
  await createTopic(alice, 'a')
  const send = async (channel: Channel): Promise<number> => {
    const topicData = [{ name: 'a', partitionData: [{ index: 0, records: batch(['x'.repeat(5000)]) }] }]
    const { throttleTimeMs } = await channel.request(Produce, 9, { transactionalId: null, acks: 1, timeoutMs: 1000, topicData })
    return throttleTimeMs
  }
  await setQuota(bob, [['user', 'alice']], 'producer_byte_rate', 400)
  t.true((await send(alice)) > 0)
  t.is(await send(bob), 0)
  await setQuota(bob, [['user', 'ANONYMOUS']], 'producer_byte_rate', 400)
  t.true((await send(nobody)) > 0)
  t.is(await send(bob), 0)

  const resources = [
    {
      resourceType: 16,
      resourceName: 'm',
      configs: [
        { name: 'metrics', configOperation: 0, value: 'org.of.bob' },
        { name: 'match', configOperation: 0, value: 'client_software_name=soft-bob' },
      ],
    },
  ]
  await bob.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
  const { requestedMetrics } = await bob.request(GetTelemetrySubscriptions, 0, { clientInstanceId: 'AAAAAAAAAAAAAAAAAAAAAA' })
  t.deepEqual(requestedMetrics, ['org.of.bob'])
})
