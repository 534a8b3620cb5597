import { Socket, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import test from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { adopt } from '../../core/net/adopt.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { Listener } from '../../core/net/listener.ts'
import type { Transport } from '../../core/net/transport.ts'
import { collect, frame, serve, transports } from '../support/net.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

for (const kind of transports) {
  test(`${kind}: answers leave in the order of the requests, whatever order they are ready in`, async (t) => {
    const waiting: (() => void)[] = []
    const server = await serve(t, kind, {
      handle(bytes) {
        const text = bytes.toString()
        if (text === 'now') return frame('now')
        return new Promise((resolve) => waiting.push(() => resolve(text === 'silent' ? undefined : frame(text))))
      },
    })
    const client = await server.dial()
    const { count, frames } = collect(client)
    for (const text of ['a', 'silent', 'now', 'b', 'now', 'c']) client.send(frame(text))
    while (waiting.length < 4) await tick()
    for (const ready of waiting.toReversed()) ready()
    await count(5)
    t.deepEqual(frames, ['a', 'now', 'b', 'now', 'c'])
    client.close()
  })

  test(`${kind}: frames of any size cross unchanged`, async (t) => {
    const server = await serve(t, kind, { handle: (bytes) => frame(bytes) })
    const client = await server.dial()
    const { count } = collect(client)
    const bodies = [0, 1, 4095, 4096, 65_536, 300_000, 900_000].map((size) => Buffer.alloc(size, 'xyz').toString())
    for (const body of bodies) client.send(frame(body))
    t.deepEqual(await count(bodies.length), bodies)
    client.close()
  })

  test(`${kind}: no more requests are read than may be worked on`, async (t) => {
    let working = 0
    let most = 0
    const server = await serve(t, kind, {
      inflightRequestsMax: 3,
      async handle(bytes) {
        const answer = frame(bytes)
        most = Math.max(most, ++working)
        await tick()
        working--
        return answer
      },
    })
    const client = await server.dial()
    const { count } = collect(client)
    const texts = Array.from({ length: 50 }, (_, i) => String(i))
    for (const text of texts) client.send(frame(text))
    t.deepEqual(await count(50), texts)
    t.is(most, 3)
    client.close()
  })

  test(`${kind}: a peer that does not read is not read from`, async (t) => {
    const answer = Buffer.alloc(1024 * 1024, 'z')
    let asked = 0
    const server = await serve(t, kind, {
      unsentBytesMax: 4 * 1024 * 1024,
      handle() {
        asked++
        return frame(answer)
      },
    })
    const client = await server.dial()
    const { count } = collect(client)
    client.pause()
    for (let i = 0; i < 100; i++) client.send(frame('more'))
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 2))
    t.true(asked < 60, `${asked} of 100 requests were read from a peer that reads nothing`)
    client.resume()
    await count(100)
    t.is(asked, 100)
    client.close()
  })

  test(`${kind}: a frame that breaks the protocol costs its connection only`, async (t) => {
    const server = await serve(t, kind, {
      handle(bytes) {
        if (bytes.toString() === 'bad') throw new MoldauError('CORRUPT_FRAME', 'this is bad')
        return frame(bytes)
      },
    })
    const [good, bad, hostile] = [await server.dial(), await server.dial(), await server.dial()]
    const answers = collect(good)
    const badEnd = collect(bad)
    const hostileEnd = collect(hostile)
    bad.send(frame('bad'))
    hostile.send([Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3])])
    await Promise.all([badEnd.closed, hostileEnd.closed])
    good.send(frame('good'))
    t.deepEqual(await answers.count(1), ['good'])
    t.true(server.errors.every((error) => (error as MoldauError).code === 'CORRUPT_FRAME'))
    good.close()
  })

  test(`${kind}: a connection that finishes answers what has come and then ends`, async (t) => {
    let release = (): void => {}
    const server = await serve(t, kind, {
      handle(bytes) {
        const answer = frame(bytes)
        return new Promise((resolve) => (release = () => resolve(answer)))
      },
    })
    const client = await server.dial()
    const { frames, closed } = collect(client)
    client.send(frame('last'))
    while (server.connections[0]?.idleMs !== 0) await tick()
    server.connections[0].finish()
    release()
    t.is(await closed, undefined)
    t.deepEqual(frames, ['last'])
  })
}

test('a connection knows how long it has been idle', async (t) => {
  const clock = new ManualClock()
  const server = await serve(t, 'in-process', { handle: (bytes) => frame(bytes), clock })
  const client = await server.dial()
  const { count } = collect(client)
  clock.advance(500)
  t.is(server.connections[0]!.idleMs, 500)
  client.send(frame('x'))
  await count(1)
  t.is(server.connections[0]!.idleMs, 0)
})

test('a port in use is an error that says so and what to do', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const error = await t.throwsAsync(Listener.listen({ host: '127.0.0.1', port, onConnection: () => {} }), { instanceOf: MoldauError })
  t.is(error.code, 'PORT_IN_USE')
  t.true(error.message.includes(String(port)))
})

test('nobody at the address is an error that may be tried again', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  await new Promise((resolve) => other.close(resolve))
  const error = await t.throwsAsync(tcpDialer().dial('127.0.0.1', port), { instanceOf: MoldauError })
  t.is(error.code, 'CONNECTION_REFUSED')
  t.true(error.retriable)
})

test('connections above the limit are turned away', async (t) => {
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0, onConnection: (transport) => collect(transport), connectionsMax: 1 })
  const first = await tcpDialer().dial('127.0.0.1', listener.port)
  let firstClosed = false
  const end = collect(first).closed.then(() => (firstClosed = true))
  const second = await tcpDialer().dial('127.0.0.1', listener.port)
  await collect(second).closed
  t.false(firstClosed, 'the one within the limit stays')
  first.close()
  await end
  await listener.close()
})

test('an accepted socket reads into memory that is used again, and is counted until it ends', async (t) => {
  const seen: ArrayBufferLike[] = []
  const { promise: both, resolve } = Promise.withResolvers<void>()
  const onConnection = (transport: Transport): void =>
    transport.onFrame((received) => {
      seen.push(received.buffer)
      if (seen.length === 2) resolve()
    })
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0, onConnection })
  for (const body of ['from one', 'from another']) {
    const dialled = await tcpDialer().dial('127.0.0.1', listener.port)
    dialled.send(frame(body))
    t.teardown(() => dialled.destroy())
    while (seen.length === (body === 'from one' ? 0 : 1)) await new Promise((resolve) => setImmediate(resolve))
    dialled.close()
  }
  await both
  t.is(seen[0], seen[1])
  // Resolves when the last connection has ended: both were counted.
  await listener.close()
})

test('a socket that is not as Node makes them is left alone', (t) => {
  const socket = new Socket()
  t.is(adopt(socket, { buffer: Buffer.alloc(10), callback: () => true }), undefined)
  t.false(socket.destroyed)
})
