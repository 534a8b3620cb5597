/** Producers remembered per partition; beyond it those that were refused first are forgotten. */
export const REFUSED_MAX = 1000

interface Refused {
  epoch: number
  /** The smallest sequence that was refused. */
  lowest: number
}

/**
 * Batches that were refused before the log saw them, because the coordinator of their transaction could not say whether they belong to it.
 * The client sends them again; those behind them must not overtake them: a partition that knows nothing of the producer would take them as
 * its first, and the repeated ones would be out of order for good. Kafka's `VerificationStateEntry`.
 */
export class RefusedSequences {
  readonly #refused: Map<number, Refused>

  constructor() {
    this.#refused = new Map()
  }

  add(producerId: number, epoch: number, sequence: number): void {
    const known = this.#refused.get(producerId)
    if (known !== undefined && epoch < known.epoch) return
    const lowest = known?.epoch === epoch ? Math.min(known.lowest, sequence) : sequence
    this.#refused.delete(producerId)
    this.#refused.set(producerId, { epoch, lowest })
    if (this.#refused.size > REFUSED_MAX) this.#refused.delete(this.#refused.keys().next().value!)
  }

  /** The sequence that must come first, if a smaller one than this was refused. */
  before(producerId: number, epoch: number, sequence: number): number | undefined {
    if (this.#refused.size === 0) return undefined
    const known = this.#refused.get(producerId)
    return known !== undefined && known.epoch === epoch && known.lowest < sequence ? known.lowest : undefined
  }

  /** Something of the producer was appended: the partition knows it. */
  forget(producerId: number): void {
    if (this.#refused.size > 0) this.#refused.delete(producerId)
  }
}
