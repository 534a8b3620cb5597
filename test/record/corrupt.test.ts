import { gzipSync, zstdCompressSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { MoldauError } from '../../core/base/errors.ts'
import { BatchField, BATCH_OVERHEAD, checkBatch, sealBatch } from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { compress, decompress } from '../../core/record/compression.ts'
import { type CompressionName, compressionNames } from '../../core/record/compression-names.ts'

const OUTSIDE_CHECKSUM = new Set([0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15])

for (const compression of compressionNames) {
  test(`a flipped byte is noticed unless it lies outside the checksum, compression ${compression}`, (t) => {
    const good = sample(compression)
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good)
      bad[at]! ^= 0x55
      const expected = OUTSIDE_CHECKSUM.has(at)
        ? ['ok']
        : at >= BatchField.length && at < BatchField.leaderEpoch
          ? ['corrupt', 'truncated']
          : ['corrupt']
      t.true(expected.includes(checkBatch(bad, 0, bad.length)), `byte ${at}`)
    }
  })

  test(`decoding damaged bytes throws CORRUPT_BATCH or nothing, compression ${compression}`, (t) => {
    const good = sample(compression)
    for (let at = 0; at < good.length; at++) {
      for (const flip of [0x01, 0x55, 0x80, 0xff]) {
        const bad = Buffer.from(good)
        bad[at]! ^= flip
        onlyCorruptBatch(bad)
      }
    }
    for (let end = 0; end < good.length; end++) onlyCorruptBatch(good.subarray(0, end))
    t.pass()
  })
}

test('decoding random records under a right header throws CORRUPT_BATCH or nothing', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 120 }),
      fc.integer({ min: 0, max: 12 }),
      fc.constantFrom(0, 1, 2, 3, 4),
      (records, count, compression) => {
        const header = sample('none').subarray(0, BATCH_OVERHEAD)
        const bad = Buffer.concat([header, records])
        bad.writeInt32BE(bad.length - 12, BatchField.length)
        bad.writeInt16BE(compression, BatchField.attributes)
        bad.writeInt32BE(count, BatchField.recordCount)
        sealBatch(bad, 0)
        onlyCorruptBatch(bad)
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})

test('the error names what is wrong', (t) => {
  const change = (edit: (batch: Buffer) => void): Buffer => {
    const copy = sample('none')
    edit(copy)
    return copy
  }
  const cases: [RegExp, Buffer][] = [
    [/claims 2147483647 records/, change((b) => b.writeInt32BE(0x7fffffff, BatchField.recordCount))],
    [/claims -1 records/, change((b) => b.writeInt32BE(-1, BatchField.recordCount))],
    [/bytes follow the last of its 1 records/, change((b) => b.writeInt32BE(1, BatchField.recordCount))],
    [/magic 1 is not supported/, change((b) => b.writeInt8(1, BatchField.magic))],
    [/compression 5 is unknown/, change((b) => b.writeInt16BE(5, BatchField.attributes))],
    [/record 1 has offset delta 1 after 0, the last is 0/, change((b) => b.writeInt32BE(0, BatchField.lastOffsetDelta))],
    [/length field says 30 bytes/, change((b) => b.writeInt32BE(18, BatchField.length))],
    [/record 0 claims/, change((b) => (b[BATCH_OVERHEAD] = 0))],
    [/less than a header/, Buffer.alloc(20)],
  ]
  for (const [message, batch] of cases) t.throws(() => decodeBatch(batch, 0), { instanceOf: MoldauError, code: 'CORRUPT_BATCH', message })
})

test('a small batch that would grow beyond the limit is refused by every codec', (t) => {
  const zeros = Buffer.alloc(4_000_000)
  for (const kind of compressionNames.slice(1)) {
    const small = compress(kind, zeros)
    t.true(small.length < 250_000)
    t.throws(() => decompress(kind, small, 1_000_000), { code: 'CORRUPT_BATCH', message: /1000000/ }, kind)
    t.is(decompress(kind, small, 4_100_000).length, zeros.length)
  }
})

test('the limit of a batch may be set by whoever decodes it', (t) => {
  const builder = new BatchBuilder({ compression: 'zstd' })
  builder.append(0, null, Buffer.alloc(50_000))
  const batch = builder.build()
  t.is(decodeBatch(batch, 0).valueLength[0], 50_000)
  t.throws(() => decodeBatch(batch, 0, 40_000), { code: 'CORRUPT_BATCH', message: /40000/ })
})

test('frames of both snappy flavours are read, and impossible sizes are not believed', (t) => {
  const framed = compress('snappy', Buffer.from('hello hello hello hello'))
  const raw = framed.subarray(20)
  t.is(decompress('snappy', raw, 1000).toString(), 'hello hello hello hello')
  t.is(decompress('snappy', framed, 1000).toString(), 'hello hello hello hello')
  t.throws(() => decompress('snappy', Buffer.from('8094ebdc0300', 'hex'), 2 ** 31), { code: 'CORRUPT_BATCH', message: /possible size/ })
  t.throws(() => decompress('snappy', framed.subarray(0, 18), 1000), { code: 'CORRUPT_BATCH' })
})

test('an lz4 frame that is cut off, or of a foreign kind, is named', (t) => {
  const frame = compress('lz4', Buffer.alloc(1000, 1))
  t.throws(() => decompress('lz4', frame.subarray(0, frame.length - 4), 5000), { code: 'CORRUPT_BATCH', message: /no end mark/ })
  t.throws(() => decompress('lz4', frame.subarray(1), 5000), { code: 'CORRUPT_BATCH', message: /do not begin with a frame/ })
  t.throws(() => decompress('lz4', Buffer.concat([frame, Buffer.from('x')]), 5000), { code: 'CORRUPT_BATCH', message: /frame ends at/ })
})

test('several lz4 blocks are one batch', (t) => {
  const large = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i * i) >> 7))
  t.deepEqual(decompress('lz4', compress('lz4', large), large.length), large)
  t.throws(() => decompress('lz4', compress('lz4', large), large.length - 1), { code: 'CORRUPT_BATCH' })
})

test('gzip and zstd data with foreign bytes behind them do not become records', (t) => {
  for (const [id, packed] of [
    [1, gzipSync('x')],
    [4, zstdCompressSync('x')],
  ] as const) {
    const bad = Buffer.concat([sample('none').subarray(0, BATCH_OVERHEAD), packed, Buffer.from('tail')])
    bad.writeInt32BE(bad.length - 12, BatchField.length)
    bad.writeInt16BE(id, BatchField.attributes)
    t.throws(() => decodeBatch(bad, 0), { code: 'CORRUPT_BATCH' })
  }
})

function onlyCorruptBatch(buf: Buffer): void {
  try {
    const columns = decodeBatch(buf, 0)
    for (let i = 0; i < columns.count; i++) columns.headers(i)
  } catch (error) {
    if (!(error instanceof MoldauError) || error.code !== 'CORRUPT_BATCH') throw error
  }
}

function sample(compression: CompressionName): Buffer {
  const builder = new BatchBuilder({ compression })
  builder.append(1_700_000_000_000, Buffer.from('key'), Buffer.from('a value of some length, a value of some length'), [
    { key: 'h', value: Buffer.from('v') },
  ])
  builder.append(1_700_000_000_500, null, null, [{ key: 'n', value: null }])
  builder.append(1_600_000_000_000, Buffer.alloc(0), Buffer.alloc(200, 7))
  return Buffer.from(builder.build())
}
