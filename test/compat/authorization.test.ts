import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import type { Acl } from '../../core/client/admin/types.ts'
import { connect } from '../../core/client/connect.ts'
import type { Client } from '../../core/client/client.ts'
import { login } from '../../core/cluster/login.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import type { SaslOptions } from '../../core/security/sasl-client.ts'
import { aclOf, byName, codesIn, table } from '../support/authorization-table.ts'
import type { Row } from '../support/authorization-table.ts'
import { startBroker } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'

const AUTHORIZER = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
const alice: SaslOptions = { mechanism: 'PLAIN', username: 'alice', password: 'secret' }
const admin: SaslOptions = { mechanism: 'PLAIN', username: 'admin', password: 'secret' }

function freePorts(count: number): Promise<number[]> {
  const one = (): Promise<{ port: number; close: () => void }> =>
    new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () =>
        resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() }),
      )
    })
  return Promise.all(Array.from({ length: count }, one)).then((found) => found.map(({ port, close }) => (close(), port)))
}

/** A server in which alice has no rights, seen by her and by the administrator. */
interface Side {
  root: Channel
  channel: () => Promise<Channel>
  admin: Client
  topicId: string
}

async function side(t: ExecutionContext, address: string): Promise<Side> {
  const [host, port] = address.split(':') as [string, string]
  const client = await connect(address, { sasl: admin, bootstrapTimeoutMs: 30_000 })
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 't', partitions: 1 }])
  const open = async (sasl: SaslOptions): Promise<Channel> => {
    const channel = new Channel(await tcpDialer().dial(host, Number(port)), { clientId: 'test', clock: systemClock })
    t.teardown(() => channel.close())
    await login(channel, address, sasl, ({ request }) => Math.min(1, request.versions.last))
    return channel
  }
  const root = await open(admin)
  const { topics } = await root.request(Metadata, 12, { topics: [{ name: 't' }] })
  // Coordinators take a moment to be there.
  for (const [keyType, key] of [
    [0, 'g'],
    [1, 'x'],
  ] as const) {
    for (;;) {
      const { coordinators } = await root.request(FindCoordinator, 4, { keyType, coordinatorKeys: [key] })
      if (coordinators[0]!.errorCode === 0) break
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  await client.admin.alterConsumerGroupOffsets('g', [{ topic: 't', partition: 0, offset: 0 }])
  let channel: Channel | undefined
  return {
    root,
    admin: client,
    topicId: topics[0]!.topicId,
    channel: async () => (channel = channel === undefined || channel.closed ? await open(alice) : channel),
  }
}

async function kafkaSide(t: ExecutionContext): Promise<Side | undefined> {
  const [plain, sasl, controller] = (await freePorts(3)) as [number, number, number]
  const both = `PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controller}`
  const kafka = await startKafka(t, {
    config: {
      listeners: both,
      'advertised.listeners': both,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret" user_admin="secret";',
      'authorizer.class.name': AUTHORIZER,
      'super.users': 'User:ANONYMOUS;User:admin',
    },
  })
  return kafka && side(t, `127.0.0.1:${sasl}`)
}

async function moldauSide(t: ExecutionContext): Promise<Side> {
  const broker = await startBroker(t, {
    config: {
      listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.plain.users': 'alice:secret,admin:secret',
      'authorizer.class.name': AUTHORIZER,
      'super.users': 'User:ANONYMOUS;User:admin',
    },
  })
  return side(t, broker.bootstrap)
}

async function ask({ channel, topicId }: Side, { api, version, ask: body }: Row): Promise<string> {
  try {
    return codesIn(await (await channel()).request(byName.get(api)!, version, body(topicId), { timeoutMs: 10_000 })).join(' ')
  } catch (error) {
    return `ended: ${(error as Error).name}`
  }
}

/** How often Kafka is asked until a change of its entries has come through. */
const TRIES = 20

/** Rows in which Kafka answers otherwise, and why. The list only shrinks. */
const explained: Readonly<Record<string, string>> = {}

/** What the administrator may ask, well and badly. */
const scram = { iterations: 4096, salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(32, 1) }
const acl = { resourceType: 2, resourceName: 'q', resourcePatternType: 3, principal: 'User:q', host: '*', operation: 3, permissionType: 3 }
const filter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: 'User:q',
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const administration: readonly (readonly [string, object])[] = [
  ['AlterUserScramCredentials', { deletions: [], upsertions: [1, 2].map((mechanism) => ({ name: 'both', mechanism, ...scram })) }],
  ['AlterUserScramCredentials', { deletions: [], upsertions: [{ name: 'one', mechanism: 1, ...scram }] }],
  ['AlterUserScramCredentials', { deletions: [{ name: 'one', mechanism: 1 }], upsertions: [{ name: 'one', mechanism: 2, ...scram }] }],
  [
    'AlterUserScramCredentials',
    {
      deletions: [
        { name: 'one', mechanism: 2 },
        { name: 'nobody', mechanism: 1 },
      ],
      upsertions: [],
    },
  ],
  ['AlterUserScramCredentials', { deletions: [], upsertions: [{ name: 'few', mechanism: 1, ...scram, iterations: 4095 }] }],
  ['AlterUserScramCredentials', { deletions: [], upsertions: [{ name: 'many', mechanism: 1, ...scram, iterations: 16_385 }] }],
  ['AlterUserScramCredentials', { deletions: [], upsertions: [{ name: 'odd', mechanism: 9, ...scram }] }],
  ['AlterUserScramCredentials', { deletions: [], upsertions: [{ name: '', mechanism: 1, ...scram }] }],
  ['DescribeUserScramCredentials', { users: [{ name: 'one' }, { name: 'nobody' }, { name: 'nobody' }] }],
  ['DescribeUserScramCredentials', { users: null }],
  ['CreateAcls', { creations: [acl, acl, { ...acl, resourcePatternType: 4 }] }],
  ['CreateAcls', { creations: [{ ...acl, principal: 'q' }] }],
  ['CreateAcls', { creations: [{ ...acl, resourceName: '' }] }],
  ['CreateAcls', { creations: [{ ...acl, resourceType: 4 }] }],
  ['CreateAcls', { creations: [{ ...acl, host: '' }] }],
  ['CreateAcls', { creations: [{ ...acl, resourceType: 7, resourceName: 'User:z', operation: 13 }] }],
  ['DescribeAcls', filter],
  ['DescribeAcls', { ...filter, resourceNameFilter: 'quick', patternTypeFilter: 2 }],
  ['DescribeAcls', { ...filter, resourceTypeFilter: 3 }],
  ['DeleteAcls', { filters: [{ ...filter, patternTypeFilter: 4 }, filter] }],
  ['DescribeAcls', filter],
]

/** How many of each thing an answer has. */
function countsIn(value: unknown, name = ''): string[] {
  if (Array.isArray(value)) return [`${name} ${value.length}`, ...value.flatMap((each) => countsIn(each))]
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([key, each]) => countsIn(each, key))
}

function shapeOf(answer: unknown): string {
  return `${codesIn(answer).toSorted().join(' ')} (${countsIn(answer).toSorted().join(', ')})`
}

test('each call with and without its entries is answered as Apache Kafka answers it', async (t) => {
  const kafka = await kafkaSide(t)
  if (kafka === undefined) return
  const ours = await moldauSide(t)
  const served = new Set(handlers.map(({ api }) => api.name))
  const different: string[] = []
  let compared = 0
  for (const row of table) {
    if (!served.has(row.api)) continue
    const states: Acl[][] = [
      [],
      ...row.needs.map((missing) => row.needs.filter((need) => need !== missing).map((need) => aclOf(need))),
      [...row.needs.map((need) => aclOf(need)), aclOf(row.needs[0]!, 'deny')],
      row.needs.map((need) => aclOf(need)),
    ]
    for (const acls of states) {
      for (const each of [kafka, ours]) {
        await each.admin.admin.deleteAcls([{ principal: 'User:alice' }])
        if (acls.length > 0) await each.admin.admin.createAcls(acls)
      }
      const what = `${row.api} ${row.version} (${row.needs.map((need) => need.join(' ')).join(', ')}) with ${acls.map((acl) => `${acl.permission} ${acl.operation} ${acl.resourceType}`).join(', ') || 'nothing'}`
      const found = await ask(ours, row)
      let wanted = await ask(kafka, row)
      for (let tries = 0; wanted !== found && tries < TRIES && explained[what] === undefined; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        wanted = await ask(kafka, row)
      }
      compared++
      if (wanted !== found && explained[what] === undefined) different.push(`${what}: Kafka ${wanted}, moldau ${found}`)
    }
  }
  for (const [name, body] of administration) {
    const api = byName.get(name)!
    const asked = async ({ root }: Side): Promise<string> =>
      root.request(api, api.request.versions.last, body).then(shapeOf, (error: Error) => `ended: ${error.name}`)
    const found = await asked(ours)
    let wanted = await asked(kafka)
    for (let tries = 0; wanted !== found && tries < TRIES && name.startsWith('Describe'); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      wanted = await asked(kafka)
    }
    compared++
    if (wanted !== found) different.push(`${name} ${JSON.stringify(body)}: Kafka ${wanted}, moldau ${found}`)
  }
  t.log(`${compared} answers compared`)
  t.deepEqual(different, [])
})
