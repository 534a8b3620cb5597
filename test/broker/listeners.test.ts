import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'

import test from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Broker } from '../../core/broker/broker.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { connect } from '../../core/client/connect.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { Authority } from '../support/certificates.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { alice, authority, listening, roundTrip, server, tls } from '../support/secure-broker.ts'
import { channelTo } from '../support/wire.ts'

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
    const open = await channelTo(t, `127.0.0.1:${listener.port}`)
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
  await t.throwsAsync(connect(ssl!, { bootstrapTimeoutMs: 300 }), {
    instanceOf: MoldauError,
    message: /if it speaks TLS say so: ssl or security\.protocol of connect\(\)/,
  })
  await t.throwsAsync(connect(plain!, { ssl: { ca: authority.cert }, bootstrapTimeoutMs: 300 }), {
    instanceOf: MoldauError,
    message: /no TLS with .*does not speak TLS leave ssl and security\.protocol out/,
  })
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
