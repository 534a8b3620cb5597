import type { Header } from '../../core/record/header.ts'
import type { Positions } from './transaction.ts'
import { Writing } from './writing.ts'

type Appended = [topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]]

/**
 * The positions are committed, then the records are run: who dies in between has lost them. What an epoch appends is held back until it is
 * complete, so that one that fails leaves nothing, and can be run again without the record that it failed for.
 */
export class AtMostOnce extends Writing {
  readonly runsOnce = true
  #held: Appended[] = []

  override append(...appended: Appended): void {
    this.#held.push(appended)
  }

  /** What is held back is bounded by the size of an epoch. */
  override room(): undefined {}

  override async claim({ offsets, consumer, append }: Positions): Promise<void> {
    append()
    await this.#send()
    const positions = offsets()
    if (positions.length > 0) await consumer?.commit(positions)
  }

  async commit(): Promise<void> {
    await this.#send()
  }

  override abort(): Promise<void> {
    this.#held = []
    return Promise.resolve()
  }

  async #send(): Promise<void> {
    const held = this.#held
    this.#held = []
    for (const appended of held) {
      super.append(...appended)
      const room = super.room()
      if (room !== undefined) await room
    }
    await this.producer.flush()
  }
}
