import { isDeepStrictEqual } from 'node:util'

import { MoldauError } from '../../base/errors.ts'
import { KafkaError, kafkaError } from '../../protocol/errors.ts'
import { AdminError } from './admin-error.ts'

interface OpenItem<Item> {
  readonly item: Item
  lastError: MoldauError | undefined
  /** A request that may have been carried out was not answered. */
  unanswered: boolean
}

/** What a call for many things has still to do, and what has become of the rest. */
export class OpenItems<Item, T> {
  readonly #what: string
  readonly #names: readonly string[]
  readonly #open: Map<string, OpenItem<Item>>
  readonly #done: Map<string, T>
  readonly #failed: Map<string, MoldauError>

  constructor(what: string, items: readonly Item[], nameOf: (item: Item) => string) {
    this.#what = what
    this.#names = items.map(nameOf)
    this.#open = new Map()
    this.#done = new Map()
    this.#failed = new Map()
    for (const item of items) this.#add(nameOf(item), item)
  }

  get items(): Item[] {
    return [...this.#open.values()].map(({ item }) => item)
  }

  /** Of something that is still open. */
  get lastError(): MoldauError | undefined {
    return [...this.#open.values()].find(({ lastError }) => lastError !== undefined)?.lastError
  }

  done(name: string, value: T): void {
    if (this.#open.delete(name)) this.#done.set(name, value)
  }

  fail(name: string, error: MoldauError): void {
    const unanswered = this.#open.get(name)?.unanswered === true && error instanceof KafkaError
    const hint = 'a request before was not answered, and may have done what this one was to do'
    if (this.#open.delete(name))
      this.#failed.set(name, unanswered ? kafkaError(error.kafkaCode, `${this.#what} '${name}': ${hint}`) : error)
  }

  /** It stays open for another attempt. */
  postpone(name: string, error: MoldauError, unanswered: boolean): void {
    const entry = this.#open.get(name)
    if (entry === undefined) return
    entry.lastError = error
    entry.unanswered ||= unanswered
  }

  /** There is no other attempt: what is open has failed, each with its own last error. */
  giveUp(error: MoldauError, timeoutMs: number): void {
    for (const [name, { lastError }] of this.#open) {
      const cause = lastError ?? (error.cause instanceof MoldauError ? error.cause : error)
      const text = `${this.#what} '${name}': no success within ${timeoutMs} ms; the last attempt said: ${cause.message}`
      this.#failed.set(name, error.code === 'TIMEOUT' ? new MoldauError('TIMEOUT', text, { cause, retriable: true }) : error)
    }
    this.#open.clear()
  }

  #add(name: string, item: Item): void {
    const before = this.#open.get(name)
    if (before === undefined) this.#open.set(name, { item, lastError: undefined, unanswered: false })
    else if (!isDeepStrictEqual(before.item, item)) {
      throw new MoldauError('INVALID_ARGUMENT', `${this.#what} '${name}': it is named twice, with different words`)
    }
  }

  /** In the order in which the things were named. @throws AdminError */
  results(): T[] {
    if (this.#failed.size > 0) throw new AdminError(this.#what, this.#failed, this.#done)
    return this.#names.map((name) => this.#done.get(name)!)
  }
}
