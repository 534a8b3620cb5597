import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import test, { type ExecutionContext } from 'ava'

import { generateTypes, type SchemaFile } from '../../cli/types/generate.ts'
import type { AvroSerde } from '../../core/index.ts'
import { folderInRepo } from '../support/folder-in-repo.ts'
import { moldau } from '../support/run-command.ts'
import { typeErrors } from '../support/type-errors.ts'

const flight = {
  type: 'record',
  name: 'Flight',
  namespace: 'cz.moldau',
  doc: 'A flight,\n  as it was */ flown.',
  fields: [
    { name: 'origin', type: 'string', doc: 'IATA code' },
    { name: 'delay', type: 'int', default: 0 },
    { name: 'gate', type: ['null', 'string'], default: null },
    { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['ON_TIME', 'LATE'] } },
    { name: 'previous', type: 'Status' },
    { name: 'tail', type: { type: 'fixed', name: 'Tail', namespace: 'cz.parts', size: 2 } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
    { name: 'stops', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'legs', type: { type: 'array', items: 'cz.moldau.Flight' }, default: [] },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'cause', type: ['null', 'Flight'] },
    { name: 'amount', type: ['int', 'long'] },
    { name: 'either', type: ['null', 'Status', 'string'] },
    { name: 'boxed', type: ['Flight', { type: 'map', values: 'cz.parts.Tail' }, 'null'] },
  ],
} as const
const passenger = {
  type: 'record',
  name: 'Passenger',
  namespace: 'cz.moldau',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'flight', type: 'Flight' },
  ],
} as const
/** Three that have one short name, and one that would hide a Buffer. */
const several = [
  { type: 'record', name: 'a.b.Point', fields: [{ name: 'x', type: 'int' }] },
  { type: 'record', name: 'a.c.Point', fields: [{ name: 'other', type: 'a.b.Point' }] },
  { type: 'record', name: 'PointInput', fields: [{ name: 'y', type: 'double', default: 1.5 }] },
  { type: 'record', name: 'Buffer', fields: [{ name: 'bytes', type: 'bytes' }] },
  { type: 'enum', name: 'Colour', symbols: ['RED'] },
] as const

const files: readonly SchemaFile[] = [
  { name: 'passenger', schema: passenger },
  { name: 'flight', schema: flight },
  { name: 'several', schema: several },
  { name: 'log-lines', schema: { type: 'array', items: ['null', 'a.b.Point'] } },
  { name: 'ints', schema: ['null', 'int'] },
]

/** The generated code in a folder of the repository, so that it finds `moldau/core`. */
async function imported(t: ExecutionContext, text: string): Promise<Record<string, AvroSerde<unknown>>> {
  const dir = await folderInRepo(t, 'types')
  await writeFile(join(dir, 'types.ts'), text)
  return (await import(pathToFileURL(join(dir, 'types.ts')).href)) as Record<string, AvroSerde<unknown>>
}

test('the interfaces are those that the compiler works out of a schema literal, and the file compiles as it is', async (t) => {
  const text = generateTypes(files)
  const literal = (schema: object): string => JSON.stringify(schema)
  const checks = `
import type { FromAvro, ToAvro } from 'moldau/core'
const flightLiteral = ${literal(flight)} as const
const severalLiteral = ${literal(several)} as const
type Mutual<A, B> = [A, B] extends [B, A] ? true : [A, 'is not', B]
const same: true[] = []
const fromFlight: Mutual<Flight, FromAvro<typeof flightLiteral>> = true
const toFlight: Mutual<FlightInput, ToAvro<typeof flightLiteral>> = true
const point: Mutual<CPoint, { other: Point }> = true
const optional: FlightInput['delay'] = undefined as never as number | undefined
const read: Passenger = passengerSerde.deserialize(Buffer.alloc(0), 0, 0)
passengerSerde.serialize({ name: 'Ann', flight: {} as FlightInput })
const lines: (null | Point)[] = logLinesSerde.deserialize(Buffer.alloc(0), 0, 0)
const colour: 'RED' = colourSerde.deserialize(Buffer.alloc(0), 0, 0)
const hidden: BufferType = { bytes: Buffer.from('x') }
const int: null | number = intsSerde.deserialize(Buffer.alloc(0), 0, 0)
pointInputSerde
`
  const errors = await typeErrors(t, [
    text,
    `${text}\n${checks.replace('pointInputSerde', '')}`,
    `${text}\nconst wrong: Flight['status'] = 'EARLY' // here`,
  ])
  t.deepEqual(
    errors.filter((line) => !line.includes('// here')),
    [],
  )
  t.regex(errors.find((line) => line.includes('// here')) ?? '', /'"EARLY"' is not assignable to type 'Status'/)
  t.true(text.includes('/** A flight, as it was *\\/ flown. */'))
  t.true(text.includes('/** IATA code */\n  origin: string'))
  t.true(text.includes('/** timestamp-millis */\n  at: number'))
})

test('the serdes write and read records, each with everything that its schema mentions', async (t) => {
  const made = await imported(t, generateTypes(files))
  t.deepEqual(Object.keys(made).sort(), [
    'bufferTypeSerde',
    'cPointSerde',
    'colourSerde',
    'flightSerde',
    'intsSerde',
    'logLinesSerde',
    'passengerSerde',
    'pointInputTypeSerde',
    'pointSerde',
  ])
  const trip = (name: string, value: unknown): unknown => {
    const bytes = made[name]!.serialize(value)
    return made[name]!.deserialize(bytes, 0, bytes.length)
  }
  const written = {
    origin: 'PRG',
    status: 'LATE',
    previous: 'ON_TIME',
    tail: Buffer.from('OK'),
    at: 5,
    price: Buffer.from([1]),
    stops: ['BRQ', null],
    counts: { seats: 9 },
    cause: null,
    amount: { long: 7 },
    either: { string: 'x' },
    boxed: { map: { a: Buffer.from('ab') } },
  }
  const inner = { ...written, delay: 0, gate: null, legs: [] }
  t.deepEqual(trip('flightSerde', { ...written, legs: [written] }), { ...inner, legs: [inner] })
  t.deepEqual(trip('passengerSerde', { name: 'Ann', flight: { ...written, boxed: { 'cz.moldau.Flight': written } } }), {
    name: 'Ann',
    flight: { ...inner, boxed: { 'cz.moldau.Flight': inner } },
  })
  t.deepEqual(trip('cPointSerde', { other: { x: 1 } }), { other: { x: 1 } })
  t.deepEqual(trip('pointInputTypeSerde', {}), { y: 1.5 })
  t.deepEqual(trip('logLinesSerde', [null, { x: 2 }]), [null, { x: 2 }])
  t.is(trip('intsSerde', 3), 3)
})

const refused: [string, unknown, RegExp][] = [
  ['a type that nothing defines', { type: 'array', items: 'x.Y' }, /nothing defines the type 'x\.Y'; give the file that does, too/],
  ['no schema', 7, /7 is no schema/],
  ['a record without fields', { type: 'record', name: 'A' }, /the record 'A' has no fields/],
  ['a record without a name', { type: 'record', fields: [] }, /a record needs a name/],
  ['an array without items', { type: 'array' }, /an array without 'items'/],
  [
    'one name for two things',
    [
      { type: 'fixed', name: 'A', size: 1 },
      { type: 'fixed', name: 'A', size: 2 },
    ],
    /'A' is defined twice, in two ways/,
  ],
  ['what avsc refuses', { type: 'enum', name: 'E', symbols: ['A', 'A'] }, /avro: the schema cannot be used/],
]
for (const [what, schema, message] of refused) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => generateTypes([{ name: 'x', schema: schema as never }]), { code: 'INVALID_ARGUMENT', message })
  })
}

test('moldau types prints it, or writes it with --out; a file that is not there is named', async (t) => {
  const dir = await folderInRepo(t, 'types')
  for (const { name, schema } of files) await writeFile(join(dir, `${name}.avsc`), JSON.stringify(schema))
  const paths = files.map(({ name }) => join(dir, `${name}.avsc`))
  const printed = await moldau(['types', ...paths])
  t.is(printed.stderr, '')
  t.is(printed.stdout, generateTypes(files))
  const out = join(dir, 'out.ts')
  t.is((await moldau(['types', ...paths, '--out', out])).stdout, '')
  t.is(await readFile(out, 'utf8'), printed.stdout)
  const missing = await moldau(['types', join(dir, 'no.avsc')])
  t.is(missing.code, 1)
  t.regex(missing.stderr, /cannot read .*no\.avsc: .*\[INPUT_MISSING\]/)
  await writeFile(paths[0]!, '{')
  t.regex((await moldau(['types', paths[0]!])).stderr, /passenger\.avsc is no JSON: .*\[INVALID_ARGUMENT\]/)
})
