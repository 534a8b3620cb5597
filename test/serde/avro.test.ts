import avsc from 'avsc'
import test from 'ava'
import fc from 'fast-check'
import { type AvroSerde, avro } from '../../core/serde/index.ts'

const flightSchema = {
  type: 'record',
  name: 'Flight',
  namespace: 'cz.moldau',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'delay', type: 'int', default: 15 },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'gate', type: ['null', 'string'], default: null },
    { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['ON_TIME', 'LATE'] } },
    { name: 'tail', type: { type: 'fixed', name: 'Tail', size: 3 } },
    { name: 'stops', type: { type: 'array', items: 'string' } },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'cause', type: ['null', 'Flight'], default: null },
    { name: 'amount', type: ['int', 'double'] },
  ],
} as const

const flight = avro(flightSchema)

const flights = fc.record({
  origin: fc.string({ unit: 'grapheme', maxLength: 100 }),
  delay: fc.integer(),
  at: fc.integer({ min: -(2 ** 53) + 2, max: 2 ** 53 - 2 }),
  gate: fc.option(fc.string()),
  status: fc.constantFrom('ON_TIME', 'LATE'),
  tail: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((a) => Buffer.from(a)),
  stops: fc.array(fc.string()),
  counts: fc.dictionary(fc.string({ minLength: 1 }), fc.integer({ min: -1000 }), { noNullPrototype: true }),
  cause: fc.constant(null),
  amount: fc.oneof(
    fc.integer().map((int) => ({ int })),
    fc.double({ noNaN: true }).map((double) => ({ double })),
  ),
})

function read<R, W>(serde: AvroSerde<R, W>, written: Buffer): R {
  return serde.deserialize(Buffer.concat([Buffer.from('xx'), written, Buffer.from('yyy')]), 2, 2 + written.length)
}

test('records come back as plain objects, whatever stands around them', (t) => {
  fc.assert(
    fc.property(fc.array(flights, { minLength: 1, maxLength: 5 }), (values) => {
      // All are written before any is read: they must not share memory.
      const written = values.map((value) => flight.serialize(value))
      for (const [i, value] of values.entries()) t.deepEqual(read(flight, written[i] ?? Buffer.alloc(0)), value)
    }),
  )
})

test('the bytes are those of avsc', (t) => {
  const raw = avsc.Type.forSchema(flightSchema as never)
  fc.assert(
    fc.property(flights, (value) => {
      // avsc itself errs on longs below -2^52
      const within = { ...value, at: Math.max(value.at, -(2 ** 52)) }
      t.deepEqual(flight.serialize(within), raw.toBuffer(within))
    }),
  )
})

test('a value larger than a slab, and one that just does not fit into what is left of it, are written whole', (t) => {
  const text = avro('string')
  for (const size of [1, 16_000, 400, 5000, 16_384, 100_000, 3]) {
    const value = 'é'.repeat(size)
    t.is(read(text, text.serialize(value)), value)
  }
})

test('a field with a default may be left out', (t) => {
  const value = { origin: 'PRG', at: 0, status: 'LATE', tail: Buffer.from('abc'), stops: [], counts: {}, amount: { int: 1 } } as const
  t.deepEqual(read(flight, flight.serialize(value)), { ...value, stops: [], delay: 15, gate: null, cause: null })
})

test('records nest in themselves', (t) => {
  const base = {
    origin: 'PRG',
    delay: 0,
    at: 0,
    gate: null,
    status: 'LATE' as const,
    tail: Buffer.from('abc'),
    stops: [],
    counts: {},
    amount: { int: 1 },
  }
  const value = { ...base, cause: { ...base, cause: { ...base, cause: null } } }
  t.deepEqual(read(flight, flight.serialize(value)), value)
})

test('longs are exact up to 2^53 on both sides, and an error beyond', (t) => {
  const long = avro('long')
  const near = (power: number): number[] => [-3, -2, -1, 0, 1, 2, 3].flatMap((d) => [2 ** power + d, -(2 ** power) + d])
  for (const value of [31, 32, 35, 42, 51, 52].flatMap(near)) t.is(read(long, long.serialize(value)), value)
  t.is(read(long, long.serialize(-(2 ** 53) + 3)), -(2 ** 53) + 3)
  t.throws(() => long.serialize(2 ** 53), { code: 'SERDE_FAILED', message: /whole number within 2\^53/ })
  t.throws(() => read(long, Buffer.from('ffffffffffffffffff01', 'hex')), { code: 'SERDE_FAILED', message: /beyond 2\^53/ })
})

test('an unfit value is refused with the path of the field and the remedy', (t) => {
  const good = {
    origin: 'PRG',
    delay: 0,
    at: 0,
    gate: null,
    status: 'LATE',
    tail: Buffer.from('abc'),
    stops: [],
    counts: {},
    cause: null,
    amount: { int: 1 },
  }
  const cases: [object, RegExp][] = [
    [{ origin: undefined }, /^avro cz\.moldau\.Flight: field origin is undefined, it must be string: set it, or give the field a default$/],
    [{ delay: 1.5 }, /field delay is 1\.5, an int must be a whole number of 32 bits/],
    [{ at: 2 ** 60 }, /field at is 1152921504606846976|field at is 1152921504606847000, a long must be a whole number within 2\^53/],
    [{ status: 'EARLY' }, /field status is "EARLY", it must be one of ON_TIME, LATE/],
    [{ tail: Buffer.from('ab') }, /field tail is .*, it must be a Buffer of 3 bytes/],
    [{ stops: ['a', 5] }, /field stops\.1 is 5, it must be string/],
    [{ counts: { a: 'x' } }, /field counts\.a is "x", it must be long/],
    [{ amount: 5 }, /field amount is 5, it must name its branch, \{ int \| double: value \}/],
    [{ gate: 5 }, /field gate is 5, it must be null \| string/],
    [{ cause: { ...good, origin: 7 } }, /field cause\.origin is 7/],
  ]
  for (const [part, message] of cases) t.throws(() => flight.serialize({ ...good, ...part } as never), { code: 'SERDE_FAILED', message })
  t.throws(() => flight.serialize(null as never), { code: 'SERDE_FAILED', message: /the value is null/ })
})

test('after a refused value the next is written as if nothing had been', (t) => {
  const text = avro({ type: 'array', items: 'string' })
  const first = text.serialize(['first'])
  t.throws(() => text.serialize(['half', 5] as never), { code: 'SERDE_FAILED' })
  const second = text.serialize(['second'])
  t.deepEqual([read(text, first), read(text, second)], [['first'], ['second']])
})

test('bytes that do not fit the schema throw SERDE_FAILED or nothing, and never take the memory they claim', (t) => {
  const schemas = [
    flightSchema,
    { type: 'array', items: 'double' },
    { type: 'map', values: { type: 'array', items: 'bytes' } },
    ['null', 'string'],
  ] as const
  for (const serde of schemas.map((schema) => avro<unknown>(schema))) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (random) => {
        try {
          serde.deserialize(Buffer.from(random), 0, random.length)
        } catch (error) {
          if ((error as { code?: string }).code !== 'SERDE_FAILED') throw error
        }
      }),
      { numRuns: 1000 },
    )
  }
  const claim = Buffer.concat([avro('long').serialize(2 ** 40), Buffer.alloc(100)])
  for (const serde of [avro({ type: 'array', items: 'null' }), avro({ type: 'map', values: 'int' })]) {
    t.throws(() => serde.deserialize(claim, 0, claim.length), { code: 'SERDE_FAILED', message: /claims 1099511627776 items/ })
  }
})

test('a value that is cut off or followed by more is refused, even inside a larger buffer', (t) => {
  const text = avro('string')
  const written = Buffer.concat([text.serialize('hello'), Buffer.from('more')])
  t.is(text.deserialize(written, 0, 6), 'hello')
  t.throws(() => text.deserialize(written, 0, 5), { code: 'SERDE_FAILED', message: /cut off/ })
  t.throws(() => text.deserialize(written, 0, 8), { code: 'SERDE_FAILED', message: /2 bytes are left over/ })
  t.throws(() => avro('int').deserialize(Buffer.from([0, 0, 0, 0, 7, 2]), 0, 6), { code: 'SERDE_FAILED', message: /schema registry/ })
})

test('bytes of a value are its own: the batch they came from may be reused', (t) => {
  const blob = avro('bytes')
  const batch = Buffer.from(blob.serialize(Buffer.from('abc')))
  const value = blob.deserialize(batch, 0, batch.length)
  batch.fill(0)
  t.is(value.toString(), 'abc')
})

test('a key called __proto__ is a key like any other', (t) => {
  const map = avro({ type: 'map', values: 'int' })
  const value = Object.fromEntries([['__proto__', 1]]) as Record<string, number>
  t.deepEqual(Object.entries(read(map, map.serialize(value))), [['__proto__', 1]])
})

test('the fingerprint tells schemas apart by what they write', (t) => {
  t.is(avro({ type: 'array', items: 'int' }).fingerprint, avro({ type: 'array', items: { type: 'int' } }).fingerprint)
  t.not(avro({ type: 'array', items: 'int' }).fingerprint, avro({ type: 'array', items: 'long' }).fingerprint)
  t.is(flight.schema, flightSchema)
  t.is(flight.name, 'avro cz.moldau.Flight')
})

test('a schema that is none is refused when the serde is made', (t) => {
  t.throws(() => avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: 'lnog' }] }), {
    code: 'INVALID_ARGUMENT',
    message: /undefined type name: lnog/,
  })
  t.throws(() => avro({ type: 'strange' }), { code: 'INVALID_ARGUMENT' })
})
