import { connect, int32, json, records, string } from '../../core/index.ts'
import type { ConsumerBatch } from '../../core/index.ts'

/** What must compile and what must not: `npm run check` is the test. */
export async function options(): Promise<void> {
  const client = await connect('localhost:9092', { clientId: 'a', 'request.timeout.ms': 10, retryBackoffMs: undefined })
  client.producer({ acks: 'all', compressionType: 'zstd', 'linger.ms': 5 })
  client.consumer({ 'isolation.level': 'read_committed', partitionAssignmentStrategy: ['range'] })
  // @ts-expect-error a name that is none
  client.producer({ lingerms: 5 })
  // @ts-expect-error a dotted name that is none
  client.producer({ 'linger.mss': 5 })
  // @ts-expect-error text is no number
  client.producer({ lingerMs: '5' })
  // @ts-expect-error text is no number under Kafka's name either
  client.producer({ 'linger.ms': '5' })
  // @ts-expect-error there is no such codec
  client.producer({ compressionType: 'brotli' })
  // @ts-expect-error an option of consumers
  client.producer({ groupId: 'g' })
  client.producer({ acks: -1 })
  // @ts-expect-error there is no such acknowledgement
  client.producer({ acks: 2 })
  await connect('a', { securityProtocol: 'SASL_SSL', saslMechanism: 'PLAIN', 'sasl.jaas.config': '', 'ssl.truststore.location': 'ca.pem' })
  await connect('a', { sslEnabledProtocols: ['TLSv1.3'], 'ssl.cipher.suites': 'a,b', ssl: { ca: 'pem' } })
  // @ts-expect-error there is no such protocol
  await connect('a', { 'security.protocol': 'TLS' })
  // @ts-expect-error a name that is none
  await connect('a', { 'security.protocl': 'SSL' })
  // @ts-expect-error a field that is none
  await connect('a', { ssl: { caa: 'pem' } })
  // @ts-expect-error not a mechanism that is spoken
  await connect('a', { saslMechanism: 'GSSAPI' })
  // @ts-expect-error a logger has four methods
  await connect('a', { logger: {} })
}

export function typedRecords(batch: ConsumerBatch): void {
  for (const { key, value } of records(batch, { key: string, value: json<{ n: number }>() })) {
    const text: string | null = key
    const n: number | undefined = value?.n
    // @ts-expect-error there may be no value: a tombstone
    void (text + value.n + n)
  }
  for (const { key, value } of records(batch, { key: int32 })) {
    const number: number | null = key
    const bytes: Buffer | null = value
    // @ts-expect-error bytes are not text
    const text: string | null = value
    void [number, bytes, text]
  }
}
