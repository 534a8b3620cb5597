import { MoldauError } from '../../core/base/errors.ts'
import type { Positions } from './transaction.ts'
import { Writing } from './writing.ts'

/** A Kafka transaction: outputs, changelogs and positions become true together. */
export class ExactlyOnce extends Writing {
  readonly runsOnce = false

  override begin(): void {
    this.producer.begin()
  }

  async commit({ offsets, consumer, append }: Positions): Promise<void> {
    append()
    const sent = consumer === undefined ? Promise.resolve() : this.producer.sendOffsets(offsets(), consumer.groupMetadata())
    // The offsets' own error says more than the commit's, which fails with it.
    const [offsetsSent, committed] = await Promise.allSettled([sent, this.producer.commit()])
    if (offsetsSent.status === 'rejected') throw offsetsSent.reason
    if (committed.status === 'rejected') throw committed.reason
  }

  override async abort(): Promise<void> {
    try {
      await this.producer.abort()
    } catch (error) {
      // There was no transaction: it failed before begin().
      if (!(error instanceof MoldauError && error.code === 'INVALID_ARGUMENT')) throw error
    }
  }
}
