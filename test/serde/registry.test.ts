import test from 'ava'

import { avro, schemaRegistry, type MoldauError } from '../../core/index.ts'
import { SmallRegistry } from '../support/small-registry.ts'

const v1 = { type: 'record', name: 'Flight', fields: [{ name: 'origin', type: 'string' }] } as const
const v2 = {
  type: 'record',
  name: 'Flight',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'delay', type: 'int', default: 7 },
  ],
} as const

/** Reads all of a buffer. */
function read<T>(serde: { deserialize(buffer: Buffer, start: number, end: number): T }, bytes: Buffer): T {
  return serde.deserialize(bytes, 0, bytes.length)
}

test('a value goes behind a zero byte and the id of its schema, and comes back', async (t) => {
  const registry = await SmallRegistry.start(t)
  registry.register('others', '"int"')
  const flights = await schemaRegistry(registry.url).avro('flights-value', v2)
  t.is(flights.id, 2)
  const bytes = flights.serialize({ origin: 'PRG', delay: 12 })
  t.deepEqual(bytes, Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), avro(v2).serialize({ origin: 'PRG', delay: 12 })]))
  const around = Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('c')])
  t.deepEqual(flights.deserialize(around, 2, 2 + bytes.length), { origin: 'PRG', delay: 12 })
  const many = Array.from({ length: 3000 }, (_, i) => flights.serialize({ origin: 'x'.repeat(i % 50), delay: i }))
  t.true(many.every((each, i) => read(flights, each).delay === i && each.readInt32BE(1) === 2))
})

test('what other versions have written is read as our schema says, without asking again', async (t) => {
  const registry = await SmallRegistry.start(t)
  const { url } = registry
  const old = await schemaRegistry(url).avro('flights-value', v1)
  const now = await schemaRegistry(url).avro('flights-value', v2)
  const asked = registry.asked.length
  t.deepEqual(read(now, old.serialize({ origin: 'PRG' })), { origin: 'PRG', delay: 7 })
  t.is(registry.asked.length, asked, 'all versions of the subject came when the serde was made')
})

test('a schema that is registered later is fetched when its first value comes', async (t) => {
  const registry = await SmallRegistry.start(t)
  const old = await schemaRegistry(registry.url).avro('flights-value', v1)
  const later = await schemaRegistry(registry.url).avro('flights-value', v2)
  const bytes = later.serialize({ origin: 'PRG', delay: 1 })
  const error = t.throws(() => read(old, bytes), { code: 'REGISTRY_FAILED', message: /id 2 is being fetched/ }) as MoldauError
  t.true(error.retriable)
  await old.ready(bytes, 0)
  t.deepEqual(read(old, bytes), { origin: 'PRG' })
  t.is(registry.asked.filter((each) => each === 'GET /schemas/ids/2').length, 1, 'once')
})

test('a registry that does not answer may come back; one that does not know a schema never will', async (t) => {
  const registry = await SmallRegistry.start(t)
  const old = await schemaRegistry(registry.url).avro('flights-value', v1)
  const later = await schemaRegistry(registry.url).avro('flights-value', v2)
  const bytes = later.serialize({ origin: 'PRG', delay: 1 })
  registry.failing = 500
  await t.throwsAsync(old.ready(bytes, 0), { code: 'REGISTRY_FAILED', message: /500 Error in the backend/ })
  t.throws(() => read(old, bytes), { message: /being fetched.*the last time: .*500/ })
  registry.failing = undefined
  await old.ready(bytes, 0)
  t.deepEqual(read(old, bytes), { origin: 'PRG' })
  const unknown = Buffer.from([0, 0, 0, 0, 99, 2])
  await old.ready(unknown, 0)
  t.throws(() => read(old, unknown), { code: 'SERDE_FAILED', message: /ids\/99.*Schema not found/ })
})

test('schemas that refer to others, and to others of those', async (t) => {
  const registry = await SmallRegistry.start(t)
  const code = { type: 'record', name: 'Code', namespace: 'cz', fields: [{ name: 'iata', type: 'string' }] }
  const airport = { type: 'record', name: 'Airport', namespace: 'cz', fields: [{ name: 'code', type: 'cz.Code' }] }
  registry.register('code', JSON.stringify(code))
  registry.register('airport', JSON.stringify(airport), { references: [{ name: 'cz.Code', subject: 'code', version: 1 }] })
  const written = {
    type: 'record',
    name: 'Leg',
    fields: [
      { name: 'at', type: 'cz.Airport' },
      { name: 'n', type: 'int' },
    ],
  }
  const references = [{ name: 'cz.Airport', subject: 'airport', version: 1 }]
  const id = registry.register('leg', JSON.stringify(written), { references })
  const whole = { type: 'record', name: 'Leg', fields: [{ name: 'at', type: { ...airport, fields: [{ name: 'code', type: code }] } }] }
  const legs = await schemaRegistry(registry.url).avro<{ at: { code: { iata: string } } }>('leg', whole)
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from([6]), Buffer.from('PRG'), Buffer.from([8])])
  t.deepEqual(read(legs, bytes), { at: { code: { iata: 'PRG' } } })
})

test('errors name the subject, what is wrong and the remedy', async (t) => {
  const registry = await SmallRegistry.start(t)
  const { avro: registered } = schemaRegistry(registry.url)
  const flights = await registered('flights-value', v2)
  t.throws(() => read(flights, Buffer.from([2, 0, 0, 0, 1, 6])), {
    code: 'SERDE_FAILED',
    message: /subject flights-value.*begin with 0200000001/,
  })
  t.throws(() => read(flights, Buffer.from([0, 0])), { code: 'SERDE_FAILED', message: /2 bytes/ })
  t.throws(() => read(flights, Buffer.from([0, 0, 0, 0, 1, 6])), { code: 'SERDE_FAILED', message: /do not fit the schema/ })
  t.throws(() => flights.serialize({ origin: 1 as never, delay: 1 }), { code: 'SERDE_FAILED', message: /origin/ })
  const other = registry.register('flights-value', JSON.stringify({ ...v1, fields: [{ name: 'origin', type: 'long' }] }))
  const bytes = Buffer.from([0, 0, 0, 0, other, 2])
  await flights.ready(bytes, 0)
  t.throws(() => read(flights, bytes), { code: 'SERDE_FAILED', message: /id 2 has written cannot be read/ })
  const proto = Buffer.from([0, 0, 0, 0, registry.register('p', 'message X {}', { schemaType: 'PROTOBUF' }), 2])
  await flights.ready(proto, 0)
  t.throws(() => read(flights, proto), { code: 'SERDE_FAILED', message: /is PROTOBUF, not AVRO/ })

  await t.throwsAsync(registered('new-value', v1, { register: false }), { code: 'REGISTRY_FAILED', message: /404 Schema not found/ })
  t.is((await registered('flights-value', v2, { register: false })).id, flights.id)
  await t.throwsAsync(registered('x', { type: 'no' }), { code: 'INVALID_ARGUMENT', message: /the schema cannot be used/ })
  t.throws(() => schemaRegistry('localhost:8081'), { code: 'INVALID_ARGUMENT', message: /url is http:\/\/host:port/ })
  const nobody = schemaRegistry('http://127.0.0.1:1', { timeoutMs: 5000 })
  await t.throwsAsync(nobody.avro('x', v1), { code: 'REGISTRY_FAILED', message: /no answer: .*does the registry run/ })
})

test('who asks is said as the registry wants it', async (t) => {
  const registry = await SmallRegistry.start(t)
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  await schemaRegistry(registry.url).avro('a', v1)
  t.is(registry.headers.authorization, undefined)
  await schemaRegistry(registry.url.replace('//', '//al%3Aice:pa%20ss@')).avro('a', v1)
  t.is(registry.headers.authorization, basic('al:ice:pa ss'))
  await schemaRegistry(registry.url, { auth: { username: 'bob', password: 'b' } }).avro('a', v1)
  t.is(registry.headers.authorization, basic('bob:b'))
  await schemaRegistry(registry.url, { headers: { authorization: 'Bearer x' } }).avro('a/b', v1)
  t.is(registry.headers.authorization, 'Bearer x')
  t.true(registry.asked.includes('POST /subjects/a%2Fb/versions'))
})
