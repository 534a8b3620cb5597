import { MoldauError } from '../../base/errors.ts'
import { KafkaError } from '../../protocol/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'

/** So many failures are told in the message; all of them are in {@link AdminError.failures}. */
const TOLD_MAX = 5

/**
 * What a call of `admin` throws that was to do something with many things and could not with all: each thing that failed has its own error.
 * The others were done. Code and cause are those of the first failure.
 *
 * ```ts
 * try {
 *   await admin.createTopics([{ name: 'orders' }, { name: 'flights' }])
 * } catch (error) {
 *   if (!(error instanceof AdminError)) throw error
 *   for (const [topic, failure] of error.failures) console.log(topic, failure.message)
 *   console.log('created:', [...error.results.keys()])
 * }
 * ```
 */
export class AdminError<T = unknown> extends MoldauError {
  /** By name: of the topic, group or user, `topic-partition`, and so on as the call says. */
  readonly failures: ReadonlyMap<string, MoldauError>
  /** What went well, with the results of the call, by the same names. */
  readonly results: ReadonlyMap<string, T>
  /** Kafka's name of the first failure, where the broker answered with one: `TOPIC_ALREADY_EXISTS`. */
  readonly kafkaCode: KafkaErrorName | undefined

  constructor(what: string, failures: ReadonlyMap<string, MoldauError>, results: ReadonlyMap<string, T>) {
    const all = [...failures.values()]
    const [first] = all
    super(first!.code, messageFor(what, failures, results.size), { cause: first, retriable: all.every((failure) => failure.retriable) })
    this.name = 'AdminError'
    this.failures = failures
    this.results = results
    this.kafkaCode = first instanceof KafkaError ? first.kafkaCode : undefined
  }
}

function messageFor(what: string, failures: ReadonlyMap<string, MoldauError>, done: number): string {
  const messages = [...new Set([...failures.values()].map(({ message }) => message))]
  if (failures.size + done === 1) return messages[0]!
  const told = messages.slice(0, TOLD_MAX)
  const more = messages.length - told.length
  return `${what}: ${failures.size} of ${failures.size + done} failed: ${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}
