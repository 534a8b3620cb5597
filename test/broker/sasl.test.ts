import { EventEmitter, once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'

import test from 'ava'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Broker } from '../../core/broker/broker.ts'
import { connect } from '../../core/client/connect.ts'
import { Channel } from '../../core/net/channel.ts'
import { FrameSplitter } from '../../core/net/frames.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { SaslAuthenticate } from '../../core/protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../core/protocol/messages/sasl-handshake.ts'
import type { SaslOptions } from '../../core/security/sasl-client.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { authority, closed, listening, roundTrip, saslConfig, server, tls, token } from '../support/secure-broker.ts'
import { channelTo } from '../support/wire.ts'

const logins: Record<string, SaslOptions> = {
  PLAIN: { mechanism: 'PLAIN', username: 'alice', password: 'secret' },
  'SCRAM-SHA-256': { mechanism: 'SCRAM-SHA-256', username: 'alice', password: 'secret' },
  'SCRAM-SHA-512': { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret' },
  OAUTHBEARER: { mechanism: 'OAUTHBEARER', token },
}

for (const [mechanism, sasl] of Object.entries(logins)) {
  for (const protocol of ['SASL_PLAINTEXT', 'SASL_SSL']) {
    test(`${mechanism} over ${protocol}: who is alice works as alice, who is not is refused`, async (t) => {
      const config = { ...tls, ...(await saslConfig(t)), 'authorizer.class.name': 'StandardAuthorizer', 'super.users': 'User:alice' }
      const broker = await listening(t, protocol, config)
      const ssl = protocol === 'SASL_SSL' && { ssl: { ca: authority.cert } }
      await roundTrip(t, broker.bootstrap, { ...ssl, sasl })
      const wrong = mechanism === 'OAUTHBEARER' ? { ...sasl, token: `${token()}x` } : { ...sasl, password: 'Secret' }
      const error = await t.throwsAsync(connect(broker.bootstrap, { ...ssl, sasl: wrong }), { code: 'AUTHENTICATION_FAILED' })
      t.notRegex(error!.message, /ecret/)
      await t.throwsAsync(connect(broker.bootstrap, { ...ssl, bootstrapTimeoutMs: 200 }), { instanceOf: MoldauError }, 'without a log-in')
    })
  }
}

test('users of sasl.plain.users and of SCRAM by the administrator log in; a mechanism that is not offered is refused', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', { ...(await saslConfig(t)), 'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512' })
  const bob: SaslOptions = { mechanism: 'PLAIN', username: 'bob', password: 'with:colon' }
  await roundTrip(t, broker.bootstrap, { sasl: bob })
  await roundTrip(t, broker.bootstrap, {
    'security.protocol': 'SASL_PLAINTEXT',
    'sasl.mechanism': 'PLAIN',
    'sasl.jaas.config': 'org.apache.kafka.common.security.plain.PlainLoginModule required username="bob" password="with:colon";',
  })
  const dave: SaslOptions = { mechanism: 'SCRAM-SHA-512', username: 'dave', password: 'pw' }
  await t.throwsAsync(connect(broker.bootstrap, { sasl: dave }), { code: 'AUTHENTICATION_FAILED' })
  const client = await connect(broker.bootstrap, { sasl: bob })
  t.teardown(() => client.close())
  const { admin } = client
  const mechanism = 'SCRAM-SHA-512'
  await admin.alterUserScramCredentials([{ user: 'dave', password: 'pw', mechanism }])
  await roundTrip(t, broker.bootstrap, { sasl: dave })
  t.deepEqual(await admin.describeUserScramCredentials(['dave']), [
    { user: 'dave', credentials: [{ mechanism: 'SCRAM-SHA-512', iterations: 4096 }] },
  ])
  await admin.alterUserScramCredentials([{ user: 'dave', password: 'changed', mechanism, iterations: 8192 }])
  await t.throwsAsync(connect(broker.bootstrap, { sasl: dave }), { code: 'AUTHENTICATION_FAILED' })
  const deletion = [{ user: 'dave', mechanism, delete: true }] as const
  await admin.alterUserScramCredentials(deletion)
  await t.throwsAsync(admin.describeUserScramCredentials(['dave']), { message: /RESOURCE_NOT_FOUND/ })
  await t.throwsAsync(admin.alterUserScramCredentials(deletion), { message: /RESOURCE_NOT_FOUND/ })
  for (const wrong of [{ iterations: 4095 }, { iterations: 16_385 }, { user: '' }]) {
    const alteration = { user: 'dave', password: 'pw', mechanism, ...wrong } as const
    await t.throwsAsync(admin.alterUserScramCredentials([alteration]), { message: /UNACCEPTABLE_CREDENTIAL/ })
  }
  await t.throwsAsync(connect(broker.bootstrap, { sasl: { ...dave, mechanism: 'SCRAM-SHA-256' } }), {
    message: /offers PLAIN, SCRAM-SHA-512/,
  })
})

test('credentials are kept over a restart, hashed, in files for the owner alone', async (t) => {
  const dir = await tempDir(t)
  const config = { listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'SCRAM-SHA-256' }
  const before = await Broker.start({ dir, config, scramUsers: [{ name: 'alice', password: 'open sesame' }] })
  await before.close()
  const path = join(dir, 'security.json')
  for (const copy of [path, `${path}.backup`]) {
    t.is((await stat(copy)).mode & 0o777, 0o600, copy)
    t.notRegex(await readFile(copy, 'utf8'), /sesame/)
  }
  // The second copy stands in where the disk has damaged the first.
  await writeFile(path, '{"format":1,"version":1,"value":{"acls":[],"scram":[]},"crc":1}')
  const after = await startBroker(t, { dir, config, scramUsers: [{ name: 'alice', password: 'another' }] })
  const sasl: SaslOptions = { mechanism: 'SCRAM-SHA-256', username: 'alice', password: 'open sesame' }
  await roundTrip(t, after.bootstrap, { sasl })
})

test('before logging in only ApiVersions and the log-in are answered, and nothing large is read', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', { ...(await saslConfig(t)), 'sasl.server.max.receive.size': 1000 })
  const first = await channelTo(t, broker.bootstrap)
  t.is((await first.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })).errorCode, 0)
  await t.throwsAsync(first.request(Metadata, 12, { topics: null }), { code: 'CONNECTION_LOST' })
  const second = await channelTo(t, broker.bootstrap)
  const { errorCode, mechanisms } = await second.request(SaslHandshake, 1, { mechanism: 'GSSAPI' })
  t.is(errorName(errorCode), 'UNSUPPORTED_SASL_MECHANISM')
  t.deepEqual(mechanisms, ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
  await closed(second)
  const third = await channelTo(t, broker.bootstrap)
  await third.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  const inBetween = await third.request(FindCoordinator, 3, { key: 'g' })
  t.is(errorName(inBetween.errorCode), 'ILLEGAL_SASL_STATE')
  await closed(third)
  const fourth = await channelTo(t, broker.bootstrap)
  await fourth.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  await t.throwsAsync(fourth.request(SaslAuthenticate, 1, { authBytes: Buffer.alloc(2000) }), { code: 'CONNECTION_LOST' })
  const fifth = await channelTo(t, broker.bootstrap)
  await t.throwsAsync(fifth.request(SaslAuthenticate, 1, { authBytes: Buffer.from('\0alice\0secret') }), { code: 'CONNECTION_LOST' })
})

test('after logging in requests may be large', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', { ...(await saslConfig(t)), 'sasl.server.max.receive.size': 1000 })
  const open = await channelTo(t, broker.bootstrap)
  await open.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  t.is((await open.request(SaslAuthenticate, 1, { authBytes: Buffer.from('\0alice\0secret') })).errorCode, 0)
  const topics = Array.from({ length: 500 }, (_, i) => ({ name: `topic-${i}` }))
  t.is((await open.request(Metadata, 4, { topics, allowAutoTopicCreation: false })).topics.length, 500)
})

test('what is sent behind a log-in waits for it, and is answered when it is good', async (t) => {
  for (const [mechanism, good, bad] of [
    ['PLAIN', '\0alice\0secret', '\0alice\0wrong'],
    ['OAUTHBEARER', `n,,\u0001auth=Bearer ${token()}\u0001\u0001`, 'n,,\u0001auth=Bearer a.b.c\u0001\u0001'],
  ] as const) {
    const broker = await listening(t, 'SASL_PLAINTEXT', await saslConfig(t))
    /** How many brokers the client is told of. */
    const atOnce = async (authBytes: string): Promise<number> => {
      const open = await channelTo(t, broker.bootstrap)
      const [, , metadata] = await Promise.allSettled([
        open.request(SaslHandshake, 1, { mechanism }),
        open.request(SaslAuthenticate, 2, { authBytes: Buffer.from(authBytes) }),
        open.request(Metadata, 12, { topics: [] }),
      ])
      return metadata.status === 'fulfilled' ? metadata.value.brokers.length : 0
    }
    t.is(await atOnce(good), 1, mechanism)
    t.is(await atOnce(bad), 0, mechanism)
  }
})

test('who does not log in where that is wanted is told which options say who we are', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', await saslConfig(t))
  await t.throwsAsync(connect(broker.bootstrap, { bootstrapTimeoutMs: 300 }), {
    code: 'CONNECTION_LOST',
    message: /Metadata .*if its listener wants a log-in, say who you are \(sasl, or sasl\.mechanism and sasl\.jaas\.config\)/,
  })
})

test('where nobody has to log in, a log-in is answered ILLEGAL_SASL_STATE', async (t) => {
  const broker = await startBroker(t)
  const open = await channelTo(t, broker.bootstrap)
  t.is(errorName((await open.request(SaslHandshake, 1, { mechanism: 'PLAIN' })).errorCode), 'ILLEGAL_SASL_STATE')
  t.is(errorName((await open.request(SaslAuthenticate, 2, { authBytes: Buffer.alloc(0) })).errorCode), 'ILLEGAL_SASL_STATE')
  await t.throwsAsync(connect(broker.bootstrap, { sasl: logins['PLAIN']! }), {
    code: 'AUTHENTICATION_FAILED',
    message: /does not want a log-in/,
  })
})

test('after a handshake of version 0 bare tokens are exchanged', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', await saslConfig(t))
  const exchange = async (tokens: readonly string[]): Promise<string[]> => {
    const socket = connectTcp({ host: '127.0.0.1', port: broker.port! })
    t.teardown(() => socket.destroy())
    const got: Buffer[] = []
    // An answer to each: the handshake, the tokens, and the request behind them.
    const answered = Promise.withResolvers<void>()
    const splitter = new FrameSplitter({ frameBytesMax: 100_000 })
    let answers = 0
    socket.on('data', (chunk) => {
      got.push(chunk)
      splitter.push(chunk)
      while (splitter.next() !== undefined) if (++answers === tokens.length + 2) answered.resolve()
    })
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const frame = (bytes: Buffer): void => void socket.write(Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]))
    const header = (key: number, version: number): Buffer => Buffer.from([0, key, 0, version, 0, 0, 0, 7, 0xff, 0xff])
    frame(Buffer.concat([header(17, 0), Buffer.from([0, 5]), Buffer.from('PLAIN')]))
    for (const each of tokens) frame(Buffer.from(each))
    frame(header(18, 0))
    await Promise.race([answered.promise, ended])
    socket.end()
    await ended
    const all = Buffer.concat(got)
    const frames: string[] = []
    for (let at = 0; at < all.length; at += 4 + all.readInt32BE(at))
      frames.push(all.subarray(at + 4, at + 4 + all.readInt32BE(at)).toString('latin1'))
    return frames
  }
  const [handshake, token, versions] = await exchange(['\0alice\0secret'])
  t.regex(handshake!, /SCRAM-SHA-256/)
  t.is(token, '')
  t.true(versions!.startsWith('\0\0\0\u0007\0\0'), 'ordinary requests follow')
  t.is((await exchange(['\0alice\0wrong'])).length, 1, 'a wrong token is answered by the end of the connection')
})

test('a log-in expires: who logs in again in time goes on, who does not is cut off', async (t) => {
  const clock = new ManualClock(Date.now())
  const config = { ...(await saslConfig(t)), 'listener.name.sasl_plaintext.plain.connections.max.reauth.ms': 10_000 }
  const broker = await startBroker(t, {
    clock,
    config: { listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'connection.failed.authentication.delay.ms': 0, ...config },
  })
  const login = async (
    open: Channel,
    user = 'alice',
    mechanism = 'PLAIN',
  ): Promise<{ errorCode: number; errorMessage: string | null; sessionLifetimeMs: number }> => {
    await open.request(SaslHandshake, 1, { mechanism })
    const password = user === 'alice' ? 'secret' : 'x'
    return open.request(SaslAuthenticate, 1, { authBytes: Buffer.from(`\0${user}\0${password}`) })
  }
  const ask = (open: Channel): Promise<unknown> => open.request(Metadata, 12, { topics: [] })
  const [good, late, other, changed] = await Promise.all([1, 2, 3, 4].map(() => channelTo(t, broker.bootstrap)))
  for (const each of [good!, late!, other!, changed!]) t.is((await login(each)).sessionLifetimeMs, 10_000)
  const soon = await good!.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  t.is(errorName(soon.errorCode), 'ILLEGAL_SASL_STATE', 'within a second')
  clock.advance(9000)
  t.is((await login(good!)).errorCode, 0)
  const stranger = await login(other!, 'carol')
  t.is(errorName(stranger.errorCode), 'SASL_AUTHENTICATION_FAILED')
  t.regex(stranger.errorMessage!, /Cannot change principals/)
  await t.throwsAsync(login(changed!, 'alice', 'SCRAM-SHA-256'), { code: 'CONNECTION_LOST' })
  clock.advance(2000)
  await ask(good!)
  await t.throwsAsync(ask(late!), { code: 'CONNECTION_LOST' })
})

test('our client logs in again by itself before its log-in expires', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', { ...(await saslConfig(t)), 'connections.max.reauth.ms': 1500 })
  const client = await connect(broker.bootstrap, { sasl: logins['SCRAM-SHA-256']! })
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const producer = client.producer()
  const until = Date.now() + 4000
  let sent = 0
  while (Date.now() < until) {
    await producer.send({ topic: 'a', value: Buffer.from(String(sent++)) })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await producer.close()
  const [end] = await client.admin.listOffsets([{ topic: 'a', partition: 0, at: 'latest' }])
  t.is(Number(end!.offset), sent)
})

test('a failed log-in waits for its answer', async (t) => {
  const clock = new ManualClock(Date.now())
  const config = { listeners: 'SASL_PLAINTEXT://127.0.0.1:0', ...(await saslConfig(t)), 'connection.failed.authentication.delay.ms': 5000 }
  const refused = new EventEmitter()
  const logger = { debug() {}, info() {}, warn: () => void refused.emit('now'), error() {} }
  const broker = await startBroker(t, { clock, config, logger })
  const open = await channelTo(t, broker.bootstrap)
  await open.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  const isRefused = once(refused, 'now')
  let answered = false
  const answer = open.request(SaslAuthenticate, 1, { authBytes: Buffer.from('\0alice\0wrong') }).finally(() => (answered = true))
  await isRefused
  clock.advance(4999)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.false(answered)
  clock.advance(5000)
  const { errorCode, errorMessage } = await answer
  t.is(errorName(errorCode), 'SASL_AUTHENTICATION_FAILED')
  t.is(errorMessage, 'Authentication failed: Invalid username or password')
  await closed(open)
})

test('secrets are nowhere to be seen: not in DescribeConfigs, not in logs', async (t) => {
  const logged: string[] = []
  const note = (fields: object, message: string): void => void logged.push(JSON.stringify(fields) + message)
  const logger = { debug: note, info: note, warn: note, error: note }
  const config = { listeners: 'PLAINTEXT://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0', ...tls, ...(await saslConfig(t)) }
  const broker = await startBroker(t, { logger, config, scramUsers: [{ name: 'x', password: 'secret' }] })
  const open = await channelTo(t, broker.bootstrap)
  const resources = [{ resourceType: 4, resourceName: '1', configurationKeys: null }]
  const { results } = await open.request(DescribeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: false })
  const shown = new Map(results[0]!.configs.map((each) => [each.name, each]))
  for (const name of ['sasl.jaas.config', 'sasl.plain.users', 'ssl.keystore.key', 'ssl.key.password']) {
    t.is(shown.get(name)!.value, null, name)
    t.true(shown.get(name)!.isSensitive)
    t.true(shown.get(name)!.synonyms.every(({ value }) => value === null))
    t.is(shown.get(name)!.configType, 9)
  }
  const sasl = `127.0.0.1:${broker.listeners[1]!.port}`
  await t.throwsAsync(connect(sasl, { sasl: { mechanism: 'PLAIN', username: 'alice', password: 'my-wrong-secret' } }))
  t.true(logged.some((line) => line.includes('log-in of')))
  for (const line of [...logged, JSON.stringify(results)]) t.notRegex(line, /secret|with:colon|PRIVATE KEY/)
})

test('secrets of one listener, or one mechanism on it, are nowhere to be seen: not in DescribeConfigs, logs, events or errors', async (t) => {
  const seen: string[] = []
  const note = (fields: object, message: string): void => void seen.push(inspect(fields, { depth: 8 }) + message)
  const logger = { debug: note, info: note, warn: note, error: note }
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
  const own = {
    'listener.name.inside.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.inside.plain.sasl.jaas.config': `${plain} username="admin" password="Hush1" user_alice="Hush2";`,
    'listener.name.inside.sasl.plain.users': 'bob:Hush3',
    'listener.name.inside.ssl.keystore.key': server.key,
    'listener.name.inside.ssl.keystore.certificate.chain': server.cert,
    'listener.name.inside.ssl.key.password': 'Hush4',
    'listener.name.inside.ssl.keystore.password': 'Hush5',
    'listener.name.inside.ssl.truststore.password': 'Hush6',
  }
  const given = {
    listeners: 'INSIDE://127.0.0.1:0',
    'listener.security.protocol.map': 'INSIDE:SASL_SSL',
    'connection.failed.authentication.delay.ms': 0,
    ...own,
  }
  const broker = await startBroker(t, { logger, config: given })
  const types = ['topicCreated', 'topicDeleted', 'topicChanged', 'groupChanged', 'error', 'closing', 'closed'] as const
  for (const type of types) broker.events.on(type, (event) => void seen.push(`${type} ${inspect(event, { depth: 8 })}`))
  const ssl = { ca: authority.cert }
  for (const [username, password] of [
    ['alice', 'Hush2'],
    ['bob', 'Hush3'],
  ] as const)
    await roundTrip(t, broker.bootstrap, { ssl, sasl: { mechanism: 'PLAIN', username, password } })
  const wrong = connect(broker.bootstrap, { ssl, sasl: { mechanism: 'PLAIN', username: 'alice', password: 'Hush7' } })
  seen.push(inspect(await t.throwsAsync(wrong), { depth: 8 }))
  const client = await connect(broker)
  for (const configurationKeys of [null, Object.keys(own)]) {
    const open = new Channel(await broker.dialer.dial('', 0), { clientId: 'test', clock: systemClock })
    const resources = ['1', ''].map((resourceName) => ({ resourceType: 4, resourceName, configurationKeys }))
    const answer = await open.request(DescribeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: true })
    for (const { configs } of answer.results) {
      for (const { name, value, isSensitive } of configs)
        if (/jaas|password|plain\.users|\.key$/.test(name)) t.true(isSensitive && value === null, name)
    }
    seen.push(JSON.stringify(answer))
    const configs = ['sasl.jaas.config', ...Object.keys(own)].map((name) => ({ name, configOperation: 0, value: 'Hush14' }))
    for (const config of configs) {
      const change = { resources: [{ resourceType: 4, resourceName: '1', configs: [config] }], validateOnly: false }
      const { responses } = await open.request(IncrementalAlterConfigs, 1, change)
      // A password that is of no use does no harm.
      const isTaken = /ssl\.(key|keystore|truststore)\.password$/.test(config.name)
      t.is(errorName(responses[0]!.errorCode), isTaken ? 'NONE' : 'INVALID_REQUEST', config.name)
      seen.push(JSON.stringify(responses))
    }
    open.close()
  }
  await client.close()
  await broker.close()
  t.true(seen.some((line) => line.includes('log-in of')) && seen.some((line) => line.startsWith('topicCreated')))
  for (const [setting, value] of Object.entries({
    'listener.name.inside.plain.sasl.jaas.config': `${plain} user_alice="Hush8`,
    'listener.name.inside.sasl.plain.users': 'Hush9',
    'listener.name.inside.ssl.keystore.key': server.key.replace(/[A-Z]/, '!').replace('BEGIN', 'BEGIN Hush10'),
    'listener.name.inside.ssl.keystore.certificate.chain': 'Hush11',
    'listener.name.inside.sasl.plain.userz': 'bob:Hush12',
    'sasl.plain.userz': 'bob:Hush13',
  })) {
    const dir = await tempDir(t)
    const error = await t.throwsAsync(
      Broker.start({ dir, logger, config: { ...given, [setting]: value } }),
      { code: 'INVALID_CONFIG' },
      setting,
    )
    seen.push(error!.message, inspect(error, { depth: 8 }))
  }
  const keyMaterial = server.key.split('\n')[1]!.slice(20, 50)
  for (const line of seen) t.false(line.includes('Hush') || line.includes(keyMaterial), line)
})
