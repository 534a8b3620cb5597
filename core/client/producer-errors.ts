import { MoldauError } from '../base/errors.ts'
import { KafkaError } from '../protocol/errors.ts'
import type { KafkaErrorName } from '../protocol/errors.ts'

/**
 * The transaction has failed and the producer has not: `abort()`, go back to where the transaction began, `begin()` again (KIP-1050's
 * TransactionAbortableException). `cause` is what went wrong; {@link MoldauError.code} is its code.
 */
export class TransactionAbortableError extends MoldauError {
  /** What the broker said, if it was the broker. */
  readonly kafkaCode: KafkaErrorName | undefined

  constructor(transactionalId: string, cause: MoldauError) {
    const kafkaCode = kafkaCodeOf(cause)
    const why = kafkaCode === 'INVALID_PRODUCER_EPOCH' ? `${epochGone}: ${cause.message}` : cause.message
    super(cause.code, `the transaction of '${transactionalId}' has failed, abort() it and begin() again: ${why}`, {
      cause,
      retriable: cause.retriable,
    })
    this.name = 'TransactionAbortableError'
    this.kafkaCode = kafkaCode
  }
}

/**
 * This producer is of no use any more: close it. Another one can go on when it was fenced, or when its id was forgotten (KIP-1050's
 * ApplicationRecoverableException); what it may not do has to be changed first (InvalidConfigurationException).
 */
export class ProducerFatalError extends MoldauError {
  /** What the broker said, if it was the broker. */
  readonly kafkaCode: KafkaErrorName | undefined

  constructor(transactionalId: string, cause: MoldauError) {
    const kafkaCode = kafkaCodeOf(cause)
    const isFenced = kafkaCode !== undefined && fencing.has(kafkaCode)
    super(isFenced ? 'FENCED' : cause.code, `transactional id '${transactionalId}': ${whyFatal(cause, kafkaCode, isFenced)}`, { cause })
    this.name = 'ProducerFatalError'
    this.kafkaCode = kafkaCode
  }
}

const timedOut = 'the coordinator has aborted a transaction that was open for longer than transactionTimeoutMs'
/** The answer does not tell the two apart. */
const epochGone = `a newer producer with this id has taken over, or ${timedOut}`

function whyFatal({ message }: MoldauError, kafkaCode: KafkaErrorName | undefined, isFenced: boolean): string {
  if (isFenced) return `${epochGone}, or the id was not used for so long that it was forgotten (${kafkaCode}): make a new producer`
  if (kafkaCode !== 'INVALID_TXN_STATE') return `this producer is of no use any more, make another when the cause is gone: ${message}`
  const remedy = 'make a new producer, go back to where the transaction began, and raise transactionTimeoutMs if it takes so long'
  return `nothing is left to commit, ${timedOut}: ${remedy}: ${message}`
}

/** What was asked when the error came. */
export type TransactionalCall = 'init' | 'produce' | 'partitions' | 'offsets' | 'commit' | 'abort'

const fencing: ReadonlySet<KafkaErrorName> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'])
const forbidding: ReadonlySet<KafkaErrorName> = new Set([
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_TRANSACTION_TIMEOUT',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_VERSION',
])

/** Whether no transaction of this producer can succeed after `error`. All else can be aborted, and what init() says be asked again. */
export function isFatal(error: MoldauError, call: TransactionalCall): boolean {
  if (error instanceof ProducerFatalError || error.code === 'UNSUPPORTED_VERSION') return true
  const code = kafkaCodeOf(error)
  if (code === undefined) return false
  // The leader of a partition knows an epoch only; whether somebody has taken over the coordinator says, when it is asked to abort (KIP-588).
  if (code === 'INVALID_PRODUCER_EPOCH') return call !== 'produce'
  // Whether it has committed is known of no other answer: to abort and write it again could double it.
  if (call === 'commit') return code !== 'TRANSACTION_ABORTABLE'
  return fencing.has(code) || forbidding.has(code)
}

function kafkaCodeOf(error: MoldauError): KafkaErrorName | undefined {
  return error instanceof KafkaError || error instanceof ProducerFatalError || error instanceof TransactionAbortableError
    ? error.kafkaCode
    : undefined
}
