import { from, type ObservableInput, type Subscription } from 'rxjs'
import { operatorFailed, operatorUnsafe } from '../failure.ts'
import type { AsyncStep } from '../operators/safe.ts'
import { nameOf, type Origin } from '../record.ts'
import { builtOf, type StageSpec } from '../stage-spec.ts'
import { type Emit, guarded, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'

export type ConcatMapStep = Extract<AsyncStep, { kind: 'concatMap' }>

/** Observables and promises one after the other. */
export function concatMapSpec(step: ConcatMapStep, label: string): StageSpec {
  return {
    label,
    holdsTime: true,
    waits: true,
    build: ({ next, context, input, output }) => builtOf(new ConcatMapStage(step, label, next(), context, input, output)),
  }
}

/** One inner Observable at a time, in the order of the records. */
export class ConcatMapStage implements Stage {
  readonly process: Emit
  readonly #apply: (item: unknown) => ObservableInput<unknown>
  readonly #label: string
  readonly #next: Emit
  readonly #context: StageContext
  readonly #input: Progress
  readonly #output: OwnProgress
  /** Items that wait; #head is the next one. Bounded by the epoch. */
  #queue: { item: unknown; origin: Origin }[]
  #head: number
  #running: boolean
  #inner: Subscription | undefined
  #failure: unknown
  #wake: (() => void) | undefined

  constructor(step: ConcatMapStep, label: string, next: Emit, context: StageContext, input: Progress, output: OwnProgress) {
    this.#apply = step.apply as (item: unknown) => ObservableInput<unknown>
    this.#label = label
    this.#next = next
    this.#context = context
    this.#input = input
    this.#output = output
    this.#queue = []
    this.#head = 0
    this.#running = false
    this.#inner = undefined
    this.#failure = undefined
    this.#wake = undefined
    this.process = (item, origin) => {
      if (this.#failure !== undefined) throw this.#failure
      this.#queue.push({ item, origin })
      this.#run()
    }
  }

  async complete(): Promise<void> {
    if (this.#failure === undefined && this.#running) {
      const done = new Promise<void>((resolve) => (this.#wake = resolve))
      await guarded(this.#context, done, () => this.#stuck())
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#queue = []
    this.#head = 0
    this.seed()
  }

  reset(): void {
    this.#inner?.unsubscribe()
    this.#queue = []
    this.#head = 0
    this.#running = false
    this.#inner = undefined
    this.#failure = undefined
    this.#wake = undefined
  }

  seed(): void {
    this.#output.watermark = this.#input.watermark
  }

  /** Starts the next item; inner Observables that complete at once are a loop, not a recursion. */
  #run(): void {
    while (!this.#running && this.#head < this.#queue.length && this.#failure === undefined) {
      const { item, origin } = this.#queue[this.#head]!
      this.#running = true
      let synchronous = true
      const completed = () => {
        this.#running = false
        this.#head++
        if (!synchronous) this.#run()
      }
      try {
        this.#inner = from(this.#apply(item)).subscribe({
          next: (result) => this.#emit(result, origin),
          error: (error: unknown) => this.#fail(operatorFailed(placeOf(this.#context, this.#label), origin, error)),
          complete: completed,
        })
      } catch (error) {
        this.#fail(operatorFailed(placeOf(this.#context, this.#label), origin, error))
      }
      synchronous = false
    }
    if (!this.#running) this.#wake?.()
  }

  #emit(result: unknown, origin: Origin): void {
    try {
      this.#next(result, origin)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#inner?.unsubscribe()
    this.#running = false
    this.#wake?.()
  }

  #stuck(): Error {
    const current = this.#queue[this.#head]
    const which = current === undefined ? 'a record' : nameOf(current.origin)
    return operatorUnsafe(
      placeOf(this.#context, this.#label),
      `what it made of ${which} did not complete in ${this.#context.watchdogMs} ms`,
      'Return something that completes, or raise watchdogMs',
    )
  }
}
