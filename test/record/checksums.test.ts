import test from 'ava'
import fc from 'fast-check'
import { crc32c, crc32cPortable } from '../../core/base/crc32c.ts'
import { murmur2, toPositive } from '../../core/base/murmur2.ts'

test('crc32c has the check value of the Castagnoli polynomial', (t) => {
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.is(crc32c(Buffer.alloc(0)), 0)
})

test('native and portable crc32c agree on every range', (t) => {
  const data = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 131) ^ (i >> 3)))
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), (start, length) => {
      t.is(crc32c(data, start, start + length), crc32cPortable(data, start, start + length))
    }),
  )
})

test('the crc32c of pieces, each begun with the one before, is that of the whole', (t) => {
  const data = Buffer.from(Array.from({ length: 1500 }, (_, i) => i * 7))
  fc.assert(
    fc.property(fc.nat(1500), (cut) => {
      t.is(crc32c(data, cut, data.length, crc32c(data, 0, cut)), crc32cPortable(data))
      t.is(crc32cPortable(data, cut, data.length, crc32cPortable(data, 0, cut)), crc32cPortable(data))
    }),
  )
})

const murmurVectors = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}

test("murmur2 answers what Kafka's own test expects", (t) => {
  for (const [key, hash] of Object.entries(murmurVectors)) t.is(murmur2(Buffer.from(key)), hash, key)
})

test('toPositive clears the sign bit and is not the absolute value', (t) => {
  t.is(toPositive(-1), 0x7fffffff)
  t.is(toPositive(-0x80000000), 0)
  t.is(toPositive(5), 5)
})
