import { once } from 'node:events'
import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import { Broker } from '../../core/broker/broker.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import type { DescribeConfigsResponse } from '../../core/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Authority } from '../support/certificates.ts'
import type { Certificate, NamePart } from '../support/certificates.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { open } from '../support/wire.ts'

const [authority, another] = [new Authority(), new Authority('another authority')]
const BROKER = 4

/** Certificates are told apart by what comes after the name that they must keep. */
function issue(names: readonly string[] = ['localhost'], subject: readonly NamePart[] = [['CN', 'broker']], by = authority): Certificate {
  return by.issue({ subject, dns: names, ip: ['127.0.0.1'] })
}

const first = issue()
const second = issue(['localhost', 'second'])
const OWN = 'listener.name.ssl.ssl.'
const TRUST = `${OWN}truststore.certificates`

const given: BrokerConfigInput = {
  listeners: 'SSL://127.0.0.1:0',
  'ssl.keystore.key': first.key,
  'ssl.keystore.certificate.chain': first.cert,
}

interface Altered {
  error: string
  message: string | null
}

type Changes = Readonly<Record<string, string | null>>

/** Sets settings, or with null takes them away, of broker 1 or of all. */
async function alter(
  t: ExecutionContext,
  broker: Broker,
  changes: Changes,
  { validateOnly = false, resourceName = '1' } = {},
): Promise<Altered> {
  const admin = await open(t, broker, 'in-process')
  const configs = Object.entries(changes).map(([name, value]) => ({ name, configOperation: value === null ? 1 : 0, value }))
  const { responses } = await admin.request(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: BROKER, resourceName, configs }],
    validateOnly,
  })
  const [{ errorCode, errorMessage }] = responses as [(typeof responses)[0]]
  return { error: errorName(errorCode), message: errorMessage }
}

type Shown = DescribeConfigsResponse['results'][number]['configs'][number]

async function described(t: ExecutionContext, broker: Broker): Promise<Map<string, Shown>> {
  const admin = await open(t, broker, 'in-process')
  const resources = [{ resourceType: BROKER, resourceName: '1', configurationKeys: null }]
  const { results } = await admin.request(DescribeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: false })
  return new Map(results[0]!.configs.map((each) => [each.name, each]))
}

const inText = ({ key, cert }: Certificate): Changes => ({ [`${OWN}keystore.key`]: key, [`${OWN}keystore.certificate.chain`]: cert })

async function handshake(t: ExecutionContext, broker: Broker, client?: Certificate): Promise<TLSSocket> {
  const ca = [authority.cert, another.cert]
  const socket = connectTls({ host: '127.0.0.1', port: broker.port!, ca, ...(client && { key: client.key, cert: client.cert }) })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** What a new connection is shown. */
async function shown(t: ExecutionContext, broker: Broker): Promise<Buffer> {
  const socket = await handshake(t, broker)
  const { raw } = socket.getPeerX509Certificate()!
  socket.destroy()
  return raw
}

/** ApiVersions 0, and whether it is answered: with TLS 1.3 a client hears only after the handshake that it is not believed. */
async function isAnswered(socket: TLSSocket): Promise<boolean> {
  socket.write(Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]))
  const outcome = await Promise.race([
    once(socket, 'data').then(() => true),
    once(socket, 'close').then(() => false),
    once(socket, 'error').then(() => false),
  ])
  return outcome
}

test('a certificate set for a listener is shown to new connections; those that are open go on', async (t) => {
  const broker = await startBroker(t, { config: given })
  const before = await handshake(t, broker)
  t.deepEqual(await shown(t, broker), first.der)
  t.is((await alter(t, broker, inText(second), { validateOnly: true })).error, 'NONE')
  t.deepEqual(await shown(t, broker), first.der, 'it was only validated')
  t.is((await alter(t, broker, inText(second))).error, 'NONE')
  t.deepEqual(await shown(t, broker), second.der)
  t.true(await isAnswered(before))
  // From a file; the text stands before it as long as it is set.
  const store = join(await tempDir(t), 'broker.pem')
  const third = issue(['localhost', 'second', 'third'])
  await writeFile(store, third.key + third.cert)
  const inFile = { [`${OWN}keystore.key`]: null, [`${OWN}keystore.certificate.chain`]: null, [`${OWN}keystore.location`]: store }
  const both = await startBroker(t, {
    config: { listeners: 'SSL://127.0.0.1:0', [`${OWN}keystore.location`]: store },
  })
  t.deepEqual(await shown(t, both), third.der)
  t.is((await alter(t, both, inText(issue(['localhost', 'second', 'third'])))).error, 'NONE')
  t.notDeepEqual(await shown(t, both), third.der)
  t.is((await alter(t, both, inFile)).error, 'NONE')
  t.deepEqual(await shown(t, both), third.der)
})

test('a certificate that cannot be used is refused with the name of the setting, and changes nothing', async (t) => {
  const dir = await tempDir(t)
  const broken = join(dir, 'broken.pem')
  await writeFile(broken, 'hush')
  const broker = await startBroker(t, { config: { ...given, 'ssl.truststore.certificates': authority.cert } })
  const wrong: readonly (readonly [Changes, RegExp])[] = [
    [{ [`${OWN}keystore.key`]: 'hush' }, /listener\.name\.ssl\.ssl\.keystore\.key.*private key/],
    [{ [`${OWN}keystore.key`]: second.key }, /listener\.name\.ssl\.ssl\.keystore/],
    [{ [`${OWN}keystore.certificate.chain`]: 'hush' }, /listener\.name\.ssl\.ssl\.keystore\.certificate\.chain/],
    [{ [`${OWN}truststore.certificates`]: 'hush' }, /listener\.name\.ssl\.ssl\.truststore\.certificates/],
    [
      { [`${OWN}truststore.certificates`]: '-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----' },
      /listener\.name\.ssl\.ssl\.truststore/,
    ],
    [{ [`${OWN}truststore.type`]: 'PKCS12', [`${OWN}truststore.location`]: broken, [TRUST]: '' }, /truststore\.type/],
    [{ [`${OWN}keystore.type`]: 'JKS' }, /keystore\.type.*JKS/],
    [{ [`${OWN}keystore.type`]: 'none' }, /keystore\.type/],
    // With the text taken away in favour of a file.
    [{ [`${OWN}keystore.location`]: join(dir, 'missing.pem'), [`${OWN}keystore.key`]: '' }, /keystore\.location.*missing\.pem/],
    [{ [`${OWN}keystore.location`]: broken, [`${OWN}keystore.key`]: '' }, /keystore\.location/],
  ]
  for (const [changes, message] of wrong) {
    const answer = await alter(t, broker, changes)
    t.is(answer.error, 'INVALID_REQUEST', Object.keys(changes).join())
    t.regex(answer.message!, message)
    t.notRegex(answer.message!, /hush/)
  }
  t.deepEqual(await shown(t, broker), first.der)
  t.deepEqual(
    [...(await described(t, broker)).keys()].filter((name) => name.startsWith(OWN)),
    [],
  )
})

test('a new certificate keeps the names of the one before, unless it need not', async (t) => {
  const stranger = issue(['localhost'], [['CN', 'somebody']])
  const fewer = issue(['elsewhere'])
  const broker = await startBroker(t, { config: given })
  const renamed = await alter(t, broker, inText(stranger))
  t.is(renamed.error, 'INVALID_REQUEST')
  t.regex(renamed.message!, /CN=somebody, not for CN=broker.*ssl\.allow\.dn\.changes/)
  const lacking = await alter(t, broker, inText(fewer))
  t.is(lacking.error, 'INVALID_REQUEST')
  t.regex(lacking.message!, /DNS:localhost.*ssl\.allow\.san\.changes/)
  t.deepEqual(await shown(t, broker), first.der)
  const lax = await startBroker(t, {
    config: { ...given, 'ssl.allow.dn.changes': true, 'listener.name.ssl.ssl.allow.san.changes': true },
  })
  t.is((await alter(t, lax, inText(issue(['elsewhere'], [['CN', 'somebody']])))).error, 'NONE')
  t.notDeepEqual(await shown(t, lax), first.der)
})

test('who is believed changes for new connections; those that are open go on', async (t) => {
  const mine = authority.issue({ subject: [['CN', 'alice']] })
  const theirs = another.issue({ subject: [['CN', 'bob']] })
  const broker = await startBroker(t, {
    config: { ...given, 'ssl.client.auth': 'required', 'ssl.truststore.certificates': authority.cert },
  })
  const before = await handshake(t, broker, mine)
  t.true(await isAnswered(before))
  t.false(await isAnswered(await handshake(t, broker, theirs)))
  t.is((await alter(t, broker, { [TRUST]: another.cert })).error, 'NONE')
  t.true(await isAnswered(await handshake(t, broker, theirs)))
  t.false(await isAnswered(await handshake(t, broker, mine)))
  t.true(await isAnswered(before))
  t.is((await alter(t, broker, { [TRUST]: null })).error, 'NONE')
  t.true(await isAnswered(await handshake(t, broker, mine)))
  t.false(await isAnswered(await handshake(t, broker, theirs)))
})

test('settings of certificates are shown with where they come from, their secrets are not, and no one else may read the file they are in', async (t) => {
  const dir = await tempDir(t)
  const store = join(await tempDir(t), 'ca.pem')
  await writeFile(store, authority.cert)
  const broker = await startBroker(t, { dir, config: { ...given, 'ssl.truststore.location': '' } })
  const changes = { ...inText(second), [`${OWN}truststore.location`]: store, [`${OWN}truststore.password`]: 'hush' }
  t.is((await alter(t, broker, changes)).error, 'NONE')
  const configs = await described(t, broker)
  const location = configs.get(`${OWN}truststore.location`)!
  t.like(location, { value: store, configSource: 2, isSensitive: false, readOnly: false })
  t.deepEqual(
    location.synonyms.map(({ name, source }) => [name, source]),
    [
      [`${OWN}truststore.location`, 2],
      ['ssl.truststore.location', 4],
    ],
  )
  for (const name of [`${OWN}keystore.key`, `${OWN}keystore.certificate.chain`, `${OWN}truststore.password`]) {
    t.like(configs.get(name), { value: null, configSource: 2, isSensitive: true, configType: 9 }, name)
    t.true(configs.get(name)!.synonyms.every(({ value }) => value === null))
  }
  for (const copy of ['metadata.json', 'metadata.json.backup']) t.is((await stat(join(dir, copy))).mode & 0o777, 0o600, copy)
  const taken = Object.fromEntries(Object.keys(changes).map((name) => [name, null]))
  // The names of the second are more than those of the first, which comes back.
  t.is((await alter(t, broker, taken)).error, 'INVALID_REQUEST')
  t.deepEqual(await shown(t, broker), second.der)
})

test('certificates that were set are there after a restart, and are looked after as others are', async (t) => {
  const [dir, files] = [await tempDir(t), await tempDir(t)]
  const store = join(files, 'broker.pem')
  await writeFile(store, second.key + second.cert)
  const inFile = { [`${OWN}keystore.type`]: 'PEM', [`${OWN}keystore.location`]: store, [`${OWN}keystore.key`]: '' }
  const chain = { [`${OWN}keystore.certificate.chain`]: '' }
  const before = await Broker.start({ dir, config: given })
  t.is((await alter(t, before, { ...inFile, ...chain })).error, 'NONE')
  await before.close()
  const clock = new ManualClock(Date.now())
  const after = await startBroker(t, { dir, clock, config: given })
  t.deepEqual(await shown(t, after), second.der)
  // Renewed in its place.
  const third = issue(['localhost', 'second', 'third'])
  await writeFile(store, third.key + third.cert)
  clock.advance(2000)
  t.deepEqual(await shown(t, after), third.der)
  // And once more after another change of settings.
  const elsewhere = join(files, 'elsewhere.pem')
  const fourth = issue(['localhost', 'second', 'third', 'fourth'])
  await writeFile(elsewhere, fourth.key + fourth.cert)
  t.is((await alter(t, after, { [`${OWN}keystore.location`]: elsewhere })).error, 'NONE')
  t.deepEqual(await shown(t, after), fourth.der)
  await writeFile(elsewhere, third.key + third.cert)
  clock.advance(2000)
  t.deepEqual(await shown(t, after), third.der)
})

test('a certificate that was set and is gone at the next start is told of, and shown when it is back', async (t) => {
  const [dir, files] = [await tempDir(t), await tempDir(t)]
  const [store, away] = [join(files, 'broker.pem'), join(files, 'away.pem')]
  await writeFile(store, second.key + second.cert)
  const before = await Broker.start({ dir, config: given })
  const empty = { [`${OWN}keystore.key`]: '', [`${OWN}keystore.certificate.chain`]: '' }
  t.is((await alter(t, before, { [`${OWN}keystore.location`]: store, ...empty })).error, 'NONE')
  await before.close()
  await rename(store, away)
  const errors: string[] = []
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void errors.push(message) }
  const clock = new ManualClock(Date.now())
  const after = await startBroker(t, { dir, clock, logger, config: given })
  t.deepEqual(await shown(t, after), first.der)
  t.true(
    errors.some((line) => line.includes('listener.name.ssl.ssl.keystore.location') && line.includes(store)),
    errors.join('\n'),
  )
  // Other settings can be changed meanwhile.
  t.is((await alter(t, after, { 'num.io.threads': '9' })).error, 'NONE')
  t.deepEqual(await shown(t, after), first.der)
  await rename(away, store)
  clock.advance(2000)
  t.deepEqual(await shown(t, after), second.der)
})

test('a broker does not start with the former list of whom to believe because the new one is gone', async (t) => {
  const [dir, files] = [await tempDir(t), await tempDir(t)]
  const store = join(files, 'ca.pem')
  await writeFile(store, another.cert)
  const config = { ...given, 'ssl.client.auth': 'required', 'ssl.truststore.certificates': authority.cert }
  const before = await Broker.start({ dir, config })
  t.is((await alter(t, before, { [TRUST]: '', [`${OWN}truststore.location`]: store })).error, 'NONE')
  await before.close()
  await rm(store)
  await t.throwsAsync(Broker.start({ dir, config }), { code: 'INVALID_CONFIG', message: /listener\.name\.ssl\.ssl\.truststore\.location/ })
})

test('what Kafka does not let change is refused with its words', async (t) => {
  const broker = await startBroker(t, { config: given })
  const refused = async (changes: Changes, message: RegExp, resourceName = '1'): Promise<void> => {
    const answer = await alter(t, broker, changes, { resourceName })
    t.is(answer.error, 'INVALID_REQUEST', Object.keys(changes).join())
    t.regex(answer.message!, message)
  }
  await refused(
    { 'ssl.keystore.location': '/x.pem' },
    /These security configs can be dynamically updated only per-listener using the listener prefix: \[ssl\.keystore\.location\]/,
  )
  await refused({ [TRUST]: another.cert }, /Cannot update these configs at default cluster level, broker id must be specified/, '')
  for (const name of [
    'ssl.client.auth',
    'ssl.enabled.protocols',
    'ssl.cipher.suites',
    'sasl.enabled.mechanisms',
    'plain.sasl.jaas.config',
  ]) {
    await refused({ [`listener.name.ssl.${name}`]: 'required' }, /Configs cannot be updated dynamically for existing listener/)
  }
  // Of all brokers, since it is a number.
  t.is((await alter(t, broker, { 'listener.name.ssl.max.connections': '5000' }, { resourceName: '' })).error, 'NONE')
  // Of a listener that is not there, or speaks no TLS: kept, and of no consequence.
  t.is((await alter(t, broker, { 'listener.name.other.ssl.keystore.location': '/x.pem' })).error, 'NONE')
})
