import { messageOf, MoldauError } from '../base/errors.ts'
import { kafkaErrorTable } from './error-table.ts'

export type KafkaErrorName = keyof typeof kafkaErrorTable

export interface KafkaErrorInfo {
  readonly code: number
  readonly name: KafkaErrorName
  readonly retriable: boolean
  readonly message: string
}

/** Every error of the protocol. */
export const kafkaErrors: readonly KafkaErrorInfo[] = Object.entries(kafkaErrorTable).map(([name, [code, retriable, message]]) => ({
  code,
  name: name as KafkaErrorName,
  retriable,
  message,
}))

const byCode = new Map(kafkaErrors.map((error) => [error.code, error]))

/** The number of an error, for an answer. */
export function errorCode(name: KafkaErrorName): number {
  return kafkaErrorTable[name][0]
}

/** The name of a number; a number from a newer broker than we know is an UNKNOWN_SERVER_ERROR, as Kafka's clients have it. */
export function errorName(code: number): KafkaErrorName {
  return byCode.get(code)?.name ?? 'UNKNOWN_SERVER_ERROR'
}

/** Whether the same request may succeed later, perhaps after a look at fresh metadata. */
export function isRetriable(code: number): boolean {
  return byCode.get(code)?.retriable ?? false
}

/** An error of the protocol as an exception: a client throws what it was answered, a broker's handler turns it into the number. */
export class KafkaError extends MoldauError {
  readonly kafkaCode: KafkaErrorName
  /** What to say beside the code: names the topic, group or value, or only says what the code means. */
  readonly detail: string

  constructor(name: KafkaErrorName, detail?: string) {
    const [, retriable, meaning] = kafkaErrorTable[name]
    super('PROTOCOL', `${name}: ${detail === undefined ? meaning : `${meaning} (${detail})`}`, { retriable })
    this.name = 'KafkaError'
    this.kafkaCode = name
    this.detail = detail ?? meaning
  }
}

/** What an answer says beside the code of `error`, which its reader knows by then. */
export function detailOf(error: unknown): string {
  return error instanceof KafkaError ? error.detail : messageOf(error)
}

/** @param detail names the topic, group or value */
export function kafkaError(name: KafkaErrorName, detail?: string): KafkaError {
  return new KafkaError(name, detail)
}

/** Throws the error that an answer reports, if it reports one. @param what was asked for @param message what the broker says about it */
export function throwOnError(code: number, what: string, message: string | null = null): void {
  if (code !== 0) throw kafkaError(errorName(code), message === null ? what : `${what}: ${message}`)
}
