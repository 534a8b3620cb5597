import avsc from 'avsc'
import test from 'ava'
import fc from 'fast-check'
import { avroCodecs, avroSkip, AvroWriter, readAvroFile, scanAvro, type AvroCodec } from '../../connectors/avro/index.ts'
import { longBytes, longEnd, readLong } from '../../connectors/avro/varint.ts'
import { numbered, seededRandom, type Numbered } from '../support/ledger-kit.ts'

/** Every kind of type. */
const wide = {
  type: 'record',
  name: 'a.Wide',
  fields: [
    { name: 'none', type: 'null' },
    { name: 'yes', type: 'boolean' },
    { name: 'int', type: 'int' },
    { name: 'long', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'float', type: 'float' },
    { name: 'double', type: 'double' },
    { name: 'bytes', type: 'bytes' },
    { name: 'text', type: 'string' },
    { name: 'fixed', type: { type: 'fixed', name: 'Four', size: 4 } },
    { name: 'suit', type: { type: 'enum', name: 'Suit', symbols: ['HEARTS', 'SPADES'] } },
    { name: 'list', type: { type: 'array', items: ['null', 'string', 'Suit'] } },
    { name: 'map', type: { type: 'map', values: 'a.Four' } },
    { name: 'more', type: ['null', 'Wide'] },
  ],
}
const wideType = avsc.Type.forSchema(wide as avsc.Schema)

function file(values: readonly Buffer[], codec: AvroCodec, schema: unknown = numbered.schema, blockBytes = 1024): Buffer {
  const writer = new AvroWriter({ schema, codec, blockBytes, random: seededRandom(7), metadata: new Map([['moldau.topic', 'flights']]) })
  const chunks: Buffer[] = []
  for (const value of values) {
    const padded = Buffer.concat([Buffer.from('..'), value, Buffer.from('..')])
    writer.append(padded, 2, 2 + value.length)
    if (writer.readyBytes > 2000) chunks.push(...writer.take())
  }
  writer.finish()
  return Buffer.concat([...chunks, ...writer.take()])
}

async function all<T>(bytes: Buffer): Promise<T[]> {
  const values: T[] = []
  for await (const value of readAvroFile<T>([bytes])) values.push(value)
  return values
}

const records: Numbered[] = Array.from({ length: 1000 }, (_, n) => ({ n, text: `record ${n}` }))
const values = records.map((record) => Buffer.from(numbered.serialize(record)))

for (const codec of avroCodecs) {
  test(`codec ${codec}: values come back as they were appended`, async (t) => {
    const bytes = file(values, codec)
    t.deepEqual(await all(bytes), records)
    const scan = await scanAvro([bytes])
    t.like(scan, { records: 1000, bytes: bytes.length })
    t.true(scan.blocks > 1)
    t.is(scan.header.metadata.get('moldau.topic'), 'flights')
  })
}

test('a file without a record is a file', async (t) => {
  t.deepEqual(await all(file([], 'null')), [])
})

test('avsc, which wrote no line of this, reads the same', async (t) => {
  for (const codec of ['null', 'deflate'] as const) {
    const decoder = new avsc.streams.BlockDecoder()
    const read: unknown[] = []
    decoder.on('data', (value: unknown) => read.push(value))
    const ended = new Promise((resolve) => decoder.on('end', resolve))
    decoder.end(file(values, codec))
    await ended
    t.deepEqual(JSON.stringify(read), JSON.stringify(records))
  }
})

test('a value larger than a block is a block of its own', async (t) => {
  const big = { n: 1, text: 'x'.repeat(5000) }
  t.deepEqual(await all(file([values[0]!, numbered.serialize(big), values[2]!], 'null')), [records[0], big, records[2]])
})

test('a file may come in pieces of any size', async (t) => {
  const bytes = file(values.slice(0, 50), 'null', numbered.schema, 100)
  for (const size of [1, 2, 3, 7, 16, 100]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
    t.is((await scanAvro(pieces)).records, 50)
  }
})

test('a file cut off anywhere but between two blocks is damaged, and so is one with a foreign sync marker', async (t) => {
  const bytes = file(values.slice(0, 30), 'null', numbered.schema, 100)
  const ends = new Set<number>()
  for (let end = 0; end < bytes.length; end++) {
    const scan = await scanAvro([bytes.subarray(0, end)]).catch((error: { code: string }) => error.code)
    if (scan !== 'CORRUPT_BATCH') ends.add(end)
  }
  t.is(ends.size, (await scanAvro([bytes])).blocks)
  const changed = Buffer.from(bytes)
  changed[changed.length - 1]! ^= 1
  await t.throwsAsync(scanAvro([changed]), { code: 'CORRUPT_BATCH', message: /sync marker/ })
  await t.throwsAsync(scanAvro([Buffer.from('no Avro at all')]), { code: 'CORRUPT_BATCH', message: /not an Avro container file/ })
})

test('longs are written as Avro does', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(300)), (n) => {
      if (n > Number.MAX_SAFE_INTEGER / 2) return
      const bytes = longBytes(n)
      t.deepEqual(bytes, avsc.Type.forSchema('long').toBuffer(n))
      t.is(readLong(bytes, 0, bytes.length), n)
      t.is(longEnd, bytes.length)
    }),
  )
})

test('skipping a value ends where decoding it does', (t) => {
  const skip = avroSkip(wide)
  for (let i = 0; i < 200; i++) {
    const bytes = wideType.toBuffer(wideType.random())
    t.is(skip(bytes, 0, bytes.length), bytes.length)
    const inside = Buffer.concat([Buffer.from('abc'), bytes, Buffer.from('xyz')])
    t.is(skip(inside, 3, inside.length), 3 + bytes.length)
  }
})

test('bytes that skipping takes for a value can be decoded, and cut off bytes are never taken', (t) => {
  const skip = avroSkip(wide)
  let state = 1
  const random = (max: number): number => (state = (state * 48_271) % 0x7fffffff) % max
  let taken = 0
  for (let i = 0; i < 2000; i++) {
    const bytes = wideType.toBuffer(wideType.random())
    t.not(skip(bytes, 0, bytes.length - 1), bytes.length)
    bytes[random(bytes.length)] = random(256)
    const end = skip(bytes, 0, bytes.length)
    if (end !== bytes.length) continue
    taken++
    t.is(wideType.decode(bytes, 0).offset, end)
  }
  t.true(taken > 100)
})

test('a schema that uses an undefined type is refused', (t) => {
  t.throws(() => avroSkip({ type: 'array', items: 'Nothing' }), { code: 'INVALID_CONFIG', message: /Nothing/ })
})
