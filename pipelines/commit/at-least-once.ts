import type { Positions } from './transaction.ts'
import { Writing } from './writing.ts'

/** What was made of the records is acknowledged, then their positions are committed: who dies in between does it again. */
export class AtLeastOnce extends Writing {
  readonly runsOnce = false

  async commit({ offsets, consumer, append }: Positions): Promise<void> {
    append()
    await this.producer.flush()
    const positions = offsets()
    if (positions.length > 0) await consumer?.commit(positions)
  }
}
