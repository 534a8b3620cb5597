/**
 * What was appended and may not be read yet because it is not synced: how many bytes become readable when the readable end moves. Counted
 * only while somebody waits for them; an unknown amount is Infinity, which tells everybody to look.
 */
export class Unseen {
  /** End offset and bytes of each append, in order. As many as fit between two syncs. */
  readonly #appends: number[]
  #unknown: boolean

  constructor() {
    this.#appends = []
    this.#unknown = true
  }

  appended(end: number, bytes: number): void {
    this.#appends.push(end, bytes)
  }

  /** Everything so far can be read. */
  clear(): void {
    this.#unknown = false
    this.#appends.length = 0
  }

  /** Something was appended and not counted. */
  lost(): void {
    this.#unknown = true
    this.#appends.length = 0
  }

  /** Bytes that can be read now and could not before. `all`: nothing is left behind `end`. */
  upTo(end: number, all: boolean): number {
    let bytes = this.#unknown ? Infinity : 0
    let i = 0
    for (; i < this.#appends.length && this.#appends[i]! <= end; i += 2) bytes += this.#appends[i + 1]!
    if (all) this.clear()
    else this.#appends.splice(0, i)
    return bytes
  }
}
