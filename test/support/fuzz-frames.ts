import { connect } from 'node:net'
import { zstdCompressSync } from 'node:zlib'

import fc from 'fast-check'

import type { Handler } from '../../core/broker/handler.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { arbitraryBody } from './arbitrary-message.ts'
import { oddBatches, rawBatch } from './odd-batches.ts'
import { batch } from './wire.ts'

/** Requests of every call and version that is served, real ones and such as have been tampered with. */

const NAMES = ['t', 'u', 'g', 'x', '']
const BATCH = batch(['one', 'two'])
/** Batches as no good producer sends them, good ones at the edge of what is allowed, and messages of before there were batches. */
const ODD = oddBatches(Date.now()).map(({ records }) => records)
/** A small batch that would become a large one. */
const BOMB = rawBatch([], { count: 1, compression: 'zstd', payload: zstdCompressSync(Buffer.alloc(256 * 1024 * 1024)) })

/** Few names, so that requests mean something; nothing that takes minutes or fills the disk. */
function tamed(value: unknown, key: string, random: () => number, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => tamed(each, key, random, names))
  if (Buffer.isBuffer(value)) return key === 'records' && random() < 0.9 ? pick(random() < 0.5 ? [BATCH] : ODD, random) : value
  if (typeof value === 'string')
    return random() < 0.8 && (!key.endsWith('Id') || key === 'groupId' || key === 'transactionalId') ? pick(names, random) : value
  if (typeof value === 'number') {
    if (key === 'replicationFactor') return 2
    if (key === 'numPartitions' || key === 'count') return 1
    if (key === 'maxWaitMs') return Math.min(value, 20)
    if (/TimeoutMs$/i.test(key)) return Math.min(value, 7000)
    return random() < 0.5 && /partition|index/i.test(key) ? 0 : value
  }
  if (key === 'validateOnly') return true
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, tamed(each, name, random, names)]))
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]!
}

/** Some requests, as frames with their lengths, of each call and version. */
export function realFrames(random: () => number, each: number): Buffer[] {
  const frames: Buffer[] = []
  for (const { api, minVersion, maxVersion } of handlers as readonly Handler[]) {
    // The topics stay: without them nothing else would be tried.
    const names = api === DeleteTopics ? ['x', ''] : NAMES
    for (let version = minVersion; version <= maxVersion; version++) {
      const seed = Math.floor(random() * 2 ** 31)
      if (version < api.request.versions.first) continue
      for (const body of fc.sample(arbitraryBody(api.request, version), { seed, numRuns: each })) {
        const tame = tamed(body, '', random, names) as Record<string, unknown>
        try {
          frames.push(Buffer.concat(encodeRequest(api, version, frames.length, 'fuzz', tame)))
        } catch {
          // Taming can leave a field with what its version lacks.
        }
      }
    }
  }
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: BOMB }] }]
  frames.push(Buffer.concat(encodeRequest(Produce, 9, frames.length, 'fuzz', { acks: 1, timeoutMs: 1000, topicData })))
  return frames
}

const EXTREMES = [-1, 0, 1, 0x7fff_ffff, -0x8000_0000, 0x00ff_ffff, -2]

/** A frame that has been tampered with in one of the ways that break parsers. */
export function mutated(frame: Buffer, random: () => number): Buffer {
  const at = (): number => Math.floor(random() * frame.length)
  const bytes = Buffer.from(frame)
  switch (Math.floor(random() * 9)) {
    case 0:
      return bytes
    case 1:
      for (let i = 0, flips = 1 + Math.floor(random() * 8); i < flips; i++)
        bytes[4 + (at() % (bytes.length - 4))]! ^= 1 << Math.floor(random() * 8)
      return bytes
    case 2: {
      // Cut, with a length that fits.
      const cut = bytes.subarray(0, Math.max(4, at()))
      cut.writeInt32BE(cut.length - 4, 0)
      return cut
    }
    case 3: {
      const longer = Buffer.concat([
        bytes,
        Buffer.from(Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256))),
      ])
      longer.writeInt32BE(longer.length - 4, 0)
      return longer
    }
    case 4:
      if (bytes.length >= 12) bytes.writeInt32BE(pick(EXTREMES, random), 4 + Math.floor(random() * (bytes.length - 8)))
      return bytes
    case 5:
      // A varint that promises more than there is.
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]).copy(bytes, Math.min(bytes.length - 1, 8 + at()))
      return bytes
    case 6:
      bytes.writeInt16BE(pick([Math.floor(random() * 100), -1, 0x7fff], random), pick([4, 6], random))
      return bytes
    case 7:
      // The length itself: negative, beyond the limit, or short of the frame.
      bytes.writeInt32BE(pick([...EXTREMES, bytes.length - 5, 200 * 1024 * 1024], random), 0)
      return bytes
    default:
      return Buffer.from(Array.from({ length: 4 + Math.floor(random() * 60) }, () => Math.floor(random() * 256)))
  }
}

/** How long a connection may take to be answered or ended. */
const PATIENCE_MS = 5000

export interface FuzzResult {
  frames: number
  connections: number
  /** Connections that the broker neither ended nor let end. */
  stuck: number
}

/** Sends frames over many connections, several on each, in pieces of any size; ends when each connection has ended. */
export async function fuzz(port: number, frames: number, random: () => number, concurrency = 16): Promise<FuzzResult> {
  const real = realFrames(random, 3)
  const result: FuzzResult = { frames: 0, connections: 0, stuck: 0 }
  const work = async (): Promise<void> => {
    while (result.frames < frames) {
      const count = 1 + Math.floor(random() * 12)
      const some = Array.from({ length: count }, () => (random() < 0.5 ? pick(real, random) : mutated(pick(real, random), random)))
      result.frames += count
      result.connections++
      if (!(await oneConnection(port, Buffer.concat(some), random))) result.stuck++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return result
}

function oneConnection(port: number, bytes: Buffer, random: () => number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const patience = setTimeout(() => {
      socket.destroy()
      resolve(false)
    }, PATIENCE_MS)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(patience)
      resolve(true)
    })
    socket.resume()
    const cut = random() < 0.2 ? Math.floor(random() * bytes.length) : 0
    if (cut > 0) socket.write(bytes.subarray(0, cut))
    socket.write(bytes.subarray(cut))
    if (random() < 0.1) setTimeout(() => socket.destroy(), 1)
    else socket.end()
  })
}
