/** Stretches remembered per segment: about as many consumers may read it in different places, each checked once. */
const STRETCHES_MAX = 64

/**
 * The stretches of a file whose checksums were checked since it was opened: what this process wrote, recovered or read before. Reads
 * inside one need no check, which is what makes reading at the tail cheap; the first read of anything else pays for one.
 */
export class VerifiedRange {
  /** In order, apart from each other: where each begins, and where it ends. */
  #from: number[]
  #to: number[]

  constructor() {
    this.#from = []
    this.#to = []
  }

  covers(from: number, to: number): boolean {
    const i = this.#floor(from)
    return i >= 0 && to <= this.#to[i]!
  }

  /** Adds `[from, to)`, joining it with what it touches. Beyond the bound the shortest of the others is forgotten. */
  add(from: number, to: number): void {
    const last = this.#to.length - 1
    if (last >= 0 && from === this.#to[last]) {
      // What was appended.
      this.#to[last] = to
      return
    }
    if (to <= from || this.covers(from, to)) return
    let first = this.#floor(from)
    if (first < 0 || this.#to[first]! < from) first++
    let after = first
    while (after < this.#from.length && this.#from[after]! <= to) after++
    const start = after > first ? Math.min(from, this.#from[first]!) : from
    const end = after > first ? Math.max(to, this.#to[after - 1]!) : to
    this.#from.splice(first, after - first, start)
    this.#to.splice(first, after - first, end)
    if (this.#from.length > STRETCHES_MAX) this.#forgetShortest(first)
  }

  truncate(to: number): void {
    while (this.#from.length > 0 && this.#from.at(-1)! >= to) {
      this.#from.pop()
      this.#to.pop()
    }
    const last = this.#to.length - 1
    if (last >= 0) this.#to[last] = Math.min(this.#to[last]!, to)
  }

  #forgetShortest(keep: number): void {
    let shortest = keep === 0 ? 1 : 0
    for (let i = 0; i < this.#from.length; i++) {
      if (i !== keep && this.#to[i]! - this.#from[i]! < this.#to[shortest]! - this.#from[shortest]!) shortest = i
    }
    this.#from.splice(shortest, 1)
    this.#to.splice(shortest, 1)
  }

  /** Number of the last stretch that begins at or before `position`; -1 when there is none. */
  #floor(position: number): number {
    let low = -1
    let high = this.#from.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#from[middle]! <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
