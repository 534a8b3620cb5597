import { MoldauError } from '../base/errors.ts'
import type { Accumulator } from './accumulator.ts'
import type { Transactions } from './transactions.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

/**
 * begin, commit and abort as a program sees them. The next transaction may begin while a commit is under way: its records are encoded
 * and wait for the answer, because only then their epoch and sequence numbers are known.
 */
export class TransactionScope {
  readonly #transactions: Transactions
  readonly #accumulator: Accumulator
  readonly #wake: () => void
  /** The transaction that is appended to. */
  #open: number | undefined
  /** A commit failed: nothing but abort is allowed. */
  #mustAbort: Error | undefined
  #ending: Promise<void> | undefined
  readonly #offsets: Set<Promise<void>>

  constructor(transactions: Transactions, accumulator: Accumulator, wake: () => void) {
    this.#transactions = transactions
    this.#accumulator = accumulator
    this.#wake = wake
    this.#open = undefined
    this.#mustAbort = undefined
    this.#ending = undefined
    this.#offsets = new Set()
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  begin(): void {
    this.#refuseUntilAborted()
    if (this.#open !== undefined) throw this.#misuse('begin() while a transaction is open: commit() or abort() it first')
    this.#open = this.#accumulator.transaction
    if (this.#ending === undefined) this.#transactions.open(this.#open)
  }

  /** @throws MoldauError INVALID_ARGUMENT outside of a transaction, TransactionAbortableError in one that has failed, ProducerFatalError */
  requireOpen(): void {
    this.#requireTransaction()
    // While the one before ends a failure is that one's.
    if (this.#ending === undefined && this.#transactions.failure !== undefined) throw this.#transactions.failure
  }

  /** A record could not even be appended: without it the transaction must not commit. @returns what to tell whoever sent it */
  failed(error: Error): Error {
    // What nobody can mean is no part of the transaction.
    if (error instanceof MoldauError && error.code === 'INVALID_ARGUMENT') return error
    return this.#transactions.lacks(this.#accumulator.transaction, error)
  }

  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupMetadata): Promise<void> {
    this.requireOpen()
    if (offsets.length === 0) return
    const ending = this.#ending
    const sending = (async () => {
      await ending?.catch(() => {})
      await this.#transactions.sendOffsets(offsets, group)
    })()
    this.#offsets.add(sending)
    try {
      await sending
    } finally {
      this.#offsets.delete(sending)
    }
  }

  async commit(): Promise<void> {
    this.#requireTransaction()
    const groups = this.#accumulator.nextTransaction()
    const offsets = [...this.#offsets]
    this.#open = undefined
    this.#wake()
    const before = this.#ending
    await this.#run(async () => {
      await before
      await Promise.all(groups.map((group) => group.whenSettled()))
      await Promise.allSettled(offsets)
      try {
        if (this.#transactions.failure !== undefined) throw this.#transactions.failure
        await this.#transactions.end(true)
      } catch (error) {
        this.#mustAbort = error as Error
        throw error
      }
    })
  }

  /** Drops what has not been sent, waits for what has, and has the coordinator abort. After that begin() works again, unless FENCED. */
  async abort(): Promise<void> {
    if (this.#transactions.fatal !== undefined) throw this.#transactions.fatal
    if (this.#open === undefined && this.#mustAbort === undefined) throw this.#misuse('abort() without a transaction: begin() first')
    await this.#ending?.catch(() => {})
    const groups = this.#accumulator.nextTransaction()
    const message = `the transaction of '${this.#transactions.transactionalId}' was aborted before these records were sent`
    const aborted = new MoldauError('ABORTED', message)
    this.#transactions.giveUp(aborted)
    this.#accumulator.fail(
      () => true,
      () => aborted,
    )
    this.#open = undefined
    await this.#run(async () => {
      await Promise.all(groups.map((group) => group.whenSettled()))
      await Promise.allSettled(this.#offsets)
      try {
        await this.#transactions.end(false)
        this.#mustAbort = undefined
      } catch (error) {
        this.#mustAbort = error as Error
        throw error
      }
    })
  }

  async #run(end: () => Promise<void>): Promise<void> {
    const ending = end()
    this.#ending = ending
    try {
      await ending
    } finally {
      if (this.#ending === ending) {
        this.#ending = undefined
        if (this.#open !== undefined && this.#mustAbort === undefined) this.#transactions.open(this.#open)
      }
    }
  }

  #requireTransaction(): void {
    if (this.#open === undefined || this.#mustAbort !== undefined) {
      this.#refuseUntilAborted()
      throw this.#misuse('a transactional producer writes inside of transactions: begin() first')
    }
    if (this.#transactions.fatal !== undefined) throw this.#transactions.fatal
  }

  #refuseUntilAborted(): void {
    if (this.#transactions.fatal !== undefined) throw this.#transactions.fatal
    if (this.#mustAbort !== undefined) {
      throw this.#misuse(`the last transaction could not be ended, abort() first (${this.#mustAbort.message})`)
    }
  }

  #misuse(message: string): MoldauError {
    return new MoldauError('INVALID_ARGUMENT', `producer '${this.#transactions.transactionalId}': ${message}`)
  }
}
