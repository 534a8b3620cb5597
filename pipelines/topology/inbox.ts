/** A queue in a ring that grows; its places are used again, so that nothing is allocated while it flows. */
export class Inbox<T extends object> {
  #ring: (T | undefined)[]
  #head: number
  #size: number

  constructor() {
    this.#ring = Array.from({ length: 64 }, () => undefined)
    this.#head = 0
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item
    this.#size++
  }

  /** Of a queue that is not empty. */
  take(): T {
    const item = this.#ring[this.#head]!
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size--
    return item
  }

  /** Takes out what a predicate says; the order of the rest stays. */
  remove(isOut: (item: T) => boolean): void {
    for (let left = this.#size; left > 0; left--) {
      const item = this.take()
      if (!isOut(item)) this.push(item)
    }
  }

  #grow(): void {
    const ring: (T | undefined)[] = Array.from({ length: this.#ring.length * 2 }, () => undefined)
    for (let i = 0; i < this.#size; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)]
    this.#ring = ring
    this.#head = 0
  }
}
