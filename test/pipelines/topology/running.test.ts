import test from 'ava'

import { ManualClock } from '../../../core/base/clock.ts'
import { bolt, run, spout, topology } from '../../../pipelines/topology/index.ts'
import { typeErrors } from '../../support/type-errors.ts'
import { collecting, numbers, replaying, turns, turnsUntil } from '../../support/topologies.ts'

interface N {
  n: number
}

test('a tick comes in each interval, in line with the tuples, and what it emits hangs on nothing', async (t) => {
  const clock = new ManualClock()
  const sink = collecting<N>()
  const counting = bolt<N, N>((out) => {
    let count = 0
    return {
      execute: () => void count++,
      tick() {
        out.emit({ n: count })
        count = 0
      },
    }
  })
  const source = spout<N>((out) => {
    let n = 0
    return { nextTuple: () => void (n < 5 && out.emit({ n }, n++)) }
  })
  const declared = topology('t')
    .spout('s', source)
    .bolt('count', counting, { tick: '10s' })
    .shuffle('s')
    .bolt('sink', sink)
    .shuffle('count')
  const running = await run(declared, { clock })
  await turnsUntil(() => running.metrics()[0]!.acked === 5)
  clock.advance(10_000)
  await turnsUntil(() => sink.got.get(0)!.length === 1)
  clock.advance(9_999)
  await turns()
  t.deepEqual(sink.got.get(0), [{ n: 5 }])
  clock.advance(1)
  await turnsUntil(() => sink.got.get(0)!.length === 2)
  t.deepEqual(sink.got.get(0), [{ n: 5 }, { n: 0 }])
  await running.stop()
})

test('rebalance changes the executors while tuples flow: none is lost, tasks keep their state and their order', async (t) => {
  const sums = new Map<number, number[]>()
  const keeping = bolt<N>((_out, { taskIndex }) => {
    const seen: number[] = []
    sums.set(taskIndex, seen)
    return {
      async execute({ values }) {
        if (values.n % 10 === 0) await new Promise(setImmediate)
        seen.push(values.n)
      },
    }
  })
  const source = replaying(numbers(2000))
  const declared = topology('t').spout('s', source).bolt('keep', keeping, { tasks: 4 }).fields('s', ['n'])
  const running = await run(declared, { queueMax: 20 })
  for (const executors of [4, 2, 3, 1]) {
    await turns(5)
    await running.rebalance({ parallelism: { keep: executors } })
    t.is(running.metrics()[1]!.executors, executors)
  }
  await t.throwsAsync(running.rebalance({ parallelism: { keep: 5 } }), { code: 'PIPELINE_INVALID', message: /'keep' has 4 tasks/ })
  await running.done
  t.is([...sums.values()].flat().length, 2000)
  for (const seen of sums.values())
    t.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
  t.is(source.acked.length, 2000)
  t.deepEqual(source.failed, [])
})

test('a slow bolt holds the spout back: what waits stays within queueMax and one batch', async (t) => {
  const slow = bolt<N>(() => ({ execute: () => new Promise<void>((resolve) => setImmediate(resolve)) }))
  const running = await run(
    topology('t')
      .spout('s', replaying(numbers(300)))
      .bolt('slow', slow)
      .shuffle('s'),
    { queueMax: 8 },
  )
  let most = 0
  for (let turn = 0; turn < 100; turn++) {
    most = Math.max(most, running.metrics()[1]!.queued)
    await turns(1)
  }
  await running.done
  t.true(most > 0 && most <= 8, `${most}`)
})

test('what is wrong with a declaration is said in one readable line', async (t) => {
  const before = `import { bolt, spout, topology } from 'moldau/topology'
const lines = spout<{ line: string }, { errors: { code: number } }>(() => ({ nextTuple() {} }))
const split = bolt<{ line: string }, { word: string }>((out) => ({ execute: ({ values }) => out.emit({ word: values.line }) }))
const start = topology('t').spout('lines', lines)
`
  const statements: [statement: string, said: RegExp | undefined][] = [
    ["start.bolt('split', split).shuffle('lines').bolt('again', split).fields('lines', ['line'])", undefined],
    ["start.bolt('split', split).shuffle('linse')", /'"linse"' is not assignable to parameter of type '\("lines" \| "split"\)/],
    ["start.bolt('split', split).fields('lines', ['lien'])", /'"lien"' is not assignable to type '"line"'/],
    [
      "start.bolt('split', split).shuffle('lines', 'errors')",
      /'this bolt takes other fields': \{ 'the stream gives': \{ code: number; \}; 'the bolt takes': \{ line: string; \}; \}/,
    ],
    ["start.bolt('split', split).shufle('lines')", /Property 'shufle' does not exist/],
    ["start.bolt('lines', split)", /'there is already a component of this name': "lines"/],
    ["start.bolt('split', split).bolt('more', split)", /Property 'bolt' does not exist on type 'Subscribing/],
  ]
  const errors = await typeErrors(
    t,
    statements.map(([statement]) => `${before}\n${statement} // here`),
  )
  for (const [statement, said] of statements) {
    const found = errors.filter((error) => error.startsWith(statement))
    if (said === undefined) t.deepEqual(found, [])
    else {
      t.is(found.length, 1, `${statement}: ${found.join('\n')}`)
      t.regex(found[0] ?? '', said)
    }
  }
})
