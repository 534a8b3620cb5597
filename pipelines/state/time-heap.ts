/** What has a time, and a number among those of the same time. */
export interface Timed {
  readonly timestamp: number
  readonly seq: number
}

/** A binary heap: the oldest first. */
export class TimeHeap<T extends Timed> {
  readonly #items: T[] = []

  get least(): T | undefined {
    return this.#items[0]
  }

  add(waiting: T): void {
    const items = this.#items
    let at = items.length
    for (items.push(waiting); at > 0;) {
      const parent = (at - 1) >> 1
      if (before(items[parent]!, waiting)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = waiting
  }

  drop(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++
      if (before(last, items[child]!)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
  }
}

export function before(a: Timed, b: Timed): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.seq < b.seq)
}
