import { MoldauError } from '../../core/base/errors.ts'
import type { Header } from '../../core/record/header.ts'
import type { Appender } from '../appender.ts'
import { OperatorFailed } from '../failure.ts'
import { nameOf, type Origin } from '../record.ts'
import { readStamp } from '../stamp.ts'
import type { Counters, Emit } from '../stages/stage.ts'
import type { TaskBatch } from '../task.ts'
import { deadLetterHeaders } from './dead-letter.ts'
import { Fed } from './fed.ts'
import type { ErrorAction, FailedRecord } from './on-error.ts'
import type { ErrorPolicy } from './policy.ts'

/** A record that is left out when its epoch is run again. */
interface Poison {
  readonly action: Exclude<ErrorAction, 'fail'>
  readonly error: OperatorFailed
}

/** Something made of a record, where it waits to be gone on with. */
export interface Waiting {
  readonly origin: Origin
  /** Nothing else has come of its record: it can be passed over as if it had never come. */
  alone: boolean
}

/**
 * The records of one task that failed. One that has done nothing yet is passed over where it stands; for one that may have, the epoch is run
 * again without it: then it is known here before it is fed.
 */
export class Failures {
  readonly policy: ErrorPolicy
  /** Counts whatever a record may have done: as long as it stays the same, the record can still be passed over. */
  effects: number
  readonly #appender: Appender | undefined
  readonly #counters: Counters
  readonly #isRepartition: (topic: string) => boolean
  readonly #poison: Map<string, Poison>
  readonly #fed: Fed
  /** Where what is made of the item that is on its way has come to wait. */
  readonly #waiting: Waiting[]
  /** Records that this attempt has come to, those that are left out included. */
  #come: number
  #handled: number
  /** A trial run: only so many records, and nothing is written. */
  #limit: number

  /** @param appender undefined when the policy writes no dead letters */
  constructor(policy: ErrorPolicy, appender: Appender | undefined, counters: Counters, isRepartition: (topic: string) => boolean) {
    this.policy = policy
    this.effects = 0
    this.#appender = appender
    this.#counters = counters
    this.#isRepartition = isRepartition
    this.#poison = new Map()
    this.#fed = new Fed()
    this.#waiting = []
    this.#come = 0
    this.#handled = 0
    this.#limit = Infinity
  }

  /** An attempt begins. */
  begin(): void {
    this.#fed.clear()
    this.#waiting.length = 0
    this.#come = 0
    this.#handled = 0
  }

  /** The epoch is over. */
  commit(): void {
    this.#poison.clear()
    this.begin()
  }

  /** The next attempt feeds only the first records, writes nothing, and is rolled back. Infinity: no trial. */
  limit(records: number): void {
    this.#limit = records
  }

  get onTrial(): boolean {
    return this.#limit !== Infinity
  }

  feeding(batch: TaskBatch): void {
    if (this.policy.active) this.#fed.add(batch)
  }

  feedingItem(item: unknown, origin: Origin): void {
    if (this.policy.active) this.#fed.addItem(item, origin)
  }

  /** Whether a record is not to be run: it is known to fail, or lies behind the limit of a trial. Asked for each in turn, whatever it is, also before it is read. */
  leavesOut(topic: string, partition: number, offset: number): boolean {
    if (this.#come++ >= this.#limit) return true
    if (this.#poison.size === 0) return false
    const poison = this.#poison.get(keyOf(topic, partition, offset))
    if (poison === undefined) return false
    this.#take(poison.action, poison.error, () => this.#recordOf(poison.error))
    return true
  }

  /** An item is sent on its way. @returns the effects before it, for {@link Failures.went} */
  going(): number {
    this.#waiting.length = 0
    return this.effects
  }

  /** What is on its way has come to a stage that goes on with it later. */
  waits(waiting: Waiting): void {
    if (this.policy.active) this.#waiting.push(waiting)
  }

  /**
   * The item has gone as far as it goes without waiting.
   *
   * @param alone nothing else has come of its record before
   */
  went(before: number, alone = true): void {
    if (this.#waiting.length === 1 && this.effects === before + 1) this.#waiting[0]!.alone = alone
  }

  /**
   * Something was thrown for what has waited, or by what takes it. When nothing else has come of its record, that is passed over.
   *
   * @returns false: whatever else has come of it must be undone
   * @throws when it is to stop the pipeline
   */
  passesOver(error: unknown, item: unknown, { origin, alone }: Waiting): boolean {
    if (!this.policy.active || !alone || !(error instanceof OperatorFailed) || !error.exact) return false
    if (origin.offset < 0) {
      this.passOverTimer(error, item, origin)
      return true
    }
    const { topic, partition, offset } = error.origin
    if (origin.offset !== offset || origin.partition !== partition || origin.topic !== topic) return false
    this.#passOver(error)
    return true
  }

  /**
   * Something was thrown while a record was fed. When it is of this record, which has done nothing yet, that is passed over.
   *
   * @param before the effects before it
   * @throws the error otherwise
   */
  caught(error: unknown, topic: string, partition: number, offset: number, before: number): void {
    if (!this.policy.active || !(error instanceof OperatorFailed) || !error.exact || this.effects !== before) throw error
    const { origin } = error
    if (origin.offset !== offset || origin.partition !== partition || origin.topic !== topic) throw error
    this.#passOver(error)
  }

  /** A record failed that may have done something already: whether the epoch may be run again without it. */
  condemn(error: OperatorFailed): boolean {
    const { topic, partition, offset } = error.origin
    if (!this.owns(error)) return false
    const key = keyOf(topic, partition, offset)
    // It was left out already: that did not help, so it was another one's fault.
    if (this.#poison.has(key)) return false
    const action = this.policy.decide(error.cause, error.operator, () => this.#recordOf(error))
    if (action === 'fail') return false
    if (this.#poison.size >= this.policy.poisonMax) throw this.#tooMany(error)
    this.#poison.set(key, { action, error })
    return true
  }

  /** Whether the error is of a record that this task was fed. */
  owns(error: OperatorFailed): boolean {
    return this.policy.active && this.#fed.find(error.origin) !== undefined
  }

  /** What this attempt was fed. */
  get fed(): Pick<Fed, 'find' | 'originAt'> {
    return this.#fed
  }

  /** What timers give is passed over when it fails, as long as it has done nothing. */
  guardTimers(next: Emit): Emit {
    if (!this.policy.active) return next
    return (item, origin) => {
      if (origin.offset >= 0) return next(item, origin)
      const before = this.going()
      try {
        next(item, origin)
        this.went(before)
      } catch (error) {
        if (this.effects !== before) throw error
        this.passOverTimer(error, item, origin)
      }
    }
  }

  /** @throws the error when it is to stop the pipeline */
  passOverTimer(error: unknown, item: unknown, origin: Origin): void {
    if (!(error instanceof OperatorFailed) || error.origin.offset >= 0) throw error
    const record = () => this.#ofItem(error, item, origin)
    const action = this.policy.decide(error.cause, error.operator, record)
    if (action === 'fail') throw error
    this.#take(action, error, record)
  }

  #passOver(error: OperatorFailed): void {
    const record = () => this.#recordOf(error)
    const action = this.policy.decide(error.cause, error.operator, record)
    if (action === 'fail') throw error
    this.#take(action, error, record)
  }

  #take(action: Exclude<ErrorAction, 'fail'>, error: OperatorFailed, record: () => FailedRecord): void {
    if (++this.#handled > this.policy.poisonMax) throw this.#tooMany(error)
    if (action === 'skip') {
      this.#counters.skipped++
      return
    }
    const failed = record()
    const { deadLetters } = this.policy
    const headers = deadLetterHeaders(error.cause, failed, this.policy)
    const partition = this.#appender!.partitionFor(deadLetters, failed.key)
    this.#appender!.append(deadLetters, partition, failed.key, failed.value, failed.timestamp, headers)
    this.#counters.deadLettered++
  }

  #recordOf(error: OperatorFailed): FailedRecord {
    const found = this.#fed.find(error.origin)
    if (found === undefined) return this.#failed(error, null, null, [], error.origin.timestamp)
    if (found.kind === 'item') return this.#ofItem(error, found.item, found.origin)
    const { at, batch } = found
    const { columns, topic } = batch
    // The time of the record itself; operators may have given what they made of it another one.
    const headers = columns.headers(at)
    const stamped = this.#isRepartition(topic) && readStamp(headers) !== undefined
    return this.#failed(error, columns.key(at), columns.value(at), stamped ? headers.slice(0, -1) : headers, columns.timestamp(at))
  }

  #ofItem(error: OperatorFailed, item: unknown, { timestamp }: Origin): FailedRecord {
    return this.#failed(error, null, Buffer.from(JSON.stringify(item) ?? String(item)), [], timestamp)
  }

  #failed(error: OperatorFailed, key: Buffer | null, value: Buffer | null, headers: readonly Header[], timestamp: number): FailedRecord {
    const { topic, partition, offset } = error.origin
    return { pipeline: this.policy.pipeline, operator: error.operator, topic, partition, offset, timestamp, key, value, headers }
  }

  #tooMany(error: OperatorFailed): MoldauError {
    const { pipeline, poisonMax } = this.policy
    return new MoldauError(
      'OPERATOR_FAILED',
      `pipeline "${pipeline}", ${error.operator}: more than ${poisonMax} records of one epoch failed, the last at ${nameOf(error.origin)}: ` +
        'so many are the fault of the code rather than of the data; nothing of this epoch was committed. Correct the code, or raise poisonMax. ' +
        `The last one: ${error.message}`,
      { cause: error.cause },
    )
  }
}

function keyOf(topic: string, partition: number, offset: number): string {
  return `${topic}-${partition}@${offset}`
}
