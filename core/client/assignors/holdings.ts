export const NOBODY = -1

/** Partitions that may go to the same members. */
export interface Kind {
  readonly index: number
  /** Who may have them, in order. */
  readonly members: readonly number[]
  /** By member: whether it would fetch them from another rack. Empty where racks do not matter. */
  readonly far: readonly boolean[]
}

/** What a member holds of one kind: what it had before, and what has come to it. */
export interface Held {
  readonly own: number[]
  readonly others: number[]
}

/** Who holds which partition now, and who had it before: members and partitions are numbers. */
export class Holdings {
  readonly loads: number[]
  /** By member, by kind. */
  readonly held: Map<Kind, Held>[]
  /** Partitions that are not with the member that had them. */
  readonly away: Set<number>
  readonly #kinds: Kind[]
  readonly #homes: number[]
  readonly #holders: number[]

  constructor(members: number) {
    this.loads = Array.from({ length: members }, () => 0)
    this.held = Array.from({ length: members }, () => new Map())
    this.away = new Set()
    this.#kinds = []
    this.#homes = []
    this.#holders = []
  }

  /** @param home who had it before; NOBODY when that does not matter */
  add(kind: Kind, home: number): number {
    this.#homes.push(home)
    this.#holders.push(NOBODY)
    return this.#kinds.push(kind) - 1
  }

  kindOf(partition: number): Kind {
    return this.#kinds[partition]!
  }

  homeOf(partition: number): number {
    return this.#homes[partition]!
  }

  holderOf(partition: number): number {
    return this.#holders[partition]!
  }

  emptiest(kind: Kind): number {
    let best = kind.members[0]!
    for (const member of kind.members) if (this.loads[member]! < this.loads[best]!) best = member
    return best
  }

  give(partition: number, member: number): void {
    const kind = this.kindOf(partition)
    const home = this.homeOf(partition)
    let held = this.held[member]!.get(kind)
    if (held === undefined) this.held[member]!.set(kind, (held = { own: [], others: [] }))
    ;(home === member ? held.own : held.others).push(partition)
    this.loads[member]!++
    this.#holders[partition] = member
    if (home !== NOBODY && home !== member) this.away.add(partition)
  }

  take(partition: number): void {
    const member = this.holderOf(partition)
    const kind = this.kindOf(partition)
    const held = this.held[member]!.get(kind)!
    const list = this.homeOf(partition) === member ? held.own : held.others
    list.splice(list.lastIndexOf(partition), 1)
    if (held.own.length + held.others.length === 0) this.held[member]!.delete(kind)
    this.loads[member]!--
    this.away.delete(partition)
  }
}
