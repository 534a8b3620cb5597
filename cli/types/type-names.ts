/** Would hide what the generated code itself names. */
const TAKEN = ['Buffer', 'AvroSerde', 'Object', 'Array', 'Record', 'String', 'Number', 'Boolean']

/** What types of Avro are called in TypeScript: the short name where it is the only one, else with the namespace. */
export class TypeNames {
  readonly #given: Map<string, string>
  readonly #taken: Set<string>

  constructor() {
    this.#given = new Map()
    this.#taken = new Set(TAKEN)
  }

  /** The name of what is read; what is written is called `…Input`. */
  of(fullName: string): string {
    const known = this.#given.get(fullName)
    if (known !== undefined) return known
    const parts = fullName.split('.')
    let name = pascal(parts.at(-1)!)
    for (let from = parts.length - 2; from >= 0 && this.#isTaken(name); from--) name = pascal(parts[from]!) + name
    while (this.#isTaken(name)) name += 'Type'
    this.#taken.add(name)
    this.#taken.add(`${name}Input`)
    this.#given.set(fullName, name)
    return name
  }

  #isTaken(name: string): boolean {
    return this.#taken.has(name) || this.#taken.has(`${name}Input`)
  }
}

/** `flight-events` as FlightEvents. */
export function pascal(text: string): string {
  const words = text.split(/[^\p{L}\p{N}_]+/u).filter((word) => word !== '')
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  return /^\p{L}|^_/u.test(name) ? name : `_${name}`
}
