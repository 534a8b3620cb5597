import { Reader } from '../base/bytes.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import type { Answer, Connection } from '../net/connection.ts'
import { decode } from '../protocol/codec.ts'
import { KafkaError, detailOf, errorCode } from '../protocol/errors.ts'
import { decodeRequestHeader, encodeResponse } from '../protocol/header.ts'
import type { RequestHeader } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { errorAnswer } from './error-answer.ts'
import type { Guard } from './guards/guard.ts'
import type { Handler } from './handler.ts'
import { apiVersionsAnswer, noteSoftware } from './handlers/api-versions.ts'
import { ConnectionDropped } from './intercept/outcome.ts'
import { Throttle } from './quotas/throttle.ts'
import type { BrokerServices } from './services.ts'
import type { Session } from './session.ts'

/** From a frame to its answer: header, version, handler, and what becomes of errors. */
export class Dispatch {
  readonly #broker: BrokerServices
  readonly #handlers: (Handler | undefined)[]
  readonly #guard: ((handler: Handler) => Guard) | undefined

  /** @param guard finds what stands before a handler, where there is access control */
  constructor(broker: BrokerServices, handlers: readonly Handler[], guard?: (handler: Handler) => Guard) {
    const table: (Handler | undefined)[] = []
    for (const handler of handlers) table[handler.api.key] = handler
    this.#broker = broker
    this.#handlers = table
    this.#guard = guard
  }

  /** Serves a call by another handler from now on. */
  replace(handler: Handler): void {
    this.#handlers[handler.api.key] = handler
  }

  /**
   * Answers a frame, which is lent for the time of the call. What it throws, or rejects with, ends the connection.
   * @throws MoldauError CORRUPT_FRAME, UNSUPPORTED_VERSION
   */
  answer(frame: Buffer, connection: Connection, session: Session): Answer | Promise<Answer> {
    const { sasl } = session
    if (sasl !== undefined && sasl.wants(frame)) return sasl.take(frame, connection)
    const header = decodeRequestHeader(frame)
    const { apiKey, apiVersion: version } = header
    const handler = this.#handlers[apiKey]
    if (handler === undefined || version < handler.minVersion || version > handler.maxVersion) return this.#unsupported(header, handler)
    const reader = handler.readsAtOnce ? header.reader : new Reader(Buffer.from(frame), header.reader.pos)
    const request = decode(handler.api.request, version, reader)
    try {
      const { clientId, correlationId } = header
      const { remote } = connection
      const context = { broker: this.#broker, version, clientId, correlationId, remote, session, connection }
      const throttle = this.#broker.quotas.isActive ? new Throttle(handler, context, connection, frame.length) : undefined
      throttle?.before(request)
      const response = this.#guard === undefined ? handler.handle(request, context) : this.#guard(handler)(request, context, handler)
      throttle?.returned()
      if (!(response instanceof Promise)) return encodeAnswer(handler, header, response, throttle)
      return response.then(
        (body) => encodeAnswer(handler, header, body, throttle),
        (error: unknown) => this.#failed(handler, header, request, connection, error),
      )
    } catch (error) {
      return this.#failed(handler, header, request, connection, error)
    }
  }

  /** Answers ApiVersions to somebody who has not logged in: nothing in it depends on who asks. */
  apiVersions(frame: Buffer, connection: Connection): Answer {
    const header = decodeRequestHeader(frame)
    const handler = this.#handlers[ApiVersions.key]
    const { apiVersion: version } = header
    if (handler === undefined || version < handler.minVersion || version > handler.maxVersion) return this.#unsupported(header, handler)
    const request = decode(ApiVersions.request, version, header.reader)
    return encodeResponse(
      ApiVersions,
      version,
      header.correlationId,
      apiVersionsAnswer(this.#broker.served, noteSoftware(request, version, connection.peer)),
    )
  }

  /** ApiVersions is how a client finds out: a version of it that we do not know is answered in the oldest form (KIP-511). */
  #unsupported(header: RequestHeader, handler: Handler | undefined): Answer {
    if (header.apiKey === ApiVersions.key) {
      return encodeResponse(ApiVersions, 0, header.correlationId, apiVersionsAnswer(this.#broker.served, errorCode('UNSUPPORTED_VERSION')))
    }
    const name = handler?.api.name ?? `api key ${header.apiKey}`
    throw new MoldauError('UNSUPPORTED_VERSION', `${name} version ${header.apiVersion} is not served: ask ApiVersions first`)
  }

  /** An error for the whole call: its code where this version of the response has places for it, the end of the connection otherwise. */
  #failed(handler: Handler, header: RequestHeader, request: unknown, connection: Connection, error: unknown): Answer {
    if (error instanceof ConnectionDropped) throw error
    const known = error instanceof KafkaError
    // The client's doing, which cannot be answered: the end of its connection is told, and that is enough.
    if (!known && error instanceof MoldauError && error.code === 'PROTOCOL') throw error
    if (!known) {
      const fields = { api: handler.api.name, version: header.apiVersion, client: header.clientId, remote: connection.remote, err: error }
      const message = `${handler.api.name} failed: ${messageOf(error)}`
      this.#broker.logger.error(fields, message)
      this.#broker.events.emit('error', { message, cause: error })
    }
    const code = known ? error.kafkaCode : 'UNKNOWN_SERVER_ERROR'
    const body = errorAnswer(handler.api, header.apiVersion, request, code, detailOf(error))
    if (body === undefined) throw error
    return encodeAnswer(handler, header, body)
  }
}

function encodeAnswer(handler: Handler, header: RequestHeader, body: unknown, throttle?: Throttle): Answer {
  const encode = (told: unknown): Answer =>
    told === undefined ? undefined : encodeResponse(handler.api, header.apiVersion, header.correlationId, told)
  return throttle === undefined ? encode(body) : throttle.answer(body, encode)
}
