import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { connect } from '../../core/client/connect.ts'
import { Authority } from '../support/certificates.ts'
import { confluentKafka } from '../support/confluent-kafka.ts'
import { hasKcat, kcat } from '../support/kcat.ts'
import { missing } from '../support/missing.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { TokenIssuer } from '../support/tokens.ts'
import { toolRunner } from '../support/tool-runner.ts'
import type { ToolResult } from '../support/tool-runner.ts'

const authority = new Authority()
const broker = authority.issue({ subject: [['CN', 'broker']], dns: ['localhost'], ip: ['127.0.0.1'] })
const alice = authority.issue({
  subject: [
    ['O', 'moldau'],
    ['CN', 'alice'],
  ],
})
const issuer = new TokenIssuer()

const listeners = ['SASL_SSL', 'SSL', 'SASL_PLAINTEXT'] as const
type Name = (typeof listeners)[number]

interface Bench {
  broker: Broker
  dir: string
  ca: string
  address: Record<Name, string>
  /** Writes a file and answers its path. */
  write: (name: string, content: string) => Promise<string>
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const dir = await tempDir(t)
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(dir, name), content)
    return join(dir, name)
  }
  const started = await startBroker(t, {
    config: {
      listeners: listeners.map((name) => `${name}://127.0.0.1:0`).join(','),
      'ssl.keystore.location': await write('broker.pem', broker.key + broker.cert),
      'ssl.truststore.location': await write('ca.pem', authority.cert),
      'listener.name.ssl.ssl.client.auth': 'required',
      'ssl.principal.mapping.rules': 'RULE:^CN=(.*?),O=moldau$/$1/,DEFAULT',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      'sasl.plain.users': 'alice:secret,admin:admin',
      'sasl.oauthbearer.jwks.endpoint.url': await write('jwks.json', issuer.jwks()),
      'sasl.oauthbearer.expected.audience': 'moldau',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:alice',
    },
    scramUsers: [{ name: 'alice', password: 'secret' }],
  })
  const address = Object.fromEntries(started.listeners.map(({ name, port }) => [name, `127.0.0.1:${port}`])) as Record<Name, string>
  return { broker: started, dir, ca: join(dir, 'ca.pem'), address, write }
}

const x = (settings: Record<string, string>): string[] => Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`])

for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
  for (const protocol of ['SASL_SSL', 'SASL_PLAINTEXT'] as const) {
    test(`kcat writes and reads over ${protocol} with ${mechanism}`, async (t) => {
      if (!hasKcat(t)) return
      const { address, ca } = await bench(t)
      const how = (password: string): string[] =>
        x({
          'security.protocol': protocol,
          'ssl.ca.location': ca,
          'sasl.mechanism': mechanism,
          'sasl.username': 'alice',
          'sasl.password': password,
        })
      await kcat(address[protocol], ['-P', '-t', 'a', ...how('secret')], { input: 'hello\n' })
      t.is(await kcat(address[protocol], ['-C', '-e', '-q', '-o', 'beginning', '-t', 'a', ...how('secret')]), 'hello\n')
      const refused = await t.throwsAsync(kcat(address[protocol], ['-L', '-m', '3', ...how('wrong')]))
      t.regex(refused!.message, /Authentication failed|SASL authentication error/i)
    })
  }
}

test('kcat shows a certificate and is whom it names', async (t) => {
  if (!hasKcat(t)) return
  const { address, ca, write } = await bench(t)
  const certificate = {
    'ssl.certificate.location': await write('alice.crt', alice.cert),
    'ssl.key.location': await write('alice.key', alice.key),
  }
  const how = { 'security.protocol': 'SSL', 'ssl.ca.location': ca }
  await kcat(address.SSL, ['-P', '-t', 'a', ...x({ ...how, ...certificate })], { input: 'hello\n' })
  t.is(await kcat(address.SSL, ['-C', '-e', '-q', '-o', 'beginning', '-t', 'a', ...x({ ...how, ...certificate })]), 'hello\n')
  await t.throwsAsync(kcat(address.SSL, ['-L', '-m', '3', ...x(how)]))
})

const OAUTH_SCRIPT = `
import sys, confluent_kafka
from confluent_kafka.admin import AdminClient
import time
address, token = sys.argv[1:3]
conf = {'bootstrap.servers': address, 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'OAUTHBEARER', 'oauth_cb': lambda _: (token, time.time() + 300)}
producer = confluent_kafka.Producer(conf)
producer.produce('a', b'hello')
assert producer.flush(20) == 0
consumer = confluent_kafka.Consumer({**conf, 'group.id': 'g', 'auto.offset.reset': 'earliest'})
consumer.subscribe(['a'])
message = consumer.poll(30)
print(message.value().decode())
consumer.close()
`

test('librdkafka logs in with a signed token', async (t) => {
  let python: string
  try {
    python = await confluentKafka()
  } catch (error) {
    return missing(t, 'confluent-kafka', error)
  }
  const { address, write } = await bench(t)
  const token = issuer.token({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 300, aud: 'moldau' }, 'rsa')
  const done = spawnAsync(python, [await write('oauth.py', OAUTH_SCRIPT), address.SASL_PLAINTEXT, token])
  t.is((await done).stdout, 'hello\n', (await done).stderr)
})

async function spawnAsync(command: string, args: readonly string[]) {
  const { runCommand } = await import('../support/run-command.ts')
  return runCommand(command, args)
}

const JAAS: Record<string, string> = {
  PLAIN: 'org.apache.kafka.common.security.plain.PlainLoginModule required username="USER" password="PASSWORD";',
  'SCRAM-SHA-512': 'org.apache.kafka.common.security.scram.ScramLoginModule required username="USER" password="PASSWORD";',
}

/** A client configuration of Kafka's. */
function clientConfig(ca: string, mechanism: string, user: string, password: string): string {
  const lines = {
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': mechanism,
    'sasl.jaas.config': JAAS[mechanism]!.replace('USER', user).replace('PASSWORD', password),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
  }
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

const CONSOLE_CONSUMER = 'consumer.ConsoleConsumer'
const CONSOLE_PRODUCER = 'ConsoleProducer'
const ACLS = 'AclCommand'
const CONFIGS = 'kafka.admin.ConfigCommand'

test('kafka-configs makes a SCRAM user, kafka-acls lets him in, and he writes and reads with the console tools', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const { address, ca, write, broker: started } = await bench(t)
  const server = ['--bootstrap-server', address.SASL_SSL]
  const admin = await write('admin.properties', clientConfig(ca, 'PLAIN', 'admin', 'admin'))
  const bob = await write('bob.properties', clientConfig(ca, 'SCRAM-SHA-512', 'bob', 'bob-secret'))
  const tool = async (name: string, args: readonly string[], input?: string): Promise<string> => {
    const { code, output } = await tools.run(name, [...server, ...args], input)
    t.is(code, 0, `${name} ${args.join(' ')}: ${output}`)
    return output
  }
  const asAdmin = ['--command-config', admin]
  const users = ['--entity-type', 'users', '--entity-name', 'bob', ...asAdmin]
  await tool(CONFIGS, [...users, '--alter', '--add-config', 'SCRAM-SHA-256=[iterations=8192,password=bob-secret]'])
  await tool(CONFIGS, [...users, '--alter', '--add-config', 'SCRAM-SHA-512=[password=bob-secret]'])
  const client = await connect(started)
  t.teardown(() => client.close())
  const [bobs] = await client.admin.describeUserScramCredentials(['bob'])
  t.deepEqual(bobs!.credentials, [
    { mechanism: 'SCRAM-SHA-256', iterations: 8192 },
    { mechanism: 'SCRAM-SHA-512', iterations: 4096 },
  ])
  // The tool asks for quotas first.
  if (handlers.some(({ api }) => api.name === 'DescribeClientQuotas'))
    t.regex(await tool(CONFIGS, [...users, '--describe']), /SCRAM-SHA-256=iterations=8192.*SCRAM-SHA-512=iterations=4096/)
  await client.admin.createTopics([{ name: 'orders', partitions: 1 }])
  const produce = ['--topic', 'orders', '--command-config', bob]
  const refused = await tools.run(CONSOLE_PRODUCER, [...server, ...produce], 'no\n')
  t.regex(refused.output, /TopicAuthorizationException|Not authorized to access topics/)
  t.regex(await tool(ACLS, [...asAdmin, '--add', '--allow-principal', 'User:bob', '--producer', '--topic', 'orders']), /principal=User:bob/)
  await tool(ACLS, [
    ...asAdmin,
    '--add',
    '--allow-principal',
    'User:bob',
    '--consumer',
    '--topic',
    'orders',
    '--group',
    'reports',
    '--resource-pattern-type',
    'prefixed',
  ])
  await tool(CONSOLE_PRODUCER, produce, 'hello\n')
  const consume = [
    '--topic',
    'orders',
    '--command-config',
    bob,
    '--from-beginning',
    '--max-messages',
    '1',
    '--timeout-ms',
    '30000',
    '--group',
    'reports-1',
  ]
  t.regex(await tool(CONSOLE_CONSUMER, consume), /^hello\n/m)
  await tool(CONFIGS, [...users, '--alter', '--delete-config', 'SCRAM-SHA-512'])
  const gone = await tools.run(CONSOLE_PRODUCER, [...server, ...produce], 'no\n')
  t.regex(gone.output, /SaslAuthenticationException|Authentication failed/)
})

test('kafka-configs gives a listener another certificate, is told what is wrong with one, and shows no secrets', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const { address, ca, write } = await bench(t)
  const admin = await write('admin.properties', clientConfig(ca, 'PLAIN', 'admin', 'admin'))
  const entity = ['--entity-type', 'brokers', '--entity-name', '1', '--command-config', admin]
  const configs = (...args: string[]): Promise<ToolResult> =>
    tools.run(CONFIGS, ['--bootstrap-server', address.SASL_SSL, ...entity, ...args])
  const own = 'listener.name.sasl_ssl.ssl.'
  const renewed = authority.issue({ subject: [['CN', 'broker']], dns: ['localhost', 'renewed'], ip: ['127.0.0.1'] })
  const store = await write('renewed.pem', renewed.key + renewed.cert)
  const set = (path: string): Promise<ToolResult> =>
    configs('--alter', '--add-config', `${own}keystore.type=PEM,${own}keystore.location=${path},${own}key.password=hush`)
  const done = await set(store)
  t.is(done.code, 0, done.output)
  t.regex(done.output, /Completed updating config for broker 1/)
  const shown = async (): Promise<Buffer> => {
    const [host, port] = address.SASL_SSL.split(':')
    const socket = connectTls({ host: host!, port: Number(port), ca: authority.cert })
    await once(socket, 'secureConnect')
    const { raw } = socket.getPeerX509Certificate()!
    socket.destroy()
    return raw
  }
  t.deepEqual(await shown(), renewed.der)
  const described = await configs('--describe')
  t.regex(described.output, new RegExp(`${own}keystore\\.location=${store} sensitive=false synonyms=\\{DYNAMIC_BROKER_CONFIG:`))
  t.regex(described.output, new RegExp(`${own}key\\.password=null sensitive=true`))
  t.notRegex(described.output, /hush/)
  const wrong = await set(await write('wrong.pem', 'nothing'))
  t.not(wrong.code, 0)
  t.regex(wrong.output, /InvalidRequestException: .*listener\.name\.sasl_ssl\.ssl\.keystore\.location/)
  t.deepEqual(await shown(), renewed.der)
})

test('kafka-acls lists, denies, and removes with all its conveniences', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const { address, ca, write } = await bench(t)
  const admin = await write('admin.properties', clientConfig(ca, 'PLAIN', 'admin', 'admin'))
  const acls = async (...args: string[]): Promise<string> => {
    const { code, output } = await tools.run(ACLS, ['--bootstrap-server', address.SASL_SSL, '--command-config', admin, ...args])
    t.is(code, 0, `${args.join(' ')}: ${output}`)
    return output
  }
  const entries = (text: string): number => text.split('\n').filter((line) => line.includes('(principal=')).length
  await acls('--add', '--allow-principal', 'User:p', '--producer', '--idempotent', '--transactional-id', 'tx', '--topic', 'a')
  await acls('--add', '--allow-principal', 'User:c', '--consumer', '--topic', 'a', '--group', 'g')
  await acls(
    '--add',
    '--deny-principal',
    'User:*',
    '--allow-principal',
    'User:x',
    '--deny-host',
    '10.0.0.1',
    '--operation',
    'Read',
    '--topic',
    '*',
  )
  await acls('--add', '--allow-principal', 'User:p', '--operation', 'ClusterAction', '--cluster')
  await acls('--add', '--allow-principal', 'User:p', '--operation', 'All', '--topic', 'pre', '--resource-pattern-type', 'prefixed')
  await acls('--add', '--allow-principal', 'User:o', '--operation', 'CreateTokens', '--user-principal', 'User:q')
  const all = await acls('--list')
  t.is(entries(all), 3 + 1 + 2 + 3 + 2 + 1 + 1 + 1, all)
  for (const each of [
    /resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL/,
    /resourceType=TRANSACTIONAL_ID, name=tx, patternType=LITERAL/,
    /resourceType=USER, name=User:q/,
    /principal=User:\*, host=10\.0\.0\.1, operation=READ, permissionType=DENY/,
    /resourceType=TOPIC, name=pre, patternType=PREFIXED/,
  ]) {
    t.regex(all, each)
  }
  t.is(entries(await acls('--list', '--topic', 'prefixes', '--resource-pattern-type', 'match')), 3)
  t.is(entries(await acls('--list', '--principal', 'User:c')), 3)
  await acls('--remove', '--force', '--allow-principal', 'User:c', '--consumer', '--topic', 'a', '--group', 'g')
  t.is(entries(await acls('--list', '--principal', 'User:c')), 0)
  await acls('--remove', '--force', '--topic', '*')
  await acls('--remove', '--force', '--topic', 'pre', '--resource-pattern-type', 'any')
  t.is(entries(await acls('--list', '--topic', '*')), 0)
})

test('a Java client logs in with a signed token from a file', async (t) => {
  const { address, ca, write, broker: started } = await bench(t)
  const client = await connect(started)
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const now = Math.floor(Date.now() / 1000)
  const token = await write('token', issuer.token({ sub: 'alice', iat: now, exp: now + 300, aud: 'moldau', scope: 'kafka' }, 'rsa'))
  const config = await write(
    'oauth.properties',
    [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=OAUTHBEARER',
      'sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;',
      'sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler',
      `sasl.oauthbearer.token.endpoint.url=file://${token}`,
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${ca}`,
      '',
    ].join('\n'),
  )
  const tools = await toolRunner(t, {
    'org.apache.kafka.sasl.oauthbearer.allowed.urls': `file://${token}`,
    'org.apache.kafka.sasl.oauthbearer.allowed.files': token,
  })
  if (tools === undefined) return
  const server = ['--bootstrap-server', address.SASL_SSL, '--topic', 'a', '--command-config', config]
  const produced = await tools.run(CONSOLE_PRODUCER, server, 'hello\n')
  t.is(produced.code, 0, produced.output)
  const consumed = await tools.run(CONSOLE_CONSUMER, [...server, '--from-beginning', '--max-messages', '1', '--timeout-ms', '30000'])
  t.regex(consumed.output, /^hello$/m)
})
