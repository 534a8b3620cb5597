import type { Header } from '../../core/record/header.ts'

/** What becomes of a record that cannot be read, run or written: the pipeline stops, it is passed over, or it is written to the dead letters. */
export type ErrorAction = 'fail' | 'skip' | 'dead-letter'

/** A record that failed, as it lies in the input: bytes, for it may be these that nobody can read. */
export interface FailedRecord {
  readonly pipeline: string
  /** Which operator failed: `map (operator 2)`, `from 'orders'` for a record that cannot be read, `to 'totals'` for one that cannot be written. */
  readonly operator: string
  readonly topic: string
  readonly partition: number
  /** -1 of what a timer gave: the result of a window that has closed. */
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Of a source outside Kafka and of a timer: the item as JSON. */
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/**
 * What to do with records that fail. A function decides from the error that was thrown and the record; it is asked again when an epoch is run
 * again, so it must say the same each time. What it throws itself stops the pipeline.
 */
export type OnError = ErrorAction | ((error: unknown, record: FailedRecord) => ErrorAction)

/** What a declaration says about errors. */
export interface DeclaredErrors {
  /** Of the whole pipeline. */
  readonly onError: OnError | undefined
  /** Name of the topic of dead letters. */
  readonly deadLetters: string | undefined
}

export function isOnError(value: unknown): value is OnError {
  return typeof value === 'function' || value === 'fail' || value === 'skip' || value === 'dead-letter'
}

/** Whether this may write dead letters. */
export function mayDeadLetter(onError: OnError): boolean {
  return onError === 'dead-letter' || typeof onError === 'function'
}
