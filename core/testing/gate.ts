/**
 * Where requests wait until somebody lets them go: `broker.intercept(Produce, () => gate.pass())`.
 *
 * ```ts
 * const gate = new Gate()
 * broker.intercept(Produce, () => gate.pass(), { times: 1 })
 * const sent = producer.send(record)
 * await gate.arrived() // the broker has the request and has done nothing with it
 * gate.release()
 * await sent
 * ```
 */
export class Gate {
  readonly #waiting: (() => void)[]
  #watching: { count: number; resolve: () => void }[]
  #arrived: number
  #open: boolean

  constructor() {
    this.#waiting = []
    this.#watching = []
    this.#arrived = 0
    this.#open = false
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves when the gate lets this one go; at once when it is open. */
  pass(): Promise<void> {
    this.#arrived++
    const done = this.#watching.filter(({ count }) => count <= this.#arrived)
    this.#watching = this.#watching.filter((one) => !done.includes(one))
    for (const { resolve } of done) resolve()
    if (this.#open) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when `count` have come in all, whether they still wait or not. */
  arrived(count = 1): Promise<void> {
    if (this.#arrived >= count) return Promise.resolve()
    return new Promise((resolve) => this.#watching.push({ count, resolve }))
  }

  /** Lets those go who have waited longest, all of them by default, and tells how many; who comes later waits. */
  release(count = Infinity): number {
    const freed = this.#waiting.splice(0, Math.min(count, this.#waiting.length))
    for (const resolve of freed) resolve()
    return freed.length
  }

  /** Lets everybody go, also who comes later. */
  open(): number {
    this.#open = true
    return this.release()
  }
}
