import type { ConsumerOptions } from '../../core/index.ts'

/** What processes that copy records are told, as JSON, and what they say. */
export interface CopyingOptions {
  readonly bootstrap: string
  /** Name of the process and its transactional id: the next one in its place has it too. */
  readonly name: string
  readonly group: string
  readonly from: string
  readonly to: string
  readonly seed: number
  /** How many of the transactions are aborted: 0 to 1. */
  readonly abortShare: number
  /** Pauses in the middle of transactions, at most. Milliseconds. */
  readonly dawdleMs: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
  /** How the group is kept; default classic, with the default assignors. */
  readonly membership?: Pick<ConsumerOptions, 'groupProtocol' | 'partitionAssignmentStrategy'>
  /** To show that an audit sees what is wrong. */
  readonly flaw?: CopyingFlaw
}

/** `offsets`: positions are committed beside the transaction. `fencing`: they are sent as nobody's, so that a zombie is let through. */
export type CopyingFlaw = 'offsets' | 'fencing'

/**
 * Steps of a transaction, each said before it is taken: `begin 7`, `offering 7` (positions are sent), `ending 7`, and when it is over
 * `committed 7 120` (records), `aborted 7` or `failed 7 ILLEGAL_GENERATION 812` (milliseconds since it began).
 */
export type CopyingStep = 'begin' | 'offering' | 'ending' | 'committed' | 'aborted' | 'failed'

/** Key of a copy: who made it, and whether anybody may ever see it. */
export function copyKey(name: string, transaction: number, isAborted: boolean): string {
  return `${name}/${transaction}/${isAborted ? 'never' : 'copied'}`
}

export function mayBeSeen(key: string): boolean {
  return !key.endsWith('/never')
}
