import type { Clock } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { recordSizeMax } from '../record/builder.ts'
import type { Header } from '../record/header.ts'
import type { RecordMetadata } from './types.ts'

/** A record with its key and value as bytes. */
export interface Send {
  topic: string
  partition: number | undefined
  key: Buffer | null
  value: Buffer | null
  timestamp: number
  headers: readonly Header[] | undefined
}

export interface DeferredSendsOptions {
  clock: Clock
  maxBlockMs: number
  bufferMemory: number
  topic: (name: string) => Promise<unknown>
  room: () => Promise<void>
  /** Whether a record of this topic can be appended now. */
  ready: (topic: string) => boolean
  run: (send: Send) => Promise<RecordMetadata>
}

interface Waiting {
  send: Send
  bytes: number
  result: PromiseWithResolvers<RecordMetadata>
}

/** Sends that cannot be appended yet, because the topic is not known or the buffer is full: first come, first served. */
export class DeferredSends {
  readonly #options: DeferredSendsOptions
  readonly #waiting: Waiting[]
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

  /** @throws MoldauError BUFFER_FULL when as much waits here as the buffer holds: the program sends without waiting */
  add(send: Send): Promise<RecordMetadata> {
    const { bufferMemory } = this.#options
    const bytes = recordSizeMax(send.key?.length ?? 0, send.value?.length ?? 0, send.headers)
    if (this.#bytes + bytes > bufferMemory && this.#waiting.length > 0) {
      const message = `the buffer (bufferMemory: ${bufferMemory}) is full and as much waits for it: await send() or ready() before sending more`
      return Promise.reject(new MoldauError('BUFFER_FULL', message, { retriable: true }))
    }
    const result = Promise.withResolvers<RecordMetadata>()
    this.#waiting.push({ send, bytes, result })
    this.#bytes += bytes
    this.#pump ??= this.#run().finally(() => (this.#pump = undefined))
    return result.promise
  }

  /** Resolves when everything that waits now has been appended or refused. */
  async drained(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { send, result } = next
      try {
        // Without a pause where there is no need for one: what waited together goes into one batch.
        if (!this.#options.ready(send.topic)) {
          await this.#options.topic(send.topic)
          await this.#room(send.topic)
        }
        this.#options.run(send).then(result.resolve, result.reject)
      } catch (error) {
        result.reject(error)
      }
      this.#waiting.shift()
      this.#bytes -= next.bytes
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
