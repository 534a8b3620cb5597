import test from 'ava'

import { sleep, systemClock } from '../../core/base/clock.ts'
import { connect } from '../../core/index.ts'
import type { ClientOptions } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { tlsDialer } from '../../core/net/tls-dialer.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { answerLoser } from '../support/answer-loser.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { clientFor, numbers, readAll, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { countingDialer } from '../support/counting-dialer.ts'
import { flakyDialer } from '../support/flaky-dialer.ts'
import { startFlow } from '../support/numbered-flow.ts'
import { authority, listening, saslConfig, tls, token } from '../support/secure-broker.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

// --- faults as our broker can play them

test('a leader that moves to and fro under load loses and doubles nothing', async (t) => {
  const broker = await startBroker(t)
  const client = await clientFor(t, { connect: (given) => connect(broker.bootstrap, given), dialer: tcpDialer() })
  await client.admin.createTopics([{ name: 'a', partitions: 3 }])
  broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { probability: 0.3, seed: 1 })
  broker.intercept(Fetch, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { probability: 0.3, seed: 2 })
  const producer = client.producer({ batchSize: 200, lingerMs: 0 })
  const values = numbers(600)
  await Promise.all(values.map((value, i) => producer.send({ topic: 'a', partition: i % 3, value })))
  const seen = await readAll(client, 'a', 3)
  for (let p = 0; p < 3; p++) {
    t.deepEqual(
      valuesOf(seen.filter((record) => record.partition === p)),
      values.filter((_, i) => i % 3 === p),
    )
  }
})

// --- numbers that flow while things break

const copiersOffsets = { before: /^LOST copies-/, inside: undefined, after: /^DOUBLED copies-/ } as const

test('the audit of the numbers names what a copier loses or doubles that commits its offsets outside of the transaction', async (t) => {
  const broker = await startBroker(t)
  const env: Env = { connect: (given) => connect(broker.bootstrap, given), dialer: tcpDialer() }
  for (const [offsets, fault] of Object.entries(copiersOffsets) as [keyof typeof copiersOffsets, RegExp | undefined][]) {
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2, copier: { offsets, failsEvery: 3 } })
    await flow.progress(300)
    const faults = await flow.finish()
    if (fault === undefined) t.deepEqual(faults, [], offsets)
    else t.true(faults.length > 0 && faults.every((each) => fault.test(each)), `${offsets}: ${faults.join('\n')}`)
  }
})

test('the audit of the numbers names what a writer without idempotence doubles when answers are lost', async (t) => {
  const broker = await startBroker(t)
  for (const enableIdempotence of [false, true]) {
    const dialer = answerLoser(tcpDialer(), Produce.key, 5)
    const env: Env = { connect: (given) => connect(broker.bootstrap, { ...given, dialer }), dialer }
    // One request at a time: what is sent again comes twice, and in order.
    const writer = { enableIdempotence, maxInFlightRequestsPerConnection: 1 }
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2, writer })
    while (dialer.lost < 5) await flow.progress(30)
    const faults = await flow.finish()
    if (enableIdempotence) t.deepEqual(faults, [])
    else t.true(faults.length > 0 && faults.every((each) => /^DOUBLED (numbers|copies)-/.test(each)), faults.join('\n'))
  }
})

test('our broker is killed, frozen and asked to stop under load, and partitions are added: nothing is lost, doubled or out of order', async (t) => {
  const broker = new ChildBroker(t, await tempDir(t), { 'offsets.topic.num.partitions': 4, 'transaction.state.log.num.partitions': 4 })
  await broker.start()
  const env: Env = { connect: (options) => connect(`127.0.0.1:${broker.port}`, options), dialer: tcpDialer() }
  // Answers that do not come in time are given up while it is frozen.
  const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 4, client: { requestTimeoutMs: 1000 } })
  await flow.progress(60)
  await broker.kill()
  await broker.start()
  await flow.progress(60)
  await flow.client.admin.createPartitions([{ topic: flow.numbers, count: 4 }])
  flow.widen(4)
  await flow.progress(60)
  broker.freeze()
  await sleep(systemClock, 2500)
  broker.thaw()
  await flow.progress(60)
  await broker.terminate()
  await broker.start()
  await flow.progress(60)
  await broker.kill()
  await broker.start()
  await flow.progress(60)
  t.deepEqual(await flow.finish(), [])
})

test('numbers flow over connections that break, and that log in again and again with tokens and passwords', async (t) => {
  const config = { ...(await saslConfig(t)), ...tls, 'connections.max.reauth.ms': 1300 }
  const broker = await listening(t, 'SASL_SSL', config)
  let tokens = 0
  const issue = (): string => {
    tokens++
    return token()
  }
  const ssl = { ca: authority.cert }
  for (const sasl of [
    { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret' },
    { mechanism: 'OAUTHBEARER', token: issue },
  ] as const) {
    const flaky = flakyDialer(tlsDialer({ context: ssl }), { seed: 7, framesMax: 300, breaks: 20 })
    const dialer = countingDialer(flaky)
    const options = { sasl, dialer } satisfies ClientOptions
    const env: Env = { connect: (given) => connect(broker.bootstrap, { ...given, ...options }), dialer }
    const flow = await startFlow(t, env, { partitions: 2, partitionsMax: 2 })
    while (flaky.cuts < 20) await flow.progress(30)
    const before = dialer.logins
    // Nothing breaks any more: all that is left of log-ins are those that are due. A broker takes one a second, no more.
    while (dialer.logins < before + 20) await flow.progress(30)
    t.deepEqual(await flow.finish(), [])
  }
  // One for each client, however often it logged in.
  t.is(tokens, 4)
})
