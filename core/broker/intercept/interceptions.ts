import { MoldauError } from '../../base/errors.ts'
import type { Api } from '../../protocol/api.ts'
import type { Message } from '../../protocol/schema.ts'
import type { Handler } from '../handler.ts'
import { Chain } from './chain.ts'
import { canNameTopics } from './named-topics.ts'
import { Interception, type InterceptOptions } from './interception.ts'
import type { Interceptor } from './intercepted-call.ts'
import { Pending } from './pending.ts'

/**
 * The interceptors of a broker. A call that has one gets another handler in the table of the dispatcher, and its own one back when the last
 * is gone: where nothing is intercepted there is nothing to ask.
 */
export class Interceptions {
  readonly #handlers: ReadonlyMap<number, Handler>
  readonly #install: (handler: Handler) => void
  /** By key of the call, in the order in which they were installed. */
  readonly #installed: Map<number, readonly Interception[]>
  readonly #pending: Pending

  /** @param install puts a handler in the place of the one that serves its call */
  constructor(handlers: readonly Handler[], install: (handler: Handler) => void) {
    this.#handlers = new Map(handlers.map((handler) => [handler.api.key, handler]))
    this.#install = install
    this.#installed = new Map()
    this.#pending = new Pending()
  }

  /** Every call that can be intercepted. */
  get served(): readonly Handler[] {
    return [...this.#handlers.values()]
  }

  /** @throws MoldauError INVALID_ARGUMENT */
  add(apis: readonly Api[], interceptor: Interceptor<Message, Message>, options: InterceptOptions): Interception {
    for (const { key, name } of apis) {
      if (!this.#handlers.has(key)) throw new MoldauError('INVALID_ARGUMENT', `intercept: this broker does not serve ${name}`)
    }
    if (options.topic !== undefined && !apis.some(canNameTopics)) {
      const names = apis.map(({ name }) => name).join(', ')
      throw new MoldauError('INVALID_ARGUMENT', `intercept: topic does not go with ${names}, whose requests name none: leave it out`)
    }
    const interception = new Interception(interceptor, options, (gone) => {
      for (const { key } of apis)
        this.#set(
          key,
          this.#of(key).filter((one) => one !== gone),
        )
    })
    for (const { key } of apis) this.#set(key, [...this.#of(key), interception])
    return interception
  }

  /** Everything that waits is passed on. */
  close(): void {
    this.#pending.close()
  }

  #of(key: number): readonly Interception[] {
    return this.#installed.get(key) ?? []
  }

  #set(key: number, interceptions: readonly Interception[]): void {
    const original = this.#handlers.get(key)!
    this.#installed.set(key, interceptions)
    if (interceptions.length === 0) return this.#install(original)
    this.#install({
      ...original,
      // What an interceptor holds must not be taken away from it.
      readsAtOnce: false,
      handle: (request, context) =>
        new Chain(interceptions, original, request, context, this.#pending).run(request) as ReturnType<Handler['handle']>,
    })
  }
}
