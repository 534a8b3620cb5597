import test from 'ava'
import fc from 'fast-check'
import { bytes, float64, int32, int64, json, type Serde, string } from '../../core/serde/index.ts'

/** Writes, puts foreign bytes around, reads. */
function around<T>(serde: Serde<T>, value: T): T {
  const written = serde.serialize(value)
  return serde.deserialize(Buffer.concat([Buffer.from('xx'), written, Buffer.from('yyy')]), 2, 2 + written.length)
}

test('what is written is read, whatever stands around it', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (value) => t.is(around(string, value), value)))
  fc.assert(fc.property(fc.integer(), (value) => t.is(around(int32, value), value)))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => t.is(around(int64, value), value)))
  fc.assert(fc.property(fc.double(), (value) => t.is(around(float64, value), value)))
  fc.assert(fc.property(fc.uint8Array(), (value) => t.deepEqual(around(bytes, Buffer.from(value)), Buffer.from(value))))
  fc.assert(fc.property(fc.jsonValue(), (value) => t.deepEqual(around(json<unknown>(), value), JSON.parse(JSON.stringify(value)))))
})

test("numbers are laid out as Kafka's serializers do", (t) => {
  t.is(int32.serialize(-2).toString('hex'), 'fffffffe')
  t.is(int64.serialize(-2).toString('hex'), 'fffffffffffffffe')
  t.is(int64.serialize(2 ** 40 + 3).toString('hex'), '0000010000000003')
  t.is(float64.serialize(1.5).toString('hex'), '3ff8000000000000')
})

test('bytes come out as a view, not a copy', (t) => {
  const batch = Buffer.from('abcdef')
  const view = bytes.deserialize(batch, 2, 4)
  batch[2] = 0x7a
  t.is(view.toString(), 'zd')
})

test('a value of another kind is refused with its serde, its value and what would do', (t) => {
  const cases: [{ serialize(value: never): Buffer }, unknown, RegExp][] = [
    [string, 5, /^string: cannot write 5, it takes a string/],
    [int32, 2 ** 31, /^int32: cannot write 2147483648/],
    [int32, 1.5, /^int32: cannot write 1.5/],
    [int64, 2 ** 53, /^int64: cannot write 9007199254740992, it takes a whole number within 2\^53/],
    [float64, 'x', /^float64: cannot write "x"/],
    [bytes, 'x', /^bytes: cannot write "x", it takes a Buffer/],
    [json(), undefined, /^json: cannot write undefined/],
    [json(), 5n, /^json: the value cannot be written/],
  ]
  for (const [serde, value, message] of cases) t.throws(() => serde.serialize(value as never), { code: 'SERDE_FAILED', message })
})

test('bytes of another serde are refused', (t) => {
  const five = Buffer.from('5"abc')
  for (const serde of [int32, int64, float64, json()]) {
    t.throws(() => serde.deserialize(five, 0, five.length), { code: 'SERDE_FAILED', message: /another serde/ }, serde.name)
  }
  t.throws(() => int64.deserialize(Buffer.from('7fffffffffffffff', 'hex'), 0, 8), {
    code: 'SERDE_FAILED',
    message: /9223372036854775807 is beyond 2\^53/,
  })
})
