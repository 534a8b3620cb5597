import type { Tuple } from './component.ts'
import type { EdgeIds } from './ids.ts'

/** A tuple of a spout that is being tracked: it is done with when the edges of its tree have cancelled each other out. */
export interface Root {
  /** Takes an edge into the tree, or out of it. */
  xor(high: number, low: number): void
  fail(): void
  /** Its time-out begins anew. */
  touch(): void
}

/** Who emitted a tuple: one object for all tuples of a task's stream. */
export interface Emitter {
  readonly component: string
  readonly task: number
  readonly stream: string
}

/** What an emitted tuple hangs on. */
export interface Anchor {
  /** Makes an edge from here to the tuple. */
  tie(tuple: EdgeTuple, ids: EdgeIds): void
}

/** Where a tuple is delivered. */
export interface Target {
  offer(tuple: EdgeTuple): void
}

/** An edge of one more tree that a tuple is in, for tuples with several anchors. */
interface Edge {
  readonly root: Root
  high: number
  low: number
}

/**
 * A tuple on its way to one task: an edge of the tree of the spout's tuple that it was made of. As in Storm, each edge has a random number of 64
 * bits; it goes into the root's sum when it is made, and out when the tuple is acked, together with those of the tuples that were anchored to it.
 */
export class EdgeTuple implements Tuple, Anchor {
  readonly values: unknown
  readonly emitter: Emitter
  readonly target: Target
  #root: Root | undefined
  #high: number
  #low: number
  /** Sum of the edges of what was anchored to it. */
  #madeHigh: number
  #madeLow: number
  #more: Edge[] | undefined
  #settled: boolean

  constructor(values: unknown, emitter: Emitter, target: Target) {
    this.values = values
    this.emitter = emitter
    this.target = target
    this.#root = undefined
    this.#high = 0
    this.#low = 0
    this.#madeHigh = 0
    this.#madeLow = 0
    this.#more = undefined
    this.#settled = false
  }

  get source(): string {
    return this.emitter.component
  }

  get stream(): string {
    return this.emitter.stream
  }

  get sourceTask(): number {
    return this.emitter.task
  }

  tie(tuple: EdgeTuple, ids: EdgeIds): void {
    if (this.#root === undefined || this.#settled) return
    ids.next()
    this.#madeHigh ^= ids.high
    this.#madeLow ^= ids.low
    tuple.hang(this.#root, ids.high, ids.low)
    if (this.#more !== undefined) for (const { root } of this.#more) tuple.hang(root, ids.high, ids.low)
  }

  /** Becomes an edge of a tree. */
  hang(root: Root, high: number, low: number): void {
    if (this.#root === undefined) {
      this.#root = root
      this.#high = high
      this.#low = low
      return
    }
    if (this.#root === root) {
      this.#high ^= high
      this.#low ^= low
      return
    }
    this.#more ??= []
    const edge = this.#more.find((other) => other.root === root)
    if (edge === undefined) {
      this.#more.push({ root, high, low })
      return
    }
    edge.high ^= high
    edge.low ^= low
  }

  /** False when it was settled before. */
  ack(): boolean {
    if (this.#settled) return false
    this.#settled = true
    if (this.#root === undefined) return true
    this.#root.xor(this.#high ^ this.#madeHigh, this.#low ^ this.#madeLow)
    if (this.#more !== undefined) for (const { root, high, low } of this.#more) root.xor(high ^ this.#madeHigh, low ^ this.#madeLow)
    return true
  }

  /** False when it was settled before. */
  fail(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#root?.fail()
    if (this.#more !== undefined) for (const { root } of this.#more) root.fail()
    return true
  }

  touch(): void {
    this.#root?.touch()
    if (this.#more !== undefined) for (const { root } of this.#more) root.touch()
  }
}

/** Several anchors at once. */
export class Anchored implements Anchor {
  readonly #anchors: readonly Anchor[]

  constructor(anchors: readonly Anchor[]) {
    this.#anchors = anchors
  }

  tie(tuple: EdgeTuple, ids: EdgeIds): void {
    for (const anchor of this.#anchors) anchor.tie(tuple, ids)
  }
}
