import { string } from '../../core/index.ts'
import { filter, flatMap, map, mapValues, type Pipeline, pipeline, together, topic, tumbling } from '../../pipelines/index.ts'

/** The topologies of Golden.java, as our users declare them; topic names and values are the same. */
const strings = { key: string, value: string }
const [a, b] = [topic('a', strings), topic('b', strings)]
const [out, out2, out3] = [topic('out', strings), topic('out2', strings), topic('out3', strings)]
const start = pipeline('golden')
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
const branches = start.from(a).branch({ even: (r) => n(r.value) % 2 === 0, three: (r) => n(r.value) % 3 === 0 })

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
  keyBy: start
    .from(a)
    .keyBy((r) => `g${n(r.value) % 2}`, { key: string })
    .aggregate({ init: () => '', add: (x, r) => `${x}${r.value};` })
    .to(out),
  'tumbling-update': start
    .from(a)
    .groupByKey()
    .window(tumbling(10, { grace: 5, emit: 'update' }))
    .reduce(add)
    .pipe(map(named))
    .to(out),
  'tumbling-close': start
    .from(a)
    .groupByKey()
    .window(tumbling(10, { grace: 5, emit: 'close' }))
    .reduce(add)
    .pipe(map(named))
    .to(out),
}
