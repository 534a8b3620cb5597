import test, { type ExecutionContext } from 'ava'
import {
  asapScheduler,
  BehaviorSubject,
  bufferCount,
  catchError,
  combineLatestWith,
  concatMap,
  delay,
  EMPTY,
  first,
  interval,
  map,
  merge,
  mergeMap,
  mergeWith,
  NEVER,
  type Observable,
  of,
  type OperatorFunction,
  repeat,
  retry,
  scan,
  share,
  subscribeOn,
  take,
  takeWhile,
  throwError,
  toArray,
  withLatestFrom,
} from 'rxjs'
import { ManualClock } from '../../core/base/clock.ts'
import { json, string } from '../../core/serde/primitives.ts'
import { pipeline, topic, type TopicRecord } from '../../pipelines/index.ts'
import { TestTask } from '../support/pipelines.ts'

type Item = TopicRecord<string, number>
type Result = { key: string; value: number }

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<number>() })
const five = [1, 2, 3, 4, 5].map((value) => ({ key: 'k', value }))

const through = (operator: OperatorFunction<Item, Result>, clock?: ManualClock) =>
  new TestTask(pipeline('guarded').from(input).perEpoch(operator).to(output), clock ? { clock } : {})

const values = (task: TestTask) => task.log.read(output).map((r) => r.value)

/** The epoch fails with OPERATOR_UNSAFE, nothing is committed, and the task is as good as new. */
async function unsafe(t: ExecutionContext, operator: OperatorFunction<Item, Result>, message: RegExp): Promise<void> {
  const task = through(operator)
  const error = await t.throwsAsync(task.epoch(five), { code: 'OPERATOR_UNSAFE' })
  t.regex(error!.message, /^pipeline "guarded", perEpoch \(operator 1\): /)
  t.regex(error!.message, message)
  t.deepEqual(values(task), [])
}

const stoppers: [string, OperatorFunction<Item, Result>, RegExp][] = [
  ['take', take(3), /stopped listening at record 3 of the epoch \(in-0@2\).*Use filter/],
  ['take of as many as there are', take(5), /stopped listening at record 5/],
  ['first', first(), /stopped listening at record 1 of the epoch \(in-0@0\)/],
  ['takeWhile', takeWhile((r) => r.value < 3), /stopped listening at record 3/],
  ['one branch that takes', (source: Observable<Item>) => merge(source.pipe(take(1)), source), /stopped listening at record 1/],
  [
    'an outer catchError',
    (source: Observable<Item>) =>
      source.pipe(
        map((r) => {
          if (r.value === 3) throw new Error('poison')
          return r
        }),
        catchError(() => EMPTY),
      ),
    /stopped listening at record 3.*catchError and retry inside mergeMap/,
  ],
  [
    'an outer retry',
    (source: Observable<Item>) =>
      source.pipe(
        map((r) => {
          if (r.value === 3) throw new Error('poison')
          return r
        }),
        retry(1),
      ),
    /stopped listening at record 3/,
  ],
]

for (const [name, operator, message] of stoppers) {
  test(`${name} is stopped before it loses records`, (t) => unsafe(t, operator, message))
}

const again: [string, OperatorFunction<Item, Result>][] = [
  ['repeat', repeat(2)],
  ['concat of the source with itself', (source: Observable<Item>) => of(0, 1).pipe(concatMap(() => source))],
]
for (const [name, operator] of again) {
  test(`${name} is stopped when it subscribes again`, (t) => unsafe(t, operator, /subscribed again after 5 records of the epoch/))
}

test('an operator that subscribes later, or not at all, is stopped', async (t) => {
  await unsafe(t, subscribeOn(asapScheduler), /did not subscribe when the epoch began/)
  await unsafe(t, () => of({ key: 'x', value: 0 }), /did not subscribe/)
})

const endless: [string, OperatorFunction<Item, Result>][] = [
  [
    'combineLatest with an endless stream',
    (source: Observable<Item>) =>
      source.pipe(
        combineLatestWith(new BehaviorSubject(7)),
        map(([r, n]) => ({ key: r.key, value: r.value * n })),
      ),
  ],
  [
    'merge with an interval',
    (source: Observable<Item>) =>
      source.pipe(
        mergeWith(interval(100_000)),
        map((r) => (typeof r === 'number' ? { key: 'i', value: r } : r)),
      ),
  ],
  ['an inner Observable that never ends', mergeMap(() => NEVER)],
]
for (const [name, operator] of endless) {
  test(`${name} is stopped by the watchdog, on the injected clock`, async (t) => {
    const clock = new ManualClock()
    const task = through(operator, clock)
    const epoch = t.throwsAsync(task.epoch(five), { code: 'OPERATOR_UNSAFE' })
    await new Promise(setImmediate)
    clock.advance(1000)
    t.regex((await epoch)!.message, /a branch did not complete within 1000 ms after the last record of the epoch \(in-0@4\)/)
    t.deepEqual(values(task), [])
  })
}

test('an error of an operator names the record, and is not taken for one that stopped listening', async (t) => {
  const task = through(
    map((r) => {
      if (r.value === 4) throw new Error('poison')
      return r
    }),
  )
  const error = await t.throwsAsync(task.epoch(five), { code: 'OPERATOR_FAILED' })
  t.regex(error!.message, /poison \(at in-0@3\)/)
})

test('an error that comes after the last record names the range it may belong to', async (t) => {
  const error = await t.throwsAsync(through(mergeMap((r) => throwError(() => new Error('late')).pipe(delay(r.value)))).epoch(five))
  t.regex(error!.message, /late/)
  const async = through(
    mergeMap(async (r) => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      if (r.value === 4) throw new Error('no answer')
      return r
    }),
  )
  t.regex((await t.throwsAsync(async.epoch(five)))!.message, /no answer \(at a record between in-0@0 and in-0@4\)/)
})

test('a failed epoch leaves no subscription behind: the next one begins anew', async (t) => {
  let poison = true
  const task = through((source: Observable<Item>) =>
    source.pipe(
      map((r) => {
        if (poison && r.value === 3) throw new Error('poison')
        return r
      }),
      toArray(),
      map((all) => ({ key: 'n', value: all.length })),
    ),
  )
  await t.throwsAsync(task.epoch(five))
  poison = false
  await task.epoch(five)
  t.deepEqual(values(task), [5])
})

const fine: [string, OperatorFunction<Item, Result>, number[]][] = [
  [
    'toArray is a batch of the epoch',
    (s) =>
      s.pipe(
        toArray(),
        map((all) => ({ key: 'n', value: all.length })),
      ),
    [2, 3],
  ],
  [
    'bufferCount flushes at the end of the epoch',
    (s) =>
      s.pipe(
        bufferCount(2),
        map((all) => ({ key: 'n', value: all.length })),
      ),
    [2, 2, 1],
  ],
  ['scan begins anew at each epoch', (s) => s.pipe(scan((sum, r) => ({ key: r.key, value: sum.value + r.value }))), [1, 3, 3, 7, 12]],
  [
    'share with two branches sees every record in both',
    (s) => s.pipe(share(), (shared) => merge(shared, shared)),
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
  ],
  [
    'withLatestFrom of what is there',
    (s) =>
      s.pipe(
        withLatestFrom(new BehaviorSubject(10)),
        map(([r, n]) => ({ key: r.key, value: r.value + n })),
      ),
    [11, 12, 13, 14, 15],
  ],
  [
    'catchError inside mergeMap',
    (s) =>
      s.pipe(
        mergeMap((r) => (r.value === 3 ? throwError(() => new Error('3')) : of(r)).pipe(catchError(() => of({ key: 'e', value: -1 })))),
      ),
    [1, 2, -1, 4, 5],
  ],
  ['delay holds the commit back', (s) => s.pipe(delay(3)), [1, 2, 3, 4, 5]],
]
for (const [name, operator, expected] of fine) {
  test(`inside perEpoch: ${name}`, async (t) => {
    const task = through(operator)
    await task.epoch(five.slice(0, 2))
    await task.epoch(five.slice(2))
    await task.epoch([])
    t.deepEqual(values(task), expected)
  })
}
