import type { Connection } from '../net/connection.ts'
import type { Api } from '../protocol/api.ts'
import type { Infer, Input, Message } from '../protocol/schema.ts'
import type { BrokerServices } from './services.ts'
import type { Session } from './session.ts'

/** What a handler knows besides the request. */
export interface RequestContext {
  readonly broker: BrokerServices
  readonly version: number
  readonly clientId: string | null
  readonly correlationId: number
  /** Who asks: `127.0.0.1:50123` or `in-process`. */
  readonly remote: string
  /** Who asks: principal, host, the listener he came by, and what he may do. */
  readonly session: Session
  readonly connection: Pick<Connection, 'hold' | 'isReader' | 'number' | 'peer'>
}

/**
 * Answers one call of the protocol. ApiVersions is computed from the list of handlers.
 * A thrown KafkaError is answered with its code where the response has one for the whole call; anything else that is thrown is
 * logged and answered as UNKNOWN_SERVER_ERROR.
 */
export interface Handler<Req extends Message = Message, Res extends Message = Message> {
  readonly api: Api<Req, Res>
  readonly minVersion: number
  readonly maxVersion: number
  /** True when nothing of the request is looked at after `handle` has returned: then the bytes in it are not copied out of the frame. */
  readonly readsAtOnce?: boolean
  /** The answer, or undefined where the protocol wants none. What must happen in the order of requests happens before the first await. */
  handle(request: Infer<Req>, context: RequestContext): Input<Res> | undefined | Promise<Input<Res> | undefined>
}

/** Gives a handler the types of its call. */
export function handler<Req extends Message, Res extends Message>(definition: Handler<Req, Res>): Handler {
  return definition as Handler
}
