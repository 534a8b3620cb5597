import { MoldauError } from '../../base/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'
import { DropOutcome, ErrorOutcome, type Outcome } from './outcome.ts'

/**
 * Does something with a call and says what becomes of it: a response, `call.error(...)`, `call.drop()`, or nothing, which passes it on
 * (or, after `call.next()`, answers what came of that). A KafkaError that it throws is answered as `call.error` is.
 */
export type Interceptor<Req extends Message = Message, Res extends Message = Message> = (
  call: InterceptedCall<Req, Res>,
) => InterceptorResult<Res> | Promise<InterceptorResult<Res>>

// oxlint-disable-next-line typescript/no-invalid-void-type
export type InterceptorResult<Res extends Message> = Input<Res> | Infer<Res> | Outcome | undefined | void

/** What a call can do, given by whoever makes it. */
export interface CallPowers {
  readonly next: (request: unknown) => Promise<unknown>
  readonly delay: (ms: number) => Promise<void>
  readonly topics: (request: unknown) => ReadonlySet<string>
}

/** Who calls what. */
export interface CallHeader {
  readonly api: string
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly remote: string
  readonly principal: string
}

/** A request in the hands of an interceptor. */
export class InterceptedCall<Req extends Message = Message, Res extends Message = Message> implements CallHeader {
  /** Kafka's name of the call: `Produce`. */
  readonly api: string
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Who asks: `127.0.0.1:50123` or `in-process`. */
  readonly remote: string
  /** Who has logged in: `User:ANONYMOUS` where nobody has to. */
  readonly principal: string
  /** The decoded request, a copy: change it, or put another one in its place, before it is passed on. */
  request: Infer<Req>
  readonly #powers: CallPowers
  #passed: Promise<Infer<Res>> | undefined

  constructor(header: CallHeader, request: Infer<Req>, powers: CallPowers) {
    this.api = header.api
    this.apiKey = header.apiKey
    this.version = header.version
    this.correlationId = header.correlationId
    this.clientId = header.clientId
    this.remote = header.remote
    this.principal = header.principal
    this.request = request
    this.#powers = powers
    this.#passed = undefined
  }

  /** The topics that the request names. */
  get topics(): ReadonlySet<string> {
    return this.#powers.topics(this.request)
  }

  /** What the last {@link InterceptedCall.next} came to; undefined before the first. */
  get passed(): Promise<Infer<Res>> | undefined {
    return this.#passed
  }

  /**
   * Passes the request on, to interceptors that were installed later and then to the broker, and answers the response as the client would
   * read it: change it and return it, or nothing. With acks=0 it is empty and is not sent. Each call does it once more: two of them are
   * what a network makes of a request that it delivers twice.
   */
  next(request: Infer<Req> = this.request): Promise<Infer<Res>> {
    const passed = this.#powers.next(request) as Promise<Infer<Res>>
    // Who does not wait for it need not hear that it failed.
    passed.catch(() => {})
    this.#passed = passed
    return passed
  }

  /**
   * Answers the call with an error, in the places where its response has them: `return call.error('NOT_LEADER_OR_FOLLOWER')`.
   * Before `next()` nothing has happened to the request; after it, what has happened is not told.
   * @param message for responses that carry one
   */
  error(name: KafkaErrorName, message?: string): Outcome {
    return new ErrorOutcome(name, message)
  }

  /** Ends the connection without an answer; after `next()` it is the answer that is lost: `await call.next(); return call.drop()`. */
  drop(): Outcome {
    return new DropOutcome()
  }

  /** Resolves after `ms` milliseconds of the broker's clock, or when the broker is closed. */
  delay(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new MoldauError('INVALID_ARGUMENT', `intercept: a delay must be at least 0 ms, not ${ms}`)
    return this.#powers.delay(ms)
  }
}
