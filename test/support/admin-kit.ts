import type { ExecutionContext } from 'ava'

import { AdminError, MoldauError } from '../../core/index.ts'
import type { TopicPartition } from '../../core/index.ts'

/** What an AdminError says of each thing: the names of Kafka's errors, or ours. @returns undefined when the call went well */
export async function failuresOf(t: ExecutionContext, call: Promise<unknown>): Promise<Record<string, string> | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    t.is(error.code, [...error.failures.values()][0]!.code)
    return Object.fromEntries([...error.failures].map(([name, failure]) => [name, nameOfError(failure)]))
  }
}

/** The names of what an AdminError says went well. */
export async function doneOf(call: Promise<unknown>): Promise<string[]> {
  const error: unknown = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (!(error instanceof AdminError)) throw new Error('the call was to fail in part')
  return [...error.results.keys()]
}

export function nameOfError(error: unknown): string {
  if (!(error instanceof MoldauError)) throw error
  return 'kafkaCode' in error ? String(error.kafkaCode) : error.code
}

/** `until` looks again and again: what is decided in one place of a cluster takes its time to be seen in another. */
export async function until<T>(look: () => Promise<T>, isIt: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look()
    if (isIt(found)) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })
