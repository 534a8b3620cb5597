import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { BrokerConfig } from '../../core/broker/broker-config.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { ConnectionRates } from '../../core/broker/quotas/connection-rates.ts'
import { Quotas } from '../../core/broker/quotas/quotas.ts'
import { LocalMetadata } from '../../core/coordination/local.ts'
import { Listener } from '../../core/net/listener.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import { CreateAcls } from '../../core/protocol/messages/create-acls.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { notAllowed } from '../support/missing.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { channelTo, createTopic, open } from '../support/wire.ts'

/** A broker on a listener for both kinds of addresses, which is shown those of IPv4 as `::ffff:127.0.0.1`; undefined where there is no IPv6. */
async function dualStack(t: ExecutionContext, config: BrokerConfigInput = {}): Promise<Broker | undefined> {
  try {
    const probe = await Listener.listen({ host: '::', port: 0, onConnection: () => {} })
    await probe.close()
  } catch {
    notAllowed(t, 'a listener on ::', 'this machine has no IPv6')
    return undefined
  }
  return startBroker(t, { config: { listeners: 'PLAINTEXT://[::]:0', ...config } })
}

/** A client at an address of this machine, which is its own address, too. */
async function from(t: ExecutionContext, broker: Broker, address: string): Promise<Channel> {
  const channel = new Channel(await tcpDialer().dial(address, broker.port!), { clientId: 'test', clock: systemClock })
  t.teardown(() => channel.close())
  return channel
}

/** Whether somebody at an address is answered. */
async function isServed(t: ExecutionContext, broker: Broker, address: string): Promise<boolean> {
  const channel = await from(t, broker, address)
  return channel.request(Metadata, 12, { topics: [] }, { timeoutMs: 5000 }).then(
    () => true,
    () => false,
  )
}

async function setIpQuota(channel: Channel, ip: string | null, value: number): Promise<void> {
  const { entries } = await channel.request(AlterClientQuotas, 1, {
    entries: [{ entity: [{ entityType: 'ip', entityName: ip }], ops: [{ key: 'connection_creation_rate', value, remove: false }] }],
    validateOnly: false,
  })
  if (entries[0]!.errorCode !== 0) throw new Error(errorName(entries[0]!.errorCode))
}

/** Waits until groups are served: the first who asks for the coordinator has their topic made. */
async function coordinator(channel: Channel): Promise<void> {
  for (;;) {
    await channel.request(FindCoordinator, 4, { coordinatorKeys: ['g'] })
    const { groups } = await channel.request(DescribeGroups, 5, { groups: ['g'] })
    if (errorName(groups[0]!.errorCode) !== 'COORDINATOR_LOAD_IN_PROGRESS') return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('on a listener for both kinds of addresses a member of a group is shown with its address of IPv4', async (t) => {
  const broker = await dualStack(t)
  if (broker === undefined) return
  const member = await from(t, broker, '127.0.0.1')
  await coordinator(member)
  const protocols = [{ name: 'range', metadata: Buffer.from('') }]
  const joined = await member.request(JoinGroup, 3, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols,
  })
  t.is(errorName(joined.errorCode), 'NONE')
  const { groups } = await member.request(DescribeGroups, 5, { groups: ['g'] })
  t.is(groups[0]!.members[0]!.clientHost, '/127.0.0.1')
})

/** An address, and how it may be written: of IPv6 as Java does. */
const written = [
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '0:0:0:0:0:0:0:1'],
] as const

for (const [address, text] of written) {
  test(`on a listener for both kinds of addresses a quota of ${text} counts`, async (t) => {
    const broker = await dualStack(t)
    if (broker === undefined) return
    await setIpQuota(await open(t, broker, 'in-process'), text, 1)
    const served: boolean[] = []
    // 1 per second over ten seconds.
    for (let i = 0; i < 13; i++) served.push(await isServed(t, broker, address))
    t.true(served.includes(true))
    t.true(served.includes(false), 'nobody was slowed down')
  })

  test(`on a listener for both kinds of addresses an entry of access control for ${text} counts`, async (t) => {
    const broker = await dualStack(t, { 'authorizer.class.name': 'StandardAuthorizer' })
    if (broker === undefined) return
    const admin = await open(t, broker, 'in-process')
    await createTopic(admin, 'a')
    const acl = { resourceType: 2, resourceName: 'a', resourcePatternType: 3, principal: 'User:*', operation: 8, permissionType: 3 }
    const { results } = await admin.request(CreateAcls, 3, { creations: [{ ...acl, host: text }] })
    t.is(errorName(results[0]!.errorCode), 'NONE')
    const answers: string[] = []
    for (const [each] of written) {
      const client = await from(t, broker, each)
      const { topics } = await client.request(Metadata, 12, { topics: [{ name: 'a' }], allowAutoTopicCreation: false })
      answers.push(errorName(topics[0]!.errorCode))
    }
    t.deepEqual(
      answers,
      written.map(([each]) => (each === address ? 'NONE' : 'TOPIC_AUTHORIZATION_FAILED')),
    )
  })

  test(`on a listener for both kinds of addresses the limit of connections of ${text} counts`, async (t) => {
    const broker = await dualStack(t, { 'max.connections.per.ip.overrides': `${text}:1` })
    if (broker === undefined) return
    t.deepEqual([await isServed(t, broker, address), await isServed(t, broker, address)], [true, false])
  })
}

const WINDOW = { samples: 11, sampleMs: 1000 }

async function rates(
  t: ExecutionContext,
  config: BrokerConfigInput,
  ofEachAddress?: number,
): Promise<{ rates: ConnectionRates; clock: ManualClock }> {
  const clock = new ManualClock()
  const metadata = new LocalMetadata({ dir: await tempDir(t) })
  const quotas = new Quotas({ metadata, clock, window: WINDOW, mutationWindow: WINDOW })
  if (ofEachAddress !== undefined) await quotas.change([['ip', null]], () => ({ connection_creation_rate: ofEachAddress }))
  await metadata.settled()
  return { rates: new ConnectionRates({ config: new BrokerConfig(config), quotas, window: WINDOW, clock }), clock }
}

test('connections that come faster than the rate wait for one sample at most, those of all listeners by the rate of the broker', async (t) => {
  const { rates: both, clock } = await rates(t, { 'max.connection.creation.rate': 2, 'listener.name.b.max.connection.creation.rate': 1 })
  const [a, b] = [both.gate('A'), both.gate('B')]
  // One in a second over ten seconds, which have been silent.
  for (let i = 0; i < 10; i++) t.is(b.delayMs(), 0)
  t.is(b.delayMs(), 1000)
  for (let i = 0; i < 9; i++) t.is(a.delayMs(), 0)
  // 21 are more than two in a second over ten seconds.
  t.is(a.delayMs(), 500)
  for (let i = 0; i < 100; i++) t.true(a.delayMs() <= 1000)
  clock.advance(60_000)
  t.deepEqual([a.delayMs(), b.delayMs()], [0, 0])
})

test('a connection that its address has too many of does not count for the broker and the listener', async (t) => {
  const { rates: limited } = await rates(t, { 'max.connection.creation.rate': 3 }, 1)
  const gate = limited.gate('A')
  let refused = 0
  for (let i = 0; i < 100; i++) {
    t.is(gate.delayMs(), 0, 'others are not slowed down')
    const ms = gate.refusalMs('10.0.0.1')
    t.true(ms <= 1000)
    if (ms > 0) refused++
  }
  t.is(refused, 90)
  for (let i = 0; i < 20; i++) t.deepEqual([gate.delayMs(), gate.refusalMs(`10.0.0.${2 + (i % 2)}`)], [0, 0])
  t.true(gate.delayMs() > 0)
})

async function setConfig(channel: Channel, name: string, value: string): Promise<string> {
  const { responses } = await channel.request(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: 4, resourceName: '1', configs: [{ name, configOperation: 0, value }] }],
    validateOnly: false,
  })
  return errorName(responses[0]!.errorCode)
}

test('a listener at which connections come too fast lets them in one after the other and refuses none; others go on', async (t) => {
  const clock = new ManualClock(Date.now())
  const config = { listeners: 'A://127.0.0.1:0,B://127.0.0.1:0', 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' }
  const broker = await startBroker(t, { clock, config })
  const admin = await open(t, broker, 'in-process')
  t.is(await setConfig(admin, 'listener.name.a.max.connection.creation.rate', '1'), 'NONE')
  const [a, b] = broker.listeners.map(({ port }) => `127.0.0.1:${port}`) as [string, string]
  const served: number[] = []
  const answers: Promise<unknown>[] = []
  const connect = async (address: string, number: number): Promise<void> => {
    const channel = await channelTo(t, address)
    answers.push(channel.request(ApiVersions, 0, {}, { timeoutMs: 30_000 }).then(() => served.push(number)))
  }
  const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 50))
  for (let i = 0; i < 13; i++) await connect(a, i)
  await Promise.all(answers.slice(0, 10))
  await settle()
  const inOrder = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
  t.deepEqual(served, inOrder(10))
  await connect(b, 100)
  await answers.at(-1)
  for (const count of [11, 12, 13]) {
    clock.advance(1000)
    await answers[count - 1]
    await settle()
    t.deepEqual(
      served.filter((number) => number !== 100),
      inOrder(count),
    )
  }
  // A higher rate counts for whoever comes next.
  t.is(await setConfig(admin, 'listener.name.a.max.connection.creation.rate', '1000'), 'NONE')
  await connect(a, 13)
  await answers.at(-1)
  // Of the broker: for all of them.
  t.is(await setConfig(admin, 'max.connection.creation.rate', '1'), 'NONE')
  await connect(b, 101)
  await settle()
  t.false(served.includes(101))
  clock.advance(1000)
  await answers.at(-1)
  t.true(served.includes(101))
  const again = await open(t, broker, 'in-process')
  await again.request(ApiVersions, 0, {})
})

test('a broker whose connections wait to come in stops all the same', async (t) => {
  const broker = await startBroker(t, { config: { 'max.connection.creation.rate': 1, 'quota.window.num': 2 } })
  const channels: Channel[] = []
  const ended: Promise<void>[] = []
  for (let i = 0; i < 15; i++) {
    const channel = await channelTo(t, broker.bootstrap)
    channels.push(channel)
    ended.push(new Promise((resolve) => channel.onClose(() => resolve())))
  }
  await channels[0]!.request(ApiVersions, 0, {})
  await broker.close()
  await Promise.all(ended)
  t.true(broker.isClosed)
})

const member = (groupId: string, memberId: string, bytes: number) => ({
  groupId,
  sessionTimeoutMs: 60_000,
  rebalanceTimeoutMs: 300_000,
  memberId,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.alloc(bytes, 1) }],
})

test('with queued.max.request.bytes a member that waits for the others of its group does not keep them from being heard', async (t) => {
  const broker = await startBroker(t, { config: { 'queued.max.request.bytes': 1000 } })
  const [first, second, third] = [await open(t, broker), await open(t, broker), await open(t, broker)]
  await coordinator(first)
  const { memberId } = await first.request(JoinGroup, 3, member('g', '', 100))
  // Waits until the first has joined again, with more than all of the memory.
  let joined = false
  const joining = second.request(JoinGroup, 3, member('g', '', 5000)).then((answer) => {
    joined = true
    return answer
  })
  // A consumer that waits for records.
  const polling = third.request(Fetch, 12, { maxWaitMs: 1000, minBytes: 1, rackId: 'r'.repeat(2000), topics: [] })
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.false(joined)
  const other = await open(t, broker)
  await other.request(ApiVersions, 0, {}, { timeoutMs: 20_000 })
  const again = await first.request(JoinGroup, 3, member('g', memberId, 100), { timeoutMs: 20_000 })
  t.deepEqual([again.errorCode, (await joining).errorCode], [0, 0])
  await polling
})
