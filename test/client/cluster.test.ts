import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import test from 'ava'
import type { ExecutionContext } from 'ava'
import fc from 'fast-check'

import { ManualClock, sleep, systemClock } from '../../core/base/clock.ts'
import { systemRandom } from '../../core/base/uuid.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { canonicalAddresses } from '../../core/cluster/address.ts'
import { Cluster } from '../../core/cluster/cluster.ts'
import type { ClusterOptions } from '../../core/cluster/cluster-options.ts'
import { hedge } from '../../core/cluster/hedge.ts'
import { Reconnects } from '../../core/cluster/reconnects.ts'
import { SendQueue } from '../../core/cluster/send-queue.ts'
import { sayGoodbye } from '../../core/client/farewell.ts'
import { connect, MoldauError } from '../../core/index.ts'
import type { ClientOptions } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import type { Resolver } from '../../core/net/resolver.ts'
import { tlsDialer } from '../../core/net/tls-dialer.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import type { MetadataResponse } from '../../core/protocol/messages/metadata.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { TokenCache } from '../../core/security/token-cache.ts'
import { Gate } from '../../core/testing/gate.ts'
import { answerLoser } from '../support/answer-loser.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { clientFor, numbers, readAll, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { countingDialer } from '../support/counting-dialer.ts'
import { flakyDialer } from '../support/flaky-dialer.ts'
import { startFlow } from '../support/numbered-flow.ts'
import { setQuota } from '../support/quotas.ts'
import { authority, listening, saslConfig, tls, token } from '../support/secure-broker.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { createTopic, open } from '../support/wire.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits for a condition, however long that takes. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function clusterOf(
  t: ExecutionContext,
  options: Partial<ClusterOptions> & { bootstrap: ClusterOptions['bootstrap'] },
): Promise<Cluster> {
  const cluster = await Cluster.connect({ dialer: tcpDialer(), bootstrapTimeoutMs: 30_000, retryBackoffMs: 10, ...options })
  t.teardown(() => cluster.close())
  return cluster
}

/** A server that takes connections and says nothing. */
async function silentServer(t: ExecutionContext): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => void sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

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

const resolving = (names: Record<string, string[]>): Resolver & { asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    async addresses(host) {
      asked.push(host)
      const found = names[host]
      if (found === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
      return found
    },
    canonicalName: async (address) => `host-${address.replaceAll(/[.:]/g, '-')}.example`,
  }
}

test('every address of a host is tried, IPv6 too, and a name that is not known is named', async (t) => {
  const broker = await startBroker(t, { config: { 'advertised.listeners': 'PLAINTEXT://broker.example:9092' } })
  const resolver = resolving({ 'kafka.example': ['127.0.0.3', '::1', '127.0.0.1'], 'broker.example': ['127.0.0.1'] })
  const dialer: Dialer = {
    // What is advertised has a port of its own: here all brokers are at that of the one that there is.
    dial: (host, _port, timeoutMs) => tcpDialer({ resolver }).dial(host, broker.port!, timeoutMs),
  }
  const client = await clientFor(t, { connect: (given) => connect(`kafka.example:${broker.port}`, given), dialer }, { dialer })
  await client.producer().send({ topic: 'a', value: 'x' })
  t.true(resolver.asked.includes('kafka.example') && resolver.asked.includes('broker.example'))
  const direct = await connect(`kafka.example:${broker.port}`, { resolver, bootstrapTimeoutMs: 30_000 })
  await direct.close()
  const error = await t.throwsAsync(connect('nowhere.example', { resolver, bootstrapTimeoutMs: 50 }), { code: 'CONNECTION_REFUSED' })
  t.regex(error!.message, /nowhere\.example.*ENOTFOUND/)
  const six = await startBroker(t, { config: { listeners: 'PLAINTEXT://[::1]:0' } }).catch(() => undefined)
  if (six === undefined) return t.log('no IPv6 here')
  const over6 = await connect(`[::1]:${six.port}`, { bootstrapTimeoutMs: 30_000 })
  await over6.producer().send({ topic: 'a', value: 'x' })
  await over6.close()
})

test('canonical names stand for all addresses of the bootstrap servers', async (t) => {
  const resolver = resolving({ 'kafka.example': ['10.0.0.1', '10.0.0.2'] })
  t.deepEqual(
    await canonicalAddresses(resolver, [
      { host: 'kafka.example', port: 7 },
      { host: 'gone.example', port: 7 },
    ]),
    [
      { host: 'host-10-0-0-1.example', port: 7 },
      { host: 'host-10-0-0-2.example', port: 7 },
    ],
  )
  await t.throwsAsync(canonicalAddresses(resolver, [{ host: 'gone.example', port: 7 }]), { message: /gone\.example/ })
  const broker = await startBroker(t)
  const dialled: string[] = []
  const dialer: Dialer = {
    dial(host) {
      dialled.push(host)
      return broker.dialer.dial('', 0)
    },
  }
  const options = { resolver, dialer, clientDnsLookup: 'resolve_canonical_bootstrap_servers_only' } as const
  const client = await connect('kafka.example:9092', options)
  await client.close()
  t.regex(dialled[0]!, /^host-10-0-0-[12]\.example$/)
})

test('a server that takes connections and says nothing costs the time to set one up, and the next address is asked', async (t) => {
  const silent = await silentServer(t)
  const broker = await startBroker(t)
  const quick = { socketConnectionSetupTimeoutMs: 100, socketConnectionSetupTimeoutMaxMs: 150 }
  for (let i = 0; i < 4; i++) {
    const client = await connect(`127.0.0.1:${silent.port},${broker.bootstrap}`, { ...quick, bootstrapTimeoutMs: 30_000 })
    t.is((await client.admin.describeCluster()).brokers.length, 1)
    await client.close()
  }
  const error = await t.throwsAsync(connect(`127.0.0.1:${silent.port}`, { ...quick, bootstrapTimeoutMs: 300 }), {
    code: 'CONNECTION_REFUSED',
  })
  t.regex(error!.message, /did not answer ApiVersions in time/)
})

test('connections that nobody uses are closed and made again', async (t) => {
  const broker = await startBroker(t)
  const dialer = countingDialer(tcpDialer())
  const client = await clientFor(t, { connect: (given) => connect(broker.bootstrap, given), dialer }, { dialer, connectionsMaxIdleMs: 50 })
  const producer = client.producer()
  await producer.send({ topic: 'a', partition: 0, value: '0' })
  const before = dialer.dialled
  await until(() => dialer.open.size === 0)
  await producer.send({ topic: 'a', partition: 0, value: '1' })
  t.true(dialer.dialled > before)
  t.deepEqual(valuesOf(await readAll(client, 'a')), ['0', '1'])
})

// --- metadata

/** Two brokers of ours that say of themselves that they are nodes 1 and 2 of one cluster; each topic is led by node 1. */
async function twoFaced(t: ExecutionContext): Promise<{ brokers: Broker[]; asked: number[]; bootstrap: ClusterOptions['bootstrap'] }> {
  const brokers = [await startBroker(t), await startBroker(t)]
  const asked = [0, 0]
  const nodes = brokers.map((broker, i) => ({ nodeId: i + 1, host: '127.0.0.1', port: broker.port!, rack: null }))
  for (const [i, broker] of brokers.entries()) {
    broker.intercept(Metadata, async (call) => {
      asked[i]!++
      const answer = await call.next()
      return { ...answer, brokers: nodes, clusterId: 'both', controllerId: 1 } satisfies MetadataResponse
    })
  }
  return { brokers, asked, bootstrap: nodes }
}

test('a broker that hangs does not keep metadata from the others', async (t) => {
  const { brokers, bootstrap } = await twoFaced(t)
  const cluster = await clusterOf(t, { bootstrap })
  const gates = brokers.map(() => new Gate())
  // Both have a connection.
  await cluster.node(1)
  await cluster.node(2)
  for (const [i, broker] of brokers.entries()) {
    // Whoever is asked first hangs.
    broker.intercept(Metadata, async (call) => {
      if (gates.every((gate) => gate.waiting === 0)) await gates[i]!.pass()
      return call.next()
    })
  }
  await cluster.refresh()
  t.is(
    gates.reduce((sum, gate) => sum + gate.waiting, 0),
    1,
  )
  for (const gate of gates) gate.open()
})

test('REBOOTSTRAP_REQUIRED leads back to the bootstrap addresses', async (t) => {
  const broker = await startBroker(t)
  const dialer = countingDialer(tcpDialer())
  const cluster = await clusterOf(t, { bootstrap: [{ host: '127.0.0.1', port: broker.port! }], dialer })
  await cluster.refresh()
  t.is(dialer.dialled, 1)
  const required = errorCode('REBOOTSTRAP_REQUIRED')
  broker.intercept(Metadata, async (call) => ({ ...(await call.next()), errorCode: required }), { times: 1 })
  await t.throwsAsync(cluster.refresh(), { code: 'CONNECTION_LOST', message: /look for the cluster anew/ })
  await cluster.refresh()
  t.is(dialer.dialled, 2)
  t.is(dialer.open.size, 1)
})

test('without metadata for long the bootstrap addresses are asked, though a known broker takes connections', async (t) => {
  const silent = await silentServer(t)
  const outside = await startBroker(t)
  const lead = outside.intercept(Metadata, async (call) => ({
    ...(await call.next()),
    brokers: [{ nodeId: 1, host: '127.0.0.1', port: silent.port, rack: null }],
  }))
  const dialer = countingDialer(tcpDialer())
  const cluster = await clusterOf(t, {
    dialer,
    bootstrap: [{ host: '127.0.0.1', port: outside.port! }],
    requestTimeoutMs: 50,
    socketConnectionSetupTimeoutMs: 50,
    metadataRecoveryRebootstrapTriggerMs: 1,
  })
  lead.remove()
  for (const transport of dialer.open) transport.destroy()
  await until(() => dialer.open.size === 0)
  await cluster.retry({ what: 'refresh', timeoutMs: 30_000 }, () => cluster.refresh())
  t.is(cluster.image.brokers.get(1)!.port, outside.port!)
})

test('a broker of another cluster is believed at a bootstrap address only', async (t) => {
  const stranger = await startBroker(t)
  const outside = await startBroker(t)
  outside.intercept(Metadata, async (call) => ({
    ...(await call.next()),
    brokers: [{ nodeId: 1, host: '127.0.0.1', port: stranger.port!, rack: null }],
  }))
  const dialer = countingDialer(tcpDialer())
  const cluster = await clusterOf(t, { dialer, bootstrap: [{ host: '127.0.0.1', port: outside.port! }] })
  await cluster.topic('a')
  const { clusterId } = cluster
  // The address of node 1 was given to somebody else.
  for (const transport of dialer.open) transport.destroy()
  await until(() => dialer.open.size === 0)
  await t.throwsAsync(cluster.refresh(), { code: 'CONNECTION_LOST', message: /belongs to cluster .* now, not to/ })
  t.is(cluster.clusterId, clusterId)
  await cluster.refresh()
  t.is(cluster.clusterId, clusterId)
  t.true(cluster.image.topics.has('a'))
  // The cluster at the address that was given was replaced: nothing that was known is true any more.
  outside.intercept(Metadata, async (call) => ({ ...(await call.next()), clusterId: 'new', topics: [] }))
  await cluster.refresh()
  t.is(cluster.clusterId, 'new')
  t.false(cluster.image.topics.has('a'))
})

test('with metadata.recovery.strategy=none the bootstrap addresses are not asked again', async (t) => {
  const { brokers, bootstrap } = await twoFaced(t)
  const outside = await startBroker(t)
  outside.intercept(Metadata, async (call) => ({
    ...(await call.next()),
    brokers: [bootstrap[0]!].map((address) => ({ ...address, nodeId: 1, rack: null })),
  }))
  for (const strategy of ['none', 'rebootstrap'] as const) {
    let isUp = true
    const dialled: number[] = []
    const dialer = countingDialer({
      dial(host, port, timeoutMs) {
        dialled.push(port)
        if (port === brokers[0]!.port && !isUp) return Promise.reject(new MoldauError('CONNECTION_REFUSED', 'gone', { retriable: true }))
        return tcpDialer().dial(host, port, timeoutMs)
      },
    })
    const options = { dialer, metadataRecoveryStrategy: strategy, bootstrap: [{ host: '127.0.0.1', port: outside.port! }] }
    const cluster = await clusterOf(t, options)
    // Nobody is connected to any more, and the one that is known is away.
    isUp = false
    for (const transport of dialer.open) transport.destroy()
    await until(() => dialer.open.size === 0)
    const before = dialled.length
    const done = await cluster.refresh().then(
      () => 'found',
      (error: MoldauError) => error.code,
    )
    t.is(done, strategy === 'none' ? 'CONNECTION_REFUSED' : 'found', strategy)
    t.is(dialled.slice(before).includes(outside.port!), strategy === 'rebootstrap')
    cluster.close()
  }
})

test('old metadata is asked for again, and topics that nobody uses are not', async (t) => {
  const broker = await startBroker(t)
  const questions: string[][] = []
  broker.intercept(Metadata, (call) => {
    questions.push((call.request.topics ?? []).map((topic) => topic.name!))
  })
  const cluster = await clusterOf(t, {
    dialer: broker.dialer,
    bootstrap: [{ host: 'x', port: 1 }],
    metadataMaxAgeMs: 40,
    metadataMaxIdleMs: 300,
  })
  await Promise.all([cluster.topic('used'), cluster.topic('once')])
  await until(() => {
    cluster.leader('used', 0)
    const last = questions.at(-1)!
    return last.includes('used') && !last.includes('once')
  })
  t.true(questions.some((names) => names.includes('once') && names.includes('used')))
  t.false(cluster.image.topics.has('once'))
  t.is(cluster.leader('used', 0), 1)
  t.is((await cluster.topic('once')).partitions.length, 1)
})

test('a topic that was made anew is known by its new id, and a leader of a past epoch is not believed', async (t) => {
  const broker = await startBroker(t)
  const client = await clientFor(t, { connect: (given) => connect(broker, given), dialer: broker.dialer })
  const cluster = await clusterOf(t, { dialer: broker.dialer, bootstrap: [{ host: 'x', port: 1 }] })
  await client.admin.createTopics([{ name: 'a', partitions: 2 }])
  const { topicId } = await cluster.topic('a')
  let epoch = 7
  const lying = broker.intercept(Metadata, async (call) => {
    const answer = await call.next()
    for (const topic of answer.topics) for (const p of topic.partitions) [p.leaderEpoch, p.leaderId] = [epoch, epoch === 7 ? 1 : 9]
    return answer
  })
  await cluster.refresh()
  epoch = 6
  await cluster.refresh()
  t.is(cluster.leader('a', 0), 1)
  lying.remove()
  await client.admin.deleteTopics(['a'])
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  await cluster.refresh()
  t.not(cluster.image.topics.get('a')!.topicId, topicId)
  t.is(cluster.image.topics.get('a')!.partitions.length, 1)
  t.is(cluster.image.topicNames.get(topicId), undefined)
})

test('a coordinator that has moved is looked for again, and who cannot be reached too', async (t) => {
  const broker = await startBroker(t)
  const client = await clientFor(t, { connect: (given) => connect(broker, given), dialer: broker.dialer })
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  let asked = 0
  broker.intercept(FindCoordinator, () => void asked++)
  const consumer = client.consumer({ groupId: 'g' })
  await consumer.commit([{ topic: 'a', partition: 0, offset: 0 }]).catch(() => {})
  const cluster = await clusterOf(t, { dialer: broker.dialer, bootstrap: [{ host: 'x', port: 1 }] })
  const connections = cluster.connections()
  asked = 0
  let calls = 0
  const result = await cluster.coordinators.run('group', 'g', connections, { what: 'x', timeoutMs: 30_000 }, async () => {
    calls++
    if (calls === 1) throw new MoldauError('CONNECTION_LOST', 'gone', { retriable: true })
    return calls
  })
  t.is(result, 2)
  t.is(asked, 2)
})

// --- faults as our broker can play them

test('a leader that moves to and fro under load loses and doubles nothing', async (t) => {
  const broker = await startBroker(t)
  const client = await clientFor(t, { connect: (given) => connect(broker.bootstrap, given), dialer: tcpDialer() })
  await client.admin.createTopics([{ name: 'a', partitions: 3 }])
  broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { probability: 0.3, seed: 1 })
  broker.intercept(Fetch, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { probability: 0.3, seed: 2 })
  const producer = client.producer({ batchSize: 200, lingerMs: 0 })
  const values = numbers(600)
  await Promise.all(values.map((value, i) => producer.send({ topic: 'a', partition: i % 3, value })))
  const seen = await readAll(client, 'a', 3)
  for (let p = 0; p < 3; p++) {
    t.deepEqual(
      valuesOf(seen.filter((record) => record.partition === p)),
      values.filter((_, i) => i % 3 === p),
    )
  }
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

// --- numbers that flow while things break

const copiersOffsets = { before: /^LOST copies-/, inside: undefined, after: /^DOUBLED copies-/ } as const

test('the audit of the numbers names what a copier loses or doubles that commits its offsets outside of the transaction', async (t) => {
  const broker = await startBroker(t)
  const env: Env = { connect: (given) => connect(broker.bootstrap, given), dialer: tcpDialer() }
  for (const [offsets, fault] of Object.entries(copiersOffsets) as [keyof typeof copiersOffsets, RegExp | undefined][]) {
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2, copier: { offsets, failsEvery: 3 } })
    await flow.progress(300)
    const faults = await flow.finish()
    if (fault === undefined) t.deepEqual(faults, [], offsets)
    else t.true(faults.length > 0 && faults.every((each) => fault.test(each)), `${offsets}: ${faults.join('\n')}`)
  }
})

test('the audit of the numbers names what a writer without idempotence doubles when answers are lost', async (t) => {
  const broker = await startBroker(t)
  for (const enableIdempotence of [false, true]) {
    const dialer = answerLoser(tcpDialer(), Produce.key, 5)
    const env: Env = { connect: (given) => connect(broker.bootstrap, { ...given, dialer }), dialer }
    // One request at a time: what is sent again comes twice, and in order.
    const writer = { enableIdempotence, maxInFlightRequestsPerConnection: 1 }
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2, writer })
    while (dialer.lost < 5) await flow.progress(30)
    const faults = await flow.finish()
    if (enableIdempotence) t.deepEqual(faults, [])
    else t.true(faults.length > 0 && faults.every((each) => /^DOUBLED (numbers|copies)-/.test(each)), faults.join('\n'))
  }
})

test('our broker is killed, frozen and asked to stop under load, and partitions are added: nothing is lost, doubled or out of order', async (t) => {
  const broker = new ChildBroker(t, await tempDir(t), { 'offsets.topic.num.partitions': 4, 'transaction.state.log.num.partitions': 4 })
  await broker.start()
  const env: Env = { connect: (options) => connect(`127.0.0.1:${broker.port}`, options), dialer: tcpDialer() }
  // Answers that do not come in time are given up while it is frozen.
  const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 4, client: { requestTimeoutMs: 1000 } })
  await flow.progress(60)
  await broker.kill()
  await broker.start()
  await flow.progress(60)
  await flow.client.admin.createPartitions([{ topic: flow.numbers, count: 4 }])
  flow.widen(4)
  await flow.progress(60)
  broker.freeze()
  await sleep(systemClock, 2500)
  broker.thaw()
  await flow.progress(60)
  await broker.terminate()
  await broker.start()
  await flow.progress(60)
  await broker.kill()
  await broker.start()
  await flow.progress(60)
  t.deepEqual(await flow.finish(), [])
})

test('numbers flow over connections that break, and that log in again and again with tokens and passwords', async (t) => {
  const config = { ...(await saslConfig(t)), ...tls, 'connections.max.reauth.ms': 1300 }
  const broker = await listening(t, 'SASL_SSL', config)
  let tokens = 0
  const issue = (): string => {
    tokens++
    return token()
  }
  const ssl = { ca: authority.cert }
  for (const sasl of [
    { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret' },
    { mechanism: 'OAUTHBEARER', token: issue },
  ] as const) {
    const flaky = flakyDialer(tlsDialer({ context: ssl }), { seed: 7, framesMax: 300, breaks: 20 })
    const dialer = countingDialer(flaky)
    const options = { sasl, dialer } satisfies ClientOptions
    const env: Env = { connect: (given) => connect(broker.bootstrap, { ...given, ...options }), dialer }
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2 })
    while (flaky.cuts < 20) await flow.progress(30)
    const before = dialer.logins
    // Nothing breaks any more: all that is left of log-ins are those that are due. A broker takes one a second, no more.
    while (dialer.logins < before + 20) await flow.progress(30)
    t.deepEqual(await flow.finish(), [])
  }
  // One for each client, however often it logged in.
  t.is(tokens, 4)
})
