import type { Consumer } from '../../core/client/consumer.ts'
import type { OffsetToCommit } from '../../core/client/types.ts'
import type { Appender } from '../appender.ts'

/** Where an epoch leaves off. */
export interface Positions {
  /** Of topics: behind the slice, with the tasks' event time as it is when this is asked. */
  readonly offsets: () => readonly OffsetToCommit[]
  /** Of the group that the offsets are of; undefined where no topic is read. */
  readonly consumer: Consumer | undefined
  /** Appends the position of a source outside Kafka. */
  readonly append: () => void
}

/**
 * What a guarantee is: when the positions of an epoch are committed, and what that waits for. Calls come as: `init`; then for each epoch `claim`,
 * `begin`, appends, and `commit` or `abort`; `settle` between epochs; `close`.
 */
export interface Transaction extends Appender {
  /** An epoch that was claimed is never run again: what fails in it is lost, not doubled. */
  readonly runsOnce: boolean
  /** Takes the identity; whoever had it before is fenced and its open transaction aborted. */
  init(): Promise<void>
  /** Before any record of an epoch is run. */
  claim(positions: Positions): Promise<void>
  begin(): void
  /** Undefined when there is room; else resolves when there is. */
  room(): Promise<void> | undefined
  /** The epoch is complete. */
  commit(positions: Positions): Promise<void>
  abort(): Promise<void>
  /** Commits positions that were left for later: partitions are about to go to others, or all is to end. */
  settle(): Promise<void>
  close(): Promise<void>
}
