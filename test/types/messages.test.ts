import test from 'ava'

import { typeErrors } from '../support/type-errors.ts'

const before = `
import { avro, int32, json, string } from 'moldau/core'
import { calendar, filter, keyValue, map, mapAsync, mapValues, nullable, pipeline, session, topic, tumbling, within } from 'moldau/pipelines'
import { sameUnderAnyEpochSize, testPipeline } from 'moldau/pipelines/testing'
const start = pipeline('p')
const orders = topic('orders', { key: string, value: json<{ n: number }>() })
const numbers = topic('numbers', { key: int32, value: string })
const texts = topic('texts', { key: string, value: string })
const maybes = topic('maybes', { key: string, value: nullable(string) })
const totals = topic('totals', { key: string, value: json<{ total: number }>() })
const [stream, numbered, table, byNumber] = [start.from(orders), start.from(numbers), start.table(texts), start.table(numbers)]
const countries = start.globalTable(topic('countries', { key: int32, value: json<boolean>() }))
const hours = stream.groupByKey().window(tumbling('1h'))
const counts = { n: keyValue({ value: int32 }) }
const kit = testPipeline(stream.to(orders))
`

const keys = /'the other side of the join has other keys': \{ 'here they are': string; 'there they are': number; \}/
const values = (has: string, takes: string): RegExp =>
  new RegExp(`'this topic takes another value type': \\{ 'the pipeline has': ${has}; 'the topic takes': ${takes}; \\}`)
const noNull = /'this topic takes no null as value: declare it with nullable\(serde\)': \{ 'the pipeline has': string \| null;/

/** A statement that is wrong, and what the one line says that the compiler has against it; undefined: it is right. */
const statements: [statement: string, said: RegExp | undefined][] = [
  ['stream.join(byNumber, (a) => a)', keys],
  ['stream.leftJoin(byNumber, (a) => a)', keys],
  ["stream.join(numbered, (a) => a, within('5m'))", keys],
  ["stream.leftJoin(numbered, (a) => a, within('5m'))", keys],
  ["stream.outerJoin(numbered, () => 1, within('5m'))", keys],
  ['table.join(byNumber, (a) => a)', keys],
  ['table.leftJoin(byNumber, (a) => a)', keys],
  ['table.outerJoin(byNumber, (a) => a)', keys],
  ['stream.leftJoin(table, (a, text) => text.length)', /'text' is possibly 'null'/],
  ['stream.join(table, (a, text) => text.length)', undefined],
  ['table.to(texts)', noNull],
  ['table.filter((text) => text > "a").to(texts)', noNull],
  ['table.outerJoin(table, (a, b) => `${a}${b}`).to(texts)', noNull],
  ['table.to(maybes)', undefined],
  ["stream.groupByKey().window(session('5m', { emit: 'update' })).reduce((a) => a).to(orders)", /'this topic takes no null as value/],
  ["stream.groupByKey().window(session('5m')).reduce((a) => a).to(orders)", undefined],
  ['stream.to(texts)', values('\\{ n: number; \\}', 'string')],
  ['hours.count().to(texts)', values('number', 'string')],
  ['hours.aggregate({ init: () => ({ n: 0 }), add: (a) => a }).to(totals)', values('\\{ n: number; \\}', '\\{ total: number; \\}')],
  ['hours.aggregate({ init: () => ({ total: 0 }), add: (a) => a }).to(totals)', undefined],
  ['hours.count().late.to(orders)', undefined],
  ['hours.count().late.to(texts)', values('\\{ n: number; \\}', 'string')],
  ["stream.join(stream, (a) => a, within('5m')).otherLate.to(orders)", undefined],
  [
    "stream.groupByKey().window(calendar('hour'))",
    /'"hour"' is not assignable to parameter of type '"day" \| "month" \| "week" \| "year"'/,
  ],
  ['stream.groupByKey().count().to(texts)', values('number', 'string')],
  ['numbered.to(texts)', /'this topic takes another key type': \{ 'the pipeline has': number; 'the topic takes': string; \}/],
  [
    'stream.pipe(map((r) => r.value)).to(orders)',
    /'a topic takes records with key and value': \{ 'the pipeline has': \{ n: number; \}; \}/,
  ],
  ['stream.pipe(filter((r) => r.value.m > 1))', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ['stream.pipe(mapValues((v) => v.m))', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ['stream.keyBy((r) => r.value.n, { key: string })', /Type 'number' is not assignable to type 'string'/],
  ['stream.groupByKey().aggregate({ init: () => new Set<string>(), add: (a) => a })', /\{ state: Serde<Set<string>>; \}/],
  ['stream.to(() => texts)', values('\\{ n: number; \\}', 'string')],
  ['stream.to((r) => (r.value.n > 1 ? orders : texts))', values('\\{ \\.\\.\\.; \\}', 'string')],
  ['stream.to((r) => (r.value.n > 1 ? orders : orders))', undefined],
  ['stream.to((r) => (r.value.m > 1 ? orders : orders))', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ['stream.to((r) => `o-${r.value.n}`)', /Argument of type .* => string' is not assignable to parameter of type 'AnyTopic/],
  ['stream.to((r) => `o-${r.value.n}`, orders)', undefined],
  ['stream.to(orders, { partitioner: (key, value, n) => value.m % n })', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ['stream.to(orders, { partitioner: (key, value, n) => value.n % n })', undefined],
  ['stream.repartition({ partitioner: (key, value, n) => key.length % n }).count()', undefined],
  ["stream.pipe(mapAsync(async (r) => r, { timeout: '2 seconds' }))", /'"2 seconds"' is not assignable to type/],
  ['stream.pipe(mapAsync((r) => r.value))', /Promise/],
  ['stream.join(countries, (r) => r.value.n, (order, open, key) => order.n + key + Number(open))', undefined],
  ['stream.join(countries, (r) => r.key, (order, open) => open)', /Type 'string' is not assignable to type 'number'/],
  ['stream.join(countries, (r) => r.value.m, (order, open) => open)', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ['stream.leftJoin(countries, (r) => r.value.n, (order, open) => open.valueOf())', /'open' is possibly 'null'/],
  [
    'stream.process({ stores: counts, process: (r, { stores }) => [{ key: r.key, value: { n: stores.n.get(r.key) ?? 0 } }] }).to(orders)',
    undefined,
  ],
  [
    'stream.process({ stores: counts, process: (r, { stores }) => stores.n.put(r.key, r.value) })',
    /not assignable to parameter of type 'number'/,
  ],
  [
    'stream.process({ stores: counts, process: (r, { stores }) => stores.n.put(r.value.n, 1) })',
    /'number' is not assignable to parameter of type 'string'/,
  ],
  ['stream.process({ stores: counts, process: (r, { stores }) => stores.m.get(r.key) })', /Property 'm' does not exist/],
  ['stream.process({ process: (r) => [{ key: r.key, value: 1 }] }).to(orders)', values('number', '\\{ n: number; \\}')],
  [
    "stream.process({ process: () => {}, punctuate: { every: '1m', run: (time) => [{ key: 'k', value: time }] } }).to(orders)",
    values('number', '\\{ n: number; \\}'),
  ],
  ['stream.processValues({ process: (r) => [r.value.n] }).to(orders)', values('number', '\\{ n: number; \\}')],
  ['stream.processValues({ process: (r) => [r.value.n] }).groupByKey().reduce((a, b) => a + b)', undefined],
  ["tumbling('1 hour')", /'"1 hour"' is not assignable to parameter of type 'Duration'/],
  ["kit.pipe(orders, [{ key: 'k', value: 'text' }])", /No overload matches this call/],
  ["kit.pipe(orders, 'a', { a: { key: 'k', value: { n: 1 } } })", undefined],
  ["kit.pipe(orders, 'a', { a: { n: 1 } }, { key: 'k' })", undefined],
  ["kit.pipe(orders, 'a', { a: { m: 1 } }, { key: 'k' })", /No overload matches this call/],
  ['kit.read(orders)[0]!.value.m', /Property 'm' does not exist on type '\{ n: number; \}'/],
  ["avro({ type: 'array', items: 'lnog' }).serialize([1])", /AvroUnknownName<"lnog">/],
]

test('what is wrong with a declaration is said in one readable line', async (t) => {
  const errors = await typeErrors(
    t,
    statements.map(([statement]) => `${before}\n${statement} // here`),
  )
  for (const [statement, said] of statements) {
    const lines = errors.filter((line) => line.startsWith(`${statement} // here`))
    if (said === undefined) t.deepEqual(lines, [], statement)
    else t.regex(lines.join('\n'), said, statement)
    t.true(lines.length <= 1, `${statement}: ${lines.length} errors`)
  }
  t.is(errors.length, statements.filter(([, said]) => said !== undefined).length)
})
