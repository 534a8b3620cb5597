import { MoldauError } from '../../core/base/errors.ts'
import { Call, type CallContext } from '../calls/call.ts'
import { type CallSite, CallsStopped } from '../calls/call-site.ts'
import type { Waiting } from '../errors/failures.ts'
import { operatorFailed, operatorUnsafe } from '../failure.ts'
import { AsyncRing } from '../operators/async-ring.ts'
import type { AsyncStep } from '../operators/safe.ts'
import { nameOf, type Origin } from '../record.ts'
import { builtOf, type StageSpec } from '../stage-spec.ts'
import { type Emit, guarded, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'

/** An item on its way through the ring; `key` is what lanes are made of. */
interface Pending extends Waiting {
  readonly item: unknown
  readonly origin: Origin
  readonly key: unknown
  call: Call<unknown> | undefined
}

export type MapAsyncStep = Extract<AsyncStep, { kind: 'mapAsync' }>

/** Calls for several records at a time. */
export function mapAsyncSpec(step: MapAsyncStep, label: string): StageSpec {
  return {
    label,
    holdsTime: true,
    waits: true,
    build: ({ next, context, input, output }) => builtOf(new MapAsyncStage(step, label, next(), context, input, output)),
  }
}

/** Calls under way for several records of the epoch at a time. */
export class MapAsyncStage implements Stage {
  readonly process: Emit
  readonly #context: StageContext
  readonly #label: string
  readonly #next: Emit
  readonly #input: Progress
  readonly #output: OwnProgress
  readonly #site: CallSite
  readonly #ring: AsyncRing<Pending, unknown>
  #failure: unknown
  #wake: (() => void) | undefined

  constructor(step: MapAsyncStep, label: string, next: Emit, context: StageContext, input: Progress, output: OwnProgress) {
    this.#context = context
    this.#label = label
    this.#next = next
    this.#input = input
    this.#output = output
    this.#site = context.calls.of(label, step.policy)
    this.#failure = undefined
    this.#wake = undefined
    const apply = step.apply as (item: unknown, call: CallContext) => Promise<unknown>
    this.#ring = new AsyncRing<Pending, unknown>({
      concurrency: step.concurrency,
      order: step.order,
      run: (pending, settled) => (pending.call = new Call(this.#site, (call) => apply(pending.item, call), settled)),
      emit: (result, pending) => this.#emit(result, pending),
      fail: (error, pending) => this.#dropped(error, pending),
      idle: () => this.#wake?.(),
    })
    this.process = (item, origin) => {
      if (this.#failure !== undefined) throw this.#failure
      const key = (item as { key?: unknown } | null | undefined)?.key
      const pending = { item, origin, key, call: undefined, alone: false }
      context.failures.waits(pending)
      this.#ring.push(pending)
    }
  }

  async complete(): Promise<void> {
    if (this.#failure === undefined && this.#ring.size > 0) {
      const done = new Promise<void>((resolve) => (this.#wake = resolve))
      await guarded(this.#context, done, () => this.#late())
    }
    if (this.#failure !== undefined) throw this.#failure
    this.seed()
  }

  reset(): void {
    this.#ring.clear(new MoldauError('ABORTED', 'the epoch of this call is rolled back'))
    this.#failure = undefined
    this.#wake = undefined
  }

  seed(): void {
    this.#output.watermark = this.#input.watermark
  }

  #emit(result: unknown, pending: Pending): void {
    const { failures } = this.#context
    const before = failures.going()
    try {
      this.#next(result, pending.origin)
      failures.went(before, pending.alone)
    } catch (error) {
      if (failures.effects !== before || !this.#passesOver(error, result, pending)) this.#fail(error)
    }
  }

  /** The last attempt has failed: whether the others may go on. */
  #dropped(error: unknown, pending: Pending): boolean {
    const failed = error instanceof CallsStopped ? error : operatorFailed(placeOf(this.#context, this.#label), pending.origin, error)
    if (this.#passesOver(failed, pending.item, pending)) return true
    this.#fail(failed)
    return false
  }

  /** False, too, when a handler of the user throws: that is what it fails with. */
  #passesOver(error: unknown, item: unknown, pending: Pending): boolean {
    try {
      return this.#context.failures.passesOver(error, item, pending)
    } catch (thrown) {
      this.#fail(thrown)
      return false
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#ring.clear(error)
    this.#wake?.()
  }

  /** One call that never settles is the fault of the code; others may be done in time when the epoch is run again. */
  #late(): Error {
    const { watchdogMs, clock } = this.#context
    const [place, oldest] = [placeOf(this.#context, this.#label), this.#ring.oldest]
    const since = oldest?.call?.since
    if (this.#site.policy.timeoutMs === undefined && since !== undefined && clock.monotonic() - since >= watchdogMs) {
      const what = `the call for ${nameOf(oldest!.origin)} did not settle in ${watchdogMs} ms`
      return operatorUnsafe(place, what, 'Give the calls a timeout, or raise watchdogMs')
    }
    const open = this.#site.metrics().circuitBreaker
    const why =
      open === undefined || open === 'closed' ? 'Raise concurrency or watchdogMs, or lower epoch.records' : `its circuit breaker is ${open}`
    return new MoldauError(
      'TIMEOUT',
      `pipeline "${place.pipeline}", ${place.operator}: ${this.#ring.size} records still wait for their calls after ${watchdogMs} ms; the epoch ` +
        `is rolled back, to be run again. ${why}`,
      { retriable: true },
    )
  }
}
