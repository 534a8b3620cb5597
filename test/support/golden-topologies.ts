import { string } from '../../core/index.ts'
import {
  calendar,
  filter,
  filterNot,
  flatMap,
  hopping,
  keyValue,
  map,
  mapValues,
  nullable,
  type Pipeline,
  pipeline,
  selectKey,
  session,
  sliding,
  tap,
  together,
  topic,
  tumbling,
  within,
} from '../../pipelines/index.ts'
import type { PlainWindows } from '../../pipelines/windows/any.ts'

/** The topologies of Golden.java, as our users declare them; topic names and values are the same. */
const strings = { key: string, value: string }
const [a, b] = [topic('a', strings), topic('b', strings)]
const [out, out2, out3] = [topic('out', strings), topic('out2', strings), topic('out3', strings)]
const changes = topic('out', { key: string, value: nullable(string) })
const gone = topic('a', { key: string, value: nullable(string) })
const start = pipeline('golden')
const [tableA, tableB] = [start.table(gone as typeof a), start.table(b)]
/** By the last digit of the number, and not at all when that is nothing. */
const grouped = tableA.groupBy((v, k) => (n(v) % 4 === 0 ? null : { key: `g${n(v) % 4}`, value: `${k}${v}` }), {
  key: string,
  value: string,
})
const globalB = start.globalTable(topic('b', { key: string, value: nullable(string) }))
const pair = (x: string | null, y: string | number | null): string => `${x}+${y}`
const n = Number
const plain = <K, V>({ key, value, timestamp }: { key: K; value: V; timestamp: number }) => ({ key, value, timestamp })
const named = <V>({
  key,
  value,
  timestamp,
  window,
}: {
  key: string
  value: V
  timestamp: number
  window: { start: number; end: number }
}) => ({
  key: `${key}@${window.start}-${window.end}`,
  value,
  timestamp,
})
const add = (x: string, y: string): string => `${x},${y}`
const reduced = (windows: PlainWindows): Pipeline => start.from(a).groupByKey().window(windows).reduce(add).pipe(map(named)).to(out)
const near = within(10, { before: 4, grace: 5 })
const branches = start.from(a).branch({ even: (r) => n(r.value) % 2 === 0, three: (r) => n(r.value) % 3 === 0 })

/** What each key has had since the last time, with the time of the newest of it; records of "z" only move time. */
const flushing = (time: 'event' | 'wall'): Pipeline =>
  start
    .from(a)
    .process({
      stores: { s: keyValue({ value: string }) },
      process({ key, value, timestamp }, { stores: { s } }) {
        if (key === 'z') return
        const [before, newest] = s.get(key)?.split('@') ?? []
        s.put(key, `${before === undefined ? '' : `${before},`}${value}@${Math.max(timestamp, n(newest ?? 0))}`)
      },
      punctuate: {
        every: 10,
        time,
        run(_time, { stores: { s } }) {
          const all = s.entries()
          for (const [key] of all) s.delete(key)
          return all.map(([key, text]) => ({ key, value: text.split('@')[0]!, timestamp: n(text.split('@')[1]) }))
        },
      },
    })
    .to(out)

export const goldenTopologies: Readonly<Record<string, Pipeline>> = {
  stateless: start
    .from(a)
    .pipe(
      filter((r) => n(r.value) % 3 !== 0),
      mapValues((v) => String(n(v) * 2)),
      flatMap((r) => [r, { ...r, value: `${r.value}0` }]),
      map((r) => ({ ...plain(r), key: r.key + r.value[0]! })),
      flatMap((r) => (n(r.value) % 4 === 0 ? [r, { ...r, key: 'x', value: r.key }] : [])),
    )
    .to(out),
  branch: together(branches.even.to(out), branches.three.to(out2), branches.rest.to(out3)),
  merge: start
    .from(a)
    .pipe(mapValues((v) => `a${v}`))
    .merge(start.from(b))
    .to(out),
  routing: start.from(a).to((r) => [out, out2, out3][n(r.value) % 3]!),
  repartition: start
    .from(a)
    .pipe(
      filterNot((r) => n(r.value) % 5 === 0),
      selectKey((r) => `g${n(r.value) % 2}`),
    )
    .repartition({ key: string, partitions: 1, name: 'again' })
    .reduce(add)
    .to(out),
  'table-filter-not': tableA
    .filterNot((v) => n(v) % 2 === 0)
    .toStream()
    .pipe(tap(() => undefined))
    .to(changes),
  count: start
    .from(a)
    .groupByKey()
    .count()
    .pipe(map((r) => ({ ...r, value: String(r.value) })))
    .to(out),
  reduce: start.from(a).groupByKey().reduce(add).to(out),
  aggregate: start
    .from(a)
    .groupByKey()
    .aggregate({ init: () => 'i', add: (x, r) => x + r.value })
    .to(out),
  cogroup: start
    .from(a)
    .groupByKey()
    .cogroup((x: string, r) => `${x}a${r.value}`)
    .cogroup(start.from(b).groupByKey(), (x, r) => `${x}b${r.value}`)
    .aggregate({ init: () => '' })
    .to(out),
  'cogroup-window': start
    .from(a)
    .groupByKey()
    .cogroup((x: string, r) => `${x}a${r.value}`)
    .cogroup(start.from(b).groupByKey(), (x, r) => `${x}b${r.value}`)
    .window(tumbling(10, { grace: 100, emit: 'update' }))
    .aggregate({ init: () => '' })
    .pipe(map(named))
    .to(out),
  'table-group-count': grouped
    .count()
    .mapValues((count) => String(count))
    .to(changes),
  'table-group-aggregate': grouped
    .aggregate({ init: () => 'i', add: (x, v, k) => `${x}+${k}${v}`, subtract: (x, v, k) => `${x}-${k}${v}` })
    .to(changes),
  'table-group-reduce': grouped
    .reduce(
      (x, y) => `${x}+${y}`,
      (x, y) => `${x}-${y}`,
    )
    .to(changes),
  keyBy: start
    .from(a)
    .keyBy((r) => `g${n(r.value) % 2}`, { key: string })
    .aggregate({ init: () => '', add: (x, r) => `${x}${r.value};` })
    .to(out),
  'tumbling-update': reduced(tumbling(10, { grace: 5, emit: 'update' })),
  'tumbling-close': reduced(tumbling(10, { grace: 5, emit: 'close' })),
  ...Object.fromEntries(
    [3, 5].flatMap((advance) =>
      (['update', 'close'] as const).map((emit) => [`hopping-${emit}-${advance}`, reduced(hopping(10, { advance, grace: 5, emit }))]),
    ),
  ),
  'sliding-update': reduced(sliding(10, { grace: 5, emit: 'update' })),
  'sliding-close': reduced(sliding(10, { grace: 5 })),
  ...Object.fromEntries(
    (['day', 'week', 'month', 'year'] as const).map((unit) => [
      `calendar-${unit}`,
      reduced(calendar(unit, { zone: 'Europe/Prague', grace: '1h', emit: 'update' })),
    ]),
  ),
  'session-update': start
    .from(a)
    .groupByKey()
    .window(session(12, { grace: 11, emit: 'update' }))
    .reduce(add)
    .pipe(map(named))
    .to(changes),
  'session-close': start
    .from(a)
    .groupByKey()
    .window(session(12, { grace: 11 }))
    .reduce(add)
    .pipe(map(named))
    .to(out),
  process: start
    .from(a)
    .process({
      stores: { s: keyValue({ value: string }) },
      *process({ key, value }, { stores: { s }, now }) {
        const before = s.get(key)
        const all = before === undefined ? value : `${before},${value}`
        if (n(value) >= 20) s.delete(key)
        else s.put(key, all)
        yield { key, value: all }
        if (n(value) >= 20) yield { key: 'reset', value, timestamp: now }
      },
    })
    .to(out),
  'process-values': start
    .from(a)
    .processValues({
      stores: { s: keyValue({ value: string }) },
      process({ key, value }, { stores: { s } }) {
        const before = s.get(key)
        s.put(key, value)
        return before === undefined ? [] : [`${before}-${value}`]
      },
    })
    .groupByKey()
    .reduce(add)
    .to(out),
  'punctuate-event': flushing('event'),
  'punctuate-wall': flushing('wall'),
  table: tableA.to(changes),
  'table-of-stream': start.from(gone).toTable().to(changes),
  'table-filter': tableA.filter((v) => n(v) % 2 === 0).to(changes),
  'table-map': tableA.mapValues((v, k) => k + v).to(changes),
  'tables-join': tableA.join(tableB, pair).to(changes),
  'tables-left': tableA.leftJoin(tableB, pair).to(changes),
  'tables-outer': tableA.outerJoin(tableB, pair).to(changes),
  'tables-chain': tableA
    .filter((v) => n(v) % 3 !== 0)
    .outerJoin(
      tableB.mapValues((v) => `b${v}`),
      pair,
    )
    .filter((v) => !v.endsWith('1'))
    .mapValues((v, k) => k + v)
    .to(changes),
  counted: start
    .from(a)
    .groupByKey()
    .count()
    .outerJoin(tableB, (count, y) => `${count}*${y}`)
    .to(changes),
  'streams-join': start.from(a).join(start.from(b), pair, near).to(out),
  'streams-left': start.from(a).leftJoin(start.from(b), pair, near).to(out),
  'streams-outer': start.from(a).outerJoin(start.from(b), pair, near).to(out),
  lookup: start.from(a).join(tableB, pair).to(out),
  'lookup-left': start.from(a).leftJoin(tableB, pair).to(out),
  global: start
    .from(a)
    .join(globalB, (r) => 'klm'[n(r.value) % 3]!, pair)
    .to(out),
  'global-left': start
    .from(a)
    .leftJoin(globalB, (r) => (n(r.value) % 5 === 0 ? null : 'klmz'[n(r.value) % 4]!), pair)
    .to(out),
  'lookup-derived': start
    .from(a)
    .leftJoin(
      tableB.filter((v) => n(v) % 2 === 0).mapValues((v) => `even${v}`),
      pair,
    )
    .to(out),
}
