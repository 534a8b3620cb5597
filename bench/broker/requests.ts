import { MoldauError } from '../../core/base/errors.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import type { CompressionName } from '../../core/record/compression-names.ts'

/** The newest versions that name topics by name: both brokers speak them, no ids to look up. */
const PRODUCE_VERSION = 12
const FETCH_VERSION = 12
const CORRELATION_ID = 4711
/** What a consumer asks for by default, of one partition. */
export const FETCH_BYTES = 1024 * 1024

export interface BatchShape {
  readonly recordBytes: number
  readonly records: number
  readonly compression?: CompressionName
}

/** One batch; compressed ones hold text that is somewhat like itself, others the same byte over and over. */
export function batchOf({ recordBytes, records, compression = 'none' }: BatchShape): Buffer {
  const builder = new BatchBuilder({ compression, sizeHint: recordBytes * records + 4096 })
  const now = Date.now()
  for (let i = 0; i < records; i++) {
    const value =
      compression === 'none' ? Buffer.alloc(recordBytes, 'x') : Buffer.from(likeJson(i).padEnd(recordBytes, '.').slice(0, recordBytes))
    builder.append(now, null, value)
  }
  return Buffer.from(builder.build())
}

function likeJson(i: number): string {
  const hash = Math.imul(i + 1, 0x9e3779b1) >>> 0
  return `{"id":${hash},"origin":"${['PRG', 'FRA', 'JFK'][i % 3]}","delay":${hash % 97},"remark":"${(hash * 31).toString(36)}"}`
}

export function produceFrame(topic: string, partition: number, records: Buffer, acks: -1 | 1): Buffer {
  const body = { acks, timeoutMs: 30_000, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }] }
  return Buffer.concat(encodeRequest(Produce, PRODUCE_VERSION, CORRELATION_ID, 'bench', body))
}

export function fetchFrame(topic: string, partition: number, offset: number, maxWaitMs: number): Buffer {
  const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: FETCH_BYTES }]
  const body = { maxWaitMs, minBytes: 1, maxBytes: 50 * FETCH_BYTES, topics: [{ topic, partitions }], forgottenTopicsData: [] }
  return Buffer.concat(encodeRequest(Fetch, FETCH_VERSION, CORRELATION_ID, 'bench', body))
}

/** Where the answer to a produce request has its partition: behind length, correlation id, tags, and one topic with its name. */
const producedAt = (topic: string): number => 4 + 4 + 1 + 1 + (1 + topic.length) + 1
/** Where the answer to a fetch has its error: behind length, correlation id, tags and throttle time. */
const FETCH_ERROR_AT = 4 + 4 + 1 + 4

/** The base offset that a produce request was answered. */
export function produced(head: Buffer, topic: string): number {
  const at = producedAt(topic)
  check(head, head.readInt16BE(at + 4))
  return Number(head.readBigInt64BE(at + 6))
}

/** Bytes of records in the answer to a fetch. */
export function fetched(head: Buffer, topic: string): number {
  check(head, head.readInt16BE(FETCH_ERROR_AT))
  // The error, the session, one topic with its name and one partition.
  const at = FETCH_ERROR_AT + 2 + 4 + 1 + (1 + topic.length) + 1
  check(head, head.readInt16BE(at + 4))
  // Index, error, three offsets, no aborted transactions, preferred replica.
  return uvarint(head, at + 4 + 2 + 24 + 1 + 4) - 1
}

function check(head: Buffer, code: number): void {
  if (head.readInt32BE(4) !== CORRELATION_ID) throw new Error('the broker answered another request')
  if (code !== 0) throw new MoldauError('PROTOCOL', `the broker answered ${errorName(code)}`)
}

function uvarint(buf: Buffer, at: number): number {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = buf[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
}
