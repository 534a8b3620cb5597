import { gzipSync } from 'node:zlib'

import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'

import * as batch from '../../core/record/batch.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { decompress } from '../../core/record/compression.ts'
import type { CompressionName } from '../../core/record/compression-names.ts'
import { downConvert, upConvert } from '../../core/record/legacy-convert.ts'
import { decodeMessageSet } from '../../core/record/legacy-decode.ts'
import { type MessageToWrite, encodeMessage, encodeWrapper } from '../../core/record/legacy-encode.ts'
import { repairedLz4 } from '../../core/record/legacy-lz4.ts'
import type { LegacyMagic } from '../../core/record/legacy-message.ts'
import { walkRecords } from '../../core/record/walk.ts'
import { xxh32 } from '../../core/record/xxh32.ts'
import { goldenMessages, goldenSets } from '../support/golden-sets.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4'] as const
const MIB = 1024 * 1024

const bytes = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  { nil: null },
)
const messages = fc.array(fc.record({ gap: fc.nat(3), timestamp: fc.integer({ min: -1, max: 2 ** 40 }), key: bytes, value: bytes }), {
  minLength: 1,
  maxLength: 20,
})

function numbered(list: { gap: number; timestamp: number; key: Buffer | null; value: Buffer | null }[], from = 1000): MessageToWrite[] {
  let offset = from
  return list.map(({ gap, ...rest }) => ({ ...rest, offset: (offset += gap + 1) }))
}

function encodeSet(list: readonly MessageToWrite[], magic: LegacyMagic, codec: CompressionName): Buffer {
  if (codec === 'none') return Buffer.concat(list.map((message) => encodeMessage(message, { magic })))
  return encodeWrapper(list, { magic }, codec)
}

const seen = (list: readonly MessageToWrite[]): unknown[] =>
  list.map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, value }))

for (const magic of [0, 1] as const) {
  for (const codec of codecs) {
    test(`a set of format ${magic} comes back with its offsets, ${codec}`, (t) => {
      fc.assert(
        fc.property(messages, (list) => {
          const written = numbered(list)
          const decoded = decodeMessageSet(encodeSet(written, magic, codec), MIB)
          const expected = magic === 1 ? written : written.map((message) => ({ ...message, timestamp: -1 }))
          t.deepEqual(seen(decoded.messages), seen(expected))
          t.is(decoded.compression, codec)
        }),
        { numRuns: 50 },
      )
    })

    test(`a set of format ${magic} becomes one batch and the batch the set, ${codec}`, (t) => {
      fc.assert(
        fc.property(messages, (list) => {
          const written = numbered(list)
          const up = upConvert(encodeSet(written, magic, codec))
          t.is(batch.checkBatch(up, 0, up.length), 'ok')
          t.is(batch.compressionOf(up, 0), codec)
          const columns = decodeBatch(up, 0)
          t.is(columns.count, written.length)
          batch.setBaseOffset(up, 0, 77)
          const down = decodeMessageSet(Buffer.concat([...downConvert(up, 0, magic, 77)]), MIB)
          const expected = written.map((message, i) => ({ ...message, offset: 77 + i, timestamp: magic === 0 ? -1 : message.timestamp }))
          t.deepEqual(seen(down.messages), seen(expected))
        }),
        { numRuns: 50 },
      )
    })

    test(`a damaged set of format ${magic} is called corrupt or is cut, never a crash, ${codec}`, (t) => {
      const whole = encodeSet(
        numbered([0, 1, 2].map(() => ({ gap: 0, timestamp: 5, key: Buffer.from('k'), value: Buffer.alloc(30, 'v') }))),
        magic,
        codec,
      )
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length), (at, flip, end) => {
          const damaged = Buffer.from(whole)
          damaged[at]! ^= flip
          onlyCorrupt(t, () => decodeMessageSet(damaged.subarray(0, end), MIB))
          if (codec !== 'none' && at >= 12 && end === whole.length)
            t.throws(() => decodeMessageSet(damaged, MIB), { code: 'CORRUPT_BATCH' })
        }),
        { numRuns: 300 },
      )
    })
  }
}

function onlyCorrupt(t: ExecutionContext, act: () => unknown): void {
  try {
    act()
    t.pass()
  } catch (error) {
    t.is((error as { code?: string }).code, 'CORRUPT_BATCH')
  }
}

test('random bytes are corrupt or nothing', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (array) => onlyCorrupt(t, () => decodeMessageSet(Buffer.from(array), MIB))),
    { numRuns: 1000 },
  )
})

test('the last message of a set may be cut off', (t) => {
  const list = numbered([0, 1].map(() => ({ gap: 0, timestamp: 1, key: null, value: Buffer.from('value') })))
  const set = encodeSet(list, 1, 'none')
  t.is(decodeMessageSet(set.subarray(0, -3), MIB).messages.length, 1)
})

test('wrappers that hold nothing, wrappers, or another format are refused, and bombs do not go off', (t) => {
  const inner = { offset: 0, timestamp: 1, key: null, value: Buffer.from('v') }
  const around = (set: Buffer): Buffer => encodeMessage({ ...inner, value: gzipSync(set) }, { magic: 1 }, 'gzip')
  const refused = (set: Buffer, message: RegExp): void =>
    void t.throws(() => decodeMessageSet(set, MIB), { code: 'CORRUPT_BATCH', message })
  refused(around(encodeWrapper([inner], { magic: 1 }, 'gzip')), /holds a wrapper/)
  refused(around(Buffer.alloc(0)), /holds no messages/)
  refused(around(encodeMessage(inner, { magic: 0 })), /magic 1 holds a message of magic 0/)
  refused(around(encodeMessage(inner, { magic: 1 }).subarray(0, -3)), /ends inside a message/)
  const bomb = encodeWrapper([{ ...inner, value: Buffer.alloc(4 * MIB) }], { magic: 1 }, 'gzip')
  t.true(bomb.length < 10_000)
  t.throws(() => decodeMessageSet(bomb, MIB), { code: 'CORRUPT_BATCH', message: /grow beyond/ })
  const twice = Buffer.concat([encodeMessage(inner, { magic: 0 }), encodeMessage(inner, { magic: 1 })])
  t.throws(() => decodeMessageSet(twice, MIB), { code: 'CORRUPT_BATCH', message: /magic 0 holds a message of magic 1/ })
  t.throws(() => upConvert(Buffer.alloc(0)), { code: 'CORRUPT_BATCH' })
  t.throws(() => decodeMessageSet(encodeMessage({ ...inner, value: null }, { magic: 1 }, 'gzip'), MIB), { message: /no value/ })
})

test('markers are not for old clients; records before the offset are left out of uncompressed batches', (t) => {
  const builder = new BatchBuilder({})
  for (let i = 0; i < 5; i++) builder.append(i, null, Buffer.from(`${i}`), [{ key: 'h', value: null }])
  const data = builder.build({ baseOffset: 10 })
  const down = decodeMessageSet(Buffer.concat([...downConvert(data, 0, 1, 13)]), MIB)
  t.deepEqual(
    down.messages.map(({ offset, value }) => `${offset}:${value!.toString()}`),
    ['13:3', '14:4'],
  )
  builder.reset()
  builder.append(1, Buffer.alloc(4), null)
  t.deepEqual([...downConvert(builder.build({ control: true, producerId: 1, producerEpoch: 0 }), 0, 1, 0)], [])
})

for (const set of goldenSets) {
  const { format, codec, time } = set
  test(`a set of format ${format} that Java wrote is read, and written as Java wrote it, ${codec}, ${time}`, (t) => {
    const bytes = Buffer.from(set.hex, 'hex')
    const expected = goldenMessages(set)
    const logAppendTime = time === 'LogAppendTime'
    const decoded = decodeMessageSet(bytes, MIB)
    t.deepEqual(seen(decoded.messages), seen(expected))
    t.is(decoded.compression, codec)
    for (const message of decoded.messages) t.is(message.logAppendTime, logAppendTime)
    const options = { magic: format, logAppendTime }
    if (codec === 'none') t.deepEqual(Buffer.concat(expected.map((message) => encodeMessage(message, options))), bytes)
    else {
      // Compressors differ; what stands around the compressed bytes does not.
      const ours = encodeWrapper(expected, options, codec)
      const valueAt = 30 + 8 * format - 4
      const around = (buf: Buffer): string => `${buf.toString('hex', 0, 8)} ${buf.toString('hex', 16, valueAt - 4)}`
      t.is(around(ours), around(bytes))
      const plain = (buf: Buffer): Buffer => {
        const value = buf.subarray(valueAt)
        return decompress(codec, codec === 'lz4' ? repairedLz4(value) : value, MIB)
      }
      t.deepEqual(plain(ours), plain(bytes))
    }
    const up = upConvert(bytes)
    const columns = decodeBatch(up, 0)
    t.deepEqual(
      expected.map((_, i) => ({ timestamp: columns.timestamp(i), key: columns.key(i), value: columns.value(i) })),
      expected.map(({ timestamp, key, value }) => ({ timestamp, key, value })),
    )
    t.is(batch.timestampType(up, 0), time)
  })
}

test('the checksum in the header of an lz4 frame is the wrong one in format 0 and the right one in format 1, as Java writes it', (t) => {
  const message = { offset: 3, timestamp: 5, key: null, value: Buffer.from('value '.repeat(20)) }
  for (const format of [0, 1] as const) {
    const java = Buffer.from(goldenSets.find((set) => set.format === format && set.codec === 'lz4')!.hex, 'hex').subarray(26 + 8 * format)
    const ours = encodeWrapper([message], { magic: format }, 'lz4').subarray(26 + 8 * format)
    for (const frame of [java, ours]) {
      t.is(frame.readUInt32LE(0), 0x184d2204)
      t.is(repairedLz4(frame).equals(frame), format === 1)
    }
  }
})

test('xxHash32 of short inputs is as published', (t) => {
  t.is(xxh32(Buffer.alloc(0)), 0x02cc5d05)
  t.is(xxh32(Buffer.from('a')), 0x550d7456)
  t.is(xxh32(Buffer.from('abc')), 0x32d153ff)
  t.throws(() => xxh32(Buffer.alloc(16)), { instanceOf: RangeError })
})

test('a walk over records agrees with decoding them, for good batches and damaged ones', (t) => {
  const header = fc.record({ key: fc.string({ maxLength: 5 }), value: bytes })
  const record = fc.record({
    timestamp: fc.integer({ min: -1, max: 2 ** 45 }),
    key: bytes,
    value: bytes,
    headers: fc.array(header, { maxLength: 2 }),
  })
  const records = fc.array(record, { minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(records, fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))), (list, damage) => {
      const builder = new BatchBuilder({})
      for (const { timestamp, key, value, headers } of list) builder.append(timestamp, key, value, headers)
      const sent = builder.build()
      if (damage !== null) sent[batch.BATCH_OVERHEAD + (damage[0] % (sent.length - batch.BATCH_OVERHEAD))]! ^= damage[1]
      const walked = { minTimestamp: 0, maxTimestamp: 0, keyless: false }
      const walk = (): void => walkRecords(sent, batch.BATCH_OVERHEAD, sent.length, list.length, batch.baseTimestamp(sent, 0), walked)
      let columns
      try {
        columns = decodeBatch(sent, 0)
      } catch {
        t.throws(walk, { code: 'CORRUPT_BATCH' })
        return
      }
      walk()
      t.is(walked.maxTimestamp, Math.max(...columns.timestamps))
      t.is(walked.minTimestamp, Math.min(...columns.timestamps))
      t.is(walked.keyless, columns.keyLength.includes(-1))
    }),
    { numRuns: 500 },
  )
})
