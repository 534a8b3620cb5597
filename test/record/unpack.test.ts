import { gzipSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { compress, decompress } from '../../core/record/compression.ts'
import { compressionNames } from '../../core/record/compression-names.ts'
import { lz4Into } from '../../core/record/lz4-into.ts'
import { unpack } from '../../core/record/unpack.ts'
import { xxh32 } from '../../core/record/xxh32.ts'
import { isPlainZstdFrame } from '../../core/record/zstd-frame.ts'

const MAX = 1_000_000

/** Bytes that a codec makes something of: runs, repetitions from near and far, and noise. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.nat(255), fc.nat(3000)).map(([byte, times]) => Buffer.alloc(times, byte)),
      fc.tuple(fc.string({ minLength: 1, maxLength: 90 }), fc.nat(300)).map(([text, times]) => Buffer.from(text.repeat(times))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts))

const change = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255), cut: fc.boolean() })

function outcome(run: () => Buffer): Buffer | 'damaged' {
  try {
    return Buffer.from(run())
  } catch {
    return 'damaged'
  }
}

for (const kind of compressionNames) {
  test(`what is only looked at is what decompression yields, ${kind}`, (t) => {
    fc.assert(
      fc.property(content, (plain) => {
        const packed = compress(kind, plain)
        t.true(unpack(kind, packed, MAX).equals(plain))
        const tight = outcome(() => unpack(kind, packed, plain.length))
        t.deepEqual(
          tight,
          outcome(() => decompress(kind, packed, plain.length)),
        )
      }),
      { numRuns: 100 },
    )
  })

  test(`damaged bytes are taken or refused as decompression does, and hurt none that follow, ${kind}`, (t) => {
    const healthy = Buffer.from('what follows '.repeat(50))
    const next = compress(kind, healthy)
    let refused = 0
    fc.assert(
      fc.property(content, fc.array(change, { minLength: 1, maxLength: 3 }), (plain, changes) => {
        let packed = Buffer.from(compress(kind, plain))
        for (const { at, byte, cut } of changes) {
          const index = Math.floor(at * packed.length)
          if (cut) packed = packed.subarray(0, index)
          else if (packed.length > 0) packed[index] = byte
        }
        const expected = outcome(() => decompress(kind, packed, MAX))
        if (expected === 'damaged') refused++
        t.deepEqual(
          outcome(() => unpack(kind, packed, MAX)),
          expected,
        )
        t.true(unpack(kind, next, MAX).equals(healthy))
      }),
      { numRuns: 300 },
    )
    if (kind !== 'none') t.true(refused > 50, `${refused} of 300 were damaged`)
  })
}

test('batches that outgrow the memory that is used again are decompressed all the same', (t) => {
  for (const kind of compressionNames) {
    for (const size of [100_000, 131_072, 300_000, 1_048_576, 3_000_000, 5000]) {
      const plain = Buffer.alloc(size, 'some text that repeats')
      t.true(unpack(kind, compress(kind, plain), 4_000_000).equals(plain), `${kind} ${size}`)
    }
  }
})

test('gzip of several members, and bytes behind the last one, are as decompression has them', (t) => {
  const two = Buffer.concat([gzipSync('one '), gzipSync('two')])
  t.is(unpack('gzip', two, MAX).toString(), 'one two')
  const followed = Buffer.concat([two, Buffer.alloc(9)])
  t.is(unpack('gzip', followed, MAX).toString(), decompress('gzip', followed, MAX).toString())
  t.is(unpack('gzip', two, MAX).toString(), 'one two')
})

test('an lz4 block that refers to the one before is read where the frame says that blocks are linked', (t) => {
  // Literals 'abcd', then in the next block eight bytes from four before, and the last literals.
  const blocks = Buffer.from('05000000' + '4061626364' + '09000000' + '040400' + '50767778797a' + '00000000', 'hex')
  const frame = (flags: number): Buffer => {
    const header = Buffer.from([flags, 0x40])
    return Buffer.concat([Buffer.from('04224d18', 'hex'), header, Buffer.from([(xxh32(header) >>> 8) & 0xff]), blocks])
  }
  const out = Buffer.alloc(100)
  const length = lz4Into(frame(0x40), out)
  t.is(out.toString('latin1', 0, Math.max(length, 0)), 'abcdabcdabcdvwxyz')
  t.is(decompress('lz4', frame(0x40), 100).toString(), 'abcdabcdabcdvwxyz')
  t.is(lz4Into(frame(0x60), out), -1)
})

test('batches of usual size are decompressed to the same memory', (t) => {
  // Where Node is not as we know it, each gets memory of its own: slower, and right.
  for (const kind of ['gzip', 'zstd', 'lz4'] as const) {
    const [one, other] = [compress(kind, Buffer.from('one')), compress(kind, Buffer.from('other'))]
    t.is(unpack(kind, one, MAX).buffer, unpack(kind, other, MAX).buffer, kind)
  }
})

test('a zstd frame is plain when it is whole, alone, and of a usual window', (t) => {
  const frame = compress('zstd', Buffer.from('text '.repeat(100)))
  t.true(isPlainZstdFrame(frame))
  for (let end = 0; end < frame.length; end++) t.false(isPlainZstdFrame(frame.subarray(0, end)))
  t.false(isPlainZstdFrame(Buffer.concat([frame, frame])))
  t.false(isPlainZstdFrame(Buffer.concat([frame, Buffer.alloc(1)])))
  // A window of 128 MiB, one raw block of one byte.
  t.false(isPlainZstdFrame(Buffer.from('28b52ffd00' + '88' + '090000' + '41', 'hex')))
  t.true(isPlainZstdFrame(Buffer.from('28b52ffd00' + '50' + '090000' + '41', 'hex')))
  t.is(unpack('zstd', Buffer.from('28b52ffd00' + '88' + '090000' + '41', 'hex'), MAX).toString(), 'A')
})
