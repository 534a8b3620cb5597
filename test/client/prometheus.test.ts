import test from 'ava'
import * as prom from 'prom-client'

import { connect, prometheus } from '../../core/index.ts'
import { clientFor, newTopic, partitionsOf, readToEnd, sharedBroker } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'

const broker = sharedBroker(test)
const env: Env = {
  connect: (options) => connect(broker(), options),
  get dialer() {
    return broker().dialer
  },
}

interface Line {
  name: string
  labels: Record<string, string>
  value: number
}

/** The samples of a page in Prometheus' text format, and the type of each name. */
function readPage(text: string): { lines: Line[]; types: Map<string, string> } {
  const types = new Map(Array.from(text.matchAll(/^# TYPE (\S+) (\w+)$/gm), ([, name, type]) => [name!, type!]))
  const lines = Array.from(text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? (\S+)$/gm), ([, name, labels, value]) => ({
    name: name!,
    labels: Object.fromEntries(Array.from((labels ?? '').matchAll(/(\w+)="([^"]*)"/g), ([, key, label]) => [key!, label!])),
    value: Number(value),
  }))
  return { lines, types }
}

test('what a client measures comes out for Prometheus, each number once, and what is closed is gone', async (t) => {
  const client = await clientFor(t, env, { clientId: 'shown' })
  const topics = [await newTopic(client, 2), await newTopic(client, 2)]
  const producer = client.producer()
  for (const topic of topics) for (const partition of [0, 0, 1]) await producer.send({ topic, partition, value: 'x' })
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 10 })
  consumer.assign(topics.flatMap((topic) => partitionsOf(topic, 2)))
  await readToEnd(client, consumer)
  const page = async (): Promise<ReturnType<typeof readPage>> => readPage(await prometheus(prom, client).metrics())
  const { lines, types } = await page()
  const valuesOf = (name: string): Record<string, number> =>
    Object.fromEntries(lines.filter((line) => line.name === name).map(({ labels, value }) => [Object.values(labels).join(), value]))

  t.deepEqual(
    valuesOf('kafka_producer_topic_record_send_total'),
    Object.fromEntries(topics.map((topic) => [`shown-producer-1,${topic}`, 3])),
  )
  t.deepEqual(valuesOf('kafka_producer_record_send_total'), { 'shown-producer-1': 6 })
  t.deepEqual(
    valuesOf('kafka_consumer_fetch_manager_records_consumed_total'),
    Object.fromEntries(topics.map((topic) => [`shown-consumer-1,${topic}`, 3])),
    'by topic, and not the sum of them beside',
  )
  t.is(Object.keys(valuesOf('kafka_consumer_fetch_manager_records_lag')).length, 4)
  t.is(
    valuesOf('kafka_consumer_node_request_total')['shown-consumer-1,node-1'],
    consumer.metrics().value('request-total', { 'node-id': 'node-1' }),
  )
  t.deepEqual(
    ['kafka_producer_record_send_total', 'kafka_producer_record_send_rate'].map((name) => types.get(name)),
    ['counter', 'gauge'],
  )
  for (const { name, value } of lines) t.true(types.has(name) && Number.isFinite(value), name)
  const shapes = Map.groupBy(lines, ({ name }) => name)
  for (const [name, all] of shapes)
    t.is(new Set(all.map(({ labels }) => Object.keys(labels).join())).size, 1, `${name} has one set of labels`)

  await producer.close()
  t.false((await page()).types.has('kafka_producer_record_send_total'))
})

test('a registry of the program and those of two clients make one page', async (t) => {
  const own = new prom.Registry()
  new prom.Gauge({ name: 'of_the_program', help: 'its own', registers: [own] }).set(7)
  const [one, two] = [await clientFor(t, env, { clientId: 'one' }), await clientFor(t, env, { clientId: 'two' })]
  const producer = one.producer()
  const both = { metrics: () => [...two.metrics(), ...producer.metrics()] }
  const { lines } = readPage(await prom.Registry.merge([own, prometheus(prom, both)]).metrics())
  t.is(lines.find(({ name }) => name === 'of_the_program')?.value, 7)
  t.deepEqual([...new Set(lines.flatMap(({ labels }) => labels['client_id'] ?? []))].toSorted(), ['one-producer-1', 'two'])
})
