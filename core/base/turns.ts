/** Work on one thing is done in the order of asking, one after the other; work on different things goes on side by side. */
export class Turns {
  /** The last that was asked for, by key. As many as there are things being worked on. */
  readonly #last: Map<string, Promise<void>>

  constructor() {
    this.#last = new Map()
  }

  /** Runs `work` when all that was asked for earlier under this key is done: at once when there is none. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const turn = before === undefined ? work() : before.then(work)
    const leave = (): void => {
      if (this.#last.get(key) === done) this.#last.delete(key)
    }
    const done = turn.then(leave, leave)
    this.#last.set(key, done)
    return turn
  }

  /** Resolves when nothing is being worked on. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values())
  }
}
