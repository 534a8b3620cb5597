import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { canNameTopics } from '../../core/broker/intercept/named-topics.ts'
import { connect, MoldauError } from '../../core/index.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorCode, errorName, kafkaError } from '../../core/protocol/errors.ts'
import { Gate } from '../../core/testing/gate.ts'
import type { InterceptOptions } from '../../core/testing/index.ts'
import { ApiVersions, apis, Fetch, FindCoordinator, InitProducerId, Metadata, Produce } from '../../core/testing/index.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, topicError, ways } from '../support/wire.ts'

async function start(t: ExecutionContext, options: Parameters<typeof startBroker>[1] = {}): Promise<{ broker: Broker; channel: Channel }> {
  const broker = await startBroker(t, options)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  return { broker, channel }
}

const one = batch(['one'])
const valuesIn = async (channel: Channel, topic = 'a'): Promise<string[]> => listing(await fetchFrom(channel, topic, 0))

test('an error stands where clients look for it, and the request is not carried out', async (t) => {
  const { broker, channel } = await start(t)
  const interception = broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER', 'moved'), { times: 2 })
  for (const version of [2, 12]) {
    const { error, message } = await produce(channel, 'a', one, { version })
    t.is(error, 'NOT_LEADER_OR_FOLLOWER')
    t.is(message, version === 12 ? 'moved' : null)
  }
  t.deepEqual([interception.hits, interception.active], [2, false])
  t.is((await produce(channel, 'a', one)).error, 'NONE', 'the third is not intercepted')
  t.deepEqual(await valuesIn(channel), ['0:one'])
})

test('a KafkaError that is thrown is answered as call.error is', async (t) => {
  const { broker, channel } = await start(t)
  broker.intercept(Produce, () => {
    throw kafkaError('NOT_ENOUGH_REPLICAS', 'a-0')
  })
  const { error, message } = await produce(channel, 'a', one)
  t.is(error, 'NOT_ENOUGH_REPLICAS')
  t.regex(message!, /a-0/)
})

for (const way of ways) {
  test(`dropped before the handler nothing was done, dropped after it only the answer is lost (${way})`, async (t) => {
    const { broker, channel } = await start(t)
    using before = broker.intercept(Produce, (call) => call.drop())
    await t.throwsAsync(produce(await open(t, broker, way), 'a', one), { code: 'CONNECTION_LOST' })
    t.is(before.hits, 1)
    before.remove()
    t.deepEqual(await valuesIn(channel), [])
    using after = broker.intercept(Produce, async (call) => {
      const { responses } = await call.next()
      t.is(responses[0]!.partitionResponses[0]!.errorCode, 0)
      return call.drop()
    })
    await t.throwsAsync(produce(await open(t, broker, way), 'a', one), { code: 'CONNECTION_LOST' })
    t.is(after.hits, 1)
    t.deepEqual(await valuesIn(channel), ['0:one'])
  })
}

test('request and response can be changed, and who changes nothing changes nothing', async (t) => {
  const { broker, channel } = await start(t)
  broker.intercept(
    Produce,
    (call) => {
      call.request.topicData[0]!.name = 'b'
    },
    { times: 1 },
  )
  t.is((await produce(channel, 'a', one)).error, 'NONE')
  t.deepEqual([await valuesIn(channel, 'a'), await valuesIn(channel, 'b')], [[], ['0:one']])
  broker.intercept(
    Fetch,
    async (call) => {
      const answer = await call.next()
      answer.responses[0]!.partitions[0]!.records = null
      return answer
    },
    { times: 1 },
  )
  t.deepEqual(await valuesIn(channel, 'b'), [], 'records are taken away')
  broker.intercept(
    Fetch,
    async (call) => {
      const answer = await call.next()
      answer.responses[0]!.partitions[0]!.errorCode = errorCode('OFFSET_OUT_OF_RANGE')
    },
    { times: 1 },
  )
  t.is(errorName((await fetchFrom(channel, 'b', 0)).errorCode), 'OFFSET_OUT_OF_RANGE', 'an answer changed in place needs no return')
  const seen: string[] = []
  broker.intercept(
    Fetch,
    (call) => void seen.push(`${call.api} ${call.version} ${call.clientId} ${call.principal} ${[...call.topics].join()}`),
  )
  t.deepEqual(await valuesIn(channel, 'b'), ['0:one'])
  t.deepEqual(seen, ['Fetch 12 test User:ANONYMOUS b'])
})

test('a request that is delivered twice is carried out twice', async (t) => {
  const { broker, channel } = await start(t)
  broker.intercept(Produce, async (call) => {
    await call.next()
    return call.next()
  })
  t.is((await produce(channel, 'a', one)).baseOffset, 1)
  t.deepEqual(await valuesIn(channel), ['0:one', '1:one'])
})

test('ApiVersions can be narrowed, and a client keeps to it', async (t) => {
  const { broker } = await start(t)
  broker.intercept(ApiVersions, async (call) => {
    const answer = await call.next()
    for (const key of answer.apiKeys) if (key.apiKey === Produce.key) key.maxVersion = 7
    return answer
  })
  const versions: number[] = []
  broker.intercept(Produce, (call) => void versions.push(call.version))
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.producer().send({ topic: 'a', value: 'x' })
  t.deepEqual(versions, [7])
})

test('several interceptors stand one before the other, as they were installed, and each can be taken out', async (t) => {
  const { broker, channel } = await start(t)
  const seen: string[] = []
  const note = (name: string) =>
    broker.intercept(Produce, async (call) => {
      seen.push(`${name} in`)
      await call.next()
      seen.push(`${name} out`)
    })
  const first = note('first')
  note('second')
  await produce(channel, 'a', one)
  t.deepEqual(seen.splice(0), ['first in', 'second in', 'second out', 'first out'])
  first.remove()
  await produce(channel, 'a', one)
  t.deepEqual(seen.splice(0), ['second in', 'second out'])
  const both = broker.intercept([Produce, Fetch], (call) => void seen.push(call.api))
  await produce(channel, 'a', one)
  t.is((await valuesIn(channel)).length, 3)
  t.deepEqual(seen, ['second in', 'Produce', 'second out', 'Fetch'])
  t.is(both.hits, 2)
})

test('only what is meant is intercepted', async (t) => {
  const { broker, channel } = await start(t)
  const refuse = (options: InterceptOptions<typeof Produce.request, typeof Produce.response>) =>
    broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), options)
  const refused = async (topic: string, version = 11): Promise<boolean> =>
    (await produce(channel, topic, one, { version })).error !== 'NONE'
  {
    using _ = refuse({ topic: 'b' })
    t.deepEqual([await refused('a'), await refused('b')], [false, true])
  }
  {
    using _ = refuse({ versions: '0-7' })
    t.deepEqual([await refused('a', 8), await refused('a', 7)], [false, true])
  }
  {
    using _ = refuse({ clientId: 'other' })
    t.false(await refused('a'))
  }
  {
    using _ = refuse({ where: (call) => call.request.acks === -1, times: 1 })
    t.deepEqual([await refused('a'), await refused('a')], [true, false])
  }
  const draw = async (seed: number): Promise<boolean[]> => {
    using _ = refuse({ probability: 0.5, seed })
    const drawn: boolean[] = []
    for (let i = 0; i < 20; i++) drawn.push(await refused('a'))
    return drawn
  }
  const drawn = await draw(7)
  t.true(drawn.includes(true) && drawn.includes(false))
  t.deepEqual(await draw(7), drawn)
  t.notDeepEqual(await draw(8), drawn)
})

test('a topic that is named by its id is found by its name', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  const topicId = await createTopic(channel, 'a')
  const interception = broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { topic: 'a' })
  const body = { acks: -1, timeoutMs: 5000, topicData: [{ topicId, partitionData: [{ index: 0, records: one }] }] }
  const { responses } = await channel.request(Produce, 13, body)
  t.is(responses[0]!.topicId, topicId)
  t.is(errorName(responses[0]!.partitionResponses[0]!.errorCode), 'NOT_LEADER_OR_FOLLOWER')
  t.is(interception.hits, 1)
})

test('what is held is not overtaken on its connection, and others go on', async (t) => {
  const { broker, channel } = await start(t)
  const other = await open(t, broker)
  const gate = new Gate()
  broker.intercept(Produce, () => gate.pass(), { times: 1 })
  const first = produce(channel, 'a', batch(['first']))
  await gate.arrived()
  const second = produce(channel, 'a', batch(['second']))
  await produce(other, 'a', batch(['other']))
  t.is(gate.waiting, 1)
  t.is(gate.release(), 1)
  t.deepEqual([(await first).baseOffset, (await second).baseOffset], [1, 2])
  t.deepEqual(await valuesIn(other), ['0:other', '1:first', '2:second'])
})

test('answers that are held up after the handler let those behind them be worked on', async (t) => {
  const { broker, channel } = await start(t)
  const gate = new Gate()
  broker.intercept(
    Produce,
    async (call) => {
      await call.next()
      await gate.pass()
    },
    { times: 1 },
  )
  const first = produce(channel, 'a', batch(['first']))
  await gate.arrived()
  const second = produce(channel, 'a', batch(['second']))
  const other = await open(t, broker)
  for (let seen: string[] = []; seen.length < 2;) seen = await valuesIn(other)
  gate.open()
  t.deepEqual([(await first).baseOffset, (await second).baseOffset], [0, 1])
})

test('delays are of the clock of the broker', async (t) => {
  const clock = new ManualClock()
  const { broker, channel } = await start(t, { clock })
  const gate = new Gate()
  broker.intercept(Produce, async (call) => {
    const delayed = call.delay(5000)
    await gate.pass()
    await delayed
  })
  gate.open()
  let answered = false
  const sent = produce(channel, 'a', one).then(() => (answered = true))
  await gate.arrived()
  clock.advance(4999)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.false(answered)
  clock.advance(1)
  t.true(await sent)
})

test('a broker that is closed passes on what its interceptors hold, and answers it', async (t) => {
  const { broker, channel } = await start(t)
  const gate = new Gate()
  broker.intercept(Produce, () => gate.pass(), { topic: 'a' })
  const delaying = broker.intercept(Produce, (call) => call.delay(3_600_000), { topic: 'b' })
  const held = produce(channel, 'a', one)
  const delayed = produce(await open(t, broker), 'b', one)
  await gate.arrived()
  while (delaying.hits === 0) await new Promise((resolve) => setImmediate(resolve))
  await broker.close()
  t.deepEqual([(await held).error, (await delayed).error], ['NONE', 'NONE'])
})

test('a request that waits is carried out although its client has gone', async (t) => {
  const { broker, channel } = await start(t)
  const gate = new Gate()
  broker.intercept(Produce, () => gate.pass(), { times: 1 })
  const leaving = await open(t, broker)
  const sent = produce(leaving, 'a', one)
  await gate.arrived()
  leaving.close()
  await t.throwsAsync(sent)
  gate.release()
  for (let seen: string[] = []; seen.length < 1;) seen = await valuesIn(channel)
  t.pass()
})

test('with acks=0 an error ends the connection, as in Kafka, and an answer is not sent', async (t) => {
  const { broker, channel } = await start(t)
  broker.intercept(
    Produce,
    async (call) => {
      t.deepEqual((await call.next()).responses, [])
      return { responses: [] }
    },
    { times: 1 },
  )
  broker.intercept(Produce, () => undefined)
  const unanswered = { acks: 0, timeoutMs: 5000, topicData: [{ name: 'a', partitionData: [{ index: 0, records: one }] }] }
  channel.send(Produce, 11, unanswered)
  // An answer that nobody waits for would end the channel.
  t.deepEqual(await valuesIn(channel), ['0:one'])
  broker.intercept(Produce, (call) => call.error('INVALID_RECORD'))
  channel.send(Produce, 11, unanswered)
  await t.throwsAsync(fetchFrom(channel, 'a', 0), { code: 'CONNECTION_LOST' })
})

test('a Metadata that is refused still names the brokers', async (t) => {
  const { broker, channel } = await start(t)
  broker.intercept(Metadata, (call) => call.error('LEADER_NOT_AVAILABLE'), { topic: 'a' })
  t.is(await topicError(channel, 'a', false), 'LEADER_NOT_AVAILABLE')
  t.is(await topicError(channel, 'b', false), 'NONE')
  const { brokers, topics } = await channel.request(Metadata, 12, { topics: [{ name: 'a' }], allowAutoTopicCreation: false })
  t.deepEqual([brokers.length, topics[0]!.partitions.length], [1, 0])
})

test('an answer that cannot be sent is told to the broker, with the field, and the client gets an error', async (t) => {
  const { broker, channel } = await start(t)
  const messages: string[] = []
  broker.events.on('error', ({ message }) => messages.push(message))
  broker.intercept(InitProducerId, async (call) => ({ ...(await call.next()), producerId: 'x' as never }))
  const answer = await channel.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })
  t.is(errorName(answer.errorCode), 'UNKNOWN_SERVER_ERROR')
  t.is(messages.length, 1)
  t.regex(messages[0]!, /an interceptor of InitProducerId answers what version 4 cannot carry: .*producerId/)
})

test('what cannot be intercepted, and how, is refused with a remedy', async (t) => {
  const { broker } = await start(t)
  const refused = (options: object, message: RegExp) =>
    t.throws(() => broker.intercept(Produce, () => {}, options), { instanceOf: MoldauError, code: 'INVALID_ARGUMENT', message })
  refused({ times: 0 }, /times must be a whole number of at least 1, not 0/)
  refused({ probability: 2 }, /probability must be from 0 to 1, not 2/)
  refused({ versions: '3..4' }, /versions must be written as '3', '0-8' or '9\+', not '3\.\.4'/)
  refused({ seed: 0.5 }, /seed must be a whole number/)
  refused({ client: 'x' }, /client is no option: there are times, clientId, topic/)
  t.throws(() => broker.intercept(InitProducerId, () => {}, { topic: 'a' }), {
    message: 'intercept: topic does not go with InitProducerId, whose requests name none: leave it out',
  })
  const naming = apis.filter(canNameTopics).map(({ name }) => name)
  for (const name of ['Produce', 'Fetch', 'OffsetFetch', 'AddPartitionsToTxn', 'DescribeConfigs', 'DeleteTopics'])
    t.true(naming.includes(name), name)
  for (const name of ['JoinGroup', 'Heartbeat', 'EndTxn', 'ListGroups', 'ApiVersions']) t.false(naming.includes(name), name)
  const unserved = { ...Produce, key: 9999, name: 'Nothing' }
  t.throws(() => broker.intercept(unserved, () => {}), { message: /this broker does not serve Nothing/ })
})

test('what goes wrong on the way is an error in the places of the version that was asked, and is told', async (t) => {
  const { broker, channel } = await start(t)
  const messages: string[] = []
  broker.events.on('error', ({ message }) => messages.push(message))
  broker.intercept([Produce, FindCoordinator], () => {
    throw new Error('a bug')
  })
  t.is((await produce(channel, 'a', one)).error, 'UNKNOWN_SERVER_ERROR')
  const { coordinators } = await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  t.is(errorName(coordinators[0]!.errorCode), 'UNKNOWN_SERVER_ERROR')
  t.is(errorName((await channel.request(FindCoordinator, 3, { keyType: 0, key: 'g' })).errorCode), 'UNKNOWN_SERVER_ERROR')
  t.deepEqual(messages, ['Produce failed: a bug', 'FindCoordinator failed: a bug', 'FindCoordinator failed: a bug'])
})

test('access control comes first: an interceptor sees who asks, and nothing that he may not have', async (t) => {
  const broker = await startBroker(t, { config: { 'authorizer.class.name': 'StandardAuthorizer' } })
  await createTopic(await open(t, broker, 'in-process'), 'a')
  const seen: string[] = []
  broker.intercept(Produce, (call) => void seen.push(`${call.principal} ${call.request.topicData.length}`))
  t.is((await produce(await open(t, broker), 'a', one)).error, 'TOPIC_AUTHORIZATION_FAILED')
  t.is((await produce(await open(t, broker, 'in-process'), 'a', one)).error, 'NONE')
  t.deepEqual(
    seen.filter((line) => !line.endsWith(' 0')),
    ['User:in-process 1'],
  )
})

test('our producer sends again after NOT_LEADER_OR_FOLLOWER, and an answer that is lost doubles nothing', async (t) => {
  const { broker, channel } = await start(t)
  const client = await connect(broker, { retryBackoffMs: 1 })
  t.teardown(() => client.close())
  const moved = broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { times: 2 })
  const lost = broker.intercept(
    Produce,
    async (call) => {
      await call.next()
      return call.drop()
    },
    { times: 1 },
  )
  const coordinator = broker.intercept(FindCoordinator, (call) => call.error('COORDINATOR_NOT_AVAILABLE'), { times: 1 })
  const producer = client.producer()
  for (let i = 0; i < 5; i++) await producer.send({ topic: 'a', partition: 0, value: `${i}` })
  t.deepEqual([moved.hits, lost.hits], [2, 1])
  t.deepEqual(await valuesIn(channel), ['0:0', '1:1', '2:2', '3:3', '4:4'])
  await client.admin.listConsumerGroupOffsets('g')
  t.is(coordinator.hits, 1)
})
