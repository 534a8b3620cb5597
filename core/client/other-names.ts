/** Options of kafkajs and librdkafka that go by another name here: ours, in camelCase. */
export const renamed: Readonly<Record<string, string>> = {
  // kafkajs
  allowAutoTopicCreation: 'allowAutoCreateTopics',
  authenticationTimeout: 'socketConnectionSetupTimeoutMs',
  autoCommit: 'enableAutoCommit',
  autoCommitInterval: 'autoCommitIntervalMs',
  compression: 'compressionType',
  connectionTimeout: 'socketConnectionSetupTimeoutMs',
  createPartitioner: 'partitioner',
  heartbeatInterval: 'heartbeatIntervalMs',
  idempotent: 'enableIdempotence',
  isolation: 'isolationLevel',
  logCreator: 'logger',
  maxBytes: 'fetchMaxBytes',
  maxBytesPerPartition: 'maxPartitionFetchBytes',
  maxInFlightRequests: 'maxInFlightRequestsPerConnection',
  maxWaitTimeInMs: 'fetchMaxWaitMs',
  metadataMaxAge: 'metadataMaxAgeMs',
  minBytes: 'fetchMinBytes',
  partitionAssigners: 'partitionAssignmentStrategy',
  rackId: 'clientRack',
  readUncommitted: 'isolationLevel',
  rebalanceTimeout: 'maxPollIntervalMs',
  requestTimeout: 'requestTimeoutMs',
  sessionTimeout: 'sessionTimeoutMs',
  socketFactory: 'dialer',
  timeout: 'requestTimeoutMs',
  transactionTimeout: 'transactionTimeoutMs',
  // librdkafka
  'batch.num.messages': 'batchSize',
  'fetch.message.max.bytes': 'maxPartitionFetchBytes',
  'fetch.wait.max.ms': 'fetchMaxWaitMs',
  'message.max.bytes': 'maxRequestSize',
  'message.timeout.ms': 'deliveryTimeoutMs',
  'queue.buffering.max.ms': 'lingerMs',
  'sasl.mechanisms': 'saslMechanism',
  'ssl.ca.location': 'sslTruststoreLocation',
  'topic.metadata.refresh.interval.ms': 'metadataMaxAgeMs',
}

const address = "not an option: the addresses are the first argument, connect('host:9092', { … })"
const logIn = 'give sasl: { mechanism, username, password }, or sasl.jaas.config'
const certificate = 'give ssl: { cert, key }, or ssl.keystore.location'
const serializer = 'not needed, because keys and values are bytes or text: see serde in docs/client.md, and records(batch, { key, value })'
const metrics = 'not needed, because client.metrics() gives all that there are, when they are asked for'
const shares = 'not needed, because share groups (KIP-932) are not spoken'
const java = "not needed, because TLS is that of Node.js, not Java's: see ssl"
const interceptors = 'give interceptors, a list of objects'
const retries =
  'not needed, because what may help is tried again until the time is over: see deliveryTimeoutMs, requestTimeoutMs, defaultApiTimeoutMs'
const socket = 'not needed, because the operating system fits the buffers of sockets to the way'

/** Options of other clients that have no counterpart, and what to do in their place. */
export const explained: Readonly<Record<string, string>> = {
  'bootstrap.servers': address,
  bootstrapServers: address,
  'bootstrap.controllers': 'not an option: calls of admin go to a broker, which passes on what is for controllers',
  'config.providers': 'not needed, because options are values of your program: read them from where they are',
  'exclude.internal.topics': 'not needed, because an expression never matches internal topics: name them in subscribe()',
  excludeInternalTopics: 'not needed, because an expression never matches internal topics: name them in subscribe()',
  'interceptor.classes': interceptors,
  interceptorClasses: interceptors,
  'internal.throw.on.fetch.stable.offset.unsupported': 'not needed, because brokers from 2.5 on keep unstable offsets apart',
  'key.deserializer': serializer,
  'key.serializer': serializer,
  'value.deserializer': serializer,
  'value.serializer': serializer,
  'receive.buffer.bytes': socket,
  'send.buffer.bytes': socket,
  retries,
  'sasl.client.callback.handler.class': logIn,
  'security.providers': java,
  'share.acknowledgement.mode': shares,
  'share.acquire.mode': shares,
  'ssl.engine.factory.class': java,
  'ssl.keymanager.algorithm': java,
  'ssl.protocol': 'give ssl.enabled.protocols',
  'ssl.provider': java,
  'ssl.secure.random.implementation': java,
  'ssl.trustmanager.algorithm': java,
  'transaction.two.phase.commit.enable': 'not offered: transactions of an outer coordinator (KIP-939) are not spoken',
  // kafkajs
  autoCommitThreshold: 'not offered: use enableAutoCommit with autoCommitIntervalMs, or commit(batch) when it is time',
  brokers: address,
  enforceRequestTimeout: 'not needed, because time-outs always hold: see requestTimeoutMs',
  fromBeginning: "use autoOffsetReset: 'earliest', an option of client.consumer()",
  logLevel: 'give a logger that says as much as you want, or set the environment variable MOLDAU_LOG_LEVEL',
  oauthBearerProvider: "use sasl: { mechanism: 'OAUTHBEARER', token: () => … }",
  reauthenticationThreshold: 'not needed, because log-ins are renewed when 85 % of their time is over',
  retry: 'use retryBackoffMs and retryBackoffMaxMs of connect()',
  topics: 'not an option: call consumer.subscribe(topics)',
  // librdkafka
  'auto.offset.store': 'not offered: use enableAutoCommit, or commit(batch)',
  'enable.auto.offset.store': 'not offered: use enableAutoCommit, or commit(batch)',
  'metadata.broker.list': address,
  'sasl.password': logIn,
  'sasl.username': logIn,
  'ssl.certificate.location': certificate,
  'ssl.certificate.pem': certificate,
  'ssl.key.location': certificate,
  'ssl.key.pem': certificate,
  'statistics.interval.ms': metrics,
}

/** The same for all names that begin so. */
export const explainedFamilies: readonly (readonly [prefix: string, what: string])[] = [
  ['metric.', metrics],
  ['metrics.', metrics],
  ['auto.include.jmx.reporter', metrics],
  ['sasl.kerberos.', `not needed, because Kerberos (GSSAPI) is not spoken: ${logIn}`],
  ['sasl.login.', "not needed, because your program gets the token: sasl: { mechanism: 'OAUTHBEARER', token: () => … }"],
  ['sasl.oauthbearer.', "not needed, because your program gets the token: sasl: { mechanism: 'OAUTHBEARER', token: () => … }"],
]
