/** What the programs on clients of JavaScript have in common. */

import { inspect } from 'node:util'

/** Records that a copier takes in one transaction, at most. */
export const PER_TRANSACTION = 50
/** Every so many transactions one is aborted, and its records are copied again. */
export const ABORT_EVERY = 5

export interface Library {
  produce(topic: string, partitions: number, from: number, to: number): Promise<void>
  /** Goes on until it is stopped. */
  consume(topic: string, group: string): Promise<void>
  /** Goes on until it is stopped. */
  copy(source: string, target: string, group: string, transactionalId: string): Promise<void>
  /** Leaves the group; what was read is committed. */
  stop(): Promise<void>
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Ends the program: another one has to ask how things stand. */
export function fail(error: unknown): never {
  const parts =
    error instanceof AggregateError ? error.errors.map((each: unknown) => inspect(each, { compact: true, breakLength: Infinity })) : []
  say(`failed ${error instanceof Error ? error.stack : String(error)} ${parts.join(' ').replaceAll('\n', ' ')}`)
  process.exit(1)
}
