import test from 'ava'
import * as z from 'zod'

import { avro, int32, json, schema, type StandardSchema } from '../../core/serde/index.ts'

const Order = z.object({ to: z.string().min(2), urgent: z.boolean().default(false), items: z.array(z.object({ n: z.int() })) })
const order = schema(Order)
const read = (serde: { deserialize(buffer: Buffer, start: number, end: number): unknown }, bytes: Buffer): unknown =>
  serde.deserialize(Buffer.concat([Buffer.from('--'), bytes, Buffer.from('--')]), 2, 2 + bytes.length)

test('what fits is written as it is; what is read has its defaults', (t) => {
  const bytes = order.serialize({ to: 'Brno', items: [{ n: 1 }] })
  t.is(String(bytes), '{"to":"Brno","items":[{"n":1}]}')
  t.deepEqual(read(order, bytes), { to: 'Brno', urgent: false, items: [{ n: 1 }] })
})

test('what does not fit is refused on both ways, with the fields', (t) => {
  const code = 'SERDE_FAILED'
  t.throws(() => order.serialize({ to: 'B', items: [{ n: 1 }, { n: 1.5 }] }), {
    code,
    message: /^json checked by zod: the value cannot be written: field to: .*; field items\.1\.n: /,
  })
  t.throws(() => read(order, Buffer.from('{"to":"Brno","items":[{},{},{},{},{}]}')), {
    code,
    message: /^json checked by zod: what was read does not fit: field items\.0\.n: .*; and 2 more$/,
  })
  t.throws(() => read(order, Buffer.from('{"to":')), { code, message: /are not JSON/ })
  t.throws(() => read(schema(z.string()), Buffer.from('7')), { message: /does not fit: Invalid input/ })
})

test('transformed when it is read, and any serde below it', (t) => {
  const when = schema(
    z.int().transform((n) => new Date(n)),
    int32,
  )
  const bytes = when.serialize(5)
  t.is(bytes.length, 4)
  t.deepEqual(read(when, bytes), new Date(5))
  const flight = schema(z.object({ delay: z.int().min(0) }), avro({ type: 'record', name: 'F', fields: [{ name: 'delay', type: 'int' }] }))
  t.deepEqual(read(flight, flight.serialize({ delay: 3 })), { delay: 3 })
  t.throws(() => flight.serialize({ delay: -1 }), { message: /^avro F checked by zod: the value cannot be written: field delay/ })
})

test('a schema that answers later is refused, and its answer ends no process', async (t) => {
  const late: StandardSchema<string> = {
    '~standard': { version: 1, vendor: 'hand', validate: () => Promise.reject(new Error('later')) },
  }
  t.throws(() => schema(late, json<string>()).serialize('a'), {
    code: 'SERDE_FAILED',
    message: 'json checked by hand: the schema answers later, a serde cannot wait; use checks that are not async',
  })
  await new Promise(setImmediate)
})

test('the path of an issue may name its steps in either way', (t) => {
  const hand: StandardSchema<string> = {
    '~standard': {
      version: 1,
      vendor: 'hand',
      validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0, Symbol.for('s')] }] }),
    },
  }
  t.throws(() => schema(hand).serialize('a'), { message: /field a\.0\.Symbol\(s\): no$/ })
})
