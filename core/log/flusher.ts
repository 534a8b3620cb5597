/**
 * Group commit: the next sync starts when the last one ends, and everyone who asked meanwhile shares it. No timer: alone, a caller waits
 * for one sync; in a crowd, a sync covers the crowd.
 */
export class Flusher {
  readonly #run: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(run: () => Promise<void>) {
    this.#run = run
    this.#running = undefined
    this.#next = undefined
  }

  /** The sync under way. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Resolves after a sync that began no earlier than this call. */
  flush(): Promise<void> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#after(this.#running)
    return this.#next
  }

  async #after(running: Promise<void>): Promise<void> {
    await running.catch(() => {})
    this.#next = undefined
    // Somebody may have been faster: his sync began after this call as well.
    await (this.#running ?? this.#start())
  }

  #start(): Promise<void> {
    const run = this.#run().finally(() => {
      this.#running = undefined
    })
    this.#running = run
    return run
  }
}
