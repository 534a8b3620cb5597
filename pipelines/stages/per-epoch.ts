import { Observable, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs'
import { failedBefore, OperatorFailed, operatorFailed, operatorUnsafe } from '../failure.ts'
import { nameOf, type Origin } from '../record.ts'
import { builtOf, nothingKnown, type StagePlan } from '../stage-spec.ts'
import { type Emit, guarded, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'

/** Any RxJS operators, over the records of each epoch. */
export function perEpoch(operators: readonly OperatorFunction<unknown, unknown>[]): StagePlan {
  return (site) => {
    const label = site.label('perEpoch')
    return {
      spec: {
        label,
        holdsTime: true,
        waits: true,
        build: ({ next, context, input, output }) => builtOf(new PerEpochStage(operators, label, next(), context, input, output)),
      },
      gives: [nothingKnown],
    }
  }
}

/**
 * Any RxJS operators, over one finite Observable per epoch. They are subscribed first and fed after, so that branches of `share` see
 * every record, and guarded against what would lose or double records:
 * 1. unsubscribed before the input completed (`take`, `first`, an outer `catchError`),
 * 2. subscribed after feeding began (`repeat`, `retry`, `concat` of the same source),
 * 3. not completed after the input did (`combineLatest` with an endless stream): a watchdog.
 */
export class PerEpochStage implements Stage {
  readonly process: Emit
  readonly #operators: readonly OperatorFunction<unknown, unknown>[]
  readonly #label: string
  readonly #next: Emit
  readonly #context: StageContext
  readonly #input: Progress
  readonly #output: OwnProgress
  #subscribers: Subscriber<unknown>[]
  #subscription: Subscription | undefined
  #origin: Origin | undefined
  #first: Origin | undefined
  #fed: number
  #feeding: boolean
  #inputCompleted: boolean
  #outputCompleted: boolean
  #failure: unknown
  #wake: (() => void) | undefined

  constructor(
    operators: readonly OperatorFunction<unknown, unknown>[],
    label: string,
    next: Emit,
    context: StageContext,
    input: Progress,
    output: OwnProgress,
  ) {
    this.#operators = operators
    this.#label = label
    this.#next = next
    this.#context = context
    this.#input = input
    this.#output = output
    this.#subscribers = []
    this.#subscription = undefined
    this.#origin = undefined
    this.#first = undefined
    this.#fed = 0
    this.#feeding = false
    this.#inputCompleted = false
    this.#outputCompleted = false
    this.#failure = undefined
    this.#wake = undefined
    this.process = (item, origin) => this.#feed(item, origin)
  }

  async complete(): Promise<void> {
    // No record has come this far: there is no epoch to complete.
    if (this.#origin !== undefined) await this.#completeInput()
    this.reset()
    this.seed()
  }

  reset(): void {
    this.#inputCompleted = true
    this.#subscription?.unsubscribe()
    this.#subscribers = []
    this.#subscription = undefined
    this.#origin = undefined
    this.#first = undefined
    this.#fed = 0
    this.#feeding = false
    this.#inputCompleted = false
    this.#outputCompleted = false
    this.#failure = undefined
    this.#wake = undefined
  }

  seed(): void {
    this.#output.watermark = this.#input.watermark
  }

  #feed(item: unknown, origin: Origin): void {
    if (this.#first === undefined) {
      this.#first = origin
      this.#origin = origin
      this.#subscribe()
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#origin = origin
    this.#feeding = true
    this.#fed++
    for (const subscriber of this.#subscribers) subscriber.next(item)
    if (this.#failure !== undefined) throw this.#failure
  }

  #subscribe(): void {
    const source = new Observable<unknown>((subscriber) => this.#subscribed(subscriber))
    let output: Observable<unknown> = source
    for (const operator of this.#operators) output = operator(output)
    this.#subscription = output.subscribe({
      next: (item) => {
        try {
          this.#next(item, this.#origin!)
        } catch (error) {
          // What comes out here may be made of any record before.
          this.#fail(error instanceof OperatorFailed ? error.inexact() : error)
        }
      },
      error: (error: unknown) => this.#fail(this.#failedOperator(error)),
      complete: () => {
        this.#outputCompleted = true
        this.#wake?.()
      },
    })
    if (this.#subscribers.length === 0) {
      this.#fail(this.#unsafe('it did not subscribe when the epoch began', 'Subscribe to the source at once, not after a delay'))
    }
  }

  #subscribed(subscriber: Subscriber<unknown>): (() => void) | undefined {
    if (this.#feeding || this.#inputCompleted) {
      const what = `an operator subscribed again after ${this.#fed} records of the epoch were read (${this.#where()})`
      const error = this.#unsafe(what, 'repeat, retry and concat of the same source would lose or double records: use them inside mergeMap')
      this.#fail(error)
      subscriber.error(error)
      return undefined
    }
    this.#subscribers.push(subscriber)
    return () => this.#unsubscribed()
  }

  #unsubscribed(): void {
    if (this.#inputCompleted || this.#failure !== undefined) return
    // An error that reached us has set #failure before its operators unsubscribe.
    const what = `an operator stopped listening at record ${this.#fed} of the epoch (${this.#where()}), the records after it would be lost`
    this.#fail(this.#unsafe(what, 'Use filter in place of take, first and takeWhile; catchError and retry inside mergeMap, not around it'))
  }

  async #completeInput(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#inputCompleted = true
    for (const subscriber of this.#subscribers) subscriber.complete()
    if (!this.#outputCompleted && this.#failure === undefined) {
      const done = new Promise<void>((resolve) => (this.#wake = resolve))
      await guarded(this.#context, done, () => this.#stuck())
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake?.()
  }

  #failedOperator(error: unknown): Error {
    const place = placeOf(this.#context, this.#label)
    if (this.#inputCompleted)
      return failedBefore(place, this.#origin!, `a record between ${nameOf(this.#first!)} and ${nameOf(this.#origin!)}`, error)
    const failed = operatorFailed(place, this.#origin!, error)
    return failed instanceof OperatorFailed ? failed.inexact() : failed
  }

  #stuck(): Error {
    const what = `a branch did not complete within ${this.#context.watchdogMs} ms after the last record of the epoch (${this.#where()})`
    return this.#unsafe(what, 'Combine only with Observables that complete, e.g. by takeUntil inside mergeMap; or raise watchdogMs')
  }

  #unsafe(what: string, remedy: string): Error {
    return operatorUnsafe(placeOf(this.#context, this.#label), what, remedy)
  }

  #where(): string {
    return this.#origin === undefined ? 'before the first' : nameOf(this.#origin)
  }
}
