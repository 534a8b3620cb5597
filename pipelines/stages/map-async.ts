import { operatorFailed, operatorUnsafe } from '../failure.ts'
import { AsyncRing } from '../operators/async-ring.ts'
import type { AsyncStep } from '../operators/safe.ts'
import { nameOf, type Origin } from '../record.ts'
import { builtOf, type StageSpec } from '../stage-spec.ts'
import { type Emit, guarded, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'

/** An item on its way through the ring; `key` is what lanes are made of. */
interface Pending {
  readonly item: unknown
  readonly origin: Origin
  readonly key: unknown
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
  readonly #input: Progress
  readonly #output: OwnProgress
  readonly #ring: AsyncRing<Pending, unknown>
  /** Oldest first is not needed: any one names the culprit well enough. */
  readonly #pending: Set<Pending>
  #failure: unknown
  #wake: (() => void) | undefined

  constructor(step: MapAsyncStep, label: string, next: Emit, context: StageContext, input: Progress, output: OwnProgress) {
    this.#context = context
    this.#label = label
    this.#input = input
    this.#output = output
    this.#pending = new Set()
    this.#failure = undefined
    this.#wake = undefined
    const apply = step.apply as (item: unknown) => Promise<unknown>
    this.#ring = new AsyncRing<Pending, unknown>({
      concurrency: step.concurrency,
      order: step.order,
      run: async ({ item }) => apply(item),
      emit: (result, pending) => {
        this.#pending.delete(pending)
        try {
          next(result, pending.origin)
        } catch (error) {
          this.#fail(error)
        }
      },
      fail: (error, { origin }) => this.#fail(operatorFailed(placeOf(context, label), origin, error)),
      idle: () => this.#wake?.(),
    })
    this.process = (item, origin) => {
      if (this.#failure !== undefined) throw this.#failure
      const pending = { item, origin, key: (item as { key?: unknown } | null | undefined)?.key }
      this.#pending.add(pending)
      this.#ring.push(pending)
    }
  }

  async complete(): Promise<void> {
    if (this.#failure === undefined && this.#ring.size > 0) {
      const done = new Promise<void>((resolve) => (this.#wake = resolve))
      await guarded(this.#context, done, () => this.#stuck())
    }
    if (this.#failure !== undefined) throw this.#failure
    this.seed()
  }

  reset(): void {
    this.#ring.clear()
    this.#pending.clear()
    this.#failure = undefined
    this.#wake = undefined
  }

  seed(): void {
    this.#output.watermark = this.#input.watermark
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#ring.clear()
    this.#wake?.()
  }

  #stuck(): Error {
    const [first] = this.#pending
    const what = `the call for ${first === undefined ? 'a record' : nameOf(first.origin)} did not settle in ${this.#context.watchdogMs} ms`
    return operatorUnsafe(placeOf(this.#context, this.#label), what, 'Give the call a time-out of its own, or raise watchdogMs')
  }
}
