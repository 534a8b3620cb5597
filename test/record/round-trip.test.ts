import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { checkBatch, lastOffsetDelta, maxTimestamp, producerId, recordCount, hasDeleteHorizon } from '../../core/record/batch.ts'
import { BatchBuilder, recordSizeMax } from '../../core/record/builder.ts'
import { decodeBatch, type RecordColumns } from '../../core/record/columns.ts'
import { compressionNames } from '../../core/record/compression-names.ts'
import { readControl, readCoordinatorEpoch } from '../../core/record/control.ts'
import type { Header } from '../../core/record/header.ts'

interface Row {
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: Header[]
}

const bytes = (maxLength: number): fc.Arbitrary<Buffer | null> => fc.option(fc.uint8Array({ maxLength }).map((a) => Buffer.from(a)))
const row: fc.Arbitrary<Row> = fc.record({
  timestamp: fc.oneof(
    fc.integer({ min: -1, max: 2 ** 31 }),
    fc.maxSafeNat(),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_900_000 }),
  ),
  key: bytes(40),
  value: fc.oneof(bytes(40), bytes(300)),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: bytes(20) }), { maxLength: 3 }),
})

for (const compression of compressionNames) {
  test(`what is appended comes back, compression ${compression}`, (t) => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), fc.maxSafeNat(), (rows, baseOffset) => {
        const builder = fill(new BatchBuilder({ compression, sizeHint: 1 }), rows)
        const built = builder.build({ baseOffset: Math.min(baseOffset, 2 ** 52), producerId: 7 })
        t.is(checkBatch(built, 0, built.length), 'ok')
        const padded = Buffer.concat([Buffer.alloc(3, 0xff), built, Buffer.alloc(9, 0xff)])
        const columns = decodeBatch(padded, 3)
        t.deepEqual(rowsOf(columns), rows)
        t.is(columns.baseOffset, Math.min(baseOffset, 2 ** 52))
        t.is(maxTimestamp(built, 0), Math.max(-1, ...rows.map((r) => r.timestamp)))
        if (compression === 'none') t.is(builder.sizeInBytes, built.length)
      }),
      { numRuns: 60 },
    )
  })

  test(`a large batch comes back, compression ${compression}`, (t) => {
    const rows: Row[] = Array.from({ length: 3000 }, (_, i) => ({
      timestamp: 1_700_000_000_000 + i,
      key: i % 3 === 0 ? null : Buffer.from(`key-${i % 17}`),
      value: Buffer.from(`${i * 7919} `.repeat(i % 60)),
      headers: [],
    }))
    const columns = decodeBatch(fill(new BatchBuilder({ compression }), rows).build(), 0)
    t.deepEqual(rowsOf(columns), rows)
    t.is(columns.offset(2999), 2999)
  })
}

test('an empty batch and one with an empty key are not the same as null', (t) => {
  t.is(decodeBatch(new BatchBuilder().build(), 0).count, 0)
  const builder = new BatchBuilder()
  builder.append(0, Buffer.alloc(0), null)
  const columns = decodeBatch(builder.build(), 0)
  t.is(columns.key(0)?.length, 0)
  t.is(columns.value(0), null)
})

test('the size asked for beforehand is never less than what a record takes', (t) => {
  fc.assert(
    fc.property(row, (one) => {
      const builder = new BatchBuilder()
      const empty = builder.sizeInBytes
      builder.append(0, null, null)
      const before = builder.sizeInBytes
      builder.append(one.timestamp, one.key, one.value, one.headers)
      t.true(builder.sizeInBytes - before <= recordSizeMax(one.key?.length ?? 0, one.value?.length ?? 0, one.headers))
      t.is(empty, 61)
    }),
  )
})

test('a batch built again with another identity leaves the first as it was', (t) => {
  for (const compression of compressionNames) {
    const builder = new BatchBuilder({ compression })
    builder.append(5, null, Buffer.from('hello'))
    const first = builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 10 })
    const copy = Buffer.from(first)
    const second = builder.build({ producerId: 1, producerEpoch: 1, baseSequence: 0 })
    t.deepEqual(first, copy)
    t.is(checkBatch(second, 0, second.length), 'ok')
    builder.append(6, null, Buffer.from('x'.repeat(10_000)))
    const third = builder.build({ producerId: 2 })
    t.deepEqual(first, copy)
    t.is(checkBatch(first, 0, first.length), 'ok')
    t.is(recordCount(third, 0), 2)
    t.is(producerId(second, 0), 1)
    t.is(decodeBatch(third, 0).value(0)?.toString(), 'hello')
  }
})

test('a builder that is reset begins anew', (t) => {
  const builder = new BatchBuilder()
  builder.append(1_700_000_000_000, Buffer.from('a'), Buffer.from('b'))
  builder.build({ transactional: true })
  builder.reset()
  builder.append(3, null, Buffer.from('c'))
  t.is(builder.count, 1)
  t.is(builder.maxTimestamp, 3)
  const fresh = new BatchBuilder()
  fresh.append(3, null, Buffer.from('c'))
  t.deepEqual(builder.build(), fresh.build())
})

test('compaction keeps offsets, gaps, the end of the batch and the delete horizon', (t) => {
  const builder = new BatchBuilder({ deleteHorizon: 1_600_000_000_000 })
  builder.appendAt(3, 1_500_000_000_000, null, Buffer.from('x'))
  builder.appendAt(700, 1_700_000_000_000, null, null)
  const built = builder.build({ baseOffset: 1000, lastOffsetDelta: 900 })
  const columns = decodeBatch(built, 0)
  t.true(hasDeleteHorizon(built, 0))
  t.is(lastOffsetDelta(built, 0), 900)
  t.deepEqual([columns.offset(0), columns.offset(1)], [1003, 1700])
  t.deepEqual([...columns.timestamps], [1_500_000_000_000, 1_700_000_000_000])
})

test('a time that is none is refused', (t) => {
  for (const timestamp of [Number.NaN, 1.5, -2, 2 ** 53, Infinity]) {
    t.throws(() => new BatchBuilder().append(timestamp, null, null), { code: 'INVALID_ARGUMENT' })
  }
})

test('an offset that does not grow is refused', (t) => {
  const builder = new BatchBuilder()
  builder.appendAt(3, 0, null, null)
  for (const delta of [3, 0, -1, 2 ** 31]) t.throws(() => builder.appendAt(delta, 0, null, null), { code: 'INVALID_ARGUMENT' })
  t.is(builder.count, 1)
})

interface Foreign {
  java: Record<string, string>
  javaCommitMarker: string
  librdkafka: Record<string, string>
}
const foreign = JSON.parse(readFileSync(new URL('../fixtures/record-batches.json', import.meta.url), 'utf8')) as Foreign

test("batches of Java's client are read, whatever their compression", (t) => {
  for (const [compression, hex] of Object.entries(foreign.java)) {
    const buf = Buffer.from(hex, 'hex')
    t.is(checkBatch(buf, 0, buf.length), 'ok')
    const expected: Row[] = [
      {
        timestamp: 1_700_000_000_000,
        key: Buffer.from('klíč'),
        value: Buffer.from('hodnota'),
        headers: [
          { key: 'h', value: Buffer.from('v') },
          { key: 'n', value: null },
        ],
      },
      { timestamp: 1_699_999_999_000, key: null, value: Buffer.from('x'.repeat(200)), headers: [] },
      { timestamp: 1_800_000_000_000, key: Buffer.alloc(0), value: null, headers: [] },
    ]
    t.deepEqual(rowsOf(decodeBatch(buf, 0)), expected, compression)
    t.is(decodeBatch(buf, 0).baseOffset, 1_234_567_890_123)
  }
})

test("a batch of ours equals that of Java's client byte by byte", (t) => {
  const buf = Buffer.from(foreign.java['none'] ?? '', 'hex')
  const rows = rowsOf(decodeBatch(buf, 0))
  const ours = fill(new BatchBuilder(), rows).build({
    baseOffset: 1_234_567_890_123,
    leaderEpoch: 12,
    producerId: 4242,
    producerEpoch: 7,
    baseSequence: 99,
    transactional: true,
  })
  t.deepEqual(ours, buf)
})

test("batches of librdkafka's client are read, whatever their compression", (t) => {
  for (const [compression, hex] of Object.entries(foreign.librdkafka)) {
    const buf = Buffer.from(hex, 'hex')
    t.is(checkBatch(buf, 0, buf.length), 'ok')
    const columns = decodeBatch(buf, 0)
    t.deepEqual(
      [0, 1, 2].map((i) => columns.key(i)?.toString()),
      ['k1', 'k2', 'k3'],
      compression,
    )
    t.deepEqual(
      [0, 1, 2].map((i) => columns.value(i)?.toString()),
      ['abc'.repeat(100), 'short', 'y'.repeat(300)],
    )
    t.deepEqual(columns.headers(1), [{ key: 'h', value: Buffer.from('v') }])
  }
})

test("a commit marker of Java's broker is understood", (t) => {
  const columns = decodeBatch(Buffer.from(foreign.javaCommitMarker, 'hex'), 0)
  t.is(readControl(columns), 'commit')
  t.is(readCoordinatorEpoch(columns), 9)
})

function fill(builder: BatchBuilder, rows: readonly Row[]): BatchBuilder {
  for (const { timestamp, key, value, headers } of rows) builder.append(timestamp, key, value, headers)
  return builder
}

function rowsOf(columns: RecordColumns): Row[] {
  return Array.from({ length: columns.count }, (_, i) => ({
    timestamp: columns.timestamp(i),
    key: columns.key(i),
    value: columns.value(i),
    headers: columns.headers(i),
  }))
}
