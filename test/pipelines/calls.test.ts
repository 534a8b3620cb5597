import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { backoffMs } from '../../pipelines/calls/backoff.ts'
import { Call, type CallContext } from '../../pipelines/calls/call.ts'
import { CallSite } from '../../pipelines/calls/call-site.ts'
import { type BreakerRules, CircuitBreaker, type Pass } from '../../pipelines/calls/circuit-breaker.ts'
import { type CallOptions, readCallOptions } from '../../pipelines/calls/options.ts'

const rules: BreakerRules = { failureRate: 0.5, minimumCalls: 4, windowCalls: 8, openMs: 1000, halfOpenCalls: 2 }

/** Lets calls pass and end, one after the other. */
function end(breaker: CircuitBreaker, outcomes: string, now = 0): void {
  for (const outcome of outcomes) breaker.ended(breaker.pass(now)!, outcome === 'x', now)
}

test('a circuit breaker opens at the failure rate, but not before the minimum of calls', (t) => {
  const breaker = new CircuitBreaker(rules)
  end(breaker, 'xxx')
  t.is(breaker.state(0), 'closed')
  end(breaker, 'x')
  t.is(breaker.state(0), 'open')
  t.is(breaker.pass(999), undefined)
})

test('only the last calls count', (t) => {
  const breaker = new CircuitBreaker(rules)
  end(breaker, '....xx......xx.x')
  t.is(breaker.state(0), 'closed', 'three of the last eight')
  end(breaker, 'x')
  t.is(breaker.state(0), 'open')
})

test('half-open a few calls try; the breaker closes or opens by what becomes of them', (t) => {
  for (const [outcomes, state] of [
    ['..', 'closed'],
    ['x.', 'open'],
    ['xx', 'open'],
  ] as const) {
    const breaker = new CircuitBreaker(rules)
    end(breaker, 'xxxx')
    t.is(breaker.state(1000), 'half-open')
    const passes = [breaker.pass(1000), breaker.pass(1000)]
    t.is(breaker.pass(1000), undefined, 'no more than halfOpenCalls')
    for (const [i, pass] of passes.entries()) breaker.ended(pass!, outcomes[i] === 'x', 1500)
    t.is(breaker.state(1500), state)
    if (state === 'open') t.is(breaker.openUntil, 2500)
  }
})

test('a call that is cancelled while half-open makes room for another one', (t) => {
  const breaker = new CircuitBreaker(rules)
  end(breaker, 'xxxx')
  const first = breaker.pass(1000)!
  breaker.pass(1000)
  breaker.cancelled(first)
  t.not(breaker.pass(1000), undefined)
  t.is(breaker.pass(1000), undefined)
})

test('what ends after the breaker has turned says nothing of the new stretch', (t) => {
  const breaker = new CircuitBreaker(rules)
  const late = [breaker.pass(0)!, breaker.pass(0)!]
  end(breaker, 'xxxx')
  breaker.state(1000)
  for (const pass of late) breaker.ended(pass, true, 1000)
  t.is(breaker.state(1000), 'half-open')
  end(breaker, '..', 1000)
  t.is(breaker.state(1000), 'closed')
})

/** The same in the plainest words: a list of outcomes since it turned last. */
class NaiveBreaker {
  readonly #rules: BreakerRules
  state: 'closed' | 'open' | 'half-open' = 'closed'
  openedAt = 0
  outcomes: boolean[] = []
  trials = 0
  turned = 0

  constructor(given: BreakerRules) {
    this.#rules = given
  }

  look(now: number): void {
    if (this.state === 'open' && now >= this.openedAt + this.#rules.openMs) this.#turn('half-open')
  }

  pass(): boolean {
    if (this.state === 'open' || (this.state === 'half-open' && this.trials >= this.#rules.halfOpenCalls)) return false
    if (this.state === 'half-open') this.trials++
    return true
  }

  ended(turned: number, failed: boolean, now: number): void {
    if (turned !== this.turned) return
    this.outcomes.push(failed)
    const last = this.outcomes.slice(-this.#rules.windowCalls)
    if (last.length < (this.state === 'half-open' ? this.#rules.halfOpenCalls : this.#rules.minimumCalls)) return
    const bad = last.filter(Boolean).length / last.length >= this.#rules.failureRate
    if (bad) {
      this.openedAt = now
      this.#turn('open')
    } else if (this.state === 'half-open') this.#turn('closed')
  }

  #turn(state: NaiveBreaker['state']): void {
    this.state = state
    this.outcomes = []
    this.trials = 0
    this.turned++
  }
}

test('a circuit breaker does what the plain model does, whatever happens in whatever order', (t) => {
  const anyRules = fc
    .record({
      failureRate: fc.integer({ min: 1, max: 10 }).map((n) => n / 10),
      windowCalls: fc.integer({ min: 1, max: 6 }),
      openMs: fc.integer({ min: 1, max: 50 }),
      minimum: fc.integer({ min: 1, max: 6 }),
      halfOpen: fc.integer({ min: 1, max: 6 }),
    })
    .map(({ minimum, halfOpen, ...rest }) => {
      return { ...rest, minimumCalls: Math.min(minimum, rest.windowCalls), halfOpenCalls: Math.min(halfOpen, rest.windowCalls) }
    })
  const step = fc.oneof(
    fc.constant({ kind: 'pass' as const }),
    fc.record({ kind: fc.constant('ended' as const), which: fc.nat(9), failed: fc.boolean() }),
    fc.record({ kind: fc.constant('cancelled' as const), which: fc.nat(9) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  )
  const states = new Set<string>()
  fc.assert(
    fc.property(anyRules, fc.array(step, { maxLength: 80 }), (given, steps) => {
      const [breaker, naive] = [new CircuitBreaker(given), new NaiveBreaker(given)]
      const out: { pass: Pass; turned: number }[] = []
      let now = 0
      for (const one of steps) {
        naive.look(now)
        if (one.kind === 'wait') now += one.ms
        else if (one.kind === 'pass') {
          const pass = breaker.pass(now)
          if ((pass !== undefined) !== naive.pass()) return false
          if (pass !== undefined) out.push({ pass, turned: naive.turned })
        } else if (out.length > 0) {
          const [{ pass, turned }] = out.splice(one.which % out.length, 1) as [(typeof out)[0]]
          if (one.kind === 'ended') {
            breaker.ended(pass, one.failed, now)
            naive.ended(turned, one.failed, now)
          } else {
            breaker.cancelled(pass)
            if (turned === naive.turned && naive.state === 'half-open') naive.trials--
          }
        }
        naive.look(now)
        states.add(naive.state)
        if (breaker.state(now) !== naive.state) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.deepEqual([...states].toSorted(), ['closed', 'half-open', 'open'])
})

test('backoff doubles up to its end, and jitter takes anything from nothing to the whole', (t) => {
  const backoff = { firstMs: 100, maxMs: 500 }
  t.deepEqual(
    [1, 2, 3, 4, 40].map((n) => backoffMs(backoff, n, 0.5)),
    [50, 100, 200, 250, 250],
  )
  t.is(backoffMs(backoff, 3, 0), 0)
})

/** Calls of one site with a clock that stands still, and random numbers that are all the same. */
function rig(options: CallOptions, random = 0.5) {
  const clock = new ManualClock(0)
  const drawn = Buffer.alloc(4)
  drawn.writeUInt32BE(random * 2 ** 32)
  const site = new CallSite('mapAsync', readCallOptions(options), clock, (buffer) => (drawn.copy(buffer), buffer))
  const said: string[] = []
  const call = (name: string, run: (context: CallContext) => Promise<unknown>) =>
    new Call(site, run, {
      done: (result) => said.push(`${name}: ${String(result)}`),
      fail: (error) => said.push(`${name}: ${String(error)}`),
    })
  const advance = async (ms: number) => {
    clock.advance(ms)
    await new Promise(setImmediate)
  }
  return { clock, site, said, call, advance }
}

const never = () => new Promise<never>(() => undefined)

test('a call that takes too long is aborted and counts as failed', async (t) => {
  const { said, call, advance, site } = rig({ timeout: '2s' })
  let signal: AbortSignal | undefined
  call('a', (context) => {
    ;({ signal } = context)
    return never()
  })
  await advance(1999)
  t.deepEqual(said, [])
  t.false(signal!.aborted)
  await advance(1)
  t.deepEqual(said, ['a: MoldauError: the call took longer than 2000 ms'])
  t.true(signal!.aborted)
  t.is((signal!.reason as Error).message, 'the call took longer than 2000 ms')
  t.deepEqual(site.metrics(), { operator: 'mapAsync', running: 0, waiting: 0, retries: 0, timeouts: 1 })
})

test('a call is repeated after pauses that grow, until it succeeds', async (t) => {
  const { said, call, advance, clock, site } = rig({ retry: { retries: 5, backoff: 100, backoffMax: 300 } })
  const at: number[] = []
  call('a', async ({ attempt }) => {
    at.push(clock.now())
    if (attempt < 5) throw new Error(`no ${attempt}`)
    return 'yes'
  })
  for (let i = 0; i < 1000; i++) await advance(i === 0 ? 0 : 1)
  t.deepEqual(at, [0, 50, 150, 300, 450])
  t.deepEqual(said, ['a: yes'])
  t.is(site.metrics().retries, 4)
})

test('after the last repetition the call has failed with the last error; what may not pass is not repeated', async (t) => {
  const { said, call, advance } = rig({ retry: 2, retriable: (error) => (error as Error).message !== 'bad record' })
  call('a', async ({ attempt }) => Promise.reject(new Error(`no ${attempt}`)))
  call('b', async () => Promise.reject(new Error('bad record')))
  call('c', () => {
    throw new Error('bad record')
  })
  await advance(0)
  t.deepEqual(said.toSorted(), ['b: Error: bad record', 'c: Error: bad record'])
  await advance(10_000)
  await advance(10_000)
  t.deepEqual(said.slice(2), ['a: Error: no 3'])
})

test('what a call says after its time-out, or after it was cancelled, is not heard', async (t) => {
  const { said, call, advance } = rig({ timeout: 10, retry: { retries: 1, backoff: 0 } })
  let answer: ((value: string) => void) | undefined
  call('a', ({ attempt }) => (attempt === 1 ? new Promise((resolve) => (answer = resolve)) : never()))
  await advance(10)
  answer!('late')
  await advance(0)
  t.deepEqual(said, [])
  await advance(10)
  t.deepEqual(said, ['a: MoldauError: the call took longer than 10 ms'])
  const cancelled = call('b', async () => 'b')
  cancelled.cancel(new Error('nobody listens'))
  await advance(100)
  t.is(said.length, 1)
})

test('cancelled while it runs its signal is aborted with the reason; while it pauses nothing more happens', async (t) => {
  const { said, call, advance, site } = rig({ retry: 3 })
  const reasons: unknown[] = []
  let attempts = 0
  const running = call('a', ({ signal }) => {
    signal.addEventListener('abort', () => reasons.push(signal.reason))
    return never()
  })
  const pausing = call('b', async () => {
    attempts++
    throw new Error('no')
  })
  await advance(0)
  running.cancel('rolled back')
  pausing.cancel('rolled back')
  await advance(10_000)
  t.deepEqual(reasons, ['rolled back'])
  t.is(attempts, 1)
  t.deepEqual(said, [])
  t.like(site.metrics(), { running: 0, waiting: 0 })
})

const down = { circuitBreaker: { minimumCalls: 2, windowCalls: 4, openMs: 1000, halfOpenCalls: 1 } } as const

test('calls wait while the circuit breaker is open, one tries, and all go on in turn when it closes', async (t) => {
  const { said, call, advance, site } = rig(down)
  let up = false
  const began: string[] = []
  const service = (name: string) => async () => {
    began.push(name)
    return up ? 'yes' : Promise.reject(new Error('no'))
  }
  for (const name of ['a', 'b']) call(name, service(name))
  await advance(0)
  for (const name of ['c', 'd', 'e']) call(name, service(name))
  await advance(999)
  t.deepEqual(began, ['a', 'b'])
  t.like(site.metrics(), { waiting: 3, circuitBreaker: 'open' })
  await advance(1)
  t.deepEqual(began, ['a', 'b', 'c'], 'the first tries')
  t.is(site.metrics().circuitBreaker, 'open')
  up = true
  await advance(1000)
  await advance(0)
  t.deepEqual(began, ['a', 'b', 'c', 'd', 'e'])
  t.deepEqual(said, ['a: Error: no', 'b: Error: no', 'c: Error: no', 'd: yes', 'e: yes'])
  t.like(site.metrics(), { waiting: 0, circuitBreaker: 'closed' })
})

test("with whenOpen: 'fail' calls fail at once while it is open, and are not repeated", async (t) => {
  const { said, call, advance } = rig({ circuitBreaker: { ...down.circuitBreaker, whenOpen: 'fail' }, retry: 1 })
  let calls = 0
  const no = async () => {
    calls++
    throw new Error('no')
  }
  call('a', no)
  call('b', no)
  await advance(0)
  call('c', no)
  t.is(said.length, 0, 'never at once')
  await advance(0)
  t.is(calls, 2)
  t.deepEqual(said, ['c: MoldauError: no call was made, for too many of the last ones have failed; it is tried again after openMs'])
})

test('what is the fault of a record does not open the circuit breaker', async (t) => {
  const { call, advance, site } = rig({ ...down, retriable: () => false })
  for (let i = 0; i < 10; i++) call('a', async () => Promise.reject(new Error('bad record')))
  await advance(0)
  t.is(site.metrics().circuitBreaker, 'closed')
})

test('a call that waits is cancelled without a trace, also the one that tries', async (t) => {
  const { call, advance, site, said } = rig(down)
  for (const name of ['a', 'b']) call(name, async () => Promise.reject(new Error('no')))
  await advance(0)
  const began: string[] = []
  const [c, d] = ['c', 'd'].map((name) => call(name, () => (began.push(name), never())))
  call('e', async () => 'yes')
  await advance(1000)
  t.deepEqual(began, ['c'])
  d!.cancel('rolled back')
  c!.cancel('rolled back')
  await advance(0)
  t.deepEqual(began, ['c'])
  t.is(said.at(-1), 'e: yes', 'the next one tries in its place')
  t.like(site.metrics(), { running: 0, waiting: 0, circuitBreaker: 'closed' })
})

test('when the job stops nothing waits any more, and nothing begins to', async (t) => {
  const { call, advance, site, said } = rig({ ...down, retry: 3 })
  for (const name of ['a', 'b']) call(name, async () => Promise.reject(new Error('no')))
  await advance(0)
  call('c', async () => 'c')
  site.stop()
  call('d', async () => 'd')
  await advance(0)
  t.deepEqual(
    said.map((line) => line.slice(0, 16)),
    ['a: MoldauError: ', 'b: MoldauError: ', 'c: MoldauError: ', 'd: MoldauError: '],
  )
  t.true(said.every((line) => line.includes('the job stops')))
  await advance(100_000)
  t.is(said.length, 4)
})

const wrongOptions: [CallOptions, RegExp][] = [
  [{ timeout: 0 }, /timeout is more than nothing, not 0/],
  [{ timeout: '2 s' as '2s' }, /mapAsync: timeout: '2 s' is not a duration/],
  [{ retry: -1 }, /retry\.retries is a whole number of at least 0, not -1/],
  [{ retry: { backoff: -1 } }, /retry\.backoff: '-1' is not a duration/],
  [{ circuitBreaker: { failureRate: 2 } }, /circuitBreaker\.failureRate is a number above 0 and up to 1, not 2/],
  [{ circuitBreaker: { minimumCalls: 200 } }, /circuitBreaker\.minimumCalls is at most windowCalls, 100, not 200/],
  [{ circuitBreaker: { halfOpenCalls: 0 } }, /circuitBreaker\.halfOpenCalls is a whole number of at least 1, not 0/],
  [{ circuitBreaker: { openMs: 0 } }, /circuitBreaker\.openMs is a number of milliseconds above 0, not 0/],
  [{ circuitBreaker: { whenOpen: 'panic' as 'wait' } }, /circuitBreaker\.whenOpen is 'wait' or 'fail', not panic/],
  [{ retriable: true as never }, /retriable is a function of the error, not true/],
]
for (const [options, message] of wrongOptions) {
  test(`options that cannot be are refused by name: ${JSON.stringify(options)}`, (t) => {
    t.throws(() => readCallOptions(options), { message })
  })
}
