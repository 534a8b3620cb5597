import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import test from 'ava'

import { connect, openTelemetry } from '../../core/index.ts'
import type { OffsetToCommit, ProducerRecord, SettledBatch } from '../../core/index.ts'
import { clientFor, newTopic, partitionsOf, pollSome, readAll, sharedBroker, uniqueName, valuesOf } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'

const broker = sharedBroker(test)
const env = (): Env => ({ connect: (options) => connect(broker(), options), dialer: broker().dialer })

test('interceptors of a producer see each record in turn and each batch, and change what is written', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const settled: SettledBatch[] = []
  const mark = (name: string) => (record: ProducerRecord) => ({ ...record, value: `${String(record.value)}${name}` })
  const producer = client.producer({
    interceptors: [{ onSend: mark('a') }, { onSend: mark('b'), onAcknowledgement: (batch) => void settled.push(batch) }],
  })
  await producer.send({ topic, value: '0' })
  producer.append(topic, 0, null, Buffer.from('1'), Date.now())
  producer.append(topic, 0, null, Buffer.from('2'), Date.now())
  await producer.flush()
  t.deepEqual(valuesOf(await readAll(client, topic)), ['0ab', '1ab', '2ab'])
  t.deepEqual(settled, [
    { topic, partition: 0, count: 1, firstOffset: 0 },
    { topic, partition: 0, count: 2, firstOffset: 1 },
  ])
})

test('a batch that fails is told with its reason', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client, 1, { 'max.message.bytes': '100' })
  const settled: SettledBatch[] = []
  const producer = client.producer({ interceptors: [{ onAcknowledgement: (batch) => void settled.push(batch) }] })
  const error = await t.throwsAsync(producer.send({ topic, value: 'x'.repeat(1000) }), { code: 'RECORD_TOO_LARGE' })
  t.deepEqual(settled, [{ topic, partition: 0, count: 1, firstOffset: -1, error }])
})

test('interceptors of a consumer see batches and commits; what one drops is not handed out, and the position moves on', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const producer = client.producer()
  for (const value of ['keep', 'drop', 'end']) await producer.send({ topic, value })
  const commits: (readonly OffsetToCommit[])[] = []
  const consumer = client.consumer({
    groupId: uniqueName('group'),
    autoOffsetReset: 'earliest',
    interceptors: [
      { onConsume: (batch) => (batch.columns.value(batch.from)?.toString() === 'drop' ? null : batch) },
      { onCommit: (offsets) => void commits.push(offsets) },
    ],
  })
  consumer.assign(partitionsOf(topic, 1))
  const values: string[] = []
  while (values.at(-1) !== 'end') for (const { columns, from } of await pollSome(consumer)) values.push(columns.value(from)!.toString())
  t.deepEqual(values, ['keep', 'end'])
  await consumer.commit()
  t.deepEqual(
    commits.map((offsets) => offsets.map(({ offset }) => offset)),
    [[3]],
  )
})

test('an interceptor that throws is logged, and the record goes on as it was', async (t) => {
  const warnings: object[] = []
  const logger = { debug() {}, info() {}, error() {}, warn: (fields: object) => void warnings.push(fields) }
  const client = await clientFor(t, env(), { logger })
  const topic = await newTopic(client)
  const fail = (): never => {
    throw new Error('no')
  }
  const producer = client.producer({ interceptors: [{ onSend: fail, onAcknowledgement: fail }] })
  await producer.send({ topic, value: 'v' })
  t.deepEqual(valuesOf(await readAll(client, topic)), ['v'])
  t.deepEqual(warnings, [
    { interceptor: 'onSend', error: 'no' },
    { interceptor: 'onAcknowledgement', error: 'no' },
  ])
})

test('a trace goes on through a topic in the headers of W3C, and without an SDK there are none', async (t) => {
  const client = await clientFor(t, env())
  const topic = await newTopic(client)
  const read = async () => {
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    consumer.assign(partitionsOf(topic, 1))
    const [batch] = await pollSome(consumer)
    await consumer.close()
    return batch!
  }
  const tracing = openTelemetry(api)
  await client.producer({ interceptors: [tracing.producer] }).send({ topic, value: 'untraced' })
  t.deepEqual((await read()).columns.headers(0), [])
  await client.admin.deleteRecords([{ topic, partition: 0, offset: -1 }])

  const spans = new InMemorySpanExporter()
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  const traced = openTelemetry(api)
  const producer = client.producer({ interceptors: [traced.producer] })
  const order = api.trace.getTracer('test').startSpan('order')
  await api.context.with(api.trace.setSpan(api.context.active(), order), () =>
    producer.send({ topic, value: 'traced', headers: [{ key: 'own', value: Buffer.from('1') }] }),
  )
  const { columns } = await read()
  t.deepEqual(
    columns.headers(0).map(({ key }) => key),
    ['own', 'traceparent'],
  )
  const [create] = spans.getFinishedSpans()
  t.is(create!.name, `${topic} create`)
  t.is(create!.parentSpanContext?.spanId, order.spanContext().spanId)
  t.like(api.trace.getSpanContext(traced.contextOf(columns, 0)), {
    traceId: order.spanContext().traceId,
    spanId: create!.spanContext().spanId,
    isRemote: true,
  })
})

test('a client without a logger tells of what goes wrong on standard error, as much as MOLDAU_LOG_LEVEL asks for', async (t) => {
  const program = `
    const { defaultLogger } = await import('./core/client/default-logger.ts')
    const logger = await defaultLogger()
    logger.info({ n: 1 }, 'all is well')
    logger.warn({ n: 2 }, 'a broker is gone')`
  const said = async (level?: string): Promise<string[]> => {
    const { MOLDAU_LOG_LEVEL: _, ...environment } = process.env
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      env: { ...environment, ...(level !== undefined && { MOLDAU_LOG_LEVEL: level }) },
    })
    return stderr.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { msg: string }).msg]))
  }
  t.deepEqual(await said(), ['a broker is gone'])
  t.deepEqual(await said('info'), ['all is well', 'a broker is gone'])
  t.deepEqual(await said('silent'), [])
})
