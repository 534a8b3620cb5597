import { epochRecordsOf, type Settings } from './options.ts'
import { type Part, waits } from './plan.ts'

/** With how many records a pipeline begins whose operators wait: even slow calls are through with so many in time. */
const FIRST_RECORDS = 256
/** What part of `watchdogMs` an epoch of such a pipeline should take. */
const AIM = 0.1

/**
 * How many records an epoch may have. Where operators wait for something outside, nobody knows how long they take: it begins with a few and
 * feels its way, so that no epoch comes near to the watchdog, or to the end of its transaction.
 */
export class EpochSize {
  /** Most records of the next epoch. */
  records: number
  readonly #most: number
  readonly #aimMs: number

  constructor(settings: Settings, parts: readonly Part[]) {
    this.#most = epochRecordsOf(settings, parts)
    this.#aimMs = waits(parts) ? settings.watchdogMs * AIM : Infinity
    this.records = waits(parts) ? Math.min(FIRST_RECORDS, this.#most) : this.#most
  }

  /** An epoch of so many records has taken so long. */
  took(records: number, ms: number): void {
    if (ms > this.#aimMs) this.records = Math.max(1, Math.floor((records * this.#aimMs) / ms))
    else if (ms < this.#aimMs / 2 && records >= this.records) this.records = Math.min(this.#most, this.records * 2)
  }
}
