/** Checked by `npm run check`, not run: what the types of a declaration must accept and refuse. */
import { bufferCount, concatMap as rxConcatMap, map as rxMap, scan, take } from 'rxjs'
import { float64, int32, json, string } from '../../core/serde/primitives.ts'
import {
  type Change,
  concatMap,
  filter,
  flatMap,
  type Flow,
  map,
  mapAsync,
  type Joined,
  mapValues,
  nullable,
  type Pipeline,
  pipeline,
  session,
  tap,
  together,
  topic,
  tumbling,
  type Windowed,
  within,
} from '../../pipelines/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type RecordOf<S> = S extends Flow<infer T> ? T : never
const is = <A, B>(_equal: Equal<A, B>): void => undefined

interface Flight {
  origin: string
  delay: number
}
interface Delay {
  origin: string
  hour: number
  n: number
  mean: number
}

const flights = topic('flights', { key: string, value: json<Flight>() })
const hourly = topic('delays-hourly', { key: string, value: json<Delay>() })
const counts = topic('counts', { key: string, value: int32 })
const keyless = topic('keyless', { key: nullable(string), value: json<Flight>() })
const start = pipeline('types').from(flights)

// The declaration of the design holds from schema to sink, with everything inferred.
const delays: Pipeline = start
  .pipe(filter((r) => r.value.delay > 15))
  .groupByKey()
  .window(tumbling('1h', { grace: '10m', emit: 'close' }))
  .aggregate({ init: () => ({ n: 0, total: 0 }), add: (a, r) => ({ n: a.n + 1, total: a.total + r.value.delay }) })
  .pipe(map((w) => ({ key: w.key, value: { origin: w.key, hour: w.window.start, n: w.value.n, mean: w.value.total / w.value.n } })))
  .to(hourly)
void delays

const windowed = start.groupByKey().window(tumbling('1h')).count()
is<RecordOf<typeof windowed>, Windowed<string, number>>(true)

// A type guard gives its branch the narrower type; streams that are merged are of either type.
const mixed = pipeline('types').from(topic('mixed', { key: string, value: json<Flight | Delay>() }))
type Mixed = RecordOf<typeof mixed>
const isFlight = (record: Mixed): record is Mixed & { value: Flight } => 'delay' in record.value
const branches = mixed.branch({ flights: isFlight, early: (record) => record.timestamp < 0 })
is<RecordOf<typeof branches.flights>, Mixed & { value: Flight }>(true)
is<RecordOf<typeof branches.early>, Mixed>(true)
is<RecordOf<typeof branches.rest>, Mixed>(true)
const merged = branches.flights.merge(windowed)
is<RecordOf<typeof merged>, (Mixed & { value: Flight }) | Windowed<string, number>>(true)
const both: Pipeline = together(branches.flights.to(flights), windowed.pipe(mapValues((count) => count)).to(counts))
void both

// Sessions that are given at every change take others back.
const visits = start.groupByKey().window(session('30m')).count()
is<RecordOf<typeof visits>, Windowed<string, number>>(true)
const changing = start
  .groupByKey()
  .window(session('30m', { emit: 'update' }))
  .count()
is<RecordOf<typeof changing>, Windowed<string, number | null>>(true)
const sessions = start.groupByKey().window(session('30m'))
// @ts-expect-error sessions that become one need merge
sessions.aggregate({ init: () => 0, add: (n: number) => n + 1 })
const near = start.outerJoin(start, (a, b, key) => `${key} ${a?.delay} ${b?.delay}`, within('5m'))
is<RecordOf<typeof near>, Joined<string, string>>(true)

// Tables: what is joined must have the same keys; what may be missing may be null.
const byOrigin = pipeline('types').table(topic('airports', { key: string, value: json<{ city: string }>() }))
const byNumber = pipeline('types').table(topic('by-number', { key: int32, value: string }))
const located = start.join(byOrigin, (flight, airport, key) => `${key} ${airport.city} ${flight.delay}`)
is<RecordOf<typeof located>['value'], string>(true)
const perhaps = start.leftJoin(byOrigin, (flight, airport) => ({ ...flight, city: airport?.city }))
is<RecordOf<typeof perhaps>['value'], { city: string | undefined; origin: string; delay: number }>(true)
const joined = byOrigin.outerJoin(start.groupByKey().count(), (airport, count) => `${airport?.city} ${count ?? 0}`)
is<RecordOf<typeof joined>, Change<string, string>>(true)
// @ts-expect-error the keys are of another type
start.join(byNumber, (flight) => flight)
// @ts-expect-error the airport may be missing
start.leftJoin(byOrigin, (_flight, airport) => airport.city)
// @ts-expect-error a table's changes may delete: the topic needs nullable(serde)
joined.to(topic('joined', { key: string, value: string }))
joined.to(topic('joined', { key: string, value: nullable(string) }))

start
  .pipe(
    mapValues((flight) => flight.delay),
    tap((r) => r.value.toFixed()),
    mapAsync(async (r, { signal, attempt }) => ({ key: r.key, value: r.value + (signal.aborted ? attempt : 0) }), {
      timeout: '2s',
      retry: { retries: 5, backoff: '50ms' },
      circuitBreaker: { whenOpen: 'fail' },
      retriable: (error) => error instanceof TypeError,
    }),
    concatMap(async (r) => r),
    flatMap((r) => [r, r]),
  )
  .to(counts)

start
  .keyBy((r) => r.value.delay, { key: int32 })
  .count()
  .pipe(map((r) => ({ key: String(r.key), value: r.value })))
  .to(counts)
start
  .perEpoch(
    bufferCount(100),
    rxConcatMap((batch) => batch),
  )
  .to(flights)

// @ts-expect-error the field does not exist
start.pipe(filter((r) => r.value.dellay > 15))
// @ts-expect-error a bare RxJS operator goes into perEpoch
start.pipe(scan((n: number) => n + 1, 0))
// @ts-expect-error a bare RxJS operator goes into perEpoch, even a harmless one
start.pipe(rxMap((r) => r.key))
const tap1 = tap(() => undefined)
// @ts-expect-error a bare RxJS operator behind a safe one
start.pipe(tap1, take(10))
// @ts-expect-error the topic takes another value type
start.to(hourly)
const byDelay = start.pipe(map((r) => ({ key: r.value.delay, value: r.value })))
// @ts-expect-error the topic takes another key type
byDelay.to(flights)
const numbers = start.pipe(map((r) => r.value.delay))
// @ts-expect-error a topic takes records with key and value
numbers.to(counts)
// @ts-expect-error numbers have no key to group by
numbers.groupByKey()
// @ts-expect-error the serde of the key is another type than the key
start.keyBy((r) => r.value.origin, { key: float64 })
// @ts-expect-error not a duration
tumbling('1 hour')
const grouped = start.groupByKey()
const init = () => ({ n: 0 })
// @ts-expect-error the aggregate must keep its type
grouped.aggregate({ init, add: (a, r) => ({ total: a.n + r.value.delay }) })
const maybeKeyed = pipeline('types').from(keyless)
// @ts-expect-error the key may be null
maybeKeyed.pipe(map((r) => ({ key: r.key.length, value: 1 })))

interface Nested {
  readonly n: number
  readonly list: readonly { readonly name: string; readonly seen?: boolean }[]
}
grouped.aggregate({ init: (): Nested => ({ n: 0, list: [] }), add: (a, r) => ({ ...a, n: a.n + r.value.delay }) })
const origins = { init: () => new Set<string>(), add: (a: Set<string>) => a }
// @ts-expect-error JSON would make {} of a Set: it needs a serde of its own
grouped.aggregate(origins)
grouped.aggregate({ ...origins, state: json<Set<string>>() })
