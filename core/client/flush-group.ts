/** The batches between two flushes: counts them down, keeps the first failure. One number per batch in place of one promise. */
export class FlushGroup {
  #pending: number
  #error: Error | undefined
  #waiters: (() => void)[]

  constructor() {
    this.#pending = 0
    this.#error = undefined
    this.#waiters = []
  }

  get pending(): number {
    return this.#pending
  }

  get error(): Error | undefined {
    return this.#error
  }

  added(): void {
    this.#pending++
  }

  settled(error?: Error): void {
    this.#pending--
    this.#error ??= error
    if (this.#pending > 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Resolves when every batch of the group has come to its end, well or not. */
  whenSettled(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }
}

/** Resolves when every batch of these groups has come to its end; rejects with the first failure among them. */
export async function allWritten(groups: readonly FlushGroup[]): Promise<void> {
  await Promise.all(groups.map((group) => group.whenSettled()))
  const failed = groups.find((group) => group.error !== undefined)
  if (failed !== undefined) throw failed.error
}
