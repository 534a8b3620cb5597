import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { connect } from '../../core/client/connect.ts'
import type { ClientOptions } from '../../core/client/client-options.ts'
import type { Channel } from '../../core/net/channel.ts'
import { Authority } from './certificates.ts'
import { startBroker, tempDir } from './start-broker.ts'
import { TokenIssuer } from './tokens.ts'

/** Whom brokers and clients of these tests trust, the certificate of the brokers, and that of a client. */
export const authority = new Authority()
export const server = authority.issue({ subject: [['CN', 'broker']], dns: ['localhost'], ip: ['127.0.0.1'] })
export const alice = authority.issue({
  subject: [
    ['O', 'moldau'],
    ['CN', 'alice'],
  ],
})
/** Settings of a listener with TLS. */
export const tls = {
  'ssl.keystore.key': server.key,
  'ssl.keystore.certificate.chain': server.cert,
  'ssl.truststore.certificates': authority.cert,
}
const SCRAM_USERS = [{ name: 'alice', password: 'secret' }]

/** A broker with one listener of a protocol. By SCRAM alice logs in with the password `secret`. */
export function listening(t: ExecutionContext, protocol: string, config: BrokerConfigInput = {}): Promise<Broker> {
  return startBroker(t, {
    config: { listeners: `${protocol}://127.0.0.1:0`, 'connection.failed.authentication.delay.ms': 0, ...config },
    scramUsers: SCRAM_USERS,
  })
}

/** Writes a record and reads it back. */
export async function roundTrip(t: ExecutionContext, target: string, options: ClientOptions): Promise<void> {
  const client = await connect(target, options)
  try {
    await client.admin.createTopics([{ name: 'a', partitions: 1 }], { ignoreExisting: true })
    const producer = client.producer()
    await producer.send({ topic: 'a', value: Buffer.from('x') })
    await producer.close()
    const [end] = await client.admin.listOffsets([{ topic: 'a', partition: 0, at: 'latest' }])
    t.true(end!.offset > 0)
  } finally {
    await client.close()
  }
}

/** Resolves when the other side has ended the connection. */
export const closed = (open: Channel): Promise<void> => new Promise((resolve) => open.onClose(() => resolve()))

const issuer = new TokenIssuer()

/** Settings of a listener on which alice logs in by every mechanism: her password is `secret`. */
export async function saslConfig(t: ExecutionContext): Promise<BrokerConfigInput> {
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

/** Says that its bearer is alice, for ten minutes. */
export const token = (): string => issuer.token({ sub: 'alice', exp: Date.now() / 1000 + 600, aud: 'moldau' }, 'rsa')
