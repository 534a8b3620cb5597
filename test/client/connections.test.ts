import test from 'ava'
import fc from 'fast-check'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { systemRandom } from '../../core/base/uuid.ts'
import { hedge } from '../../core/cluster/hedge.ts'
import { Reconnects } from '../../core/cluster/reconnects.ts'
import { SendQueue } from '../../core/cluster/send-queue.ts'
import { sayGoodbye } from '../../core/client/farewell.ts'
import { connect, MoldauError } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { TokenCache } from '../../core/security/token-cache.ts'
import { clientFor, numbers, readAll, valuesOf } from '../support/client-kit.ts'
import { countingDialer } from '../support/counting-dialer.ts'
import { setQuota } from '../support/quotas.ts'
import { startBroker } from '../support/start-broker.ts'
import { createTopic, open } from '../support/wire.ts'
import { clusterOf } from '../support/cluster-of.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

// --- silence that a broker asks for

test('what is held is sent in order, once, when every hold is over', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('send'), fc.integer({ min: 1, max: 50 }), fc.constant('advance'))), (steps) => {
      const clock = new ManualClock()
      const queue = new SendQueue(clock)
      const sent: number[] = []
      let silentUntil = 0
      let added = 0
      for (const step of steps) {
        if (step === 'advance') clock.advance(7)
        else if (step === 'send') {
          const number = added++
          if (queue.isHeld)
            queue.add(
              () => sent.push(number),
              (error) => t.fail(error.message),
            )
          else sent.push(number)
        } else {
          queue.holdFor(step as number)
          silentUntil = Math.max(silentUntil, clock.monotonic() + (step as number))
        }
        // The model: silence lasts until the latest end that was asked for.
        if (queue.isHeld !== clock.monotonic() < silentUntil) return false
      }
      clock.advance(1000)
      return !queue.isHeld && sent.length === added && sent.every((number, i) => number === i)
    }),
  )
  const queue = new SendQueue(new ManualClock())
  const failed: Error[] = []
  queue.holdFor(10)
  queue.add(
    () => t.fail(),
    (error) => failed.push(error),
  )
  queue.fail(new Error('over'))
  t.is(failed[0]!.message, 'over')
  t.false(queue.isHeld)
})

test('nothing is sent on a connection for as long as an answer asks for silence, and what is under way has more time', async (t) => {
  const broker = await startBroker(t)
  const clock = new ManualClock()
  const dialer = countingDialer(broker.dialer)
  const cluster = await clusterOf(t, { dialer, clock, bootstrap: [{ host: 'x', port: 1 }], requestTimeoutMs: 150 })
  const connection = await cluster.any()
  broker.intercept(
    Metadata,
    async (call) => {
      const answer = await call.next()
      answer.throttleTimeMs = 200
      return answer
    },
    { times: 1 },
  )
  const begun = dialer.sent
  const first = connection.request(Metadata, { topics: [] })
  const underWay = connection.request(Metadata, { topics: [] })
  clock.advance(100)
  t.is((await first).throttleTimeMs, 200)
  await turn()
  const held = connection.request(Metadata, { topics: [] })
  t.is(dialer.sent - begun, 2)
  // 200 ms after it was sent: without the silence it were late.
  clock.advance(100)
  t.is((await underWay).brokers.length, 1)
  t.is(dialer.sent - begun, 2)
  clock.advance(100)
  await held
  t.is(dialer.sent - begun, 3)
  t.is(dialer.dialled, 1)
})

test('a producer and a consumer over their quotas wait as they are told, beyond their time-outs, lose no connection and double nothing', async (t) => {
  const broker = await startBroker(t, { config: { 'quota.window.num': 2, 'quota.window.size.seconds': 1 } })
  const dialer = countingDialer(tcpDialer())
  const options = { clientId: 'throttled', requestTimeoutMs: 2000, dialer }
  const client = await clientFor(t, { connect: (given) => connect(broker.bootstrap, given), dialer }, options)
  const admin = await open(t, broker)
  await createTopic(admin, 'a')
  await setQuota(admin, [['client-id', 'throttled']], 'producer_byte_rate', 9000)
  await setQuota(admin, [['client-id', 'throttled']], 'consumer_byte_rate', 30_000)
  const producer = client.producer({ requestTimeoutMs: 2000, batchSize: 8000, maxRequestSize: 9000, lingerMs: 0 })
  await producer.partitions('a')
  const before = dialer.dialled
  const values = numbers(8)
  const begun = performance.now()
  await Promise.all(values.map((value) => producer.send({ topic: 'a', partition: 0, value: value.padStart(7000) })))
  // 56 kB at 9 kB/s, of which a window of two seconds may come at once: it is never faster, however fast the machine is.
  t.true(performance.now() - begun > 2000)
  t.is(dialer.dialled - before, 1)
  t.deepEqual(
    valuesOf(await readAll(client, 'a')).map((value) => value!.trim()),
    values,
  )
  t.true(dialer.dialled - before <= 3, `${dialer.dialled - before} connections`)
})

// --- finding brokers

test('who hangs costs the patience only; when all fail the last error counts', async (t) => {
  const clock = new ManualClock()
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  let begun = 0
  const answer = hedge(clock, 100, 3, () => gates[begun++]!.promise)
  clock.advance(99)
  t.is(begun, 1)
  clock.advance(1)
  t.is(begun, 2)
  gates[0]!.reject(new Error('first'))
  await turn()
  clock.advance(100)
  t.is(begun, 3)
  gates[2]!.resolve('third')
  t.is(await answer, 'third')
  await t.throwsAsync(
    hedge(clock, 100, 3, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
})

test('an address that fails is given longer pauses and more time, within bounds, until it answers', (t) => {
  const clock = new ManualClock()
  const reconnects = new Reconnects({
    clock,
    random: systemRandom,
    reconnectBackoffMs: 50,
    reconnectBackoffMaxMs: 1000,
    socketConnectionSetupTimeoutMs: 10_000,
    socketConnectionSetupTimeoutMaxMs: 30_000,
  })
  t.is(reconnects.pauseMs('a:1'), 0)
  t.is(reconnects.setupTimeoutMs('a:1'), 10_000)
  for (const [pause, timeout] of [
    [50, 20_000],
    [100, 30_000],
    [200, 30_000],
    [400, 30_000],
    [800, 30_000],
    [1000, 30_000],
    [1000, 30_000],
  ] as const) {
    reconnects.failed('a:1')
    const [asked, allowed] = [reconnects.pauseMs('a:1'), reconnects.setupTimeoutMs('a:1')]
    t.true(asked >= pause * 0.8 && asked <= pause * 1.2, `${asked} for ${pause}`)
    t.true(allowed >= timeout * 0.8 && allowed <= timeout * 1.2, `${allowed} for ${timeout}`)
  }
  t.is(reconnects.pauseMs('b:1'), 0)
  clock.advance(1200)
  t.is(reconnects.pauseMs('a:1'), 0)
  reconnects.succeeded('a:1')
  t.is(reconnects.setupTimeoutMs('a:1'), 10_000)
  for (let i = 0; i < 3000; i++) reconnects.failed(`x:${i}`)
  t.is(reconnects.pauseMs('x:0'), 0)
  t.true(reconnects.pauseMs('x:2999') > 0)
})

// --- tokens

const jwt = (claims: object): string => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`

test('a token is shared until most of its life is over, and kept to its end when no new one is to be had', async (t) => {
  const clock = new ManualClock()
  let fails = false
  let gets = 0
  const cache = new TokenCache(async () => {
    gets++
    if (fails) throw new Error('no provider')
    return jwt({ exp: clock.now() / 1000 + 100, n: gets })
  }, clock)
  const [first, second] = await Promise.all([cache.token(), cache.token()])
  t.is(first, second)
  clock.advance(79_000)
  t.is(await cache.token(), first)
  t.is(gets, 1)
  fails = true
  clock.advance(2000)
  t.is(await cache.token(), first)
  clock.advance(20_000)
  await t.throwsAsync(cache.token(), { message: 'no provider' })
  fails = false
  t.not(await cache.token(), first)
  let opaque = 0
  const unknown = new TokenCache(() => `opaque-${opaque++}`, systemClock)
  t.deepEqual([await unknown.token(), await unknown.token()], ['opaque-0', 'opaque-1'])
})

test('a member that goes does not wait for a coordinator that is dead: three attempts at most, five seconds at most for an answer', async (t) => {
  const broker = await startBroker(t)
  const clock = new ManualClock()
  const cluster = await clusterOf(t, { dialer: broker.dialer, clock, bootstrap: [{ host: 'x', port: 1 }] })
  const connections = cluster.connections()
  for (const [result, attempts] of [
    [() => Promise.reject(new MoldauError('CONNECTION_LOST', 'dead', { retriable: true })), 3],
    [() => new Promise<void>(() => {}), 1],
    [() => Promise.resolve(), 1],
  ] as const) {
    let attempted = 0
    const begun = clock.monotonic()
    let isOver = false
    const over = sayGoodbye(cluster, 'group', connections, () => (attempted++, result())).then(() => (isOver = true))
    while (!isOver && clock.monotonic() - begun < 5000) {
      // What is under way over the connection is not moved by this clock.
      for (let n = 0; n < 5 && !isOver; n++) await turn()
      if (attempted > 0) clock.advance(10)
    }
    await over
    t.is(attempted, attempts)
  }
})
