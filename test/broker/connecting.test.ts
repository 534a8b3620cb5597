import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { Listener } from '../../core/net/listener.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import { CreateAcls } from '../../core/protocol/messages/create-acls.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import type { Channel } from '../../core/net/channel.ts'
import { startBroker } from '../support/start-broker.ts'
import { channelTo, createTopic, open } from '../support/wire.ts'

/** A broker on a listener for both kinds of addresses, which is shown those of IPv4 as `::ffff:127.0.0.1`; undefined where there is no IPv6. */
async function dualStack(t: ExecutionContext, config: BrokerConfigInput = {}): Promise<Broker | undefined> {
  try {
    const probe = await Listener.listen({ host: '::', port: 0, onConnection: () => {} })
    await probe.close()
  } catch {
    t.log('SKIPPED: this machine has no IPv6')
    t.pass()
    return undefined
  }
  return startBroker(t, { config: { listeners: 'PLAINTEXT://[::]:0', ...config } })
}

/** Whether somebody at an address of IPv4 is answered. */
async function isServed(t: ExecutionContext, broker: Broker): Promise<boolean> {
  const channel = await channelTo(t, `127.0.0.1:${broker.port}`)
  const answer = channel.request(Metadata, 12, { topics: [] }, { timeoutMs: 2000 })
  const isServing = await answer.then(
    () => true,
    () => false,
  )
  return isServing
}

async function setIpQuota(channel: Channel, ip: string | null, value: number): Promise<void> {
  const { entries } = await channel.request(AlterClientQuotas, 1, {
    entries: [{ entity: [{ entityType: 'ip', entityName: ip }], ops: [{ key: 'connection_creation_rate', value, remove: false }] }],
    validateOnly: false,
  })
  if (entries[0]!.errorCode !== 0) throw new Error(errorName(entries[0]!.errorCode))
}

test('on a listener for both kinds of addresses a member of a group is shown with its address of IPv4', async (t) => {
  const broker = await dualStack(t)
  if (broker === undefined) return
  const member = await channelTo(t, `127.0.0.1:${broker.port}`)
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

test('on a listener for both kinds of addresses a quota of an address of IPv4 counts', async (t) => {
  const broker = await dualStack(t)
  if (broker === undefined) return
  const admin = await open(t, broker, 'in-process')
  await setIpQuota(admin, '127.0.0.1', 1)
  const served: boolean[] = []
  // 1 per second over ten seconds.
  for (let i = 0; i < 15; i++) served.push(await isServed(t, broker))
  t.true(served.includes(true))
  t.true(served.includes(false), 'nobody was slowed down')
})

test('on a listener for both kinds of addresses an entry of access control for an address of IPv4 counts', async (t) => {
  const broker = await dualStack(t, { 'authorizer.class.name': 'StandardAuthorizer' })
  if (broker === undefined) return
  const admin = await open(t, broker, 'in-process')
  await createTopic(admin, 'a')
  const acl = { resourceType: 2, resourceName: 'a', resourcePatternType: 3, principal: 'User:*', operation: 8, permissionType: 3 }
  const { results } = await admin.request(CreateAcls, 3, { creations: [{ ...acl, host: '127.0.0.1' }] })
  t.is(errorName(results[0]!.errorCode), 'NONE')
  const client = await channelTo(t, `127.0.0.1:${broker.port}`)
  const { topics } = await client.request(Metadata, 12, { topics: [{ name: 'a' }], allowAutoTopicCreation: false })
  t.is(errorName(topics[0]!.errorCode), 'NONE')
})

test('on a listener for both kinds of addresses the limit of connections of an address of IPv4 counts', async (t) => {
  const broker = await dualStack(t, { 'max.connections.per.ip.overrides': '127.0.0.1:1' })
  if (broker === undefined) return
  t.true(await isServed(t, broker))
  t.false(await isServed(t, broker))
})
