/**
 * What can go wrong in the world outside: one class, and codes that a program can test for.
 * A failed {@link assert} in contrast is a bug of ours. Errors of the Kafka protocol are numbers that are answered, not thrown
 * (see protocol/errors.ts).
 */

/** Every code with the sentence that explains it in the docs. Add a line, never change the meaning of one. */
export const errorCodes = {
  INVALID_CONFIG: 'a setting has a value it cannot have, or a name that does not exist',
  INVALID_ARGUMENT: 'a call got an argument it cannot take',
  DIRECTORY_UNUSABLE: 'a directory is missing, full, not writable, or in use by another process',
  PORT_IN_USE: 'the port asked for belongs to another process',
  CORRUPT_BATCH: 'a record batch on disk or from the network does not match its checksum or its own lengths',
  CORRUPT_FRAME: 'bytes from the network do not form a message',
  STORAGE_FAILED: 'the disk refused a read or a write',
  ABORTED: 'the transaction was aborted before the record was sent',
  CLOSED: 'the object was closed before the call, or while it ran',
  TIMEOUT: 'the answer did not come in the time allowed',
  CONNECTION_LOST: 'the connection ended before the answer came',
  CONNECTION_REFUSED: 'nobody answers at the address',
  TLS_FAILED: 'no encrypted connection came about: a certificate, a name or a protocol does not fit',
  AUTHENTICATION_FAILED: 'the broker did not accept who we say we are',
  UNSUPPORTED_VERSION: 'the other side does not speak a version of this call that we speak',
  PROTOCOL: 'the broker answered with an error of the Kafka protocol; `kafkaCode` names it',
  UNKNOWN_TOPIC: 'the topic does not exist and may not be created',
  LOG_TRUNCATED: 'records that were read are not in the log any more',
  BUFFER_FULL: 'buffer.memory is used up',
  RECORD_TOO_LARGE: 'one record is larger than a request may be',
  FENCED: 'a newer instance with the same identity has taken over',
  SERDE_FAILED: 'a value does not fit its schema, or bytes are not what the schema says',
  REGISTRY_FAILED: 'the schema registry refused, does not know a schema, or does not answer',
  LEDGER_DAMAGED: 'a ledger entry or checkpoint is missing, unreadable, or does not match its checksum',
  LEDGER_MISMATCH: 'the ledger belongs to another sink, cluster, pipeline or topic',
  ATTEMPT_DEAD: 'another writer has committed to this ledger: this attempt must start again',
  REPAIR_NEEDED: 'files are not where the ledger says, in a way that only a person may resolve',
  FILE_MISSING: 'a file named by the ledger is neither staged nor at its final path',
  OPERATOR_FAILED: 'code of the user threw inside a pipeline',
  OPERATOR_UNSAFE: 'an operator broke the rules of an epoch (stopped listening, subscribed again, did not complete)',
  CIRCUIT_OPEN: 'a call was not made because too many of the last ones have failed',
  THREAD_DIED: 'a worker thread has ended though nobody asked it to',
  PIPELINE_INVALID: 'the declaration of a pipeline cannot be run',
  INPUT_LOST: 'records of an input were deleted before the pipeline had read them',
  INPUT_MISSING: 'a file or package that the command needs is not there',
} as const

export type ErrorCode = keyof typeof errorCodes

export interface MoldauErrorOptions {
  cause?: unknown
  /** True when the same call may succeed later without a change by the caller. */
  retriable?: boolean
}

/** An error of the outside world. The message names the thing (field, topic, file) and the remedy. */
export class MoldauError extends Error {
  readonly code: ErrorCode
  readonly retriable: boolean

  constructor(code: ErrorCode, message: string, options: MoldauErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MoldauError'
    this.code = code
    this.retriable = options.retriable ?? false
  }
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
