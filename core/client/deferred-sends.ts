import type { Clock } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'

/** Something that is appended when its topic is known and there is room. */
export interface Deferred {
  topic: string
  /** What it takes of the buffer, at most. */
  bytes: number
  /** Appends, all of it or as much as there is room for; true when nothing is left. */
  append(): boolean
  reject(error: Error): void
}

export interface DeferredSendsOptions {
  clock: Clock
  maxBlockMs: number
  bufferMemory: number
  topic: (name: string) => Promise<unknown>
  room: () => Promise<void>
  /** Whether a record of this topic can be appended now. */
  ready: (topic: string) => boolean
  /** Something will not be appended. @returns what to tell whoever waits for it */
  failed: (error: Error) => Error
}

/** What cannot be appended yet, because the topic is not known or the buffer is full: first come, first served. */
export class DeferredSends {
  readonly #options: DeferredSendsOptions
  readonly #waiting: Deferred[]
  #bytes: number
  #pump: Promise<void> | undefined

  constructor(options: DeferredSendsOptions) {
    this.#options = options
    this.#waiting = []
    this.#bytes = 0
    this.#pump = undefined
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** Appends now if that is possible, else in its turn; rejects with BUFFER_FULL when as much waits as the buffer holds. */
  add(deferred: Deferred): void {
    if (this.empty && this.#options.ready(deferred.topic) && this.#append(deferred)) return
    const { bufferMemory } = this.#options
    // Whose turn it is does not count: many records at once may be more than the buffer holds.
    const behind = this.#bytes - (this.#waiting[0]?.bytes ?? 0)
    if (behind + deferred.bytes > bufferMemory && this.#waiting.length > 0) {
      const message = `the buffer (bufferMemory: ${bufferMemory}) is full and as much waits for it: await send() or ready() before sending more`
      deferred.reject(this.#options.failed(new MoldauError('BUFFER_FULL', message, { retriable: true })))
      return
    }
    this.#waiting.push(deferred)
    this.#bytes += deferred.bytes
    this.#pump ??= this.#run().finally(() => (this.#pump = undefined))
  }

  /** The same for what has yet to be made. @throws what `make` throws, as {@link DeferredSendsOptions.failed} tells it */
  put<T extends Deferred>(make: () => T): T {
    let deferred: T
    try {
      deferred = make()
    } catch (error) {
      throw this.#options.failed(error as Error)
    }
    this.add(deferred)
    return deferred
  }

  /** The same for what is appended as a whole: what `append` resolves to. */
  run<T>(topic: string, bytes: number, append: () => Promise<T>): Promise<T> {
    if (this.empty && this.#options.ready(topic)) {
      try {
        return append()
      } catch (error) {
        return Promise.reject(this.#options.failed(error as Error))
      }
    }
    return new Promise((resolve, reject) => {
      const appendOnce = (): boolean => {
        append().then(resolve, reject)
        return true
      }
      this.add({ topic, bytes, append: appendOnce, reject })
    })
  }

  /** Resolves when everything that waits now has been appended or refused. */
  async drained(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        // Without a pause where there is no need for one: what waited together goes into one batch.
        if (!this.#options.ready(next.topic)) {
          await this.#options.topic(next.topic)
          await this.#room(next.topic)
        }
        if (!this.#append(next)) continue
      } catch (error) {
        next.reject(this.#options.failed(error as Error))
      }
      this.#waiting.shift()
      this.#bytes -= next.bytes
    }
  }

  /** Whether it is done with, well or not. */
  #append(deferred: Deferred): boolean {
    try {
      return deferred.append()
    } catch (error) {
      deferred.reject(this.#options.failed(error as Error))
      return true
    }
  }

  async #room(topic: string): Promise<void> {
    const { clock, maxBlockMs, room } = this.#options
    const full = Promise.withResolvers<void>()
    const timer = clock.after(maxBlockMs, () => {
      full.reject(
        new MoldauError(
          'BUFFER_FULL',
          `no room in the buffer for a record of '${topic}' within ${maxBlockMs} ms: nothing is being acknowledged`,
          { retriable: true },
        ),
      )
    })
    try {
      await Promise.race([room(), full.promise])
    } finally {
      timer.cancel()
    }
  }
}
