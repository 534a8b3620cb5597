import { MoldauError } from '../../base/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'

/** An interceptor's wish: answer the call with an error. */
export class ErrorOutcome {
  readonly error: KafkaErrorName
  readonly message: string | undefined

  constructor(error: KafkaErrorName, message: string | undefined) {
    this.error = error
    this.message = message
  }
}

/** An interceptor's wish: end the connection, and answer nothing. */
export class DropOutcome {
  readonly drops = true
}

/** What becomes of a call, made by `call.error(...)` and `call.drop()`. */
export type Outcome = ErrorOutcome | DropOutcome

/** Ends a connection because an interceptor wants it so. */
export class ConnectionDropped extends MoldauError {
  constructor(api: string) {
    super('CONNECTION_LOST', `an interceptor of ${api} has dropped it`)
  }
}
