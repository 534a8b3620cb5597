import type { Entry } from './entry.ts'
import { entryName, finalName, type StagingName } from './names.ts'

/**
 * The decisions on which exactly-once rests, each a pure function with the counterexample that follows when it is decided otherwise
 * (`N…`, `C…`: docs/ledger.md). There is one right set, {@link rules}; that they are one object lets a test replace a single one and watch the
 * counterexample happen.
 */
export interface LedgerRules {
  /** N5: numbers, not start offsets: two racers for one position must meet at one name. */
  entryName(entry: Entry): string
  /** N8: names of data are unique to an attempt and never used again. */
  finalName(topic: string, partition: number, first: number, last: number, attempt: string, n: number): string
  /** N3: an occupied slot is mine only if the attempt is. */
  isMine(entry: Entry, attempt: string): boolean
  /** N2: a put at a number that a checkpoint covers fell on a freed name and does not count. */
  isVoid(seq: number, newestCheckpoint: number): boolean
  /** N9: what was read under another checkpoint is read again. */
  isStale(checkpointBefore: number, checkpointAfter: number): boolean
  /** N1, N7: only what was staged on a base below a number that I have just put myself is nobody's any more. */
  maySweep(directory: StagingName, mine: StagingName, committed: number | undefined): boolean
  /** N4: an unclear answer and an empty slot: the put may still run, so nothing is given up or deleted. */
  onEmptySlot(): 'put again' | 'clean up'
  /** N6: the files of an entry are moved before the next entry is put, so that only the newest one is ever unfinished. */
  moveBeforeNextPut(): boolean
  /** C1, C2: what replaces files is there before they go; readers of a directory may see double for a moment, never miss. */
  addBeforeRemove(): boolean
}

export const rules: LedgerRules = Object.freeze({
  entryName: ({ seq }: Entry) => entryName(seq),
  finalName,
  isMine: (entry: Entry, attempt: string) => entry.attempt === attempt,
  isVoid: (seq: number, newestCheckpoint: number) => newestCheckpoint >= seq,
  isStale: (before: number, after: number) => before !== after,
  maySweep: (directory: StagingName, mine: StagingName, committed: number | undefined) =>
    committed !== undefined && directory.base < committed && directory.attempt !== mine.attempt,
  onEmptySlot: () => 'put again' as const,
  moveBeforeNextPut: () => true,
  addBeforeRemove: () => true,
})
