import { invalid } from './failure.ts'
import { checkName } from './topic.ts'

/** What the operators and stores of one pipeline are called: the same at every start with the same declaration. */
export class Names {
  readonly #pipeline: string
  readonly #taken: Set<string>
  readonly #labelled: (label: string) => void
  #operators: number
  #stores: number

  /** @param labelled is told every label */
  constructor(pipeline: string, labelled: (label: string) => void) {
    this.#pipeline = pipeline
    this.#labelled = labelled
    this.#taken = new Set()
    this.#operators = 0
    this.#stores = 0
  }

  /** Of an operator, in messages. */
  label(kind: string): string {
    const label = `${kind} (operator ${++this.#operators})`
    this.#labelled(label)
    return label
  }

  /** Of what has state or a topic: `<pipeline>-<given name>`, else `<pipeline>-<n>-<kind>`, n counting those. */
  of(given: string | undefined, kind: string): string {
    this.#stores++
    const name = `${this.#pipeline}-${given ?? `${this.#stores}-${kind}`}`
    if (given !== undefined) checkName(`pipeline "${this.#pipeline}", name`, given)
    if (this.#taken.has(name)) throw invalid(this.#pipeline, `the name '${given}' is used twice; names of stores and keyBy differ`)
    this.#taken.add(name)
    return name
  }
}
