import test from 'ava'
import fc from 'fast-check'

import { seededNumbers } from '../../../core/base/seeded-numbers.ts'
import { hashOf } from '../../../pipelines/topology/hash.ts'
import { bolt, run, spout, topology } from '../../../pipelines/topology/index.ts'
import { collecting, numbers, replaying } from '../../support/topologies.ts'

interface N {
  n: number
}

const sizes = (got: ReadonlyMap<number, unknown[]>) => [...got].toSorted(([a], [b]) => a - b).map(([, tuples]) => tuples.length)
const sorted = (got: ReadonlyMap<number, N[]>) =>
  [...got.values()]
    .flat()
    .map(({ n }) => n)
    .toSorted((a, b) => a - b)
const all = (count: number) => numbers(count).map(({ n }) => n)

for (const kind of ['shuffle', 'none', 'localOrShuffle'] as const) {
  test(`${kind} gives each task as many tuples`, async (t) => {
    const sink = collecting<N>()
    const declared = topology('t')
      .spout('numbers', replaying(numbers(300)))
      .bolt('sink', sink, { parallelism: 3 })
      [kind]('numbers')
    await (
      await run(declared)
    ).done
    t.deepEqual(sizes(sink.got), [100, 100, 100])
    t.deepEqual(sorted(sink.got), all(300))
  })
}

test('fields brings the same values to the same task, whoever emits, and uses all tasks', async (t) => {
  const sink = collecting<{ key: string; n: number }>()
  const keyed = Array.from({ length: 1000 }, (_, n) => ({ key: `k${n % 50}`, n }))
  const declared = topology('t')
    .spout('numbers', replaying(keyed))
    .bolt(
      'pass',
      bolt<{ key: string; n: number }, { key: string; n: number }>((out) => ({ execute: ({ values }) => out.emit(values) })),
      {
        parallelism: 3,
      },
    )
    .shuffle('numbers')
    .bolt('sink', sink, { parallelism: 4 })
    .fields('pass', ['key'])
  await (
    await run(declared)
  ).done
  const tasksOf = new Map<string, Set<number>>()
  for (const [task, tuples] of sink.got) {
    t.true(tuples.length > 0)
    for (const { key } of tuples) tasksOf.set(key, (tasksOf.get(key) ?? new Set()).add(task))
  }
  t.is(tasksOf.size, 50)
  t.deepEqual([...new Set(Array.from(tasksOf.values(), ({ size }) => size))], [1])
})

test('partialKey spreads a value that comes often over two tasks, and no more', async (t) => {
  const sink = collecting<{ key: string }>()
  const hot = Array.from({ length: 1000 }, (_, n) => ({ key: n % 10 === 0 ? `k${n}` : 'hot' }))
  const declared = topology('t').spout('s', replaying(hot)).bolt('sink', sink, { parallelism: 5 }).partialKey('s', ['key'])
  await (
    await run(declared)
  ).done
  const counts = [...sink.got.values()].map((tuples) => tuples.filter(({ key }) => key === 'hot').length).filter((n) => n > 0)
  t.is(counts.length, 2)
  t.is(counts[0]! + counts[1]!, 900)
  t.true(Math.abs(counts[0]! - counts[1]!) < 200, counts.join())
})

test('all gives every task everything, global the first one, and custom those that a function chooses', async (t) => {
  const [everyone, first, odd] = [collecting<N>(), collecting<N>(), collecting<N>()]
  const declared = topology('t')
    .spout('s', replaying(numbers(10)))
    .bolt('everyone', everyone, { parallelism: 3 })
    .all('s')
    .bolt('first', first, { parallelism: 3 })
    .global('s')
    .bolt('odd', odd, { parallelism: 3 })
    .custom('s', ({ n }, tasks) => (n % 2 === 1 ? [0, tasks - 1] : []))
  await (
    await run(declared)
  ).done
  t.deepEqual(sizes(everyone.got), [10, 10, 10])
  t.deepEqual(sizes(first.got), [10, 0, 0])
  t.deepEqual(sizes(odd.got), [5, 0, 5])
})

test('a custom grouping that chooses a task that is not there stops the topology with a message that says so', async (t) => {
  const sink = collecting<N>()
  const source = spout<N>((out) => ({ nextTuple: () => out.emit({ n: 1 }, 1) }))
  const running = await run(
    topology('t')
      .spout('s', source)
      .bolt('sink', sink)
      .custom('s', () => 7),
  )
  await t.throwsAsync(running.done, {
    code: 'OPERATOR_FAILED',
    message: /'s': 'sink' of 's', stream 'default', custom grouping: chose task 7; there are 0 to 0/,
  })
})

test('direct gives a tuple to the task that the emitter names, and to nobody else', async (t) => {
  const sink = collecting<N>()
  const source = spout<N>((out, { tasksOf }) => {
    let n = 0
    return {
      nextTuple() {
        if (n < 9) out.emitDirect(tasksOf('sink')[n % 2]!, { n }, n++)
      },
      ended: () => n === 9,
    }
  })
  const running = await run(topology('t').spout('s', source).bolt('sink', sink, { parallelism: 3 }).direct('s'))
  await running.done
  t.deepEqual(sizes(sink.got), [5, 4, 0])
})

test('streams by name reach those that subscribed to them', async (t) => {
  const [good, bad] = [collecting<N>(), collecting<{ why: string }>()]
  const check = bolt<N, N, { errors: { why: string } }>((out) => ({
    execute({ values }) {
      if (values.n % 3 === 0) out.emit('errors', { why: `${values.n} is a multiple of 3` })
      else out.emit(values)
    },
  }))
  const declared = topology('t')
    .spout('s', replaying(numbers(7)))
    .bolt('check', check)
    .shuffle('s')
    .bolt('good', good)
    .shuffle('check')
    .bolt('bad', bad)
    .shuffle('check', 'errors')
  await (
    await run(declared)
  ).done
  t.deepEqual(sorted(good.got), [1, 2, 4, 5])
  t.deepEqual(
    bad.got.get(0)!.map(({ why }) => why),
    ['0 is a multiple of 3', '3 is a multiple of 3', '6 is a multiple of 3'],
  )
})

test('the hash of fields depends on their values only, and spreads numbers and texts alike', (t) => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.string(),
      (a, b) => hashOf({ a, b, c: 1 }, ['a', 'b']) === hashOf(structuredClone({ b, a }) as never, ['a', 'b']),
    ),
  )
  const random = seededNumbers(1)
  for (const value of [(i: number) => i, (i: number) => `key-${i}`, (i: number) => i * 1024, () => random()]) {
    const counts = Array.from({ length: 8 }, () => 0)
    for (let i = 0; i < 8000; i++) counts[hashOf({ value: value(i) }, ['value']) % 8]!++
    t.true(Math.min(...counts) > 800 && Math.max(...counts) < 1200, counts.join())
  }
})
