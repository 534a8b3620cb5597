import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import { canonicalAddresses } from '../../core/cluster/address.ts'
import type { ClusterOptions } from '../../core/cluster/cluster-options.ts'
import { connect, MoldauError } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import type { Resolver } from '../../core/net/resolver.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import type { MetadataResponse } from '../../core/protocol/messages/metadata.ts'
import { Gate } from '../../core/testing/gate.ts'
import { clientFor, readAll, valuesOf } from '../support/client-kit.ts'
import { countingDialer } from '../support/counting-dialer.ts'
import { startBroker } from '../support/start-broker.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { until } from '../support/until.ts'

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
  const quick = { socketConnectionSetupTimeoutMs: 400, socketConnectionSetupTimeoutMaxMs: 1000 }
  for (let i = 0; i < 3; i++) {
    const client = await connect(`127.0.0.1:${silent.port},${broker.bootstrap}`, { ...quick, bootstrapTimeoutMs: 30_000 })
    t.is((await client.admin.describeCluster()).brokers.length, 1)
    await client.close()
  }
  const error = await t.throwsAsync(connect(`127.0.0.1:${silent.port}`, { ...quick, bootstrapTimeoutMs: 900 }), {
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
  await until('all connections are closed', () => dialer.open.size === 0)
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
  await until('all connections are closed', () => dialer.open.size === 0)
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
  await until('all connections are closed', () => dialer.open.size === 0)
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
    await until('all connections are closed', () => dialer.open.size === 0)
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
    // Long enough that a machine with much to do has asked for both by then.
    metadataMaxIdleMs: 2000,
  })
  await Promise.all([cluster.topic('used'), cluster.topic('once')])
  await until('the metadata was asked for again', () => {
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
