import { MoldauError } from '../../../core/base/errors.ts'
import type { FileSystem } from '../fs/types.ts'
import type { ChainPaths } from './names.ts'
import type { LedgerRules } from './rules.ts'

/** What every step of the protocol of one topic-partition needs. */
export interface ChainContext {
  readonly fs: FileSystem
  readonly paths: ChainPaths
  readonly topic: string
  readonly partition: number
  readonly rules: LedgerRules
}

/** For messages: `flights-3 in file:/data/lake`. */
export function chainName(context: ChainContext): string {
  return `${context.topic}-${context.partition} in ${context.fs.url}`
}

/** C8: nothing was moved or deleted, and nothing of this attempt will be used. */
export function attemptDead(context: ChainContext, seq: number, why: string): MoldauError {
  return new MoldauError(
    'ATTEMPT_DEAD',
    `${chainName(context)}: ${why} entry ${seq}; this attempt drops what it staged and starts again behind it`,
    { retriable: true },
  )
}
