import test from 'ava'
import { scan } from 'rxjs'
import type { Sink, Source } from '../../connectors/types.ts'
import { json, string } from '../../core/serde/primitives.ts'
import { filter, flatMap, hopping, map, mapValues, type Pipeline, pipeline, tap, topic, tumbling } from '../../pipelines/index.ts'
import { plan } from '../../pipelines/planner.ts'

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const lake = { name: 'lake', flags: { ownsPosition: true, writesDuringCommit: false } } as unknown as Sink
const file = { name: 'file', flags: { bounded: true, replayable: true } } as unknown as Source<{ key: string; value: number }>
const start = pipeline('p').from(input)

test('neighbours without state are one stage, and a repartition cuts the pipeline in two parts', (t) => {
  const { parts } = plan(
    start
      .pipe(
        filter((r) => r.value > 1),
        tap(() => undefined),
      )
      .pipe(mapValues((v) => v))
      .keyBy((r) => r.key, { key: string, value: json<number>() })
      .count({ name: 'by-key' })
      .to(output),
  )
  t.deepEqual(
    parts.map((part) => part.stages.map(({ spec }) => spec.steps?.length ?? spec.label)),
    [[3], ['count (operator 5)']],
  )
})

test('stores and repartitions have names of the pipeline: given, or counted and said what they are', (t) => {
  const { parts } = plan(
    start
      .groupByKey()
      .count({ name: 'mine' })
      .groupByKey()
      .window(tumbling('1m'))
      .count()
      .keyBy((r) => r.key, { key: string, value: json<number>() })
      .reduce((a) => a)
      .to(output),
  )
  const stores = parts.flatMap((part) => part.stages.flatMap(({ spec }) => (spec.stores ?? []).map(({ name }) => name)))
  t.deepEqual(stores, ['p-mine', 'p-2-count-tumbling', 'p-4-reduce'])
  const [input] = parts[1]!.inputs
  t.is(input?.kind === 'repartition' && input.name, 'p-3-keyBy-repartition')
})

const invalid: [string, () => Pipeline, RegExp][] = [
  [
    'groupByKey after the key may have changed',
    () =>
      start
        .pipe(map((r) => ({ key: r.key, value: 1 })))
        .groupByKey()
        .count()
        .to(output),
    /pipeline "p": groupByKey after an operator that may have changed the key.*use keyBy\(f, \{ key: serde \}\)/,
  ],
  [
    'an RxJS operator in pipe (a caller without types)',
    () => start.pipe(scan((a: number) => a, 0) as never).to(output as never),
    /put it into \.perEpoch/,
  ],
  [
    'keyBy of changed values without their serde',
    () =>
      start
        .pipe(mapValues(String))
        .keyBy((r) => r.value, { key: string })
        .count()
        .to(output),
    /keyBy needs the serde of the values.*keyBy\(f, \{ key, value \}\)/,
  ],
  ['a pipeline that reads what it writes', () => start.to(input), /reads and writes the topic 'in'/],
  [
    'two stores of one name',
    () => start.groupByKey().count({ name: 'x' }).groupByKey().count({ name: 'x' }).to(output),
    /the name 'x' is used twice/,
  ],
  ['a name that no topic can have', () => start.groupByKey().count({ name: 'a b' }).to(output), /'a b': a name has 1 to 249 letters/],
  ['a sink behind flatMap', () => start.pipe(flatMap((r) => [r])).to(lake), /the sink 'lake' takes the records of a topic.*not flatMap/],
  ['a sink behind state', () => start.groupByKey().count().to(lake), /not count.*write to a topic and archive that topic/],
  ['a sink behind a source', () => pipeline('p').from(file).to(lake), /takes the records of a topic/],
  [
    'grouping a source',
    () => pipeline('p').from(file).groupByKey().count().to(output),
    /groupByKey after an operator that may have changed the key, or after a source/,
  ],
]

for (const [name, declare, message] of invalid) {
  test(`refused: ${name}`, (t) => {
    const error = t.throws(() => plan(declare()), { code: 'PIPELINE_INVALID' })
    t.regex(error!.message, message)
  })
}

test('refused: durations that are none, empty windows, illegal names', (t) => {
  t.throws(() => tumbling('1 hour' as never), { code: 'PIPELINE_INVALID', message: /'1 hour' is not a duration/ })
  t.throws(() => tumbling('1h', { grace: -1 }), { code: 'PIPELINE_INVALID', message: /grace/ })
  t.throws(() => tumbling(0), { code: 'PIPELINE_INVALID', message: /at least one millisecond/ })
  t.throws(() => hopping('1h', { advance: 0 }), { code: 'PIPELINE_INVALID', message: /hopping window, advance: must be at least one/ })
  t.throws(() => hopping('1h', { advance: '2h' }), { code: 'PIPELINE_INVALID', message: /7200000 ms is more than the size/ })
  t.throws(() => pipeline('a/b'), { code: 'PIPELINE_INVALID', message: /pipeline 'a\/b'/ })
  t.is(topic('other', input).name, 'other', 'with the types of another topic, not its name')
  t.throws(() => topic('', { key: string, value: string }), { code: 'PIPELINE_INVALID' })
  t.is(tumbling('1.5h').sizeMs, 5_400_000)
})
