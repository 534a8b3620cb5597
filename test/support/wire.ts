import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import type { KafkaErrorName } from '../../core/protocol/errors.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import type { FetchResponse } from '../../core/protocol/messages/fetch.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { batches } from '../../core/record/records.ts'

/** Ways to talk to a broker: a test that holds for one holds for the other. */
export const ways = ['tcp', 'in-process'] as const
export type Way = (typeof ways)[number]

/** A raw channel to any broker by its address, closed with the test. */
export async function channelTo(t: ExecutionContext, address: string): Promise<Channel> {
  const [host, port] = address.split(':')
  const channel = new Channel(await tcpDialer().dial(host!, Number(port)), { clientId: 'test', clock: systemClock })
  t.teardown(() => channel.close())
  return channel
}

/** A raw channel to a broker, closed with the test. */
export async function open(t: ExecutionContext, broker: Broker, way: Way = 'tcp'): Promise<Channel> {
  const dialer = way === 'tcp' ? tcpDialer() : broker.dialer
  const channel = new Channel(await dialer.dial('127.0.0.1', broker.port ?? 0), { clientId: 'test', clock: systemClock })
  t.teardown(() => channel.close())
  return channel
}

export async function createTopic(channel: Channel, name: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const { topics } = await channel.request(CreateTopics, 7, {
    topics: [{ name, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: entries }],
  })
  if (topics[0]!.errorCode !== 0) throw new Error(`${errorName(topics[0]!.errorCode)}: ${topics[0]!.errorMessage}`)
  return topics[0]!.topicId
}

/** One batch with a record per value. */
export function batch(values: readonly string[], ids: Parameters<BatchBuilder['build']>[0] = {}, timestamp = 1_700_000_000_000): Buffer {
  const builder = new BatchBuilder({})
  for (const value of values) builder.append(timestamp, null, Buffer.from(value))
  return builder.build(ids)
}

export interface Produced {
  error: KafkaErrorName
  baseOffset: number
  message: string | null
}

export async function produce(
  channel: Channel,
  topic: string,
  records: Buffer | null,
  options: { partition?: number; acks?: number; version?: number } = {},
): Promise<Produced> {
  const { partition = 0, acks = -1, version = 11 } = options
  const { responses } = await channel.request(Produce, version, {
    acks,
    timeoutMs: 5000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  })
  const answer = responses[0]!.partitionResponses[0]!
  return { error: errorName(answer.errorCode), baseOffset: answer.baseOffset, message: answer.errorMessage }
}

export type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

export interface FetchOptions {
  partition?: number
  version?: number
  minBytes?: number
  maxWaitMs?: number
  maxBytes?: number
  partitionMaxBytes?: number
  committed?: boolean
}

export async function fetchFrom(channel: Channel, topic: string, offset: number, options: FetchOptions = {}): Promise<FetchedPartition> {
  const {
    partition = 0,
    version = 12,
    minBytes = 1,
    maxWaitMs = 0,
    maxBytes = 1 << 20,
    partitionMaxBytes = 1 << 20,
    committed = false,
  } = options
  const { responses } = await channel.request(Fetch, version, {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: committed ? 1 : 0,
    topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes }] }],
  })
  return responses[0]!.partitions[0]!
}

/** The records of a fetch answer, as `offset:value`. */
export function listing(fetched: FetchedPartition): string[] {
  const records = fetched.records ?? Buffer.alloc(0)
  const lines: string[] = []
  for (const at of batches(records)) {
    const columns = decodeBatch(records, at)
    for (let i = 0; i < columns.count; i++) lines.push(`${columns.offset(i)}:${columns.value(i)?.toString() ?? 'null'}`)
  }
  return lines
}

export async function topicError(channel: Channel, name: string, allowAutoTopicCreation: boolean): Promise<KafkaErrorName> {
  const { topics } = await channel.request(Metadata, 12, { topics: [{ name }], allowAutoTopicCreation })
  return errorName(topics[0]!.errorCode)
}

/** Writes a record in a transaction of the id 'tx' (v2) and leaves it open. */
export async function openTransaction(channel: Channel, topic: string): Promise<{ producerId: number; epoch: number }> {
  const { producerId, producerEpoch: epoch } = await channel.request(InitProducerId, 4, {
    transactionalId: 'tx',
    transactionTimeoutMs: 60_000,
    producerId: -1,
    producerEpoch: -1,
  })
  const records = batch(['in'], { producerId, producerEpoch: epoch, baseSequence: 0, transactional: true })
  const { responses } = await channel.request(Produce, 12, {
    transactionalId: 'tx',
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })
  if (responses[0]!.partitionResponses[0]!.errorCode !== 0) throw new Error(errorName(responses[0]!.partitionResponses[0]!.errorCode))
  return { producerId, epoch }
}
