import test from 'ava'

import { consumerSettings } from '../../core/client/consumer-options.ts'
import { clientSettings } from '../../core/client/client-options.ts'
import { hintFor } from '../../core/client/option-hints.ts'
import type { Part } from '../../core/client/option-hints.ts'
import { renamed } from '../../core/client/other-names.ts'
import { producerSettings } from '../../core/client/producer-options.ts'
import { readClientOptions } from '../../core/client/read-client-options.ts'
import { readConsumerOptions } from '../../core/client/read-consumer-options.ts'
import { readProducerOptions } from '../../core/client/read-producer-options.ts'
import { connect } from '../../core/index.ts'
import { alice, authority } from '../support/secure-broker.ts'
import { startBroker } from '../support/start-broker.ts'
import { javaNames } from '../support/java-option-names.ts'

const readers: Readonly<Record<Part, (options: object) => object>> = {
  'connect()': readClientOptions,
  'client.producer()': readProducerOptions,
  'client.consumer()': readConsumerOptions,
}
const [client, producer, consumer] = ['connect()', 'client.producer()', 'client.consumer()'] as const

/** What is taken, and as what. */
const taken: readonly (readonly [Part, options: object, read: object])[] = [
  [producer, { 'linger.ms': 7, 'batch.size': 100, acks: 'all' }, { lingerMs: 7, batchSize: 100, acks: 'all', enableIdempotence: true }],
  [consumer, { 'group.id': 'g', 'isolation.level': 'read_committed' }, { groupId: 'g', isolationLevel: 'read_committed' }],
  // As they stand in a properties file.
  [producer, { 'linger.ms': '7', acks: '1', 'enable.idempotence': 'false' }, { lingerMs: 7, acks: 1, enableIdempotence: false }],
  [producer, { acks: -1 }, { acks: 'all' }],
  [producer, { acks: '-1' }, { acks: 'all' }],
  [producer, { acks: 0 }, { acks: 0, enableIdempotence: false }],
  [producer, { lingerMs: undefined }, { lingerMs: 5 }],
  [producer, { bufferMemory: 2 ** 33 }, { bufferMemory: 2 ** 33 }],
  // The default makes room for one attempt, as in Java.
  [producer, { requestTimeoutMs: 200_000, lingerMs: 10 }, { deliveryTimeoutMs: 200_010 }],
  [producer, { requestTimeoutMs: 90, lingerMs: 10, deliveryTimeoutMs: 100 }, { deliveryTimeoutMs: 100 }],
  [consumer, { 'group.protocol': 'CONSUMER', 'check.crcs': 'False' }, { groupProtocol: 'consumer', checkCrcs: false }],
  [consumer, {}, { allowAutoCreateTopics: true }],
  [consumer, { 'allow.auto.create.topics': 'false' }, { allowAutoCreateTopics: false }],
  [consumer, { heartbeatIntervalMs: 99, sessionTimeoutMs: 100 }, { heartbeatIntervalMs: 99, sessionTimeoutMs: 100 }],
  [client, { logger: console }, { logger: console }],
  [client, { 'security.protocol': 'plaintext' }, { sasl: undefined, dialer: undefined }],
  [client, { ssl: false }, { sasl: undefined, dialer: undefined }],
  [client, { sasl: { mechanism: 'plain', username: 'u', password: 'p' } }, { sasl: { mechanism: 'PLAIN', username: 'u', password: 'p' } }],
  [
    client,
    { securityProtocol: 'SASL_PLAINTEXT', saslMechanism: 'PLAIN', saslJaasConfig: 'x required username="u" password="p";' },
    { sasl: { mechanism: 'PLAIN', username: 'u', password: 'p' } },
  ],
]

for (const [part, options, read] of taken) {
  test(`${part} takes ${said(options)}`, (t) => t.like(readers[part](options), read))
}

const jaas = 'x required username="u" password="p";'
const plain = { mechanism: 'PLAIN', username: 'u', password: 'p' }

/** What is refused, and what the error says. */
const refused: readonly (readonly [Part, options: object, message: RegExp])[] = [
  [producer, { lingerms: 5 }, /there is no option 'lingerms': did you mean 'lingerMs'\?$/],
  [consumer, { 'isolation.levle': 'x' }, /did you mean 'isolation\.level'/],
  [consumer, { quux: 'x' }, /there are: groupId, /],
  [producer, { constructor: 1 }, /there is no option 'constructor'/],
  [producer, { lingerMs: -1 }, /lingerMs must be a whole number from 0 to 2147483647, not -1/],
  [producer, { 'linger.ms': 'soon' }, /linger\.ms must be a whole number .*, not "soon"/],
  [producer, { lingerMs: 5, 'linger.ms': 6 }, /'lingerMs' and 'linger\.ms' are the same option/],
  [producer, { acks: 1, enableIdempotence: true }, /enableIdempotence needs acks 'all'/],
  [producer, { acks: 2 }, /acks must be one of all, -1 \(the same\), 1, 0, not 2/],
  [consumer, { autoOffsetReset: 'first' }, /autoOffsetReset must be one of earliest, latest, none/],
  // Of another part.
  [producer, { 'client.id': 'x' }, /it is an option of connect\(\)$/],
  [producer, { 'metadata.max.age.ms': 1 }, /it is an option of connect\(\)$/],
  [client, { 'group.id': 'x' }, /it is an option of client\.consumer\(\)$/],
  [client, { lingerMs: 1 }, /it is an option of client\.producer\(\)$/],
  [producer, { clientid: 'x' }, /did you mean 'clientId', an option of connect\(\)\?/],
  [client, { 'security.protocl': 'SSL' }, /did you mean 'security\.protocol'\?/],
  [
    client,
    { 'ssl.quux.quux': 'x' },
    /; there are: ssl\.truststore\.type, .*ssl\.cipher\.suites, ssl\.endpoint\.identification\.algorithm$/,
  ],
  // Names of other clients.
  [client, { brokers: [] }, /the addresses are the first argument/],
  [consumer, { fromBeginning: true }, /use autoOffsetReset: 'earliest'/],
  [producer, { compression: 'gzip' }, /use 'compressionType'$/],
  [consumer, { isolation: 'x' }, /use 'isolationLevel'$/],
  [producer, { metadataMaxAge: 1 }, /use 'metadataMaxAgeMs', an option of connect\(\)$/],
  [client, { 'sasl.username': 'x' }, /sasl: \{ mechanism, username, password \}, or sasl\.jaas\.config/],
  [client, { 'bootstrap.servers': 'x' }, /the addresses are the first argument/],
  [producer, { retries: 3 }, /not needed, because .*deliveryTimeoutMs/],
  // What cannot work.
  [client, { logger: {} }, /logger must be a logger with debug\(\), info\(\), warn\(\), error\(\), not \{\}/],
  [client, { logger: { debug() {}, info() {}, warn() {} } }, /logger must be a logger with/],
  [client, { clock: { now: Date.now } }, /clock must be a clock with now\(\), monotonic\(\), after\(\)/],
  [client, { resolver: {} }, /addresses\(\), canonicalName\(\)/],
  [client, { dialer: {} }, /dial\(\)/],
  [client, { random: {} }, /random must be a function/],
  [producer, { interceptors: [{}] }, /a list of objects with onSend\(\) or onAcknowledgement\(\)/],
  [producer, { interceptors: [{ onSend: 5 }] }, /a list of objects with onSend/],
  [consumer, { interceptors: [{ onSend: () => {} }] }, /onConsume\(\) or onCommit\(\)/],
  [producer, { lingerMs: 1e12 }, /lingerMs must be a whole number from 0 to 2147483647/],
  [producer, { requestTimeoutMs: 0.5 }, /requestTimeoutMs must be a whole number/],
  [consumer, { fetchMinBytes: 2 ** 31 }, /fetchMinBytes must be a whole number/],
  [consumer, { sessionTimeoutMs: 1.5 }, /sessionTimeoutMs must be a whole number/],
  [consumer, { fetchMaxBytes: 0 }, /fetchMaxBytes must be a whole number from 1/],
  [consumer, { groupId: '' }, /groupId must be text that is not empty/],
  [producer, { 'transactional.id': '' }, /transactional\.id must be text that is not empty/],
  [
    producer,
    { 'delivery.timeout.ms': 1000 },
    /delivery\.timeout\.ms \(1000\) must be at least lingerMs \(5\) and requestTimeoutMs \(30000\) together/,
  ],
  [consumer, { heartbeatIntervalMs: 45_000 }, /heartbeatIntervalMs \(45000\) must be less than sessionTimeoutMs \(45000\)/],
  [consumer, { enableAutoCommit: true }, /enableAutoCommit needs a groupId/],
  // Fields of TLS and log-ins.
  [client, { ssl: { caa: authority.cert } }, /connect: ssl: there is no option 'caa': did you mean 'ca'\?/],
  [client, { ssl: { ca: './ca.pem' } }, /connect: ssl: ca must be PEM .*the content of the file, not its path/],
  [client, { ssl: { cert: alice.cert, key: authority.issue({ subject: [['CN', 'x']] }).key } }, /connect: ssl: .*key/i],
  [client, { ssl: 'yes' }, /ssl must be true, false, or an object with ca, cert, key/],
  [client, { sasl: { mechanism: 'PLAIN', user: 'u', password: 'p' } }, /connect: sasl: there is no option 'user'/],
  [client, { sasl: { username: 'u', password: 'hush' } }, /^connect: sasl must be an object with mechanism, .*, not object$/],
  [client, { sasl: { mechanism: 'GSSAPI' } }, /sasl: mechanism must be one of PLAIN, .*Kerberos.*not "GSSAPI"/],
  [client, { sasl: { mechanism: 'PLAIN', username: 'u' } }, /PLAIN needs username and password/],
  [client, { sasl: { mechanism: 'OAUTHBEARER' } }, /OAUTHBEARER needs a token/],
  [client, { 'sasl.mechanism': 'GSSAPI' }, /sasl\.mechanism must be one of PLAIN/],
  // What asks for TLS or a log-in gets it, or is told why not.
  [client, { ssl: true, 'security.protocol': 'PLAINTEXT' }, /ssl is given, and security\.protocol PLAINTEXT speaks no TLS/],
  [
    client,
    { ssl: true, securityProtocol: 'SASL_PLAINTEXT', sasl: plain },
    /ssl is given, and securityProtocol SASL_PLAINTEXT speaks no TLS/,
  ],
  [client, { 'ssl.truststore.location': 'ca.pem' }, /ssl\.truststore\.location is given, and nothing asks for TLS/],
  [client, { sslTruststoreLocation: 'ca.pem', ssl: false }, /sslTruststoreLocation is given, and nothing asks for TLS/],
  [client, { ssl: false, securityProtocol: 'SSL' }, /securityProtocol SSL speaks TLS, and ssl is false/],
  [client, { ssl: true, dialer: { dial() {} } }, /ssl asks for TLS, and dialer makes the connections/],
  [client, { ssl: { ca: authority.cert }, 'ssl.truststore.location': 'x' }, /ssl: \{ ca \} and ssl\.truststore\.location both say/],
  [client, { 'sasl.jaas.config': jaas }, /sasl\.jaas\.config asks for a log-in, and saslMechanism is missing .*GSSAPI/],
  [client, { 'sasl.mechanism': 'PLAIN' }, /sasl\.mechanism asks for a log-in, and saslJaasConfig is missing/],
  [client, { securityProtocol: 'SASL_SSL' }, /securityProtocol SASL_SSL asks for a log-in, and saslMechanism is missing/],
  [client, { sasl: plain, 'security.protocol': 'PLAINTEXT' }, /sasl is given, and security\.protocol PLAINTEXT has no log-in/],
  [client, { 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': jaas, 'security.protocol': 'SSL' }, /security\.protocol SSL has no log-in/],
  [client, { sasl: plain, saslMechanism: 'PLAIN', saslJaasConfig: jaas }, /sasl and saslMechanism both say who we are/],
  [client, { 'security.protocol': 'TLS' }, /security\.protocol must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, not "TLS"/],
]

for (const [part, options, message] of refused) {
  test(`${part} refuses ${said(options)}`, (t) => {
    const error = t.throws(() => readers[part](options), { code: 'INVALID_CONFIG', message })
    t.notRegex(error?.message ?? '', /hush|BEGIN .*KEY/, 'secrets are not shown')
  })
}

test('the calls of a client refuse what their options cannot be, before anything is asked', async (t) => {
  const made = await connect(await startBroker(t, { port: null }))
  t.teardown(() => made.close())
  t.throws(() => made.producer({ lingerms: 5 } as object), { code: 'INVALID_CONFIG' })
  t.throws(() => made.consumer({ fetchMaxBytes: 0 }), { code: 'INVALID_CONFIG' })
  await t.throwsAsync(connect('127.0.0.1:1', { logger: {} as never }), { code: 'INVALID_CONFIG' })
})

for (const [part, names] of Object.entries(javaNames) as [Part, readonly string[]][]) {
  test(`each option that Java's clients have for ${part} is one of ours, or the error says what to do in its place`, (t) => {
    const settings = { [client]: clientSettings, [producer]: producerSettings, [consumer]: consumerSettings }[part]
    const ours = new Set<string | null>(Object.values(settings).map(({ kafka }) => kafka))
    const untold = names.filter(
      (name) => !ours.has(name) && !/it is an option of|not needed, because|not an option: |not offered: |give /.test(hintFor(part, name)),
    )
    t.deepEqual(untold, [])
  })
}

test('what an option of another client is called here is an option', (t) => {
  const ours = new Set([clientSettings, producerSettings, consumerSettings].flatMap((settings) => Object.keys(settings)))
  t.deepEqual(
    Object.values(renamed).filter((name) => !ours.has(name)),
    [],
  )
})

function said(options: object): string {
  return JSON.stringify(options, (_, value: unknown) =>
    typeof value === 'function' ? 'a function' : value === console ? 'console' : value,
  ).slice(0, 100)
}
