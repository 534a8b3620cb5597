import { EventEmitter, once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { inspect } from 'node:util'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Broker } from '../../core/broker/broker.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { connect } from '../../core/client/connect.ts'
import type { ClientOptions } from '../../core/client/options.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { FrameSplitter } from '../../core/net/frames.ts'
import { tlsDialer } from '../../core/net/tls-dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { SaslAuthenticate } from '../../core/protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../../core/protocol/messages/sasl-handshake.ts'
import type { SaslOptions } from '../../core/security/sasl-client.ts'
import { Authority } from '../support/certificates.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { TokenIssuer } from '../support/tokens.ts'

const authority = new Authority()
const server = authority.issue({ subject: [['CN', 'broker']], dns: ['localhost'], ip: ['127.0.0.1'] })
const alice = authority.issue({
  subject: [
    ['O', 'moldau'],
    ['CN', 'alice'],
  ],
})
const tls = { 'ssl.keystore.key': server.key, 'ssl.keystore.certificate.chain': server.cert, 'ssl.truststore.certificates': authority.cert }
const SCRAM_USERS = [{ name: 'alice', password: 'secret' }]

/** A broker with one listener of a protocol. */
function listening(t: ExecutionContext, protocol: string, config: BrokerConfigInput = {}): Promise<Broker> {
  return startBroker(t, {
    config: { listeners: `${protocol}://127.0.0.1:0`, 'connection.failed.authentication.delay.ms': 0, ...config },
    scramUsers: SCRAM_USERS,
  })
}

/** Writes a record and reads it back. */
async function roundTrip(t: ExecutionContext, target: string, options: ClientOptions): Promise<void> {
  const client = await connect(target, options)
  try {
    await client.admin.createTopics([{ name: 'a', partitions: 1 }], { ignoreExisting: true })
    const producer = client.producer()
    await producer.send({ topic: 'a', value: Buffer.from('x') })
    await producer.close()
    const [end] = await client.admin.listOffsets([{ topic: 'a', partition: 0, at: 'latest' }])
    t.true(end!.offset > 0n || Number(end!.offset) > 0)
  } finally {
    await client.close()
  }
}

async function channel(t: ExecutionContext, broker: Broker): Promise<Channel> {
  const opened = new Channel(await tcpDialer().dial('127.0.0.1', broker.port!), { clientId: 'test', clock: systemClock })
  t.teardown(() => opened.close())
  return opened
}

const closed = (open: Channel): Promise<void> => new Promise((resolve) => open.onClose(() => resolve()))

test('each listener tells its clients its own address', async (t) => {
  const broker = await startBroker(t, {
    config: {
      listeners: 'INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0',
      advertisedListeners: 'OUTSIDE://kafka.example:9999',
      'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
      'inter.broker.listener.name': 'INSIDE',
    },
  })
  const [inside, outside] = broker.listeners
  t.is(broker.bootstrap, `127.0.0.1:${inside!.port}`)
  for (const [listener, expected] of [
    [inside!, `127.0.0.1:${inside!.port}`],
    [outside!, 'kafka.example:9999'],
  ] as const) {
    const open = new Channel(await tcpDialer().dial('127.0.0.1', listener.port!), { clientId: 'test', clock: systemClock })
    t.teardown(() => open.close())
    const text = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`
    t.is(text((await open.request(Metadata, 12, { topics: null })).brokers[0]!), expected)
    t.is(text((await open.request(DescribeCluster, 1, { includeClusterAuthorizedOperations: false })).brokers[0]!), expected)
    t.is(text((await open.request(FindCoordinator, 4, { coordinatorKeys: ['g'] })).coordinators[0]!), expected)
  }
})

test('settings of listeners that cannot be are refused with what to write', async (t) => {
  const dir = await tempDir(t)
  const wrong: [BrokerConfigInput, RegExp][] = [
    [{ listeners: '127.0.0.1:9092' }, /NAME:\/\/host:port/],
    [{ listeners: 'A://127.0.0.1:0' }, /listener\.security\.protocol\.map/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0' }, /twice/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'advertised.listeners': 'SSL://a:1' }, /no listener SSL/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'advertised.listeners': 'PLAINTEXT://0.0.0.0:1' }, /clients can connect to/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'inter.broker.listener.name': 'X' }, /inter\.broker/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'listener.name.x.ssl.client.auth': 'none' }, /no listener x/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'listener.name.plaintext.num.partitions': '1' }, /no setting of a listener/],
    [{ listeners: 'PLAINTEXT://127.0.0.1:0', 'listener.security.protocol.map': 'A:B' }, /protocol\.map/],
    [{ listeners: 'SSL://127.0.0.1:0' }, /no certificate/],
    [{ listeners: 'SSL://127.0.0.1:0', ...tls, 'ssl.keystore.key': alice.key }, /ssl\.keystore/],
    [{ listeners: 'SSL://127.0.0.1:0', ...tls, 'ssl.keystore.key': 'x' }, /private key/],
    [{ listeners: 'SSL://127.0.0.1:0', 'ssl.keystore.type': 'JKS', 'ssl.keystore.location': '/x.jks' }, /PKCS12/],
    [{ listeners: 'SSL://127.0.0.1:0', 'ssl.keystore.location': '/not/there.pem' }, /cannot read \/not\/there\.pem/],
    [{ listeners: 'SASL_PLAINTEXT://127.0.0.1:0' }, /how clients log in/],
    [{ listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'GSSAPI' }, /GSSAPI/],
    [{ listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'PLAIN' }, /nobody can log in/],
    [{ listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'PLAIN', 'sasl.plain.users': 'secret' }, /user:password/],
    [{ listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'OAUTHBEARER' }, /jwks/],
    [{ 'super.users': 'alice' }, /no principal/],
    [{ 'authorizer.class.name': 'my.Authorizer' }, /StandardAuthorizer/],
    [{ 'max.connections.per.ip.overrides': 'a' }, /address:number/],
  ]
  for (const [config, message] of wrong) {
    const error = await t.throwsAsync(
      Broker.start({ dir, config }),
      { instanceOf: MoldauError, code: 'INVALID_CONFIG' },
      JSON.stringify(config),
    )
    t.regex(error!.message, message)
    t.notRegex(error!.message, /secret|[A-Za-z0-9+/]{40}/)
  }
  await t.throwsAsync(Broker.start({ dir, port: 0, config: { listeners: 'PLAINTEXT://127.0.0.1:0' } }), {
    code: 'INVALID_CONFIG',
    message: /not both/,
  })
  const broker = await Broker.start({ dir })
  await broker.close()
})

test('our client speaks TLS with the broker, and checks whom it speaks with', async (t) => {
  const broker = await listening(t, 'SSL', tls)
  await roundTrip(t, broker.bootstrap, { ssl: { ca: authority.cert } })
  await roundTrip(t, `localhost:${broker.port}`, { 'security.protocol': 'SSL', 'ssl.truststore.certificates': authority.cert })
  await t.throwsAsync(connect(broker.bootstrap, { ssl: true }), { code: 'TLS_FAILED', message: /ssl\.ca/ })
  await t.throwsAsync(connect(broker.bootstrap, { ssl: { ca: authority.cert, servername: 'kafka.example' } }), {
    code: 'TLS_FAILED',
    message: /servername/,
  })
  await roundTrip(t, broker.bootstrap, { ssl: { rejectUnauthorized: false } })
})

test('who speaks plain text to TLS, or TLS to plain text, is told so; others go on', async (t) => {
  const logged: string[] = []
  const note = (_: object, message: string): void => void logged.push(message)
  const logger = { debug() {}, info() {}, warn: note, error: note }
  const config = { listeners: 'SSL://127.0.0.1:0,PLAINTEXT://127.0.0.1:0', ...tls }
  const broker = await startBroker(t, { logger, config })
  const [ssl, plain] = broker.listeners.map(({ port }) => `127.0.0.1:${port}`)
  await t.throwsAsync(connect(ssl!, { bootstrapTimeoutMs: 300 }), { instanceOf: MoldauError, message: /if it speaks TLS say so/ })
  await t.throwsAsync(connect(plain!, { ssl: { ca: authority.cert } }), { instanceOf: MoldauError })
  t.true(
    logged.some((line) => /does not speak TLS/.test(line)),
    logged.join('\n'),
  )
  t.true(
    logged.some((line) => /speaks TLS, this side plain text/.test(line)),
    logged.join('\n'),
  )
  await roundTrip(t, ssl!, { ssl: { ca: authority.cert } })
  await roundTrip(t, plain!, {})
})

const CLIENT_AUTH = { ...tls, 'authorizer.class.name': 'StandardAuthorizer', 'super.users': 'User:alice' }

for (const clientAuth of ['required', 'requested'] as const) {
  test(`with ssl.client.auth=${clientAuth} the certificate tells who the client is`, async (t) => {
    const broker = await listening(t, 'SSL', {
      ...CLIENT_AUTH,
      'ssl.client.auth': clientAuth,
      'listener.name.ssl.ssl.principal.mapping.rules': 'RULE:^CN=(.*?),O=moldau$/$1/,DEFAULT',
    })
    const trust = { ca: authority.cert }
    await roundTrip(t, broker.bootstrap, { ssl: { ...trust, cert: alice.cert, key: alice.key } })
    const bob = authority.issue({ subject: [['CN', 'bob']] })
    await t.throwsAsync(roundTrip(t, broker.bootstrap, { ssl: { ...trust, cert: bob.cert, key: bob.key } }), {
      message: /AUTHORIZATION_FAILED/,
    })
    const stranger = new Authority('another').issue({
      subject: [
        ['O', 'moldau'],
        ['CN', 'alice'],
      ],
    })
    await t.throwsAsync(connect(broker.bootstrap, { ssl: { ...trust, cert: stranger.cert, key: stranger.key }, bootstrapTimeoutMs: 300 }))
    const nobody = roundTrip(t, broker.bootstrap, { ssl: trust, bootstrapTimeoutMs: 300 })
    await (clientAuth === 'required' ? t.throwsAsync(nobody) : t.throwsAsync(nobody, { message: /AUTHORIZATION_FAILED/ }))
  })
}

test('certificates from files are renewed without a restart, and bad ones leave the old', async (t) => {
  const dir = await tempDir(t)
  const [store, trust] = [join(dir, 'broker.pem'), join(dir, 'ca.pem')]
  await writeFile(store, server.key + server.cert)
  await writeFile(trust, authority.cert)
  const clock = new ManualClock(Date.now())
  const config = { listeners: 'SSL://127.0.0.1:0', 'ssl.keystore.location': store, 'ssl.truststore.location': trust }
  const broker = await startBroker(t, { clock, config })
  const shown = async (): Promise<string> => {
    const socket = connectTls({ host: '127.0.0.1', port: broker.port!, ca: authority.cert })
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    const { subject } = socket.getPeerX509Certificate()!
    socket.destroy()
    return subject
  }
  t.is(await shown(), 'CN=broker')
  const renewed = authority.issue({ subject: [['CN', 'renewed']], ip: ['127.0.0.1'] })
  await writeFile(store, `${renewed.key}\n${renewed.cert}\n`)
  clock.advance(2000)
  t.is(await shown(), 'CN=renewed')
  await writeFile(store, server.key + renewed.cert)
  clock.advance(2000)
  t.is(await shown(), 'CN=renewed')
  await writeFile(store, server.key + server.cert)
  clock.advance(2000)
  t.is(await shown(), 'CN=broker')
})

const issuer = new TokenIssuer()

async function saslConfig(t: ExecutionContext): Promise<BrokerConfigInput> {
  const jwks = join(await tempDir(t), 'jwks.json')
  await writeFile(jwks, issuer.jwks())
  const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin" user_alice="secret";'
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'sasl.jaas.config': jaas,
    'sasl.plain.users': 'bob:with:colon,carol:x',
    'sasl.oauthbearer.jwks.endpoint.url': jwks,
    'sasl.oauthbearer.expected.audience': 'moldau',
  }
}

const token = (): string => issuer.token({ sub: 'alice', exp: Date.now() / 1000 + 600, aud: 'moldau' }, 'rsa')

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
  await client.admin.setScramPassword('dave', 'pw')
  await roundTrip(t, broker.bootstrap, { sasl: dave })
  t.deepEqual(await client.admin.describeScramUsers(['dave']), [
    { user: 'dave', credentials: [{ mechanism: 'SCRAM-SHA-512', iterations: 4096 }] },
  ])
  await client.admin.setScramPassword('dave', 'changed', 'SCRAM-SHA-512', 8192)
  await t.throwsAsync(connect(broker.bootstrap, { sasl: dave }), { code: 'AUTHENTICATION_FAILED' })
  await client.admin.deleteScramCredential('dave')
  await t.throwsAsync(client.admin.describeScramUsers(['dave']), { message: /RESOURCE_NOT_FOUND/ })
  await t.throwsAsync(client.admin.deleteScramCredential('dave'), { message: /RESOURCE_NOT_FOUND/ })
  await t.throwsAsync(client.admin.setScramPassword('dave', 'pw', 'SCRAM-SHA-512', 4095), { message: /UNACCEPTABLE_CREDENTIAL/ })
  await t.throwsAsync(client.admin.setScramPassword('dave', 'pw', 'SCRAM-SHA-512', 16_385), { message: /UNACCEPTABLE_CREDENTIAL/ })
  await t.throwsAsync(client.admin.setScramPassword('', 'pw'), { message: /UNACCEPTABLE_CREDENTIAL/ })
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
  const first = await channel(t, broker)
  t.is((await first.request(ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })).errorCode, 0)
  await t.throwsAsync(first.request(Metadata, 12, { topics: null }), { code: 'CONNECTION_LOST' })
  const second = await channel(t, broker)
  const { errorCode, mechanisms } = await second.request(SaslHandshake, 1, { mechanism: 'GSSAPI' })
  t.is(errorName(errorCode), 'UNSUPPORTED_SASL_MECHANISM')
  t.deepEqual(mechanisms, ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
  await closed(second)
  const third = await channel(t, broker)
  await third.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  const inBetween = await third.request(FindCoordinator, 3, { key: 'g' })
  t.is(errorName(inBetween.errorCode), 'ILLEGAL_SASL_STATE')
  await closed(third)
  const fourth = await channel(t, broker)
  await fourth.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  await t.throwsAsync(fourth.request(SaslAuthenticate, 1, { authBytes: Buffer.alloc(2000) }), { code: 'CONNECTION_LOST' })
  const fifth = await channel(t, broker)
  await t.throwsAsync(fifth.request(SaslAuthenticate, 1, { authBytes: Buffer.from('\0alice\0secret') }), { code: 'CONNECTION_LOST' })
})

test('after logging in requests may be large', async (t) => {
  const broker = await listening(t, 'SASL_PLAINTEXT', { ...(await saslConfig(t)), 'sasl.server.max.receive.size': 1000 })
  const open = await channel(t, broker)
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
      const open = await channel(t, broker)
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

test('where nobody has to log in, a log-in is answered ILLEGAL_SASL_STATE', async (t) => {
  const broker = await startBroker(t)
  const open = await channel(t, broker)
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
    socket.on('data', (chunk) => got.push(chunk))
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const frame = (bytes: Buffer): void => void socket.write(Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]))
    const header = (key: number, version: number): Buffer => Buffer.from([0, key, 0, version, 0, 0, 0, 7, 0xff, 0xff])
    frame(Buffer.concat([header(17, 0), Buffer.from([0, 5]), Buffer.from('PLAIN')]))
    for (const each of tokens) frame(Buffer.from(each))
    frame(header(18, 0))
    await new Promise((resolve) => setTimeout(resolve, 50))
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
  const [good, late, other, changed] = await Promise.all([1, 2, 3, 4].map(() => channel(t, broker)))
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
  const open = await channel(t, broker)
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
  const open = await channel(t, broker)
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
      t.is(errorName(responses[0]!.errorCode), 'INVALID_REQUEST', config.name)
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
  const open = await Promise.all([1, 2, 3].map(() => channel(t, broker)))
  for (const each of open) await each.request(ApiVersions, 0, {})
  const fourth = await channel(t, broker)
  await t.throwsAsync(fourth.request(ApiVersions, 0, {}), { code: 'CONNECTION_LOST' })
  await open[0]!.request(ApiVersions, 0, {})
  open[1]!.close()
  // The place is free when the broker has seen the end.
  for (let tries = 0; ; tries++) {
    const again = await channel(t, broker)
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
      const producer = one.producer({ idempotent: false })
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
  // What waits for its answer takes memory, too.
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
  const other = await channel(t, broker)
  for (let i = 0; i < 50; i++) await other.request(ApiVersions, 0, {})
  t.pass()
})

test('with queued.max.request.bytes who sends so much of a request that others wait, and not the rest, is cut off', async (t) => {
  const clock = new ManualClock(Date.now())
  const warnings: string[] = []
  const logger = { debug() {}, info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} }
  const broker = await startBroker(t, { clock, logger, config: { 'queued.max.request.bytes': 20_000 } })
  const other = await channel(t, broker)
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
  const other = await channel(t, broker)
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
