import { MoldauError } from '../../core/base/errors.ts'

/** How an epoch does not come to its end: the process dies, or the epoch fails, is rolled back and run again by the same process. */
export type Interruption = 'crash' | 'failure'

/** Thrown in the middle of an epoch. */
export class Interrupted extends Error {
  readonly how: Interruption

  constructor(how: Interruption) {
    super(`this epoch was told to end in a ${how}`)
    this.how = how
  }
}

/** After how many records that were read epochs are interrupted, each once. */
export class Interruptions {
  /** Those of 'each': after every record. */
  readonly #always: ReadonlySet<Interruption>
  #planned: { readonly after: number; readonly how: Interruption }[]

  /** @throws INVALID_ARGUMENT when one is no number of records */
  constructor(crashes: readonly number[] | 'each', failures: readonly number[] | 'each') {
    const given = { crash: crashes, failure: failures } as const
    const kinds = Object.keys(given) as Interruption[]
    this.#always = new Set(kinds.filter((how) => given[how] === 'each'))
    this.#planned = []
    for (const how of kinds) for (const after of given[how] === 'each' ? [1] : given[how]) this.add(after, how)
  }

  /** After how many records the next one comes; Infinity: none. */
  get next(): number {
    return this.#planned[0]?.after ?? Infinity
  }

  add(after: number, how: Interruption): void {
    if (!Number.isInteger(after) || after < 1) {
      throw new MoldauError('INVALID_ARGUMENT', `testPipeline: ${how}After takes numbers of records from 1 on, not ${after}`)
    }
    this.#planned.push({ after, how })
    this.#planned.sort((a, b) => a.after - b.after)
  }

  /** Takes the next one. */
  take(): Interrupted {
    const { after, how } = this.#planned.shift()!
    const again = this.#planned.some((other) => other.after === after && other.how === how)
    if (this.#always.has(how) && !again) this.add(after + 1, how)
    return new Interrupted(how)
  }
}
