import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { subjectOf } from '../../core/security/distinguished-name.ts'
import { parseJaas } from '../../core/security/jaas.ts'
import { Jwks } from '../../core/security/jwks.ts'
import { oauthBearerServer } from '../../core/security/oauthbearer-server.ts'
import { plainServer } from '../../core/security/plain-server.ts'
import { principalMapping } from '../../core/security/principal-mapping.ts'
import { SaslRefused } from '../../core/security/sasl.ts'
import type { SaslServer, SaslStep } from '../../core/security/sasl.ts'
import { saslClient } from '../../core/security/sasl-client.ts'
import { clientKey, credentialOf, hash, hmac, saltedPasswordSync, scramMechanisms, xor } from '../../core/security/scram.ts'
import type { ScramMechanism } from '../../core/security/scram.ts'
import { scramServer } from '../../core/security/scram-server.ts'
import { Authority } from '../support/certificates.ts'
import { tempDir } from '../support/start-broker.ts'
import { TokenIssuer } from '../support/tokens.ts'

const DN = 'CN=kafka-admin,OU=Dept,O=Org,C=US'

test('rules map names of certificates as Kafka documents them', (t) => {
  t.is(principalMapping('DEFAULT')(DN), DN)
  t.is(principalMapping('RULE:^CN=(.*?),.*$/$1/')(DN), 'kafka-admin')
  t.is(principalMapping('RULE:^CN=(.*?),OU=(.*?),O=(.*?),C=(.*?)$/$1@$2/L')(DN), 'kafka-admin@dept')
  t.is(principalMapping('RULE:^CN=(.*?),.*$/$1/U')(DN), 'KAFKA-ADMIN')
  t.is(principalMapping('RULE:^nobody$/x/, RULE:^CN=(.*?),OU=.*$/$1/ , DEFAULT')(DN), 'kafka-admin', 'the first that fits')
  t.is(principalMapping('RULE:^nobody$/x/,DEFAULT')(DN), DN)
  t.is(principalMapping(String.raw`RULE:^CN=(.*?),.*$/a\/b$1/`)(DN), 'a/bkafka-admin', 'a quoted slash')
  t.is(principalMapping('RULE:^CN=(.*?),.*$/$1$4/')(DN), 'kafka-admin$4', 'a group that is not there stays as it stands')
  t.is(principalMapping('RULE:^CN=(.*?),.*$/$12/')(DN), 'kafka-admin2', 'a number loses digits until there is a group')
  t.throws(() => principalMapping('RULE:^nobody$/x/')(DN), { instanceOf: MoldauError, code: 'AUTHENTICATION_FAILED' })
  for (const wrong of ['RULE:x', 'RULE:(/$1/', 'default', 'RULE:a/b/X', 'DEFAULT DEFAULT']) {
    t.throws(() => principalMapping(wrong), { instanceOf: MoldauError, code: 'INVALID_CONFIG' }, wrong)
  }
})

test('the name in a certificate is written as Java writes it', (t) => {
  const authority = new Authority()
  const subject = (parts: Parameters<Authority['issue']>[0]['subject']): string => subjectOf(authority.issue({ subject: parts }).der)
  t.is(
    subject([
      ['C', 'CZ'],
      ['O', 'Moldau, Inc.'],
      ['OU', 'a+b'],
      ['CN', 'alice'],
    ]),
    String.raw`CN=alice,OU=a\+b,O=Moldau\, Inc.,C=CZ`,
  )
  t.is(subject([['CN', ' käse "x" ']]), String.raw`CN=\ käse \"x\"\ `)
  t.is(subject([['CN', '#1']]), String.raw`CN=\#1`)
  t.is(
    subject([
      ['CN', 'a'],
      ['emailAddress', 'a@b.c'],
    ]),
    '1.2.840.113549.1.9.1=#16056140622e63,CN=a',
  )
})

test('sasl.jaas.config is read as Kafka writes it, and errors do not repeat it', (t) => {
  const { module, options } = parseJaas(
    'x',
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="a\\"b;c=d" user_alice="p w" user_bob=simple;',
  )
  t.is(module, 'org.apache.kafka.common.security.plain.PlainLoginModule')
  t.deepEqual(
    [...options],
    [
      ['username', 'admin'],
      ['password', 'a"b;c=d'],
      ['user_alice', 'p w'],
      ['user_bob', 'simple'],
    ],
  )
  for (const wrong of [
    '',
    'Module',
    'Module required secret',
    'Module required a="b"',
    'Module required a= ;',
    'Module required a "secret";',
    'M required a="secret;',
  ]) {
    const error = t.throws(() => parseJaas('x', wrong), { instanceOf: MoldauError, code: 'INVALID_CONFIG' }, wrong)
    t.notRegex(error.message, /secret/)
  }
})

const evaluate = async (server: SaslServer, response: string | Buffer): Promise<SaslStep> => server.evaluate(Buffer.from(response))

const reply = async (server: SaslServer, text: string): Promise<string> => (await evaluate(server, text)).challenge.toString()

test('SCRAM-SHA-256 proves what RFC 7677 proves with its example', async (t) => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const salted = saltedPasswordSync('SCRAM-SHA-256', 'pencil', salt, 4096)
  const { storedKey, serverKey } = credentialOf('SCRAM-SHA-256', salted, salt, 4096)
  t.is(storedKey.toString('base64'), 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=')
  t.is(serverKey.toString('base64'), 'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
})

const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'))
const mechanisms = fc.constantFrom<ScramMechanism>('SCRAM-SHA-256', 'SCRAM-SHA-512')

test('with SCRAM the right password and no other logs in, whatever is in user and password', async (t) => {
  await fc.assert(
    fc.asyncProperty(mechanisms, names, names, names, async (mechanism, username, password, other) => {
      const salt = Buffer.from('salt')
      const { iterationsMin } = scramMechanisms[mechanism]
      const credential = credentialOf(mechanism, saltedPasswordSync(mechanism, password, salt, iterationsMin), salt, iterationsMin)
      const server = scramServer(mechanism, (_, user) => (user === username ? credential : undefined))()
      const client = saslClient({ mechanism, username, password: other })
      const { challenge } = await evaluate(server, await client.first())
      const proof = (await client.next(challenge))!
      if (other !== password) {
        await t.throwsAsync(evaluate(server, proof), { instanceOf: SaslRefused })
        return
      }
      const step = await evaluate(server, proof)
      t.is(step.principal, `User:${username}`)
      t.is(await client.next(step.challenge), undefined)
    }),
    { numRuns: 12 },
  )
  t.pass()
})

test('SCRAM refuses forged and repeated messages, unknown users, and a server that does not know the password', async (t) => {
  const mechanism = 'SCRAM-SHA-256'
  const salt = Buffer.from('salt')
  const credential = credentialOf(mechanism, saltedPasswordSync(mechanism, 'secret', salt, 4096), salt, 4096)
  const factory = scramServer(mechanism, (_, user) => (user === 'alice' ? credential : undefined))
  for (const wrong of [
    '',
    'n,,',
    'n,,n=alice',
    'n,,r=x',
    'p=tls-unique,,n=alice,r=x',
    'n,,n=al=ice,r=x',
    'n,,n=bob,r=x',
    'n,a=bob,n=alice,r=x',
    'n,,n=alice,r=x,tokenauth=true',
  ]) {
    await t.throwsAsync(evaluate(factory(), wrong), { instanceOf: SaslRefused }, wrong)
  }
  const nonceOf = (first: string): string => /^r=([^,]*)/.exec(first)![1]!
  for (const final of [
    (_: string) => '',
    (r: string) => `c=biws,r=${r}`,
    (r: string) => `c=biws,r=${r},p=`,
    (r: string) => `c=biws,r=${r},p=AAAA`,
    (r: string) => `c=eSws,r=${r},p=AAAA`,
    () => 'c=biws,r=mine,p=AAAA',
  ]) {
    const server = factory()
    const first = await reply(server, 'n,,n=alice,r=abc')
    t.true(nonceOf(first).startsWith('abc'))
    await t.throwsAsync(reply(server, final(nonceOf(first))), { instanceOf: SaslRefused })
    await t.throwsAsync(reply(server, final(nonceOf(first))), { instanceOf: SaslRefused }, 'a nonce is good for one try')
  }
  const client = saslClient({ mechanism, username: 'alice', password: 'secret' })
  const server = factory()
  await evaluate(server, (await client.next((await evaluate(server, await client.first())).challenge))!)
  await t.throwsAsync(client.next(Buffer.from('v=AAAA')), { code: 'AUTHENTICATION_FAILED' })
})

test('PLAIN takes the right password only, for oneself only', async (t) => {
  const factory = plainServer(new Map([['alice', 'secret']]))
  t.is((await evaluate(factory(), '\0alice\0secret')).principal, 'User:alice')
  t.is((await evaluate(factory(), 'alice\0alice\0secret')).principal, 'User:alice')
  for (const wrong of [
    '',
    'alice',
    '\0alice\0',
    '\0\0secret',
    '\0alice\0Secret',
    '\0bob\0secret',
    'bob\0alice\0secret',
    '\0alice\0secret\0',
  ]) {
    await t.throwsAsync(evaluate(factory(), wrong), { instanceOf: SaslRefused }, JSON.stringify(wrong))
  }
})

test('OAUTHBEARER takes tokens of known keys, in their time, for us', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'jwks.json')
  const issuer = new TokenIssuer()
  await writeFile(path, issuer.jwks())
  const clock = new ManualClock()
  const now = clock.now() / 1000
  const rules = {
    audiences: ['moldau'],
    issuer: 'https://id',
    scopeClaim: 'scope',
    subClaim: 'sub',
    clockSkewMs: 30_000,
    requiredScopes: ['kafka'],
  }
  const jwks = await Jwks.open(path, clock)
  const factory = oauthBearerServer(jwks, rules, clock)
  const good = { sub: 'alice', exp: now + 60, nbf: now - 60, iss: 'https://id', aud: ['moldau', 'x'], scope: 'read kafka' }
  const says = async (token: string, head = 'n,,'): Promise<SaslStep> => {
    const server = factory()
    const step = await evaluate(server, `${head}\u0001auth=Bearer ${token}\u0001\u0001`)
    if (step.principal === undefined) await t.throwsAsync(evaluate(server, '\u0001'), { instanceOf: SaslRefused })
    return step
  }
  for (const key of ['ec', 'rsa']) {
    const step = await says(issuer.token(good, key))
    t.is(step.principal, 'User:alice')
    t.is(step.expiresAt, (now + 60) * 1000)
  }
  t.is((await says(issuer.token(good), 'n,a=alice,')).principal, 'User:alice')
  await t.throwsAsync(says(issuer.token(good), 'n,a=bob,'), { instanceOf: SaslRefused })
  const forged = issuer.token(good).split('.')
  const other = new TokenIssuer()
  const unsigned = (header: object): string =>
    [header, good].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const bad: Record<string, string> = {
    'another key': other.token(good),
    'an unknown key': issuer.token(good, 'ec', { kid: 'nobody' }),
    'another algorithm': issuer.token(good, 'ec', { alg: 'RS256' }),
    'a shared secret': issuer.token(good, 'ec', { alg: 'HS256' }),
    'something critical that we do not know': issuer.token(good, 'ec', { crit: ['b64'], b64: false }),
    'no signature': `${unsigned({ alg: 'none' })}.`,
    'other claims': [forged[0], Buffer.from(JSON.stringify({ ...good, sub: 'root' })).toString('base64url'), forged[2]].join('.'),
    'no token': 'abc',
    expired: issuer.token({ ...good, exp: now - 31 }),
    'never expires': issuer.token({ ...good, exp: undefined }),
    'not yet': issuer.token({ ...good, nbf: now + 31 }),
    'another issuer': issuer.token({ ...good, iss: 'https://evil' }),
    'another audience': issuer.token({ ...good, aud: 'x' }),
    'no scope': issuer.token({ ...good, scope: 'kafkaesque' }),
    nobody: issuer.token({ ...good, sub: '' }),
    'a number': issuer.token({ ...good, sub: 7 }),
  }
  for (const [what, token] of Object.entries(bad)) t.is((await says(token)).principal, undefined, what)
  // The keys are changed while the broker runs.
  issuer.addKey('new', 'ES256')
  const fresh = issuer.token(good, 'new')
  t.is((await says(fresh)).principal, undefined)
  await writeFile(path, issuer.jwks())
  clock.advance(2000)
  t.is((await says(fresh)).principal, 'User:alice')
  await writeFile(path, 'torn {')
  clock.advance(2000)
  t.is((await says(issuer.token({ ...good, exp: now + 600 }, 'new'))).principal, 'User:alice', 'a damaged file changes nothing')
})

test('a client that sends its part of the nonce twice, as old librdkafka does, logs in', async (t) => {
  const mechanism = 'SCRAM-SHA-256'
  const salt = Buffer.from('salt')
  const salted = saltedPasswordSync(mechanism, 'secret', salt, 4096)
  const server = scramServer(mechanism, () => credentialOf(mechanism, salted, salt, 4096))()
  const first = await reply(server, 'n,,n=alice,r=abc')
  const final = `c=biws,r=abc${/^r=([^,]*)/.exec(first)![1]!}`
  const key = clientKey(mechanism, salted)
  const proof = xor(key, hmac(mechanism, hash(mechanism, key), `n=alice,r=abc,${first},${final}`))
  t.is((await evaluate(server, `${final},p=${proof.toString('base64')}`)).principal, 'User:alice')
})
