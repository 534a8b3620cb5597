/** What became of a transaction, as its client knows it. */
type Fate = 'open' | 'ending' | 'committed' | 'aborted'

/** Transactions of numbered records, and whether readers see each of them wholly or not at all, and once. */
export class Fates {
  readonly #transactions: Map<string, { values: readonly string[]; fate: Fate }>

  constructor() {
    this.#transactions = new Map()
  }

  begin(name: string, values: readonly string[]): void {
    this.#transactions.set(name, { values, fate: 'open' })
  }

  /** Undecided when no answer comes after 'ending'. */
  note(name: string, fate: Fate): void {
    this.#transactions.get(name)!.fate = fate
  }

  count(fate: Fate): number {
    let count = 0
    for (const each of this.#transactions.values()) if (each.fate === fate) count++
    return count
  }

  fateOf(name: string): Fate {
    return this.#transactions.get(name)!.fate
  }

  /** The highest number among transactions `<id>/<number>` of this fate; -1 when there is none. */
  newest(id: string, fate: Fate): number {
    let newest = -1
    for (const [name, each] of this.#transactions) {
      if (each.fate === fate && name.startsWith(`${id}/`)) newest = Math.max(newest, Number(name.slice(id.length + 1)))
    }
    return newest
  }

  /** Compares with what those see who read committed records: LOST, DUP, GHOST, TORN. */
  check(visible: readonly string[]): string[] {
    const faults: string[] = []
    const seen = new Set<string>()
    for (const value of visible) {
      if (seen.has(value)) faults.push(`DUP ${value}`)
      seen.add(value)
    }
    let known = 0
    for (const [name, { values, fate }] of this.#transactions) {
      const count = values.filter((value) => seen.has(value)).length
      known += count
      if (fate === 'committed' && count < values.length) faults.push(`LOST: ${count} of ${values.length} of ${name}, which is committed`)
      if (fate === 'ending' && count > 0 && count < values.length) faults.push(`TORN: ${count} of ${values.length} of ${name}`)
      if ((fate === 'aborted' || fate === 'open') && count > 0)
        faults.push(`GHOST: ${count} of ${values.length} of ${name}, which is ${fate}`)
    }
    if (known < seen.size) faults.push(`GHOST: ${seen.size - known} records that nobody has sent`)
    return faults
  }
}
