/** What the job runs and waits for: one event loop's share of a pipeline. */
export interface Worker {
  /** Takes its identity, makes its topics, begins to work. Rejects when that is not possible. */
  start(): Promise<void>
  /** Settles when the work has ended: drained, stopped, or failed for good. */
  readonly done: Promise<void>
  /** Asks for a bounded end: everything that is in the inputs now, then the end of time, then a commit. */
  drain(): void
  /** Asks for an end after the epoch under way. */
  stop(options?: StopOptions): void
}

export interface StopOptions {
  /**
   * Whether others are to have the tasks at once, because this process does not come back; default false: its place is kept for
   * `sessionTimeoutMs`, so that a restart moves nothing.
   */
  leave?: boolean
}

/** A promise with its handles. */
export function settleable(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Whoever waits for it sees the failure; nobody waiting is no reason to end the process.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
