import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { adminAclScenario } from '../support/admin-cluster-scenarios.ts'
import { adminScenarios } from '../support/admin-scenarios.ts'
import { nameOfError, until } from '../support/admin-kit.ts'
import { freePort, startKafka } from '../support/start-kafka.ts'

// One Kafka after the other.
const GUARDED = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

test.serial('an administrator does with Apache Kafka what is done with moldau', async (t) => {
  const kafka = await startKafka(t)
  if (kafka === undefined) return
  const env = { connect: (options?: Parameters<typeof connect>[1]) => connect(kafka.bootstrap, options), dialer: tcpDialer() }
  for (const [title, scenario] of Object.entries(adminScenarios)) {
    const attempt = await t.try(title, (tt) => scenario(tt, env))
    if (attempt.passed) t.log(title)
    attempt.commit()
  }
})

/** They ask for what came later: settings of groups, types of groups, patterns of transactional ids, fenced brokers. */
const newerThan35 = ['settings say', 'groups are listed', 'transactions are listed', 'the cluster, its features']

test.serial('an administrator does with Apache Kafka 3.5 what that can do, and is told what it cannot', async (t) => {
  const kafka = await startKafka(t, { version: '3.5.2' })
  if (kafka === undefined) return
  const env = { connect: (options?: Parameters<typeof connect>[1]) => connect(kafka.bootstrap, options), dialer: tcpDialer() }
  for (const [title, scenario] of Object.entries(adminScenarios)) {
    if (newerThan35.some((words) => title.startsWith(words))) continue
    const attempt = await t.try(title, (tt) => scenario(tt, env))
    attempt.commit()
  }
  const client = await connect(kafka.bootstrap)
  t.teardown(() => client.close())
  const { admin } = client
  t.is((await admin.describeCluster()).brokers.length, 1)
  t.true((await admin.listGroups()).every(({ type }) => type === 'Unknown'))
  await t.throwsAsync(admin.describeCluster({ includeFencedBrokers: true }), { code: 'UNSUPPORTED_VERSION' })
  await t.throwsAsync(admin.listGroups({ types: ['classic'] }), { code: 'UNSUPPORTED_VERSION' })
  await t.throwsAsync(admin.listTransactions({ transactionalIdPattern: '.*' }), { code: 'UNSUPPORTED_VERSION' })
  await t.throwsAsync(admin.listConfigResources(), { code: 'UNSUPPORTED_VERSION' })
})

test.serial('access control entries of Apache Kafka are created, found and deleted', async (t) => {
  const kafka = await startKafka(t, { config: GUARDED })
  if (kafka === undefined) return
  await adminAclScenario(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcpDialer() })
})

test.serial('delegation tokens of Apache Kafka are created, shown, renewed and ended', async (t) => {
  const [plain, sasl, controller] = [await freePort(), await freePort(), await freePort()]
  const listeners = `PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controller}`
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const kafka = await startKafka(t, {
    config: {
      listeners,
      'advertised.listeners': listeners,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${module} required user_alice="secret" user_bob="secret";`,
      'delegation.token.secret.key': 'a key that only brokers know',
    },
  })
  if (kafka === undefined) return
  const login = async (username: string) => {
    const client = await connect(`127.0.0.1:${sasl}`, { sasl: { mechanism: 'PLAIN', username, password: 'secret' }, retryBackoffMs: 10 })
    t.teardown(() => client.close())
    return client.admin
  }
  const anybody = await connect(`127.0.0.1:${plain}`)
  t.teardown(() => anybody.close())
  t.is(nameOfError(await t.throwsAsync(anybody.admin.createDelegationToken())), 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED')
  const [alice, bob] = [await login('alice'), await login('bob')]
  const token = await alice.createDelegationToken({ renewers: ['User:bob'], maxLifetimeMs: 3_600_000 })
  t.like(token, { owner: 'User:alice', requester: 'User:alice', renewers: ['User:bob'] })
  t.is(token.maxTimestampMs - token.issueTimestampMs, 3_600_000)
  const described = await until(
    () => alice.describeDelegationToken(['User:alice']),
    (tokens) => tokens.length > 0,
  )
  t.deepEqual(described, [token])
  const soon = await bob.renewDelegationToken(token.hmac, { renewPeriodMs: 60_000 })
  t.true(soon < token.expiryTimestampMs)
  t.is(nameOfError(await t.throwsAsync(alice.renewDelegationToken(Buffer.from('nothing')))), 'DELEGATION_TOKEN_NOT_FOUND')
  await alice.expireDelegationToken(token.hmac)
  await until(
    () => alice.describeDelegationToken(),
    (tokens) => tokens.length === 0,
  )
})
