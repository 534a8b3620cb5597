import type { Clock } from '../../core/base/clock.ts'
import type { CallSites } from '../calls/call-site.ts'
import type { Failures } from '../errors/failures.ts'
import type { Place } from '../failure.ts'
import type { Origin } from '../record.ts'

/** Takes one item on its way through a task, with the record it was made from. */
export type Emit = (item: unknown, origin: Origin) => void

/** How far event time has come at one point of a task. One object is shared by all stages that do not hold time back. */
export interface Progress {
  readonly watermark: number
}

/** The progress of the input, or behind a stage that holds time back: whoever owns it moves it. */
export interface OwnProgress extends Progress {
  watermark: number
}

/** What a task counts; added to the metrics of the pipeline when the epoch commits. */
export interface Counters {
  in: number
  out: number
  late: number
  filtered: number
  deadLettered: number
  skipped: number
}

export function noCounts(): Counters {
  return { in: 0, out: 0, late: 0, filtered: 0, deadLettered: 0, skipped: 0 }
}

export interface StageContext {
  readonly pipeline: string
  /** The task, as messages name it and as the origin of what timers emit. */
  readonly task: { readonly topic: string; readonly partition: number }
  readonly clock: Clock
  /** How long a stage may take to complete after the last record, in milliseconds. */
  readonly watchdogMs: number
  readonly counters: Counters
  readonly failures: Failures
  readonly calls: CallSites
}

/**
 * One stretch of a task. In an epoch: items flow into its ports, then `complete` once, which resolves when everything has been emitted.
 * After a failure `reset`, and the epoch may begin again.
 */
export interface Stage {
  /** When it wants an epoch though no record comes, by the monotonic clock; default: never. */
  readonly wakeAt?: number
  /** An attempt of an epoch begins. */
  begin?(): void
  /**
   * The last item of the epoch has come: flush, fire timers, move the own progress.
   *
   * @param ended the input has ended for good: time goes to its end, the last windows close
   */
  complete(ended: boolean): Promise<void> | void
  /** Drops what is in flight. */
  reset(): void
  /** Takes the progress of its input without firing anything: at start, and after a rollback. */
  seed(): void
  /** The task is given up. */
  close?(): void
}

export function placeOf(context: StageContext, label: string): Place {
  return { pipeline: context.pipeline, operator: label }
}

/**
 * Waits for `done`, at most `context.watchdogMs` on the injected clock.
 *
 * @param late makes the error to reject with
 */
export function guarded(context: StageContext, done: Promise<void>, late: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = context.clock.after(context.watchdogMs, () => reject(late()))
    done.then(resolve, reject).finally(() => timer.cancel())
  })
}
