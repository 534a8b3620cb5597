import { setTimeout as sleep } from 'node:timers/promises'

import test from 'ava'
import fc from 'fast-check'

import { Sensor } from '../../core/base/sensor.ts'
import { ManualClock } from '../../core/base/clock.ts'
import { Incidents } from '../../core/cluster/incidents.ts'
import { afterError, afterSubscription } from '../../core/client/telemetry/next-step.ts'
import { encodeMetrics } from '../../core/client/telemetry/otlp.ts'
import type { Point } from '../../core/client/telemetry/otlp.ts'
import { PointMaker, telemetryName } from '../../core/client/telemetry/points.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Cluster } from '../../core/cluster/cluster.ts'
import { parseAddresses } from '../../core/cluster/address.ts'
import { connect, MoldauError } from '../../core/index.ts'
import type { Metric } from '../../core/index.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import { clientFor, newTopic, pollSome, readToEnd, sharedBroker, uniqueName } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { decodeMetrics } from '../support/protobuf-decode.ts'

const broker = sharedBroker(test)
const env: Env = {
  connect: (options) => connect(broker(), options),
  get dialer() {
    return broker().dialer
  },
}

test('a sensor agrees with a list of everything that was recorded', (t) => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 70_000 }), value: fc.integer({ min: -50, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sensor = new Sensor(0)
      const all: { at: number; value: number }[] = []
      let now = 0
      for (const { wait, value } of steps) {
        now += wait
        sensor.record(value, now)
        all.push({ at: now, value })
      }
      // Samples begin at whole multiples of 30 s; this one and the one before count.
      const from = Math.max(0, Math.floor(now / 30_000) - 1) * 30_000
      const lately = all.filter(({ at }) => at >= from).map(({ value }) => value)
      const sum = lately.reduce((a, b) => a + b, 0)
      t.is(sensor.count, all.length)
      t.is(sensor.max(now), lately.length === 0 ? NaN : Math.max(...lately))
      t.is(sensor.rate(now), sum / (Math.max(now - from, 1000) / 1000))
      t.is(sensor.average(now), lately.length === 0 ? NaN : sum / lately.length)
      t.is(sensor.frequency(now + 100_000), 0)
    }),
  )
})

test('a producer and a consumer count what they do, under Kafka names', async (t) => {
  const client = await clientFor(t, env)
  const topic = await newTopic(client, 2)
  const producer = client.producer({ lingerMs: 0 })
  for (let i = 0; i < 10; i++)
    await Promise.all(Array.from({ length: 10 }, (_, n) => producer.send({ topic, partition: n % 2, key: 'key', value: 'x'.repeat(100) })))
  const sent = producer.metrics()
  t.is(sent.value('record-send-total'), 100)
  t.is(sent.value('record-send-total', { topic }), 100)
  t.is(sent.value('record-error-total'), 0)
  t.is(sent.value('records-per-request-avg'), 10)
  t.true(sent.value('record-size-avg')! > 100 && sent.value('record-size-avg')! < 140, `${sent.value('record-size-avg')} bytes a record`)
  t.true(sent.value('record-send-rate')! > 0 && sent.value('request-latency-avg')! > 0)
  t.is(sent.value('requests-in-flight'), 0)
  t.is(sent.value('buffer-available-bytes'), sent.value('buffer-total-bytes'))
  t.is(sent.value('connection-count'), 1)

  const consumer = client.consumer({ groupId: topic, autoOffsetReset: 'earliest', maxPollRecords: 10, fetchMaxWaitMs: 50 })
  consumer.subscribe([topic])
  const [first] = await pollSome(consumer)
  const place = { topic, partition: String(first!.partition) }
  const early = consumer.metrics()
  t.is(early.value('records-lag', place), 50 - consumer.position(first!)!)
  t.true(early.value('records-lag-max', place)! >= early.value('records-lag', place)!)
  await readToEnd(client, consumer)
  await consumer.commit()
  const read = consumer.metrics()
  t.is(read.value('records-consumed-total'), 100)
  t.is(read.value('records-consumed-total', { topic }), 100)
  t.true(read.value('bytes-consumed-total')! >= 100 * 103 - 20 * 20 && read.value('bytes-consumed-total')! < 12_000)
  t.is(read.value('records-lag', place), 0)
  t.is(read.value('records-lead', place), 50)
  t.true(read.value('records-lag-max')! >= early.value('records-lag', place)!)
  t.is(read.value('assigned-partitions'), 2)
  t.is(read.value('commit-total'), 1)
  t.is(read.value('rebalance-total'), 1)
  t.true(read.value('fetch-total')! > 0 && read.value('join-total')! > 0)
  t.true(read.value('poll-idle-ratio-avg')! >= 0 && read.value('poll-idle-ratio-avg')! <= 1)
  const names = [...client.metrics()].map(({ group, name, tags }) => JSON.stringify([group, name, tags]))
  t.is(new Set(names).size, names.length, 'no two metrics have the same name and tags')
  await consumer.close()
  await producer.close()
  t.false([...client.metrics()].some(({ group }) => group !== 'admin-client-metrics' && group !== 'admin-client-node-metrics'))
})

test('raw batches are counted as they lie in the log, and calls of a producer by their time', async (t) => {
  const client = await clientFor(t, env)
  const topic = await newTopic(client, 1)
  const producer = client.producer({ transactionalId: topic, compressionType: 'gzip' })
  producer.begin()
  for (let i = 0; i < 50; i++) void producer.send({ topic, value: 'x'.repeat(100) })
  await producer.flush()
  await producer.commit()
  producer.begin()
  await producer.send({ topic, value: 'y' })
  await producer.abort()
  const sent = producer.metrics()
  for (const call of ['flush', 'txn-commit', 'txn-abort'] as const) t.true(sent.value(`${call}-time-ns-total`)! > 0, call)
  t.is(sent.value('txn-send-offsets-time-ns-total'), 0)
  t.true(sent.value('compression-rate-avg')! < 1)

  const consumer = client.consumer({ raw: true, isolationLevel: 'read_committed', autoOffsetReset: 'earliest', fetchMaxWaitMs: 50 })
  consumer.assign([{ topic, partition: 0 }])
  let bytes = 0
  for (let count = 0; count < 50;) {
    for (const batch of await consumer.pollRaw()) {
      count += batch.count
      bytes += batch.bytes.length
    }
  }
  const read = consumer.metrics()
  t.is(read.value('records-consumed-total', { topic }), 50)
  t.is(read.value('bytes-consumed-total', { topic }), bytes)
})

test('records that fail are counted and told', async (t) => {
  const client = await clientFor(t, env)
  const topic = await newTopic(client, 1, { 'max.message.bytes': '1000' })
  const producer = client.producer()
  const told: string[] = []
  producer.events.on('error', ({ message }) => told.push(message))
  await t.throwsAsync(producer.send({ topic, value: 'x'.repeat(5000) }))
  t.is(producer.metrics().value('record-error-total', { topic }), 1)
  t.is(told.length, 1)
  t.regex(told[0]!, new RegExp(`^1 records for ${topic}-0: `))
})

const text = fc.string({ maxLength: 40, unit: 'binary' })
const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer())

test('what is encoded as OpenTelemetry is what a naive reader reads', (t) => {
  const point = fc.record({ name: text, attributes: fc.dictionary(text, text), kind: fc.constantFrom('gauge', 'sum'), value })
  fc.assert(
    fc.property(fc.array(point, { maxLength: 30 }), fc.dictionary(text, text), fc.boolean(), (points, resource, isDelta) => {
      const given = points.map((one): Point => ({ ...one, since: 1, at: 1_700_000_000_000 }) as Point)
      const read = decodeMetrics(encodeMetrics(resource, given, isDelta ? 'delta' : 'cumulative'))
      t.deepEqual({ ...read.resource }, { ...resource })
      t.is(read.points.length, points.length)
      for (const [i, { name, kind, value: number, attributes }] of read.points.entries()) {
        t.is(name, points[i]!.name)
        t.is(kind, points[i]!.kind)
        t.is(number, points[i]!.value)
        t.deepEqual({ ...attributes }, { ...points[i]!.attributes })
      }
      t.true(read.points.every(({ kind, temporality }) => temporality === (kind === 'gauge' ? 0 : isDelta ? 1 : 2)))
    }),
  )
})

test('sums are told by their growth, and what was not taken is told again', (t) => {
  t.is(telemetryName('consumer-fetch-manager-metrics', 'records-lag-max'), 'org.apache.kafka.consumer.fetch.manager.records.lag.max')
  const maker = new PointMaker(0)
  const metric = (total: number): Metric[] => [
    { name: 'record-send-total', group: 'producer-metrics', tags: {}, kind: 'counter', description: '', value: total },
  ]
  const make = (total: number, at: number): number => maker.make(metric(total), ['org.apache.kafka.producer.'], true, at)[0]!.value
  t.is(make(10, 1), 10)
  t.is(make(15, 2), 15, 'the first push was not taken')
  maker.accept()
  t.is(make(17, 3), 2)
  maker.accept()
  t.deepEqual(maker.make(metric(20), ['org.apache.kafka.consumer.'], true, 4), [])
  maker.accept()
  t.is(make(21, 5), 4, 'what was not asked for meanwhile is not lost')
})

test('errors of telemetry lead where Kafka says', (t) => {
  t.deepEqual(afterError('UNKNOWN_SUBSCRIPTION_ID', 5000), { next: 'subscribe', waitMs: 0 })
  t.deepEqual(afterError('UNSUPPORTED_COMPRESSION_TYPE', 5000), { next: 'subscribe', waitMs: 0 })
  t.deepEqual(afterError('TELEMETRY_TOO_LARGE', 5000), { next: 'subscribe', waitMs: 5000 })
  t.deepEqual(afterError('THROTTLING_QUOTA_EXCEEDED', 5000), { next: 'subscribe', waitMs: 5000 })
  t.is(afterError('INVALID_RECORD').next, 'stop')
  t.deepEqual(afterSubscription(['*'], 1000, 0), { next: 'push', waitMs: 500 })
  t.deepEqual(afterSubscription(['*'], 1000, 1), { next: 'push', waitMs: 1500 })
  t.deepEqual(afterSubscription([], 1000, 0), { next: 'subscribe', waitMs: 1000 })
})

/** Asks all clients with this id for metrics, or no longer (null). */
async function ask(name: string, configs: Record<string, string>): Promise<void> {
  const cluster = await Cluster.connect({ dialer: broker().dialer, bootstrap: parseAddresses(broker().bootstrap) })
  const changes = Object.entries(configs).map(([key, text]) => ({ name: key, configOperation: 0, value: text }))
  const body = { resources: [{ resourceType: 16, resourceName: name, configs: changes }], validateOnly: false }
  const answer = await (await cluster.any()).request(IncrementalAlterConfigs, body)
  cluster.close()
  if (answer.responses[0]!.errorCode !== 0) throw new Error(answer.responses[0]!.errorMessage ?? 'refused')
}

test('a client sends what it is asked for, by growth, and the last of it when it ends', async (t) => {
  const clientId = uniqueName('metered')
  await ask(clientId, { metrics: 'org.apache.kafka.producer.record.send.total', 'interval.ms': '100', match: `client_id=${clientId}` })
  const pushes: { terminating: boolean; clientInstanceId: string; metrics: Buffer }[] = []
  t.teardown(broker().events.on('telemetry', (event) => event.clientId === clientId && pushes.push(event)))
  const client = await connect(broker(), { clientId })
  const id = await client.clientInstanceId()
  const topic = await newTopic(client, 1)
  let sent = 0
  for (const producer of [client.producer(), client.producer()]) {
    const before = pushes.length
    while (pushes.length < before + 2) {
      await producer.send({ topic, value: 'x' })
      sent++
      await sleep(5)
    }
    await producer.close()
  }
  await client.close()
  t.true(pushes.every(({ clientInstanceId }) => clientInstanceId === id))
  t.deepEqual(
    pushes.map(({ terminating }) => terminating),
    pushes.map((_, i) => i === pushes.length - 1),
    'the last push says that it is the last, and no other',
  )
  const points = pushes.flatMap(({ metrics }) => (metrics.length === 0 ? [] : decodeMetrics(metrics).points))
  t.deepEqual([...new Set(points.map(({ name }) => name))], ['org.apache.kafka.producer.record.send.total'], 'nothing else is sent')
  const whole = points.filter(({ attributes }) => Object.keys(attributes).length === 1)
  t.is(
    whole.reduce((sum, point) => sum + point.value, 0),
    sent,
    'each record is told once, also those of a producer that was closed',
  )
})

test('a subscription that changes is asked for anew, and a client that is not to push has no id', async (t) => {
  const clientId = uniqueName('metered')
  await ask(clientId, { metrics: 'org.apache.kafka.admin', 'interval.ms': '100', match: `client_id=${clientId}` })
  const names = new Set<string>()
  t.teardown(
    broker().events.on('telemetry', (event) => {
      if (event.clientId === clientId) for (const { name } of decodeMetrics(event.metrics).points) names.add(name)
    }),
  )
  const client = await clientFor(t, env, { clientId })
  while (!names.has('org.apache.kafka.admin.client.connection.count')) await sleep(10)
  t.false([...names].some((name) => name.startsWith('org.apache.kafka.producer')))
  client.producer()
  await ask(clientId, { metrics: 'org.apache.kafka.producer' })
  while (!names.has('org.apache.kafka.producer.buffer.total.bytes')) await sleep(10)
  const silent = await clientFor(t, env, { enableMetricsPush: false })
  await t.throwsAsync(silent.clientInstanceId(), { code: 'INVALID_CONFIG', message: /enableMetricsPush/ })
})

test('connections that nobody uses are closed and counted, which is no incident; a broker that is away is one', async (t) => {
  let away = false
  const lines: string[] = []
  const say = (_: object, message: string): void => void lines.push(message)
  const dialer: Dialer = {
    dial: (host, port, timeoutMs) =>
      away
        ? Promise.reject(new MoldauError('CONNECTION_REFUSED', 'away', { retriable: true }))
        : broker().dialer.dial(host, port, timeoutMs),
  }
  const options = { connectionsMaxIdleMs: 50, enableMetricsPush: false, reconnectBackoffMs: 1, reconnectBackoffMaxMs: 5 }
  const client = await clientFor(t, env, { ...options, dialer, logger: { debug() {}, info: say, warn: say, error: say } })
  const incidents: string[] = []
  t.teardown(client.onIncident(({ message }) => incidents.push(message)))
  const count = (name: 'connection-count' | 'connection-close-total' | 'connection-creation-total'): number => client.metrics().value(name)!
  while (count('connection-count') > 0) await sleep(10)
  t.true(count('connection-close-total') > 0)
  t.is(count('connection-creation-total'), count('connection-close-total'))
  t.deepEqual([lines, incidents], [[], []])
  away = true
  const created = count('connection-creation-total')
  const listing = client.admin.listTopics()
  while (incidents.length === 0) await sleep(10)
  away = false
  await listing
  t.true(count('connection-creation-total') > created)
  t.is(incidents.length, 1, 'one line, however often it was tried')
  t.is(lines.at(-1), 'client: a broker is reached again')
})

test('a broker that is away is a few lines in the log, not one per attempt', (t) => {
  const clock = new ManualClock()
  const lines: string[] = []
  const say = (_: object, message: string): void => void lines.push(message)
  const incidents = new Incidents(clock, { debug() {}, info: say, warn: say, error: say })
  for (let attempt = 0; attempt < 600; attempt++) {
    incidents.unreachable('a:1', new Error('refused'))
    clock.advance(100)
  }
  t.is(lines.length, 3, 'at once, after 10 s, after 20 s more')
  incidents.reached('a:1')
  incidents.reached('a:1')
  t.is(lines.length, 4)
  t.regex(lines.at(-1)!, /reached again/)
  incidents.throttled('a:1', 'Produce', 50)
  incidents.throttled('a:1', 'Produce', 50)
  incidents.coordinator("group 'g'", 1)
  incidents.coordinator("group 'g'", 1)
  incidents.coordinator("group 'g'", 2)
  t.is(lines.length, 6)
})
