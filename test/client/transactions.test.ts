import { setImmediate as turn } from 'node:timers/promises'

import test from 'ava'
import type { ExecutionContext } from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { KafkaError, MoldauError, ProducerFatalError, TransactionAbortableError } from '../../core/index.ts'
import type { KafkaErrorName, Producer } from '../../core/index.ts'
import type { Api } from '../../core/protocol/api.ts'
import { AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, Gate, InitProducerId, Produce, TxnOffsetCommit } from '../../core/testing/index.ts'
import { newTopic, readAll, sharedBroker, uniqueName, valuesOf } from '../support/client-kit.ts'
import { Fates } from '../support/fates.ts'
import { producerScenarios } from '../support/producer-scenarios.ts'
import { versionedClient } from '../support/versioned-client.ts'
import type { TransactionVersion } from '../support/versioned-client.ts'

const broker = sharedBroker(test)

type Call = 'produce' | 'offsets' | 'commit' | 'init' | 'abort'
const group = { groupId: 'group', generation: -1, memberId: '', groupInstanceId: null }

const apis = {
  produce: { 1: Produce, 2: Produce },
  partitions: { 1: AddPartitionsToTxn, 2: AddPartitionsToTxn },
  group: { 1: AddOffsetsToTxn, 2: AddOffsetsToTxn },
  offsets: { 1: TxnOffsetCommit, 2: TxnOffsetCommit },
  end: { 1: EndTxn, 2: EndTxn },
  init: { 1: InitProducerId, 2: InitProducerId },
} as const

/** What an answer means: nothing (it is asked again), that the transaction can only be aborted, that the producer is of no use any more. */
const meanings: readonly [
  keyof typeof apis,
  Call,
  'again' | 'abort' | 'fatal',
  readonly KafkaErrorName[],
  (readonly TransactionVersion[])?,
][] = [
  ['produce', 'produce', 'again', ['NOT_LEADER_OR_FOLLOWER', 'CONCURRENT_TRANSACTIONS', 'NOT_ENOUGH_REPLICAS', 'KAFKA_STORAGE_ERROR']],
  [
    'produce',
    'produce',
    'abort',
    ['TRANSACTION_ABORTABLE', 'INVALID_PRODUCER_EPOCH', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'],
  ],
  [
    'produce',
    'produce',
    'abort',
    ['TOPIC_AUTHORIZATION_FAILED', 'INVALID_TXN_STATE', 'INVALID_RECORD', 'MESSAGE_TOO_LARGE', 'INVALID_TIMESTAMP'],
  ],
  ['produce', 'produce', 'fatal', ['PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']],
  ['produce', 'produce', 'fatal', ['CLUSTER_AUTHORIZATION_FAILED', 'UNSUPPORTED_VERSION', 'UNSUPPORTED_FOR_MESSAGE_FORMAT']],
  ['partitions', 'produce', 'again', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'UNKNOWN_TOPIC_OR_PARTITION'], [1]],
  ['partitions', 'produce', 'abort', ['TOPIC_AUTHORIZATION_FAILED', 'TRANSACTION_ABORTABLE', 'UNKNOWN_PRODUCER_ID'], [1]],
  ['partitions', 'produce', 'fatal', ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING'], [1]],
  ['group', 'offsets', 'again', ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR'], [1]],
  ['group', 'offsets', 'abort', ['GROUP_AUTHORIZATION_FAILED', 'TRANSACTION_ABORTABLE'], [1]],
  ['group', 'offsets', 'fatal', ['PRODUCER_FENCED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'], [1]],
  ['offsets', 'offsets', 'again', ['COORDINATOR_LOAD_IN_PROGRESS', 'CONCURRENT_TRANSACTIONS']],
  ['offsets', 'offsets', 'abort', ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED']],
  ['offsets', 'offsets', 'abort', ['TRANSACTION_ABORTABLE', 'OFFSET_METADATA_TOO_LARGE']],
  ['offsets', 'offsets', 'fatal', ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']],
  ['end', 'commit', 'again', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_NOT_AVAILABLE']],
  ['end', 'commit', 'abort', ['TRANSACTION_ABORTABLE']],
  ['end', 'commit', 'fatal', ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_TXN_STATE', 'UNKNOWN_SERVER_ERROR']],
  ['end', 'abort', 'again', ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR']],
  ['end', 'abort', 'fatal', ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']],
  ['init', 'init', 'again', ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS']],
  ['init', 'init', 'fatal', ['PRODUCER_FENCED', 'INVALID_TRANSACTION_TIMEOUT', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']],
]

for (const version of [1, 2] as const) {
  test(`transactions of version ${version}: what each error means for each call, and what goes on after it (KIP-1050)`, async (t) => {
    const { client, clientId } = await versionedClient(t, broker(), version)
    for (const [api, call, meaning, codes, versions] of meanings) {
      if (versions !== undefined && !versions.includes(version)) continue
      for (const code of codes) {
        const attempt = await t.try(`${code} to ${api} in ${call}: ${meaning}`, async (tt) => {
          const topic = await newTopic(client)
          const transactionalId = uniqueName('errors')
          const producer = client.producer({ transactionalId, lingerMs: 0 })
          const where = { api: apis[api][version], clientId: clientId, transactionalId }
          const committed = await meet(tt, producer, topic, call, code, where, meaning)
          if (meaning === 'fatal') {
            for (const each of [() => producer.begin(), () => producer.append(topic, 0, null, null, 1)]) {
              tt.throws(each, { instanceOf: ProducerFatalError })
            }
            for (const each of [
              producer.commit(),
              producer.abort(),
              producer.send({ topic, value: 'x' }),
              producer.sendOffsets([], group),
            ]) {
              await tt.throwsAsync(each, { instanceOf: ProducerFatalError })
            }
            await producer.close()
          }
          const next = meaning === 'fatal' ? client.producer({ transactionalId, lingerMs: 0 }) : producer
          next.begin()
          await next.send({ topic, value: 'after' })
          await next.commit()
          tt.deepEqual(valuesOf(await readAll(client, topic)), [...committed, 'after'])
        })
        attempt.commit()
      }
    }

    /** Runs into the error with `call` and checks what comes of it; the values that are committed then. */
    async function meet(
      tt: ExecutionContext,
      producer: Producer,
      topic: string,
      call: Call,
      code: KafkaErrorName,
      where: { api: (typeof apis)[keyof typeof apis][TransactionVersion]; clientId: string; transactionalId: string },
      meaning: 'again' | 'abort' | 'fatal',
    ): Promise<string[]> {
      const inject = () => broker().intercept([where.api as Api], (asked) => asked.error(code), { times: 1, clientId: where.clientId })
      const expected = { instanceOf: meaning === 'fatal' ? ProducerFatalError : TransactionAbortableError }
      const check = async (run: () => Promise<unknown>): Promise<boolean> => {
        const fault = inject()
        if (meaning === 'again') {
          await run()
          tt.is(fault.hits, 1)
          return true
        }
        const error = await tt.throwsAsync(run(), expected)
        tt.is(fault.hits, 1)
        if (code !== 'MESSAGE_TOO_LARGE') tt.is((error as KafkaError).kafkaCode, code)
        return false
      }
      if (call === 'init') {
        await check(() => producer.init())
        return []
      }
      await producer.init()
      await producer.partitions(topic)
      producer.begin()
      if (call !== 'produce') await producer.send({ topic, value: 'before' })
      const steps: Record<Exclude<Call, 'init'>, () => Promise<unknown>> = {
        produce: () => producer.send({ topic, value: 'before' }),
        offsets: () => producer.sendOffsets([{ topic, partition: 0, offset: 1 }], group),
        commit: () => producer.commit(),
        abort: () => producer.abort(),
      }
      const done = await check(steps[call])
      if (done && call !== 'abort' && call !== 'commit') await producer.commit()
      if (done) return call === 'abort' ? [] : ['before']
      if (meaning === 'fatal') return []
      if (call !== 'commit') {
        tt.throws(() => producer.append(topic, 0, null, Buffer.from('never'), 1), expected)
        await tt.throwsAsync(producer.send({ topic, value: 'never' }), expected)
        await tt.throwsAsync(producer.sendOffsets([{ topic, partition: 0, offset: 1 }], group), expected)
        await tt.throwsAsync(producer.commit(), expected)
      }
      tt.throws(() => producer.begin(), { code: 'INVALID_ARGUMENT', message: /abort\(\) first/ })
      await tt.throwsAsync(producer.commit(), { code: 'INVALID_ARGUMENT', message: /abort\(\) first/ })
      await producer.abort()
      await tt.throwsAsync(producer.abort(), { code: 'INVALID_ARGUMENT' })
      return []
    }
  })

  test(`transactions of version ${version}: whatever goes wrong, each is seen wholly or not at all, as its program was told`, async (t) => {
    const { client, clientId } = await versionedClient(t, broker(), version)
    const faults = meanings.flatMap(([api, , , codes, versions]) =>
      versions?.includes(version) === false
        ? []
        : codes.filter((code) => code !== 'INVALID_TRANSACTION_TIMEOUT').map((code) => ({ api, code })),
    )
    const fault = fc.oneof(
      fc.constantFrom(...faults),
      fc.record({
        api: fc.constantFrom('produce' as const, 'offsets' as const, 'end' as const),
        lost: fc.constantFrom('request', 'answer', 'meaning'),
      }),
    )
    const op = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'offsets' as const }) },
      { weight: 2, arbitrary: fc.constant({ do: 'commit' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'abort' as const }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('fault' as const), fault }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 10, maxLength: 40 }), async (ops) => {
        const topic = await newTopic(client, 2)
        const transactionalId = uniqueName('walk')
        const fates = new Fates()
        const make = async (): Promise<Producer> => {
          const made = client.producer({ transactionalId, lingerMs: 0, batchSize: 150, maxBlockMs: 20_000 })
          await made.partitions(topic)
          return made
        }
        let producer = await make()
        let [number, next, name] = [0, 0, '']
        const values: string[] = []
        const begin = (): void => {
          producer.begin()
          name = `t/${number++}`
          values.length = 0
          fates.begin(name, values)
        }
        const end = async (how: 'commit' | 'abort'): Promise<void> => {
          // What was appended to belongs to the list that the fates have.
          fates.begin(name, [...values])
          if (how === 'commit') fates.note(name, 'ending')
          await producer[how]()
          fates.note(name, how === 'commit' ? 'committed' : 'aborted')
          begin()
        }
        const recover = async (error: unknown): Promise<void> => {
          if (error instanceof TransactionAbortableError) {
            try {
              await producer.abort()
              fates.begin(name, [...values])
              fates.note(name, 'aborted')
              begin()
              return
            } catch (again) {
              return recover(again)
            }
          }
          if (!(error instanceof ProducerFatalError)) throw error
          // Whether a commit was carried out before the producer fell out of use nobody has told: it stays open for the audit.
          if (fates.fateOf(name) !== 'ending') {
            fates.begin(name, [...values])
            fates.note(name, 'aborted')
          }
          await producer.close(0)
          producer = await make()
          begin()
        }
        begin()
        const installed: { remove(): void }[] = []
        for (const step of [...ops, { do: 'commit' as const }]) {
          try {
            if (step.do === 'append') {
              for (let i = 0; i < step.count; i++) {
                const value = String(next++)
                values.push(value)
                producer.append(topic, Number(value) % 2, null, Buffer.from(value), 1)
              }
            } else if (step.do === 'flush') await producer.flush()
            else if (step.do === 'offsets')
              await producer.sendOffsets([{ topic, partition: 0, offset: next }], { ...group, groupId: topic })
            else if (step.do === 'fault') {
              const { fault: what } = step
              installed.push(
                broker().intercept(
                  [apis[what.api][version] as Api],
                  async (call) => {
                    if ('code' in what) return call.error(what.code)
                    if (what.lost !== 'request') await call.next()
                    // Carried out, and answered with something that says neither yes nor no.
                    return what.lost === 'meaning' ? call.error('UNKNOWN_SERVER_ERROR') : call.drop()
                  },
                  { times: 1, clientId: clientId },
                ),
              )
            } else await end(step.do)
          } catch (error) {
            await recover(error)
          }
        }
        await producer.close()
        for (const one of installed) one.remove()
        // Whoever comes next ends what was left open.
        await client.producer({ transactionalId }).init()
        const seen = await readAll(client, topic, 2)
        t.deepEqual(fates.check(valuesOf(seen).map(String)), [])
        for (const partition of [0, 1]) {
          const own = seen.filter((record) => record.partition === partition).map((record) => Number(record.value))
          t.deepEqual(
            own,
            own.toSorted((a, b) => a - b),
          )
        }
      }),
      { numRuns: 15 },
    )
  })
}

test('an abort that failed may be tried again', async (t) => {
  const { client, clientId } = await versionedClient(t, broker(), 1)
  const topic = await newTopic(client)
  const producer = client.producer({ transactionalId: uniqueName('abort'), lingerMs: 0 })
  producer.begin()
  await producer.send({ topic, value: 'a' })
  broker().intercept(Produce, (call) => call.error('OUT_OF_ORDER_SEQUENCE_NUMBER'), { times: 1, clientId: clientId })
  await t.throwsAsync(producer.send({ topic, value: 'b' }), { instanceOf: TransactionAbortableError })
  // Version 1 raises the epoch after such an abort.
  broker().intercept(InitProducerId, (call) => call.error('UNKNOWN_SERVER_ERROR'), { times: 1, clientId: clientId })
  await t.throwsAsync(producer.abort(), { instanceOf: KafkaError })
  t.throws(() => producer.begin(), { code: 'INVALID_ARGUMENT', message: /abort\(\) first/ })
  await producer.abort()
  producer.begin()
  await producer.send({ topic, value: 'c' })
  await producer.commit()
  t.deepEqual(valuesOf(await readAll(client, topic)), ['c'])
})

test('a batch that fails before its transaction has its turn fails that one, and not the one that commits', async (t) => {
  const clock = new ManualClock()
  const { client, clientId } = await versionedClient(t, broker(), 2, { clock })
  const topic = await newTopic(client)
  const producer = client.producer({ transactionalId: uniqueName('early'), lingerMs: 0, requestTimeoutMs: 5000, deliveryTimeoutMs: 5000 })
  await producer.init()
  await producer.partitions(topic)
  producer.begin()
  producer.append(topic, 0, null, Buffer.from('first'), 1)
  const gate = new Gate()
  broker().intercept(EndTxn, () => gate.pass(), { times: 1, clientId: clientId })
  const ending = producer.commit()
  await gate.arrived()
  producer.begin()
  producer.append(topic, 0, null, Buffer.from('too late'), 1)
  for (let n = 0; n < 10; n++) {
    await turn()
    clock.advance(1000)
  }
  gate.release()
  await ending
  await t.throwsAsync(producer.commit(), { instanceOf: TransactionAbortableError, code: 'TIMEOUT' })
  await producer.abort()
  t.deepEqual(valuesOf(await readAll((await versionedClient(t, broker(), 2)).client, topic)), ['first'])
})

test('a transaction cannot commit without a record that was refused before it was sent', async (t) => {
  const { client } = await versionedClient(t, broker(), 2)
  const topic = await newTopic(client)
  const producer = client.producer({ transactionalId: uniqueName('lacks'), maxRequestSize: 1000, lingerMs: 0 })
  await producer.partitions(topic)
  const large = 'x'.repeat(2000)
  for (const write of [() => producer.send({ topic, value: large }), () => producer.sendBatch({ topic, values: ['fits', large] })]) {
    producer.begin()
    await producer.send({ topic, value: 'never' })
    // A program that does not look at what its sends come to is told when it commits.
    const ignored = write().catch((error: unknown) => error)
    const error = await t.throwsAsync(producer.commit(), { instanceOf: TransactionAbortableError, code: 'RECORD_TOO_LARGE' })
    t.is(await ignored, error)
    await producer.abort()
  }
  producer.begin()
  await t.throwsAsync(producer.send({ topic, partition: 9, value: 'nowhere' }), { code: 'INVALID_ARGUMENT' })
  await producer.send({ topic, value: 'after' })
  await producer.commit()
  t.deepEqual(valuesOf(await readAll(client, topic)), ['after'])
})

test('errors of a producer are told apart by type, with the code and the cause', (t) => {
  const cause = new KafkaError('TRANSACTION_ABORTABLE', 'x')
  const abortable = new TransactionAbortableError('id', cause)
  t.true(abortable instanceof MoldauError)
  t.deepEqual([abortable.code, abortable.kafkaCode, abortable.cause], ['PROTOCOL', 'TRANSACTION_ABORTABLE', cause])
  const fatal = new ProducerFatalError('id', new KafkaError('PRODUCER_FENCED'))
  t.deepEqual([fatal.code, fatal.kafkaCode, fatal instanceof TransactionAbortableError], ['FENCED', 'PRODUCER_FENCED', false])
})

const TOO_LONG = 'a transaction that was open for too long is aborted by the coordinator, and its producer is told'

test(`v1: ${TOO_LONG}`, async (t) => {
  const connectAsOld = async () => (await versionedClient(t, broker(), 1, { unknownTopicTimeoutMs: 30_000 })).client
  await producerScenarios[TOO_LONG]!(t, { connect: connectAsOld, dialer: broker().dialer })
})
