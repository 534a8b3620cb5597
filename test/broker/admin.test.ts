import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { DescribeLogDirs } from '../../core/protocol/messages/describe-log-dirs.ts'
import { DescribeProducers } from '../../core/protocol/messages/describe-producers.ts'
import { DescribeTopicPartitions } from '../../core/protocol/messages/describe-topic-partitions.ts'
import type { DescribeTopicPartitionsResponse } from '../../core/protocol/messages/describe-topic-partitions.ts'
import { GetTelemetrySubscriptions } from '../../core/protocol/messages/get-telemetry-subscriptions.ts'
import { PushTelemetry } from '../../core/protocol/messages/push-telemetry.ts'
import { WriteTxnMarkers } from '../../core/protocol/messages/write-txn-markers.ts'
import { compress } from '../../core/record/compression.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, openTransaction, produce } from '../support/wire.ts'
import { alter, resource } from '../support/configs.ts'

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
