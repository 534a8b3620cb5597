import { MoldauError } from '../base/errors.ts'
import { KafkaError, kafkaError } from '../protocol/errors.ts'

/**
 * A failure of the disk as clients of groups and transactions know it: they are to ask again. (Most of them take an error that they do not
 * expect from these calls for the end of everything.) Other errors stay as they are.
 */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof MoldauError)) return error
  const isStorage = error instanceof KafkaError ? error.kafkaCode === 'KAFKA_STORAGE_ERROR' : error.code === 'STORAGE_FAILED'
  return isStorage ? kafkaError('COORDINATOR_NOT_AVAILABLE', error.message) : error
}
