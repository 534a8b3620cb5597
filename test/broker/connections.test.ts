import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'

import test from 'ava'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { connect } from '../../core/client/connect.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { FrameSplitter } from '../../core/net/frames.ts'
import { tlsDialer } from '../../core/net/tls-dialer.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { SaslAuthenticate } from '../../core/protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../core/protocol/messages/sasl-handshake.ts'
import { startBroker } from '../support/start-broker.ts'
import { authority, closed, listening, saslConfig, tls } from '../support/secure-broker.ts'
import { channelTo } from '../support/wire.ts'

for (const protocol of ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) {
  test(`connections over ${protocol} that say nothing for connections.max.idle.ms are ended, whatever they wait for`, async (t) => {
    const clock = new ManualClock(Date.now())
    const settings = { ...tls, ...(await saslConfig(t)), 'connections.max.idle.ms': 40_000 }
    const broker = await startBroker(t, { clock, config: { listeners: `${protocol}://127.0.0.1:0`, ...settings } })
    const dialer = protocol.endsWith('SSL') ? tlsDialer({ context: { ca: authority.cert } }) : tcpDialer()
    const dial = async (): Promise<Channel> => {
      const open = new Channel(await dialer.dial('127.0.0.1', broker.port!), { clientId: 'test', clock: systemClock })
      t.teardown(() => open.close())
      return open
    }
    const isClosed = new Set<Channel>()
    const [busy, idle, silent, half] = (await Promise.all([1, 2, 3, 4].map(dial))) as [Channel, Channel, Channel, Channel]
    for (const each of [busy, idle, silent, half]) each.onClose(() => isClosed.add(each))
    if (protocol.startsWith('SASL')) {
      for (const each of [busy, idle]) {
        await each.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
        t.is((await each.request(SaslAuthenticate, 1, { authBytes: Buffer.from('\0alice\0secret') })).errorCode, 0)
      }
      // In the middle of logging in.
      await half.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
    } else await half.request(ApiVersions, 0, {})
    const ask = (): Promise<unknown> => busy.request(Metadata, 12, { topics: [] })
    await idle.request(Metadata, 12, { topics: [] })
    for (let at = 0; at < 4; at++) {
      await ask()
      t.deepEqual([...isClosed], [], `after ${at * 10} s`)
      clock.advance(10_000)
    }
    // They are looked at four times in that time, so a quarter may be added.
    await ask()
    clock.advance(10_000)
    await Promise.all([idle, silent, half].map(closed))
    await ask()
    t.false(isClosed.has(busy))
  })
}

test('connections over the limits are ended; those within go on', async (t) => {
  const broker = await startBroker(t, { config: { 'max.connections.per.ip': 100, 'max.connections.per.ip.overrides': '127.0.0.1:3' } })
  const open = await Promise.all([1, 2, 3].map(() => channelTo(t, broker.bootstrap)))
  for (const each of open) await each.request(ApiVersions, 0, {})
  const fourth = await channelTo(t, broker.bootstrap)
  await t.throwsAsync(fourth.request(ApiVersions, 0, {}), { code: 'CONNECTION_LOST' })
  await open[0]!.request(ApiVersions, 0, {})
  open[1]!.close()
  // The place is free when the broker has seen the end.
  for (let tries = 0; ; tries++) {
    const again = await channelTo(t, broker.bootstrap)
    const answer = await again.request(ApiVersions, 0, {}).catch(() => undefined)
    if (answer !== undefined) break
    t.true(tries < 100)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const tlsBroker = await listening(t, 'SSL', { ...tls, 'max.connections': 1 })
  for (let i = 0; i < 3; i++) {
    const dial = (): Promise<void> => roundTripOnce(tlsBroker)
    await dial()
  }
  t.pass()
})

/** One TLS connection at a time: it is counted out when it ends. */
async function roundTripOnce(broker: Broker): Promise<void> {
  for (let tries = 0; ; tries++) {
    const socket = connectTls({ host: '127.0.0.1', port: broker.port!, ca: authority.cert })
    const up = await new Promise<boolean>((resolve) =>
      socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (up) return
    if (tries > 100) throw new Error('the place of an ended TLS connection is never free')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('with queued.max.request.bytes large requests of many connections all come through, one after the other', async (t) => {
  const broker = await startBroker(t, { config: { 'queued.max.request.bytes': 300_000, durability: 'disk' } })
  const client = await connect(broker.bootstrap)
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'a', partitions: 1, configs: { 'max.message.bytes': 1_000_000 } }])
  const value = Buffer.alloc(200_000, 7)
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      const one = await connect(broker.bootstrap)
      const producer = one.producer({ enableIdempotence: false })
      for (let i = 0; i < 5; i++) await producer.send({ topic: 'a', value })
      await producer.close()
      await one.close()
    }),
  )
  const [end] = await client.admin.listOffsets([{ topic: 'a', partition: 0, at: 'latest' }])
  t.is(Number(end!.offset), 60)
})

test('with queued.max.request.bytes requests larger than it come through, however they are interleaved', async (t) => {
  const broker = await startBroker(t, { config: { 'queued.max.request.bytes': 1000 } })
  const large = Buffer.concat(encodeRequest(ApiVersions, 0, 1, 'x'.repeat(30_000), {}))
  // Some wait for their answers meanwhile.
  const poll = Buffer.concat(encodeRequest(Fetch, 4, 2, 'x', { maxWaitMs: 100, minBytes: 1, topics: [] }))
  const stream = Buffer.concat(Array.from({ length: 5 }, () => [large, poll, poll]).flat())
  const pieces = [7000, 31_000, 39_000, 70_000, 95_000, 120_000, stream.length]
  const sockets = Array.from({ length: 4 }, () => connectTcp({ host: '127.0.0.1', port: broker.port!, noDelay: true }))
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  const answered = sockets.map(async (socket) => {
    const splitter = new FrameSplitter({ frameBytesMax: 10_000 })
    let count = 0
    for await (const chunk of socket) {
      splitter.push(chunk as Buffer)
      while (splitter.next() !== undefined) count++
      if (count === 15) return
    }
    t.fail('it was cut off')
  })
  for (let i = 0; i < pieces.length; i++) {
    for (const socket of i % 2 === 0 ? sockets : sockets.toReversed()) socket.write(stream.subarray(pieces[i - 1] ?? 0, pieces[i]))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await Promise.all(answered)
  t.pass()
})

test('with queued.max.request.bytes who claims a lot and sends little holds nobody up', async (t) => {
  const broker = await startBroker(t, { config: { 'queued.max.request.bytes': 20_000 } })
  const claim = Buffer.alloc(5)
  claim.writeInt32BE(100_000_000)
  const hogs = Array.from({ length: 20 }, () => connectTcp({ host: '127.0.0.1', port: broker.port! }))
  t.teardown(() => hogs.forEach((hog) => hog.destroy()))
  await Promise.all(hogs.map((hog) => new Promise((resolve) => hog.write(claim, resolve))))
  const other = await channelTo(t, broker.bootstrap)
  for (let i = 0; i < 50; i++) await other.request(ApiVersions, 0, {})
  t.pass()
})

test('with queued.max.request.bytes who sends so much of a request that others wait, and not the rest, is cut off', async (t) => {
  const clock = new ManualClock(Date.now())
  const warnings: string[] = []
  const logger = { debug() {}, info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} }
  const broker = await startBroker(t, { clock, logger, config: { 'queued.max.request.bytes': 20_000 } })
  const other = await channelTo(t, broker.bootstrap)
  await other.request(ApiVersions, 0, {})
  const hog = connectTcp({ host: '127.0.0.1', port: broker.port! })
  const part = Buffer.alloc(40_000)
  part.writeInt32BE(1_000_000)
  hog.write(part)
  let isThere = true
  hog.on('error', () => {}).once('close', () => (isThere = false))
  hog.resume()
  // Others ask again and again: at first before the hog has sent its part, then they wait.
  const asking = (async () => {
    while (isThere) await other.request(ApiVersions, 0, {})
  })()
  while (isThere) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    clock.advance(30_000)
  }
  await asking
  t.true(warnings.some((line) => line.includes('queued.max.request.bytes')))
})

test('with queued.max.request.bytes whose large request takes all there is goes, and his memory is free again', async (t) => {
  const broker = await startBroker(t, { config: { 'queued.max.request.bytes': 20_000 } })
  const other = await channelTo(t, broker.bootstrap)
  const hog = connectTcp({ host: '127.0.0.1', port: broker.port! })
  t.teardown(() => hog.destroy())
  // A request that is answered at once and one that waits, with a part of one that takes all the memory behind them.
  const large = Buffer.alloc(30_000)
  large.writeInt32BE(10_000_000)
  const frames = [
    encodeRequest(ApiVersions, 0, 1, 'hog', {}),
    encodeRequest(Fetch, 4, 2, 'hog', { maxWaitMs: 300, minBytes: 1, topics: [] }),
  ]
  hog.write(Buffer.concat([...frames.flat(), large]))
  let answered = 0
  await new Promise<void>((resolve) => hog.on('data', (chunk: Buffer) => (answered += chunk.length) > 100 && resolve()))
  let done = false
  const waiting = other.request(ApiVersions, 0, {}).then(() => (done = true))
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.false(done, 'others wait')
  hog.end()
  await waiting
  t.true(done)
})
