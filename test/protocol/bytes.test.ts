import test from 'ava'
import fc from 'fast-check'
import { Reader, uvarintSize, varintSize, varlongSize, Writer } from '../../core/base/bytes.ts'

type Whole = 'int8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uvarint' | 'varint' | 'varlong'

const values: Record<Whole, fc.Arbitrary<number>> = {
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 0xffff_ffff }),
  int64: fc.maxSafeInteger(),
  uvarint: fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0x8000 })),
  varint: fc.oneof(fc.integer(), fc.integer({ min: -0x5000, max: 0x5000 })),
  varlong: fc.oneof(fc.maxSafeInteger(), fc.integer()),
}
const sizes: Partial<Record<Whole, (value: number) => number>> = { uvarint: uvarintSize, varint: varintSize, varlong: varlongSize }

test('every number comes back as it was written, and the variable ones take as many bytes as foretold', (t) => {
  for (const [kind, arbitrary] of Object.entries(values) as [Whole, fc.Arbitrary<number>][]) {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const w = new Writer()
        w[kind](value)
        const r = new Reader(w.toBuffer())
        t.is(r[kind](), value)
        t.is(r.remaining, 0)
        if (sizes[kind] !== undefined) t.is(sizes[kind](value), r.pos)
      }),
      { numRuns: 300 },
    )
  }
})

test('variable integers have the bytes that Kafka gives them', (t) => {
  const cases: [Whole, number, string][] = [
    ['uvarint', 300, 'ac02'],
    ['uvarint', 0xffff_ffff, 'ffffffff0f'],
    ['varint', -1, '01'],
    ['varint', 64, '8001'],
    ['varint', -0x8000_0000, 'ffffffff0f'],
    ['varlong', -1, '01'],
    ['varlong', 2 ** 31, '8080808010'],
    ['varlong', -(2 ** 31) - 1, '8180808010'],
    ['varlong', Number.MAX_SAFE_INTEGER, 'feffffffffffff1f'],
    ['varlong', Number.MIN_SAFE_INTEGER, 'fdffffffffffff1f'],
  ]
  for (const [kind, value, hex] of cases) {
    const w = new Writer()
    w[kind](value)
    t.is(w.toBuffer().toString('hex'), hex)
    t.is(new Reader(Buffer.from(hex, 'hex'))[kind](), value)
  }
})

test('variable integers with too many bits are CORRUPT_FRAME', (t) => {
  const corrupt = { code: 'CORRUPT_FRAME' }
  t.throws(() => new Reader(Buffer.from('ffffffff1f', 'hex')).uvarint(), corrupt)
  t.throws(() => new Reader(Buffer.from('808080808001', 'hex')).uvarint(), corrupt)
  t.throws(() => new Reader(Buffer.from('80808080808080808001', 'hex')).varlong(), corrupt)
  t.throws(() => new Reader(Buffer.from('8080808080808080808001', 'hex')).varlong(), corrupt)
})

test('a reader never passes its end, and stays where it was', (t) => {
  const calls: ((r: Reader) => unknown)[] = [
    (r) => r.int8(),
    (r) => r.bool(),
    (r) => r.int16(),
    (r) => r.int32(),
    (r) => r.int64(),
    (r) => r.int64Exact(),
    (r) => r.float64(),
    (r) => r.uuid(),
    (r) => r.slice(1),
    (r) => r.string(1),
    (r) => r.slice(-1),
    (r) => r.string(-1),
    (r) => r.uvarint(),
    (r) => r.varint(),
    (r) => r.varlong(),
  ]
  for (const call of calls) {
    const r = new Reader(Buffer.alloc(64, 0x80), 10, 10)
    t.throws(() => call(r), { code: 'CORRUPT_FRAME' })
    t.is(r.pos, 10)
  }
})

test('what is written in many pieces is the same as in one, wherever the memory of the writer ends', (t) => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 100 }),
    fc.uint8Array({ maxLength: 9000 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(piece), fc.integer({ min: 0, max: 64 }), (pieces, hint) => {
      const w = new Writer(hint)
      for (const part of pieces) {
        if (typeof part === 'string') w.string(part)
        else w.bytes(part)
      }
      const expected = Buffer.concat(pieces.map((part) => Buffer.from(part)))
      t.is(w.length, expected.length)
      t.true(Buffer.concat(w.chunks()).equals(expected))
      t.true(w.toBuffer().equals(expected))
    }),
  )
})

test('bytes from 4 KiB on are kept by reference, smaller ones are copied', (t) => {
  const small = Buffer.alloc(4095)
  const big = Buffer.alloc(4096)
  const w = new Writer()
  w.bytes(small)
  w.bytes(big)
  w.int8(1)
  t.is(w.chunks()[1], big)
  t.is(w.length, 4095 + 4096 + 1)
  small.fill(1)
  t.is(w.toBuffer()[0], 0)
})
