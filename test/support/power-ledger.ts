/** What was sent, promised and seen, and whether it is so: LOST, DUP, ORDER, GHOST, OFFSET, and transactions whole or not at all. */
export class Ledger {
  readonly faults: string[]
  readonly topics: Map<string, 'there' | 'gone' | 'unknown'>
  readonly #sent: Set<string>
  readonly #batches: Map<string, string[]>
  readonly #acknowledged: Set<string>
  readonly #transactions: Map<number, { values: readonly string[]; fate: 'open' | 'committing' | 'aborting' | 'committed' | 'aborted' }>
  /** Values by place and offset, as somebody has read them. */
  readonly #seen: Map<string, Map<number, string>>

  constructor() {
    this.faults = []
    this.topics = new Map()
    this.#sent = new Set()
    this.#batches = new Map()
    this.#acknowledged = new Set()
    this.#transactions = new Map()
    this.#seen = new Map()
  }

  fault(what: string): void {
    this.faults.push(what)
  }

  /** Answers what to send as batch `sequence` of a sender: what it sent before, if it did. */
  sending(sender: string, sequence: number, values: readonly string[]): readonly string[] {
    const key = `${sender}/${sequence}`
    const known = this.#batches.get(key)
    if (known !== undefined) return known
    this.#batches.set(key, [...values])
    for (const value of values) this.#sent.add(value)
    return values
  }

  acknowledged(values: readonly string[]): void {
    for (const value of values) this.#acknowledged.add(value)
  }

  /** A transaction that will send `values`, a list that grows. */
  transaction(number: number, values: readonly string[]): void {
    this.#transactions.set(number, { values, fate: 'open' })
  }

  ending(number: number, commit: boolean): void {
    this.#transactions.get(number)!.fate = commit ? 'committing' : 'aborting'
  }

  ended(number: number, commit: boolean): void {
    this.#transactions.get(number)!.fate = commit ? 'committed' : 'aborted'
  }

  seenEnd(place: string): number {
    return Math.max(-1, ...(this.#seen.get(place)?.keys() ?? [])) + 1
  }

  /** Lines `offset:value` that were read in a place. */
  saw(place: string, lines: readonly string[]): void {
    const seen = this.#seen.get(place) ?? new Map<number, string>()
    this.#seen.set(place, seen)
    for (const line of lines) {
      const [offset, value] = parse(line)
      const before = seen.get(offset)
      if (before !== undefined && before !== value) this.fault(`OFFSET ${place} ${offset} was ${before} and is ${value}`)
      seen.set(offset, value)
    }
  }

  /** Everything that can be read now, by place; `committed` as read_committed shows it. */
  check(all: ReadonlyMap<string, readonly string[]>, committed: ReadonlyMap<string, readonly string[]>, topics: ReadonlySet<string>): void {
    const found = new Set<string>()
    for (const [place, lines] of all) {
      this.saw(place, lines)
      const now = new Map(lines.map(parse))
      for (const [offset, value] of this.#seen.get(place)!)
        if (now.get(offset) !== value) this.fault(`OFFSET ${place} ${offset} had ${value}`)
      const last = new Map<string, number>()
      for (const line of lines) {
        const [, value] = parse(line)
        const [sender, number] = value.split('/')
        if (!/^[st]\d+$/.test(sender!)) continue
        if (found.has(value)) this.fault(`DUP ${place} ${line}`)
        found.add(value)
        if (sender!.startsWith('t')) continue
        if (!this.#sent.has(value)) this.fault(`GHOST ${place} ${line}`)
        if (Number(number) <= (last.get(sender!) ?? -1)) this.fault(`ORDER ${place} ${line}`)
        last.set(sender!, Number(number))
      }
    }
    for (const value of this.#acknowledged) if (!found.has(value)) this.fault(`LOST ${value}`)
    this.#checkTransactions(new Set([...committed.values()].flat().map((line) => parse(line)[1])))
    for (const [name, state] of this.topics) {
      if (state !== 'unknown' && topics.has(name) !== (state === 'there')) this.fault(`topic ${name} should be ${state}`)
    }
  }

  #checkTransactions(visible: ReadonlySet<string>): void {
    for (const [number, { values, fate }] of this.#transactions) {
      const count = values.filter((value) => visible.has(value)).length
      if (fate === 'committed' && count < values.length) this.fault(`LOST: ${count} of ${values.length} of committed transaction ${number}`)
      if (fate === 'committing' && count > 0 && count < values.length) this.fault(`TORN transaction ${number}`)
      if (fate !== 'committed' && fate !== 'committing' && count > 0) this.fault(`GHOST: ${fate} transaction ${number} is visible`)
    }
  }
}

function parse(line: string): [number, string] {
  const at = line.indexOf(':')
  return [Number(line.slice(0, at)), line.slice(at + 1)]
}
