import { MoldauError } from '../../core/base/errors.ts'
import { operatorFailed, operatorUnsafe, type Place } from '../failure.ts'
import type { AnySerde } from '../nodes.ts'
import { type Origin, timestampOf } from '../record.ts'
import { builtOf, nothingKnown, type PlanSite, type StagePlan, type StageSite } from '../stage-spec.ts'
import type { StoreDeclaration } from '../state/declared/store-declaration.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import { checkName } from '../topic.ts'
import { EventTimers, timerStore } from './event-timers.ts'
import type { DeclaredProcessor, ProcessorCode } from './processor-code.ts'
import { type Emit, type OwnProgress, placeOf, type Progress, type Stage } from './stage.ts'
import { TaskContext } from './task-context.ts'
import { WallTimers } from './wall-timers.ts'

/** A store of a processor, by the name it has there. */
interface OwnStore {
  readonly field: string
  readonly declaration: StoreDeclaration
  readonly key: AnySerde
  readonly spec: StoreSpec
}

/**
 * A processor of the user.
 *
 * @param keepsKeys it gives values, which keep the key of their record
 */
export function processor(declared: DeclaredProcessor, keepsKeys: boolean): StagePlan {
  return (site) => {
    const kind = keepsKeys ? 'processValues' : 'process'
    const label = site.label(kind)
    const [flow] = site.flows
    const own = storesOf(declared, site, kind)
    const hasEventTimers = declared.timers.some(({ time }) => time === 'event')
    const { name } = declared
    const timers = hasEventTimers ? timerStore(site.storeName(name && `${name}-timers`, `${kind}-timers`)) : undefined
    return {
      spec: {
        label,
        stores: [...own.map(({ spec }) => spec), ...(timers === undefined ? [] : [timers])],
        // What a timer gives is as old as its time, though more recent records may have come.
        holdsTime: hasEventTimers,
        build: (tasks) => builtOf(new ProcessorStage({ label, declared, own, timers, keepsKeys }, tasks)),
      },
      gives: [keepsKeys ? { ...flow!, value: undefined } : nothingKnown],
    }
  }
}

function storesOf({ name, stores }: DeclaredProcessor, site: PlanSite, kind: string): OwnStore[] {
  return Object.entries(stores).map(([field, declaration]) => {
    checkName(`${kind}, stores`, field)
    const key = declaration.keySerde ?? site.flows[0]!.key
    if (key === undefined) {
      throw site.invalid(
        `${kind}: the store '${field}' takes its keys from the stream, and an operator before may have changed them: ` +
          `give it the serde of its keys, { key, value }`,
      )
    }
    const storeName = site.storeName(declaration.name ?? (name && `${name}-${field}`), `${kind}-${field}`)
    return { field, declaration, key, spec: declaration.spec(storeName, key) }
  })
}

const nothingThrown = new Error('something that is nothing was thrown')

interface ProcessorParts {
  readonly label: string
  readonly declared: DeclaredProcessor
  readonly own: readonly OwnStore[]
  readonly timers: StoreSpec<KeyValueStore> | undefined
  readonly keepsKeys: boolean
}

/**
 * Runs a processor. Its timers of event time are called before the record that has moved time past them, or when the epoch completes: so what
 * they see does not depend on how records were cut into epochs. Those of the wall clock are called when an epoch completes.
 */
export class ProcessorStage implements Stage {
  readonly process: Emit
  readonly #place: Place
  readonly #declared: DeclaredProcessor
  readonly #context: TaskContext
  readonly #task: { readonly topic: string; readonly partition: number }
  readonly #input: Progress
  readonly #output: OwnProgress
  readonly #eventTimers: EventTimers | undefined
  /** Which of the processor's timers the first, second, … of each kind is. */
  readonly #eventNumbers: readonly number[]
  readonly #wallTimers: WallTimers | undefined
  readonly #wallNumbers: readonly number[]
  /** undefined: it has not begun, or has to begin again. */
  #code: ProcessorCode | undefined

  constructor({ label, declared, own, timers, keepsKeys }: ProcessorParts, { context, input, output, next, store }: StageSite) {
    const { task, clock } = context
    this.#place = placeOf(context, label)
    this.#declared = declared
    this.#task = task
    this.#input = input
    this.#output = output
    this.#context = new TaskContext({ place: this.#place, partition: task.partition, clock, input, next: next(), keepsKeys })
    const opened = own.map(({ field, declaration, key, spec }) => [field, declaration.open(store(spec), key, this.#context)])
    this.#context.stores = Object.fromEntries(opened) as Readonly<Record<string, never>>
    const numbers = (time: string): number[] => declared.timers.flatMap((timer, i) => (timer.time === time ? [i] : []))
    const intervals = (list: readonly number[]): number[] => list.map((i) => declared.timers[i]!.everyMs)
    this.#eventNumbers = numbers('event')
    this.#eventTimers = timers && new EventTimers(intervals(this.#eventNumbers), store(timers))
    this.#wallNumbers = numbers('wall')
    this.#wallTimers = this.#wallNumbers.length > 0 ? new WallTimers(intervals(this.#wallNumbers), clock) : undefined
    this.#code = undefined
    this.process = (item, origin) => {
      this.#eventTimers?.begin(input.watermark)
      this.#passTime()
      this.#context.enter(item, origin, timestampOf(item, origin))
      let thrown: unknown
      try {
        this.#forwardAll(this.#code!.process(item))
      } catch (error) {
        thrown = error ?? nothingThrown
      }
      this.#leave(origin, thrown)
    }
  }

  get wakeAt(): number {
    return this.#wallTimers?.wakeAt ?? Infinity
  }

  begin(): void {
    this.#wallTimers?.begin()
    if (this.#code !== undefined) return
    const origin = this.#timerOrigin(this.#input.watermark)
    this.#context.enter(undefined, origin, origin.timestamp)
    this.#turn(origin, () => void (this.#code = this.#declared.begin(this.#context)))
  }

  complete(ended: boolean): void {
    this.#passTime()
    if (ended) this.#eventTimers?.end((timer, time) => this.#callAt(timer, time))
    this.#wallTimers?.fire((timer) => {
      const now = this.#context.systemNow
      const origin = this.#timerOrigin(now)
      this.#context.enter(undefined, origin, now)
      this.#turn(origin, () => this.#code!.punctuate(this.#wallNumbers[timer]!, now))
    })
  }

  reset(): void {
    this.#wallTimers?.reset()
    this.close()
  }

  seed(): void {
    if (this.#eventTimers !== undefined) this.#output.watermark = Math.max(this.#output.watermark, this.#input.watermark)
  }

  /** What the processor keeps besides its stores must not outlive them; a copy of the stores may go on without this task. */
  close(): void {
    this.#wallTimers?.begin()
    this.#eventTimers?.forget()
    const code = this.#code
    this.#code = undefined
    try {
      code?.close()
    } catch {
      // Everything that counts is committed or undone; this is on the way to something else.
    }
  }

  /** Event time goes on to that of the input, timer by timer. */
  #passTime(): void {
    const timers = this.#eventTimers
    if (timers === undefined) return
    const { watermark } = this.#input
    if (timers.isDue(watermark)) {
      timers.fire(watermark, (timer, time) => {
        this.#output.watermark = Math.max(this.#output.watermark, time)
        this.#callAt(timer, time)
      })
    }
    this.seed()
  }

  #callAt(timer: number, time: number): void {
    const origin = this.#timerOrigin(time)
    this.#context.enter(undefined, origin, time, time)
    this.#turn(origin, () => this.#code!.punctuate(this.#eventNumbers[timer]!, time))
  }

  #turn(origin: Origin, run: () => unknown): void {
    let thrown: unknown
    try {
      this.#forwardAll(run())
    } catch (error) {
      thrown = error ?? nothingThrown
    }
    this.#leave(origin, thrown)
  }

  #leave(origin: Origin, thrown: unknown): void {
    const failure = this.#context.leave()
    if (failure !== undefined) throw failure
    if (thrown !== undefined) throw operatorFailed(this.#place, origin, thrown)
  }

  #forwardAll(result: unknown): void {
    if (result === undefined) return
    if (typeof result === 'object' && result !== null) {
      if (Symbol.iterator in result) {
        for (const item of result as Iterable<unknown>) this.#context.forward(item)
        return
      }
      if ('then' in result) {
        throw operatorUnsafe(
          this.#place,
          'it returned a promise, whose end nobody would wait for',
          'What waits goes into mapAsync, before or behind it',
        )
      }
    }
    throw new MoldauError('INVALID_ARGUMENT', 'a processor returns what goes on as an array or another iterable, or nothing')
  }

  #timerOrigin(timestamp: number): Origin {
    return { ...this.#task, offset: -1, timestamp }
  }
}
