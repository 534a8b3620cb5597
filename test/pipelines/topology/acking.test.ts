import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../../core/base/clock.ts'
import { seededNumbers } from '../../../core/base/seeded-numbers.ts'
import { bolt, richBolt, run, spout, topology, type Tuple } from '../../../pipelines/topology/index.ts'
import { EdgeIds } from '../../../pipelines/topology/ids.ts'
import { Pending } from '../../../pipelines/topology/pending.ts'
import { Anchored, EdgeTuple } from '../../../pipelines/topology/tuple.ts'
import { collecting, numbers, replaying, turns, turnsUntil } from '../../support/topologies.ts'

interface N {
  n: number
}

const pass = bolt<N, N>((out) => ({ execute: ({ values }) => out.emit(values) }))
const ns = (got: ReadonlyMap<number, N[]>) => [...got.values()].flat().map(({ n }) => n)

test('a tuple is acked when all that was made of it is acked, in whatever order, and not one ack before', (t) => {
  const emitter = { component: 'c', task: 1, stream: 'default' }
  const target = { offer: () => undefined }
  fc.assert(
    fc.property(
      fc.array(fc.record({ roots: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }), makes: fc.nat(3) }), { maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      (steps, random) => {
        const ids = new EdgeIds(Buffer.from('0123456789abcdef'))
        const pending = new Pending(new ManualClock(), 1000, () => undefined)
        const choose = (count: number): number => random.next().value! % count
        const emit = (anchor: { tie(tuple: EdgeTuple, ids: EdgeIds): void }): EdgeTuple => {
          const tuple = new EdgeTuple({}, emitter, target)
          anchor.tie(tuple, ids)
          return tuple
        }
        const roots = [0, 1, 2, 3].map((id) => pending.open(id))
        // Which roots each tuple that is not acked stands for.
        const open = roots.map((root, id) => ({ tuple: emit(root), of: new Set([id]) }))
        const told = new Set<unknown>()
        const check = () => {
          for (const { id } of pending.take()) told.add(id)
          for (const id of [0, 1, 2, 3]) {
            t.is(told.has(id), !open.some(({ of }) => of.has(id)))
          }
        }
        const ack = () => {
          if (open.length > 0) t.true(open.splice(choose(open.length), 1)[0]!.tuple.ack())
          check()
        }
        for (const { roots: anchors, makes } of steps) {
          if (open.length === 0) break
          // Tuples are made of tuples that are open, as long as they are.
          const from = [...new Set(anchors.map((i) => open[i % open.length]!))]
          for (let i = 0; i < makes; i++) {
            const tuple = emit(from.length === 1 ? from[0]!.tuple : new Anchored(from.map((one) => one.tuple)))
            open.push({ tuple, of: new Set(from.flatMap(({ of }) => [...of])) })
          }
          ack()
        }
        while (open.length > 0) ack()
        t.is(told.size, 4)
        t.is(pending.size, 0)
      },
    ),
  )
})

test('a tuple that nobody subscribes to is acked, and a second ack of a tuple does nothing', async (t) => {
  const source = replaying(numbers(3))
  const twice = richBolt<N, N>((out) => ({
    execute(tuple) {
      out.emit(tuple.values, tuple)
      out.ack(tuple)
      out.ack(tuple)
      out.fail(tuple)
    },
  }))
  const running = await run(topology('t').spout('s', source).bolt('twice', twice).shuffle('s'))
  await running.done
  t.deepEqual(source.acked, [0, 1, 2])
  t.deepEqual(source.failed, [])
  const [, bolt] = running.metrics()
  t.like(bolt, { acked: 3, failed: 0 })
})

test('a tuple that fails anywhere is failed at its spout and replayed until it is through', async (t) => {
  const source = replaying(numbers(100))
  const sink = collecting<N>()
  const tries = new Map<number, number>()
  const flaky = bolt<N, N>((out) => ({
    execute({ values }) {
      const times = (tries.get(values.n) ?? 0) + 1
      tries.set(values.n, times)
      if (values.n % 7 === 0 && times < 3) throw new Error(`no ${values.n}`)
      out.emit(values)
    },
  }))
  const declared = topology('t')
    .spout('s', source)
    .bolt('pass', pass)
    .shuffle('s')
    .bolt('flaky', flaky)
    .shuffle('pass')
    .bolt('sink', sink)
    .shuffle('flaky')
  const running = await run(declared)
  await running.done
  t.deepEqual(
    ns(sink.got).toSorted((a, b) => a - b),
    numbers(100).map(({ n }) => n),
  )
  t.is(source.failed.length, 30)
  t.is(source.acked.length, 100)
  const metrics = Object.fromEntries(running.metrics().map((one) => [one.component, one]))
  t.like(metrics['s'], { emitted: 130, acked: 100, failed: 30, pending: 0 })
  t.like(metrics['flaky'], { executed: 130, acked: 100, failed: 30, errors: 30, lastError: 'no 98' })
})

test('what nobody acks times out after the message time-out and not before; resetTimeout gives it more', async (t) => {
  const clock = new ManualClock()
  const source = replaying(numbers(2))
  const held: Tuple<N>[] = []
  let reset: (tuple: Tuple) => void = () => undefined
  const holds = richBolt<N>((out) => {
    reset = (tuple) => out.resetTimeout(tuple)
    return { execute: (tuple) => void held.push(tuple) }
  })
  const running = await run(topology('t').spout('s', source).bolt('holds', holds).shuffle('s'), { clock, messageTimeout: '10s' })
  await turnsUntil(() => held.length === 2)
  clock.advance(9_999)
  await turns()
  t.deepEqual(source.failed, [])
  reset(held[0]!)
  clock.advance(1)
  await turnsUntil(() => source.failed.length > 0)
  t.deepEqual(source.failed, [1])
  clock.advance(9_998)
  await turns()
  t.deepEqual(source.failed, [1])
  clock.advance(1)
  await turns()
  t.deepEqual(source.failed, [1, 0])
  await running.stop({ wait: 0 })
})

test('no more than maxSpoutPending tuples of a task are neither acked nor failed', async (t) => {
  const held: Tuple<N>[] = []
  let ack: (tuple: Tuple) => void = () => undefined
  const holds = richBolt<N>((out) => {
    ack = (tuple) => out.ack(tuple)
    return { execute: (tuple) => void held.push(tuple) }
  })
  const source = replaying(numbers(100))
  const running = await run(topology('t').spout('s', source).bolt('holds', holds).shuffle('s'), { maxSpoutPending: 5 })
  await turns()
  t.is(held.length, 5)
  t.is(running.metrics()[0]!.pending, 5)
  ack(held[2]!)
  await turns()
  t.is(held.length, 6)
  t.deepEqual(source.acked, [2])
  await running.stop({ wait: 0 })
})

test('a task that is killed loses what it holds and what waits for it; the time-out brings it back', async (t) => {
  const clock = new ManualClock()
  const source = replaying(numbers(500))
  const sink = collecting<N>()
  let made = 0
  // Holds each tuple until three are there, as a batching bolt does.
  const batches = richBolt<N, N>((out) => {
    made++
    const waiting: Tuple<N>[] = []
    return {
      execute(tuple) {
        waiting.push(tuple)
        if (waiting.length < 3 && tuple.values.n < 498) return
        for (const one of waiting.splice(0)) {
          out.emit(one.values, one)
          out.ack(one)
        }
      },
    }
  })
  // So that there is a time to kill in.
  const slow = bolt<N, N>((out) => ({
    async execute({ values }) {
      await new Promise(setImmediate)
      out.emit(values)
    },
  }))
  const declared = topology('t')
    .spout('s', source)
    .bolt('slow', slow)
    .shuffle('s')
    .bolt('batches', batches)
    .shuffle('slow')
    .bolt('sink', sink)
    .shuffle('batches')
  const running = await run(declared, { clock, maxSpoutPending: 50, messageTimeout: '5s', spoutWait: 0 })
  for (let kills = 0; kills < 5; kills++) {
    await turnsUntil(() => ns(sink.got).length > kills * 60)
    await running.killTask(3)
  }
  let over = false
  void running.done.then(() => (over = true))
  while (!over) {
    await turns(300)
    clock.advance(5_000)
  }
  t.is(made, 6)
  t.deepEqual(
    [...new Set(ns(sink.got))].toSorted((a, b) => a - b),
    numbers(500).map(({ n }) => n),
  )
  t.is(new Set(source.acked).size, 500)
  t.true(source.failed.length > 0)
  await t.throwsAsync(running.killTask(99), { code: 'INVALID_ARGUMENT', message: /no task 99 of a bolt/ })
})

test("onError: 'restart' makes the task anew, 'stop' stops the topology with the error", async (t) => {
  const source = replaying(numbers(10))
  const sums: number[] = []
  let failedOnce = false
  const summing = bolt<N>(() => {
    let sum = 0
    return {
      execute({ values }) {
        if (values.n === 5 && !failedOnce) {
          failedOnce = true
          throw new Error('broken state')
        }
        sums.push((sum += values.n))
      },
    }
  })
  await (
    await run(topology('t').spout('s', source).bolt('sum', summing, { onError: 'restart' }).shuffle('s'))
  ).done
  t.is(Math.max(...sums), 6 + 7 + 8 + 9 + 5)
  t.is(source.acked.length, 10)

  failedOnce = false
  const stopped = await run(
    topology('t')
      .spout('s', replaying(numbers(10)))
      .bolt('sum', summing, { onError: 'stop' })
      .shuffle('s'),
  )
  await t.throwsAsync(stopped.done, { code: 'OPERATOR_FAILED', message: `topology "t", 'sum': broken state` })
})

test('without acking a spout hears at once that all is well, whatever becomes of the tuple: at most once', async (t) => {
  const source = replaying(numbers(10))
  const failing = bolt<N>(() => ({
    execute({ values }) {
      if (values.n === 3) throw new Error('lost')
    },
  }))
  const running = await run(topology('t').spout('s', source).bolt('fails', failing).shuffle('s'), { acking: false })
  await running.done
  t.is(source.acked.length, 10)
  t.deepEqual(source.failed, [])
  t.like(running.metrics()[1], { executed: 10, failed: 1 })
})

test('tuples without an id are not tracked, and the topology ends when they are through', async (t) => {
  const sink = collecting<N>()
  const source = spout<N>((out) => {
    let n = 0
    return { nextTuple: () => void (n < 1000 && out.emit({ n: n++ })), ended: () => n === 1000 }
  })
  const slow = bolt<N, N>((out) => ({
    async execute({ values }) {
      if (values.n % 100 === 0) await new Promise(setImmediate)
      out.emit(values)
    },
  }))
  const running = await run(topology('t').spout('s', source).bolt('slow', slow).shuffle('s').bolt('sink', sink).shuffle('slow'))
  await running.done
  t.deepEqual(
    ns(sink.got),
    numbers(1000).map(({ n }) => n),
  )
  t.is(running.metrics()[0]!.acked, 0)
})

test('at least once under anything: bolts that throw, hang and are killed, over several paths', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), async (seed, parallelism) => {
      const random = seededNumbers(seed)
      const luck = (): number => Math.floor(random() * 100)
      const clock = new ManualClock()
      const source = replaying(numbers(60))
      const seen = new Map<string, Set<number>>([
        ['left', new Set()],
        ['right', new Set()],
      ])
      const bad = richBolt<N, N>((out) => ({
        execute(tuple) {
          const dice = luck()
          if (dice < 10) throw new Error('bad luck')
          if (dice < 15) return
          out.emit(tuple.values, dice < 30 ? [tuple, tuple] : tuple)
          if (dice < 20) out.fail(tuple)
          else out.ack(tuple)
        },
      }))
      const ends = (name: string) =>
        bolt<N>(() => ({
          async execute({ values }) {
            const dice = luck()
            if (dice < 5) await new Promise(setImmediate)
            if (dice < 10) throw new Error('bad luck')
            seen.get(name)!.add(values.n)
          },
        }))
      const declared = topology('t')
        .spout('s', source)
        .bolt('bad', bad, { parallelism, onError: 'restart' })
        .shuffle('s')
        .bolt('left', ends('left'), { parallelism })
        .fields('bad', ['n'])
        .bolt('right', ends('right'))
        .all('bad')
      const running = await run(declared, { clock, maxSpoutPending: 10, messageTimeout: '1s', spoutWait: 0 })
      let over = false
      void running.done.then(() => (over = true))
      while (!over) {
        await turns(20)
        if (luck() < 30) await running.killTask(2 + (luck() % parallelism)).catch(() => undefined)
        clock.advance(500)
      }
      for (const set of seen.values()) t.is(set.size, 60)
      t.is(new Set(source.acked).size, 60)
      t.is(source.acked.length, 60)
    }),
    { numRuns: 20 },
  )
})
