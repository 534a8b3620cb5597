import type { Account } from './verify-account.ts'

/** What is wrong, in words, with the names to find it by. */
export interface VerifyProblem {
  readonly kind: 'missing' | 'truncated' | 'damaged' | 'doubled' | 'orphan' | 'ledger' | 'offsets'
  readonly message: string
  readonly topic?: string
  readonly partition?: number
  readonly path?: string
}

/** What was proven of one topic of one sink. */
export interface VerifiedTopic extends Account {
  readonly sink: string
  readonly topic: string
  readonly partitions: number
}

export interface VerifyReport {
  readonly url: string
  /** True: each offset of each partition is in the lake exactly once, or accounted for. */
  readonly ok: boolean
  readonly topics: readonly VerifiedTopic[]
  readonly problems: readonly VerifyProblem[]
}
