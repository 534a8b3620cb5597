import type { AdminCalls } from './calls.ts'

/**
 * The methods of `admin` stand in files by family. Each family extends the one before, for one reason: the face is flat, as that of Kafka's
 * `Admin`, and every method has its words where it stands.
 */
export abstract class AdminFamily {
  /** @internal */
  protected readonly calls: AdminCalls

  constructor(calls: AdminCalls) {
    this.calls = calls
  }
}
