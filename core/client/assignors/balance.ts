import type { Holdings, Kind } from './holdings.ts'

/** Groups of a thousand members need a few million; what has been reached by then stands, with every partition assigned. */
const RELAXATIONS_MAX = 500_000_000
/** Where a chain of moves begins and ends: the member that loses a partition, and the one that gets one more. */
const ENDS = 0
const NOT_ONE = -1

/**
 * Moves partitions until no move, and no chain of moves, is worth it: until the numbers of partitions are as even as can be, then as few
 * partitions as possible are with members in other racks, and then as few as possible are away from who had them.
 *
 * This is a flow of least cost, and chains that lower the cost are the negative cycles of a graph (Bellman and Ford find them): from a member to
 * a kind of partitions that it holds, from there to a member that may have them, and by way of ENDS from one that gains a partition
 * to one that loses one. The cost of load n is its square, which makes even numbers cheapest, and only the differences matter.
 */
export function balance(holdings: Holdings, kinds: readonly Kind[]): void {
  const graph = new MoveGraph(holdings, kinds)
  for (let chain = graph.findChain(); chain !== undefined; chain = graph.findChain()) {
    for (const partition of chain.keys()) holdings.take(partition)
    for (const [partition, member] of chain) holdings.give(partition, member)
  }
}

class MoveGraph {
  readonly #holdings: Holdings
  readonly #kinds: readonly Kind[]
  readonly #members: number
  /** By node: ENDS, then the members, then the kinds. */
  readonly #cost: Float64Array
  readonly #from: Int32Array
  /** The partition that goes home by the way to a node; NOT_ONE where any of a kind will do. */
  readonly #going: Int32Array
  /** No chain has so many steps: a whole chain of the lesser costs weighs less than one of the greater. */
  readonly #rackCost: number
  readonly #loadCost: number
  #relaxations: number

  constructor(holdings: Holdings, kinds: readonly Kind[]) {
    this.#holdings = holdings
    this.#kinds = kinds
    this.#members = holdings.loads.length
    const nodes = 1 + this.#members + kinds.length
    this.#cost = new Float64Array(nodes)
    this.#from = new Int32Array(nodes)
    this.#going = new Int32Array(nodes)
    this.#rackCost = 2 * nodes
    this.#loadCost = 2 * nodes * this.#rackCost
    this.#relaxations = 0
  }

  /** Partitions with the members that get them; undefined when nothing can be gained. */
  findChain(): Map<number, number> | undefined {
    this.#cost.fill(0)
    this.#from.fill(NOT_ONE)
    while (this.#relaxations < RELAXATIONS_MAX) {
      const changed = this.#relaxAll()
      if (!changed) return undefined
      const node = this.#nodeOnCycle()
      if (node !== NOT_ONE) return this.#chainThrough(node)
    }
    return undefined
  }

  #relaxAll(): boolean {
    const { loads, held, away } = this.#holdings
    const memberNode = 1
    const kindNode = 1 + this.#members
    let changed = false
    for (const [member, load] of loads.entries()) {
      if (load > 0) changed = this.#relax(ENDS, memberNode + member, -this.#loadCost * (2 * load - 1)) || changed
      for (const [kind, { others }] of held[member]!) {
        const cost = (others.length > 0 ? 0 : 1) - this.#farCost(kind, member)
        changed = this.#relax(memberNode + member, kindNode + kind.index, cost) || changed
      }
    }
    for (const partition of away) {
      const [holder, home, kind] = [this.#holdings.holderOf(partition), this.#holdings.homeOf(partition), this.#holdings.kindOf(partition)]
      const cost = -1 - this.#farCost(kind, holder) + this.#farCost(kind, home)
      changed = this.#relax(memberNode + holder, memberNode + home, cost, partition) || changed
    }
    for (const kind of this.#kinds) {
      for (const member of kind.members) {
        changed = this.#relax(kindNode + kind.index, memberNode + member, this.#farCost(kind, member)) || changed
      }
    }
    for (const [member, load] of loads.entries()) {
      changed = this.#relax(memberNode + member, ENDS, this.#loadCost * (2 * load + 1)) || changed
    }
    return changed
  }

  #farCost(kind: Kind, member: number): number {
    return kind.far[member] === true ? this.#rackCost : 0
  }

  #relax(from: number, to: number, cost: number, going: number = NOT_ONE): boolean {
    this.#relaxations++
    if (this.#cost[from]! + cost >= this.#cost[to]!) return false
    this.#cost[to] = this.#cost[from]! + cost
    this.#from[to] = from
    this.#going[to] = going
    return true
  }

  /** A cycle among the ways that nodes were reached by is one of negative cost. */
  #nodeOnCycle(): number {
    const seenBy = new Int32Array(this.#from.length).fill(NOT_ONE)
    for (let start = 0; start < this.#from.length; start++) {
      let node = start
      while (node !== NOT_ONE && seenBy[node] === NOT_ONE) {
        seenBy[node] = start
        node = this.#from[node]!
      }
      if (node !== NOT_ONE && seenBy[node] === start) return node
    }
    return NOT_ONE
  }

  #chainThrough(node: number): Map<number, number> {
    const chain = new Map<number, number>()
    let to = node
    do {
      const from = this.#from[to]!
      if (this.#isMember(from) && this.#isMember(to)) chain.set(this.#going[to]!, to - 1)
      else if (from > this.#members) {
        const giver = this.#from[from]! - 1
        const { own, others } = this.#holdings.held[giver]!.get(this.#kinds[from - 1 - this.#members]!)!
        chain.set((others.length > 0 ? others : own).at(-1)!, to - 1)
      }
      to = from
    } while (to !== node)
    return chain
  }

  #isMember(node: number): boolean {
    return node !== ENDS && node <= this.#members
  }
}
