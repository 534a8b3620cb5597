import type { Clock } from '../../base/clock.ts'

/** What interceptors wait for. When the broker is closed nothing is waited for any longer. */
export class Pending {
  readonly #waits: Set<() => void>
  #closed: boolean

  constructor() {
    this.#waits = new Set()
    this.#closed = false
  }

  /** How many wait. */
  get size(): number {
    return this.#waits.size
  }

  close(): void {
    this.#closed = true
    for (const end of Array.from(this.#waits)) end()
  }

  delay(ms: number, clock: Clock): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#waits.delete(end)
        resolve()
      }
      const timer = clock.after(ms, end)
      this.#waits.add(end)
    })
  }

  /** As the promise, or undefined as soon as the broker is closed. */
  orClosed<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waits.delete(end)
        resolve(undefined)
      }
      promise.then(resolve, reject).finally(() => this.#waits.delete(end))
      if (this.#closed) end()
      else this.#waits.add(end)
    })
  }
}
