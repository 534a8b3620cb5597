import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../core/base/clock.ts'
import { Channel } from '../core/net/channel.ts'
import { tcpDialer } from '../core/net/dialer.ts'
import { errorName } from '../core/protocol/errors.ts'
import { Fetch } from '../core/protocol/messages/fetch.ts'
import { Produce } from '../core/protocol/messages/produce.ts'
import { nextOffset } from '../core/record/batch.ts'
import { BatchBuilder } from '../core/record/builder.ts'
import { batches } from '../core/record/records.ts'

/** Requests as a client sends them, made beforehand, so that the broker's work is what takes the time. One connection, one partition. */

/** The newest versions that name topics by name: both servers speak them, no ids to look up. */
const PRODUCE_VERSION = 12
const FETCH_VERSION = 12
const FETCH_BYTES = 1024 * 1024

export interface Load {
  name: string
  recordBytes: number
  recordsPerBatch: number
  /** Produce requests, of one batch each. */
  requests: number
  /** Requests on their way at the same time. */
  inFlight: number
  /** How often all of it is fetched, in answers of 1 MiB. */
  fetches: number
}

export async function dial(bootstrap: string): Promise<Channel> {
  const [host, port] = bootstrap.split(':')
  return new Channel(await tcpDialer().dial(host!, Number(port)), { clientId: 'bench', clock: systemClock })
}

/** One batch as the load says. */
export function batchOf({ recordBytes, recordsPerBatch }: Load): Buffer {
  const builder = new BatchBuilder({})
  const value = Buffer.alloc(recordBytes, 'x')
  const now = Date.now()
  for (let i = 0; i < recordsPerBatch; i++) builder.append(now, null, value)
  return builder.build()
}

/** Sends the batch as often as the load says, with acks=1. */
export async function produceAll(channel: Channel, topic: string, load: Load, records: Buffer): Promise<void> {
  const body = { acks: 1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] }
  let left = load.requests
  async function sendOn(): Promise<void> {
    while (left-- > 0) {
      const { responses } = await channel.request(Produce, PRODUCE_VERSION, body)
      check(responses[0]!.partitionResponses[0]!.errorCode)
    }
  }
  await Promise.all(Array.from({ length: load.inFlight }, sendOn))
}

/** Reads the partition from its start until `end`, one request after the other. */
export async function fetchAll(channel: Channel, topic: string, end: number): Promise<void> {
  for (let offset = 0; offset < end;) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: FETCH_BYTES }]
    const body = { maxWaitMs: 1000, minBytes: 1, maxBytes: FETCH_BYTES, topics: [{ topic, partitions }], forgottenTopicsData: [] }
    const { responses } = await channel.request(Fetch, FETCH_VERSION, body)
    const { errorCode, records } = responses[0]!.partitions[0]!
    check(errorCode)
    for (const at of batches(records!)) offset = nextOffset(records!, at)
  }
}

/**
 * Writes and removes a file as big as what a broker is about to write. On a virtual machine the first touch of memory costs ten times as
 * much as writing to it, and whoever comes first pays: this way it is nobody who is measured.
 */
export async function touchMemory(bytes: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const file = await open(join(dir, 'memory'), 'w')
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  for (let written = 0; written < bytes; written += chunk.length) await file.write(chunk)
  await file.close()
  await rm(dir, { recursive: true })
}

function check(code: number): void {
  if (code !== 0) throw new Error(`the broker answered ${errorName(code)}`)
}
