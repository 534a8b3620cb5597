import { assert } from '../base/assert.ts'
import type { Segment } from './segment.ts'

/** The segments of a log in order of their offsets, never empty once the log is open; the last one takes the appends. */
export class Segments implements Iterable<Segment> {
  #list: Segment[]

  constructor(list: Segment[] = []) {
    this.#list = list
  }

  get length(): number {
    return this.#list.length
  }

  get first(): Segment {
    assert(this.#list.length > 0, 'a log without segments')
    return this.#list[0]!
  }

  get active(): Segment {
    assert(this.#list.length > 0, 'a log without segments')
    return this.#list[this.#list.length - 1]!
  }

  [Symbol.iterator](): Iterator<Segment> {
    return this.#list[Symbol.iterator]()
  }

  get sizeInBytes(): number {
    let total = 0
    for (const { size } of this.#list) total += size
    return total
  }

  /** Number of the last segment that begins at or before `offset`; 0 when none does. */
  floorIndex(offset: number): number {
    let low = 0
    let high = this.#list.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#list[middle]!.baseOffset <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  at(i: number): Segment | undefined {
    return this.#list[i]
  }

  /** Segments from the one that holds `offset` on. */
  from(offset: number): Segment[] {
    return this.#list.slice(this.floorIndex(offset))
  }

  add(segment: Segment): void {
    this.#list.push(segment)
  }

  /** Puts `segment` in the place of those that it was made from, which follow each other. */
  replace(old: readonly Segment[], segment: Segment): void {
    this.#list.splice(this.#list.indexOf(old[0]!), old.length, segment)
  }

  includes(segment: Segment): boolean {
    return this.at(this.floorIndex(segment.baseOffset)) === segment
  }

  /** Takes the first `count` segments out. */
  dropFirst(count: number): Segment[] {
    return this.#list.splice(0, count)
  }

  /** Takes out all segments after the first `keep`. */
  dropAfter(keep: number): Segment[] {
    return this.#list.splice(keep)
  }
}
