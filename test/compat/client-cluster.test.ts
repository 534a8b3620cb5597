import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { tlsDialer } from '../../core/net/tls-dialer.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { clientFor, newTopic, numbers, readAll, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { SESSION_MS, startKafkaCluster } from '../support/kafka-cluster.ts'
import { countingDialer } from '../support/counting-dialer.ts'
import { groupScenarios } from '../support/group-scenarios.ts'
import { moveLeaders } from '../support/move-leaders.ts'
import { startFlow } from '../support/numbered-flow.ts'
import { recordScenarios } from '../support/record-scenarios.ts'
import { authority, tls } from '../support/secure-broker.ts'
import { freePort, startKafka } from '../support/start-kafka.ts'
import { throttleListener } from '../support/throttle-listener.ts'
import { transactionScenarios } from '../support/transaction-scenarios.ts'

test.serial(
  'leaders and coordinators move, brokers are killed, asked to end and frozen, partitions are added: nothing is lost, doubled or out of order',
  async (t) => {
    const kafka = await startKafkaCluster(t)
    if (kafka === undefined) return
    const { bootstrap, nodes } = kafka
    const env: Env = { connect: (options) => connect(bootstrap, options), dialer: tcpDialer() }
    const flow = await startFlow(t, env, { partitions: 3, partitionsMax: 6 })
    const begun = performance.now()
    const done = async (what: string): Promise<void> => {
      await flow.progress(150)
      t.log(`${((performance.now() - begun) / 1000).toFixed(1)} s: ${what}`)
    }
    await done('it runs')
    for (const to of [2, 3]) {
      for (const topic of [flow.numbers, flow.copies, '__consumer_offsets', '__transaction_state']) await moveLeaders(bootstrap, topic, to)
      await done(`broker ${to} leads and coordinates everything`)
    }
    await nodes[2]!.kill()
    await done('it was killed')
    await nodes[2]!.start()
    await flow.client.admin.createPartitions([{ topic: flow.numbers, count: 6 }])
    flow.widen(6)
    await done('it is back, and three partitions were added')
    for (const topic of [flow.numbers, flow.copies, '__consumer_offsets', '__transaction_state']) await moveLeaders(bootstrap, topic, 2)
    await done('broker 2 leads and coordinates everything')
    nodes[1]!.pause()
    await wait(SESSION_MS + 1000)
    nodes[1]!.resume()
    await done('it was frozen until others had taken its place')
    await nodes[1]!.terminate()
    await done('it ended when it was asked to')
    await nodes[1]!.start()
    await done('it is back')
    t.deepEqual(await flow.finish(), [])
  },
)

test.serial(
  'a producer and a consumer over their quotas keep the silence that Apache Kafka asks for: no connection is lost, nothing doubled',
  async (t) => {
    const kafka = await startKafka(t, { config: { 'quota.window.num': '2', 'quota.window.size.seconds': '1' } })
    if (kafka === undefined) return
    const listener = throttleListener(tcpDialer(), [Produce, Fetch])
    const dialer = countingDialer(listener)
    const env: Env = { connect: (options) => connect(kafka.bootstrap, { ...options, dialer, clientId: 'throttled' }), dialer }
    const client = await clientFor(t, env, { requestTimeoutMs: 2000 })
    const topic = await newTopic(client)
    await client.admin.alterClientQuotas([
      { entity: { clientId: 'throttled' }, set: { producer_byte_rate: 9000, consumer_byte_rate: 30_000 } },
    ])
    const producer = client.producer({ requestTimeoutMs: 2000, batchSize: 8000, maxRequestSize: 9000, lingerMs: 0 })
    await producer.partitions(topic)
    const before = dialer.dialled
    const values = numbers(12)
    const places = await Promise.all(values.map((value) => producer.send({ topic, partition: 0, value: value.padStart(7000) })))
    t.deepEqual(
      places.map(({ offset }) => offset),
      values.map((_, i) => i),
    )
    // Of 84 kB at 9 kB/s a window of two seconds may come at once; the broker asks for silence until the rest fits, and a little less for the last.
    const [producing, fair] = [listener.throttledMs(Produce), ((12 - 3) * 7000) / 9]
    t.log(`producer: ${producing} ms of silence for 84 kB at 9 kB/s`)
    t.true(producing > fair / 4 && producing < fair * 4, `${producing} ms told`)
    t.is(dialer.dialled - before, 1)
    const seen = await readAll(client, topic, 1, { maxPartitionFetchBytes: 8000, fetchMaxBytes: 8000 })
    t.deepEqual(
      valuesOf(seen).map((value) => value!.trim()),
      values,
    )
    t.log(`consumer: ${listener.throttledMs(Fetch)} ms of silence for 84 kB at 30 kB/s`)
    t.true(listener.throttledMs(Fetch) > 0)
    t.is(dialer.dialled - before, 2, 'one connection to produce, one to fetch')
    t.is(dialer.dialled - dialer.open.size, 0, 'none was lost')
  },
)

const OLD_VERSION = '3.5.2'

test.serial(`the client does on Apache Kafka ${OLD_VERSION} what it does on ours`, async (t) => {
  const kafka = await startKafka(t, { version: OLD_VERSION })
  if (kafka === undefined) return
  const env: Env = { connect: (options) => connect(kafka.bootstrap, options), dialer: tcpDialer() }
  for (const [title, scenario] of Object.entries({ ...recordScenarios, ...transactionScenarios, ...groupScenarios })) {
    const attempt = await t.try(title, (tt) => scenario(tt, env))
    if (attempt.passed) t.log(title)
    attempt.commit()
  }
})

/** What Kafka calls an unsecured token: nobody has signed it. */
function unsecuredToken(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Date.now() / 1000
  return `${part({ alg: 'none' })}.${part({ sub: 'alice', iat: now, exp: now + 600 })}.`
}

const JAAS = 'org.apache.kafka.common.security'

test.serial('over TLS, logged in by every mechanism, again and again, the client goes on on Apache Kafka', async (t) => {
  const [port, plain, controller] = [await freePort(), await freePort(), await freePort()]
  const listeners = `SASL_SSL://127.0.0.1:${port},PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller}`
  const inListener = 'listener.name.sasl_ssl'
  const kafka = await startKafka(t, {
    config: {
      ...Object.fromEntries(Object.entries(tls).map(([name, text]) => [name, text.trim().replaceAll('\n', '\\n')])),
      'ssl.keystore.type': 'PEM',
      'ssl.truststore.type': 'PEM',
      listeners,
      'advertised.listeners': listeners,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
      'inter.broker.listener.name': 'PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      'connections.max.reauth.ms': '1500',
      [`${inListener}.plain.sasl.jaas.config`]: `${JAAS}.plain.PlainLoginModule required user_alice="secret";`,
      [`${inListener}.scram-sha-256.sasl.jaas.config`]: `${JAAS}.scram.ScramLoginModule required;`,
      [`${inListener}.scram-sha-512.sasl.jaas.config`]: `${JAAS}.scram.ScramLoginModule required;`,
      [`${inListener}.oauthbearer.sasl.jaas.config`]: `${JAAS}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="x";`,
    },
  })
  if (kafka === undefined) return
  const admin = await connect(`127.0.0.1:${plain}`, { bootstrapTimeoutMs: 30_000 })
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
    await admin.admin.alterUserScramCredentials([{ user: 'alice', mechanism, password: 'secret', iterations: 4096 }])
  await admin.close()
  for (const sasl of [
    { mechanism: 'PLAIN', username: 'alice', password: 'secret' },
    { mechanism: 'SCRAM-SHA-256', username: 'alice', password: 'secret' },
    { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret' },
    { mechanism: 'OAUTHBEARER', token: unsecuredToken },
  ] as const) {
    const dialer = countingDialer(tlsDialer({ context: { ca: authority.cert } }))
    const env: Env = { connect: (options) => connect(`127.0.0.1:${port}`, { ...options, sasl, dialer }), dialer }
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2 })
    await flow.progress(30)
    const [logins, lost] = [dialer.logins, dialer.dialled - dialer.open.size]
    while (dialer.logins < logins + 20) await flow.progress(30)
    t.is(dialer.dialled - dialer.open.size, lost, `${sasl.mechanism}: no connection is lost`)
    t.deepEqual(await flow.finish(), [], sasl.mechanism)
    t.log(`${sasl.mechanism}: ${dialer.logins} log-ins on ${dialer.dialled} connections`)
  }
})
