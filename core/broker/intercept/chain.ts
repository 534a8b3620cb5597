import { MoldauError, messageOf } from '../../base/errors.ts'
import { KafkaError } from '../../protocol/errors.ts'
import { decodeResponse, encodeResponse } from '../../protocol/header.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import { Produce } from '../../protocol/messages/produce.ts'
import type { Message } from '../../protocol/schema.ts'
import type { Handler, RequestContext } from '../handler.ts'
import { errorAnswer, refuseTopics } from '../error-answer.ts'
import { type CallHeader, InterceptedCall } from './intercepted-call.ts'
import type { Interception } from './interception.ts'
import { namedTopics } from './named-topics.ts'
import { ConnectionDropped, DropOutcome, ErrorOutcome } from './outcome.ts'
import type { Pending } from './pending.ts'

type Call = InterceptedCall<Message, Message>

const LENGTH_BYTES = 4

/** One request on its way through the interceptions of its call, in their order, to the handler, and of its answer back. */
export class Chain {
  readonly #interceptions: readonly Interception[]
  readonly #handler: Handler
  readonly #context: RequestContext
  readonly #pending: Pending
  readonly #header: CallHeader
  /** With acks=0 the client waits for nothing. */
  readonly #isSilent: boolean
  #reached: boolean
  #release: (() => void) | undefined

  constructor(interceptions: readonly Interception[], handler: Handler, request: unknown, context: RequestContext, pending: Pending) {
    const { api } = handler
    const { version, correlationId, clientId, remote, session } = context
    this.#interceptions = interceptions
    this.#handler = handler
    this.#context = context
    this.#pending = pending
    this.#header = { api: api.name, apiKey: api.key, version, correlationId, clientId, remote, principal: session.principal }
    this.#isSilent = api.key === Produce.key && (request as { acks: number }).acks === 0
    this.#reached = false
    this.#release = undefined
  }

  /**
   * The answer, as a handler gives it. A request that waits before it has reached the handler holds up those behind it on its connection: in
   * Kafka they are worked on one after the other, and none overtakes.
   */
  run(request: unknown): unknown {
    const answer = this.#from(0, request)
    if (!(answer instanceof Promise)) return this.#isSilent ? undefined : answer
    if (!this.#reached) {
      const release = this.#context.connection.hold()
      this.#release = release
      answer.then(release, release)
    }
    return this.#isSilent ? answer.then(() => undefined) : answer
  }

  #from(first: number, request: unknown): unknown {
    for (let i = first; i < this.#interceptions.length; i++) {
      const interception = this.#interceptions[i]!
      const call = this.#call(i + 1, request)
      if (interception.takes(call)) return this.#through(interception, i + 1, call)
    }
    return this.#handle(request)
  }

  #handle(request: unknown): unknown {
    this.#reached = true
    try {
      return this.#handler.handle(request, this.#context)
    } finally {
      this.#release?.()
    }
  }

  #call(rest: number, request: unknown): Call {
    const { topics } = this.#context.broker
    return new InterceptedCall(this.#header, request, {
      next: async (passed) => this.#asRead(await this.#from(rest, passed)),
      delay: (ms) => this.#pending.delay(ms, this.#context.broker.clock),
      topics: (asked) => namedTopics(asked, (id) => topics.byId(id)?.name),
    })
  }

  #through(interception: Interception, rest: number, call: Call): unknown {
    let result: unknown
    try {
      result = interception.interceptor(call)
    } catch (error) {
      result = outcomeOf(error)
    }
    if (!(result instanceof Promise)) return this.#become(result, rest, call)
    return this.#pending
      .orClosed(result)
      .catch(outcomeOf)
      .then((became) => this.#become(became, rest, call))
  }

  #become(result: unknown, rest: number, call: Call): unknown {
    if (result instanceof DropOutcome) throw new ConnectionDropped(this.#header.api)
    if (result instanceof ErrorOutcome) return this.#refuse(result, rest, call)
    if (result !== undefined) return this.#checked(result)
    if (call.passed !== undefined) return call.passed.then((body) => this.#checked(body))
    return this.#from(rest, call.request)
  }

  #refuse({ error, message }: ErrorOutcome, rest: number, call: Call): unknown {
    // As Kafka does when a request without an answer fails.
    if (this.#isSilent) throw new ConnectionDropped(this.#header.api)
    const { api } = this.#handler
    // Without brokers clients take no notice of a Metadata response: the topics are refused, the rest stays.
    if (api.key === Metadata.key) return this.#refuseMetadata(error, rest, call)
    const body = errorAnswer(api, this.#header.version, call.request, error, message)
    if (body !== undefined) return this.#checked(body)
    throw new MoldauError(
      'INVALID_ARGUMENT',
      `intercept: a response of ${api.name} has no place for ${error}: answer a response, or drop()`,
    )
  }

  async #refuseMetadata(error: ErrorOutcome['error'], rest: number, call: Call): Promise<unknown> {
    const answer = await (call.passed ?? this.#asRead(await this.#from(rest, call.request)))
    return this.#checked(refuseTopics(answer as Record<string, unknown>, error))
  }

  /** A response as the client would read it: all its fields, none of them shared with the broker. */
  #asRead(body: unknown): unknown {
    const { api } = this.#handler
    const { version } = this.#header
    const chunks = encodeResponse(api, version, 0, body ?? errorAnswer(api, version, {}, 'NONE'))
    const frame = Buffer.concat(chunks)
    const { buffers } = this.#context.broker
    buffers.sent(buffers.ofPool(chunks))
    return decodeResponse(api, version, frame.subarray(LENGTH_BYTES)).body
  }

  /** Finds out here, and not on the way out, that an answer cannot be sent: that would end the connection with nobody the wiser. */
  #checked(body: unknown): unknown {
    const { api } = this.#handler
    try {
      encodeResponse(api, this.#header.version, 0, body)
    } catch (cause) {
      const message = `an interceptor of ${api.name} answers what version ${this.#header.version} cannot carry: ${messageOf(cause)}`
      throw new MoldauError('INVALID_ARGUMENT', message, { cause })
    }
    return body
  }
}

function outcomeOf(error: unknown): ErrorOutcome {
  if (error instanceof KafkaError) return new ErrorOutcome(error.kafkaCode, error.detail)
  throw error
}
