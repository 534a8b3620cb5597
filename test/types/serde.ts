import type { AvroUnknownName } from '../../core/serde/avro-types.ts'
import * as z from 'zod'
import { avro, type FromAvro, schema, type Serde, type ToAvro, type ValueOf } from '../../core/serde/index.ts'

/** Checked by tsc, never run: the types that follow from Avro schemas. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expect<_T extends true>(): void {}

const flight = avro({
  type: 'record',
  name: 'Flight',
  namespace: 'cz.moldau',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'delay', type: 'int', default: 0 },
    { name: 'gate', type: ['null', 'string'], default: null },
    { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['ON_TIME', 'LATE'] } },
    { name: 'previous', type: 'Status' },
    { name: 'tail', type: { type: 'fixed', name: 'Tail', size: 6 } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
    { name: 'stops', type: { type: 'array', items: 'string' } },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'cause', type: ['null', 'cz.moldau.Flight'] },
    { name: 'amount', type: ['int', 'long'] },
  ],
})

interface Flight {
  origin: string
  delay: number
  gate: string | null
  status: 'ON_TIME' | 'LATE'
  previous: 'ON_TIME' | 'LATE'
  tail: Buffer
  at: number
  price: Buffer
  stops: string[]
  counts: { [key: string]: number }
  cause: Flight | null
  amount: { int: number } | { long: number }
}

const read = flight.deserialize(Buffer.alloc(0), 0, 0)
const asFlight: Flight = read
const back: typeof read = asFlight
const asSerde: Serde<Flight> = flight
expect<Equal<ValueOf<typeof flight>, typeof read>>()
declare function topic<V>(value: Serde<V>): V
const inferred = topic(flight)
expect<Equal<typeof inferred, typeof read>>()
export { asSerde, back }

expect<Equal<(typeof read)['status'], 'ON_TIME' | 'LATE'>>()
expect<Equal<(typeof read)['gate'], string | null>>()
expect<Equal<(typeof read)['amount'], { int: number } | { long: number }>>()
expect<Equal<NonNullable<(typeof read)['cause']>['origin'], string>>()

// @ts-expect-error no such field
export const misspelt: number = read.dellay

/** A default may be left out when writing, never when reading. */
const written: Omit<Flight, 'delay' | 'gate' | 'cause'> & { cause: null } = { ...asFlight, cause: null }
flight.serialize(written)
// @ts-expect-error origin has no default
flight.serialize({ ...written, origin: undefined })
// @ts-expect-error EARLY is no symbol of Status
flight.serialize({ ...written, status: 'EARLY' })

const tree = avro({
  type: 'record',
  name: 'Node',
  fields: [
    { name: 'label', type: 'string' },
    { name: 'children', type: { type: 'array', items: 'Node' } },
  ],
})
const grandchild = tree.deserialize(Buffer.alloc(0), 0, 0).children[0]?.children[0]?.label
expect<Equal<typeof grandchild, string | undefined>>()

expect<Equal<FromAvro<'double'>, number>>()
expect<Equal<FromAvro<readonly ['null', 'long']>, number | null>>()
expect<Equal<FromAvro<{ readonly type: 'map'; readonly values: 'boolean' }>, { [key: string]: boolean }>>()
expect<Equal<ToAvro<{ readonly type: 'array'; readonly items: 'string' }>, readonly string[]>>()

// Two records cannot be told apart: the branch is named, in full.
type Event = FromAvro<
  readonly [
    {
      readonly type: 'record'
      readonly name: 'Up'
      readonly namespace: 'e'
      readonly fields: readonly [{ readonly name: 'n'; readonly type: 'int' }]
    },
    { readonly type: 'record'; readonly name: 'e.Down'; readonly fields: readonly [{ readonly name: 'why'; readonly type: 'string' }] },
  ]
>
expect<Equal<Event, { 'e.Up': { n: number } } | { 'e.Down': { why: string } }>>()

// A typo in a type name shows in the value's type.
expect<Equal<FromAvro<{ readonly type: 'array'; readonly items: 'lnog' }>, AvroUnknownName<'lnog'>[]>>()

// A schema that was widened (a JSON file) needs the type's name.
const wide: { type: string; name: string; fields: { name: string; type: string }[] } = { type: 'record', name: 'A', fields: [] }
const named: Flight = avro<Flight>(wide).deserialize(Buffer.alloc(0), 0, 0)
// @ts-expect-error its values have no type
const unnamed: Flight = avro(wide).deserialize(Buffer.alloc(0), 0, 0)
export { named, unnamed }

// `any` is no schema literal either, and does not keep the compiler busy.
declare const anything: ReturnType<typeof JSON.parse>
// @ts-expect-error its values have no type
const parsed: Flight = avro(anything).deserialize(Buffer.alloc(0), 0, 0)
export { parsed }

// Schemas of zod: what is read has its defaults and is transformed, what is written is as it goes in.
const visit = schema(z.object({ at: z.string().transform(Number), who: z.string().default('nobody'), tags: z.array(z.string()) }))
expect<Equal<ValueOf<typeof visit>, { at: number; who: string; tags: string[] }>>()
visit.serialize({ at: '1', tags: [] })
// @ts-expect-error at goes in as text
visit.serialize({ at: 1, tags: [] })
// @ts-expect-error tags have no default
visit.serialize({ at: '1' })
