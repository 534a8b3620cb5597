import { KafkaError } from '../protocol/errors.ts'

/** A record that was refused, and with it its batch. */
export interface RecordError {
  /** Position of the record in its batch. */
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** So many refused records of a batch are named in the answer. */
export const RECORD_ERRORS_MAX = 1_000

/** Refuses a batch because of what single records in it are. Kafka's `RecordValidationException` (KIP-467). */
export class RecordValidationError extends KafkaError {
  readonly recordErrors: readonly RecordError[]

  constructor(name: 'INVALID_RECORD' | 'INVALID_TIMESTAMP', recordErrors: readonly RecordError[]) {
    const { batchIndex, batchIndexErrorMessage } = recordErrors[0]!
    const more = recordErrors.length === 1 ? '' : `, and ${recordErrors.length - 1} more`
    super(name, `record ${batchIndex}: ${batchIndexErrorMessage}${more}`)
    this.recordErrors = recordErrors
  }
}
