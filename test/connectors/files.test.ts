import { mkdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'

import { AvroWriter } from '../../connectors/avro/index.ts'
import { files, type FilesOptions, type FilesPosition, type FilesSource } from '../../connectors/files/index.ts'
import { ManualClock } from '../../core/base/clock.ts'
import { systemRandom } from '../../core/base/uuid.ts'
import { avro } from '../../core/index.ts'
import { tempDir } from '../support/start-broker.ts'

interface Flight {
  date: number
  delay: number
  distance: number
  origin: string
  destination: string
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const parquet = join(root, 'node_modules/vega-datasets/data/flights-3m.parquet')
const sample = join(root, 'examples/flights/flights-sample.avro')

const context = { clock: new ManualClock(1_000_000), random: systemRandom }

/** Opens at a position and reads so many batches, or to the end. */
async function read<V>(
  source: FilesSource<V>,
  position?: FilesPosition,
  batchesMax = Infinity,
): Promise<{ rows: V[]; ends: FilesPosition[] }> {
  await source.open(position, context)
  const rows: V[] = []
  const ends: FilesPosition[] = []
  let progress = 0
  while (ends.length < batchesMax) {
    const batch = await source.read()
    if (batch === undefined) break
    if (batch.records.length === 0 || batch.records.length > 5000) throw new Error(`a batch of ${batch.records.length} records`)
    if (batch.progress !== undefined && (batch.progress <= progress || batch.progress > 1)) throw new Error(`progress ${batch.progress}`)
    progress = batch.progress ?? 0
    rows.push(...batch.records.map(({ value }) => value))
    ends.push(batch.position)
  }
  await source.close()
  return { rows, ends }
}

/** What connectors/types.ts asks of a bounded source that can be replayed, of any file and any number of reads. */
async function contract<V>(t: ExecutionContext, options: FilesOptions<V>, expected: readonly V[]): Promise<void> {
  const source = files<V>(options)
  t.deepEqual(source.flags, { bounded: true, replayable: true })
  await t.throwsAsync(source.read(), { code: 'CLOSED' })
  const { rows, ends } = await read(source)
  t.deepEqual(rows, expected)
  t.is(ends.at(-1)?.row ?? 0, expected.length)
  const bytes = (await stat(options.path)).size
  // Positions that were given out, and any other row: what comes behind it is the same.
  const from = fc.oneof(fc.nat({ max: expected.length }), fc.constantFrom(0, ...ends.map(({ row }) => row)))
  await fc.assert(
    fc.asyncProperty(from, fc.integer({ min: 1, max: 3 }), async (row, batches) => {
      const again = await read(source, { row, bytes }, batches)
      t.deepEqual(again.rows, expected.slice(row, row + again.rows.length))
      const rest = await read(source, again.ends.at(-1) ?? { row, bytes })
      t.deepEqual([...again.rows, ...rest.rows], expected.slice(row))
    }),
    { numRuns: 15 },
  )
  const all: V[] = []
  for await (const value of source.rows()) all.push(value)
  t.deepEqual(all, expected)
  await source.open(undefined, context)
  for (let batch = await source.read(); batch !== undefined; batch = await source.read());
  t.is(await source.read(), undefined, 'the end stays the end')
  await Promise.all([source.close(), source.close()])
}

test('lines of JSON: any rows between any empty lines, each once and in order, from any position', async (t) => {
  const dir = await tempDir(t)
  const blank = fc.constantFrom('', '', '', '\n', '\n\r\n', '  \n', '\t\n')
  const row = fc.oneof(fc.jsonValue(), fc.record({ text: fc.string({ unit: 'grapheme' }), n: fc.integer() }))
  const table = fc.tuple(fc.array(fc.tuple(blank, row), { maxLength: 50 }), fc.boolean(), fc.boolean())
  let file = 0
  await fc.assert(
    fc.asyncProperty(table, async ([lines, lastEnds, marked]) => {
      const path = join(dir, `${file++}.jsonl`)
      const text = lines.map(([before, value]) => `${before}${JSON.stringify(value)}`).join('\n')
      await writeFile(path, `${marked ? '\uFEFF' : ''}${text}${lastEnds ? '\n' : ''}`)
      await contract(
        t,
        { path },
        lines.map(([, value]) => JSON.parse(JSON.stringify(value)) as unknown),
      )
    }),
    { numRuns: 15 },
  )
})

test('lines of JSON that take several reads come back from any row', async (t) => {
  const path = join(await tempDir(t), 'rows.ndjson')
  const rows = Array.from({ length: 3000 }, (_, n) => ({ n }))
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n${row.n % 7 === 0 ? '\n' : ''}`).join(''))
  t.is(await files({ path }).count(), undefined)
  await contract(t, { path }, rows)
})

test('Avro files come back from any row, in every block', async (t) => {
  const path = join(await tempDir(t), 'rows.avro')
  const numbered = avro({ type: 'record', name: 'N', fields: [{ name: 'n', type: 'int' }] })
  const rows = Array.from({ length: 2500 }, (_, n) => ({ n }))
  const writer = new AvroWriter({ schema: numbered.schema, codec: 'deflate', blockBytes: 700, random: systemRandom, metadata: new Map() })
  for (const row of rows) {
    const value = numbered.serialize(row)
    writer.append(value, 0, value.length)
  }
  writer.finish()
  const bytes = Buffer.concat(writer.take())
  await writeFile(path, bytes)
  t.is(await files({ path }).count(), 2500)
  await contract(t, { path }, rows)

  await writeFile(path, bytes.subarray(0, bytes.length - 100))
  await t.throwsAsync(read(files({ path })), { message: new RegExp(`${path}.*ends within a block`) })
  bytes[bytes.length >> 1]! ^= 0xff
  await writeFile(path, bytes)
  await t.throwsAsync(read(files({ path })), { code: 'SERDE_FAILED', message: new RegExp(`${path} cannot be read behind row \\d+: `) })
})

test('the sample that ships has 100,000 flights in order, and goes on in the middle', async (t) => {
  const source = files<Flight>({ path: sample, timestamp: (row) => row.date })
  t.is(await source.count(), 100_000)
  const { rows, ends } = await read(source)
  t.is(rows.length, 100_000)
  t.true(rows.every((row, i) => i === 0 || rows[i - 1]!.date <= row.date))
  t.deepEqual((await read(source, { row: 98_765, bytes: ends[0]!.bytes })).rows, rows.slice(98_765))
  await source.open(undefined, context)
  const [first] = (await source.read())!.records
  t.is(first!.timestamp, first!.value.date)
  await source.close()
})

test('parquet goes on in the middle of a row group and over its end', async (t) => {
  const source = files<Flight>({ path: parquet })
  t.is(await source.count(), 3_000_000)
  const { rows, ends } = await read(source, undefined, 2)
  t.deepEqual(rows[0], { date: Date.UTC(2001, 0, 1, 0, 1), delay: 33, distance: 2176, origin: 'LAS', destination: 'PHL' })
  t.is(ends[1]!.row, rows.length)
  const { bytes } = ends[0]!
  t.deepEqual((await read(source, { row: 1234, bytes }, 1)).rows.slice(0, 2000), rows.slice(1234, 3234))
  t.deepEqual((await read(source, ends[0], 1)).rows, rows.slice(ends[0]!.row))
  // The first row group has 272,727 rows.
  const over = await read(source, { row: 272_700, bytes }, 2)
  t.deepEqual(
    over.ends.map(({ row }) => row),
    [272_727, 276_823],
  )
  t.deepEqual((await read(source, { row: 272_726, bytes }, 1)).rows, [over.rows[26]!])
  t.deepEqual((await read(source, { row: 3_000_000, bytes })).rows, [])
})

test('a row has the time of its reading unless told otherwise', async (t) => {
  const path = join(await tempDir(t), 'one.jsonl')
  await writeFile(path, '{"at":5}\n')
  const times = async (options: Partial<FilesOptions<{ at: number }>>): Promise<number[]> => {
    const source = files<{ at: number }>({ path, ...options })
    await source.open(undefined, context)
    const { records } = (await source.read())!
    await source.close()
    return records.map(({ timestamp }) => timestamp)
  }
  t.deepEqual(await times({}), [1_000_000])
  t.deepEqual(await times({ timestamp: (row) => row.at }), [5])
})

test('a file of another size than the one a position belongs to is refused with the remedy; without a position it is read', async (t) => {
  const path = join(await tempDir(t), 'grows.jsonl')
  await writeFile(path, '1\n2\n')
  const source = files<number>({ path })
  const { ends } = await read(source)
  await writeFile(path, '1\n2\n3\n')
  await t.throwsAsync(source.open(ends[0], context), {
    code: 'LEDGER_MISMATCH',
    message: new RegExp(
      `${path} has 6 bytes, but row 2 was reached in a file of 4: .*Put the first one back, or give the source another name`,
    ),
  })
  t.deepEqual((await read(source)).rows, [1, 2, 3])
})

test('a broken line is named, whether it is read from the beginning or from behind', async (t) => {
  const path = join(await tempDir(t), 'broken.jsonl')
  await writeFile(path, '{"n":1}\n\n{"n":2\n{"n":3}\n')
  const refused = { code: 'SERDE_FAILED', message: new RegExp(`line 3 of ${path} is not JSON: .*correct or remove it`) }
  await t.throwsAsync(read(files({ path })), refused)
  await t.throwsAsync(read(files({ path }), { row: 1, bytes: 24 }), refused)
})

test('what is no file, no file of its format, or of no format that is known, is named', async (t) => {
  const dir = await tempDir(t)
  t.throws(() => files({ path: 'orders.csv' }), { code: 'INVALID_ARGUMENT', message: /orders\.csv has none of the extensions \.parquet, / })
  t.is(files({ path: 'ORDERS.JSONL' }).name, 'ORDERS.JSONL')
  for (const name of ['none.jsonl', 'none.avro', 'none.parquet']) {
    await t.throwsAsync(read(files({ path: join(dir, name) })), { code: 'INPUT_MISSING', message: new RegExp(name.replace('.', '\\.')) })
    await t.throwsAsync(files({ path: join(dir, name) }).count(), { code: 'INPUT_MISSING' })
  }
  await mkdir(join(dir, 'folder.jsonl'))
  await t.throwsAsync(read(files({ path: join(dir, 'folder.jsonl') })), { code: 'INPUT_MISSING', message: /folder\.jsonl is not a file/ })
  for (const name of ['text.avro', 'text.parquet']) {
    const path = join(dir, name)
    await writeFile(path, 'this is a text')
    const source = files({ path })
    await t.throwsAsync(read(source), { message: new RegExp(path) })
    await truncate(path)
    await t.throwsAsync(read(source), { message: new RegExp(path) })
  }
})
