/**
 * Things that cost something while they are held (a descriptor, memory), let go in the order of their last use when the total goes
 * beyond a limit. A map keeps the order of insertion: the first key is the one not used for longest.
 */
export class Lru<T> {
  readonly limit: number
  readonly #release: (thing: T) => void
  readonly #held: Map<T, number>
  #newest: T | undefined
  #total: number

  constructor(limit: number, release: (thing: T) => void) {
    this.limit = limit
    this.#release = release
    this.#held = new Map()
    this.#newest = undefined
    this.#total = 0
  }

  get total(): number {
    return this.#total
  }

  get size(): number {
    return this.#held.size
  }

  /** Puts `thing` last in line, with its weight; others are let go when the total is beyond the limit. */
  use(thing: T, weight: number): void {
    if (thing === this.#newest && this.#held.get(thing) === weight) return
    this.#take(thing)
    this.#held.set(thing, weight)
    this.#total += weight
    this.#newest = thing
    if (this.#total > this.limit) this.#shrink(this.limit, thing)
  }

  /** Takes `thing` out of the line without letting it go. */
  forget(thing: T): void {
    this.#take(thing)
    if (thing === this.#newest) this.#newest = undefined
  }

  /** Lets go until half of the limit is free: for when the system itself has no more to give. */
  halve(): void {
    this.#shrink(Math.floor(this.#total / 2), undefined)
  }

  #take(thing: T): void {
    const weight = this.#held.get(thing)
    if (weight === undefined) return
    this.#held.delete(thing)
    this.#total -= weight
  }

  #shrink(limit: number, keep: T | undefined): void {
    for (const thing of this.#held.keys()) {
      if (this.#total <= limit) return
      if (thing === keep) continue
      this.forget(thing)
      this.#release(thing)
    }
  }
}
