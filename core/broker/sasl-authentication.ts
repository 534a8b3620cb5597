import type { Clock } from '../base/clock.ts'
import { sleep } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Answer, Connection } from '../net/connection.ts'
import { apiByKey } from '../protocol/apis.ts'
import { decode } from '../protocol/codec.ts'
import { errorCode } from '../protocol/errors.ts'
import { decodeRequestHeader, encodeResponse } from '../protocol/header.ts'
import type { RequestHeader } from '../protocol/header.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import { SaslAuthenticate } from '../protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../protocol/messages/sasl-handshake.ts'
import { includes } from '../protocol/versions.ts'
import { SaslRefused } from '../security/sasl.ts'
import type { SaslServer, SaslServerFactory, SaslStep } from '../security/sasl.ts'
import { bodyWithError } from './error-body.ts'
import type { Session } from './session.ts'

/** A client may not log in again sooner than this after it last did (KIP-368). */
const REAUTHENTICATION_MIN_MS = 1000

/** A mechanism as a listener offers it. */
export interface OfferedMechanism {
  readonly server: SaslServerFactory
  /** `connections.max.reauth.ms` */
  readonly maxReauthMs: number
}

export interface SaslAuthenticationOptions {
  session: Session
  mechanisms: ReadonlyMap<string, OfferedMechanism>
  /** Answers ApiVersions, the one call that is open to everybody. */
  apiVersions: (frame: Buffer, connection: Connection) => Answer
  /** `connection.failed.authentication.delay.ms` */
  failureDelayMs: number
  /** Called when the other end is known: now it may send large requests. */
  onComplete: () => void
  clock: Clock
  logger: Logger
}

type State = 'versions or handshake' | 'handshake' | 'authenticate' | 'raw tokens' | 'complete' | 'failed'

/**
 * Logging in by SASL as Kafka does it (KIP-43, KIP-152, KIP-368): ApiVersions if the client likes, SaslHandshake with a mechanism, then SaslAuthenticate,
 * or (after a handshake of version 0) bare tokens, until the mechanism is satisfied. Nothing else is looked at before that.
 */
export class SaslAuthentication {
  readonly #options: SaslAuthenticationOptions
  #state: State
  #mechanism: string
  #server: SaslServer | undefined
  /** Why a second log-in cannot succeed: it asked for another mechanism. */
  #wrongMechanism: boolean
  #completedAt: number
  /** On the monotonic clock. */
  #expiresAt: number

  constructor(options: SaslAuthenticationOptions) {
    this.#options = options
    this.#state = 'versions or handshake'
    this.#mechanism = ''
    this.#server = undefined
    this.#wrongMechanism = false
    this.#completedAt = -Infinity
    this.#expiresAt = Infinity
  }

  /**
   * Whether a frame is part of a log-in and not an ordinary request.
   *
   * @throws MoldauError AUTHENTICATION_FAILED when the log-in has expired and the client goes on as if it had not: the end of its connection
   */
  wants(frame: Buffer): boolean {
    if (this.#state !== 'complete') return true
    const now = this.#options.clock.monotonic()
    if (frame.length >= 2 && frame.readInt16BE(0) === SaslHandshake.key) return now - this.#completedAt >= REAUTHENTICATION_MIN_MS
    if (now <= this.#expiresAt) return false
    throw new MoldauError(
      'AUTHENTICATION_FAILED',
      `the log-in of ${this.#options.session.principal} has expired, and it did not log in again`,
    )
  }

  /** Takes a frame that is {@link wants wanted}. What comes behind it waits: what it means depends on how this one ends. */
  take(frame: Buffer, connection: Connection): Answer | Promise<Answer> {
    const answer = this.#take(frame, connection)
    if (!(answer instanceof Promise)) return answer
    const release = connection.hold()
    answer.then(release, release)
    return answer
  }

  #take(frame: Buffer, connection: Connection): Answer | Promise<Answer> {
    try {
      switch (this.#state) {
        case 'failed':
          return undefined
        case 'raw tokens':
          return this.#token(frame, connection)
        case 'authenticate':
          return this.#authenticate(decodeRequestHeader(frame), connection)
        default:
          return this.#request(frame, connection)
      }
    } catch (error) {
      return this.#fail(connection, messageOf(error), undefined)
    }
  }

  #request(frame: Buffer, connection: Connection): Answer | Promise<Answer> {
    const header = decodeRequestHeader(frame)
    if (header.apiKey === ApiVersions.key && this.#state === 'versions or handshake') {
      const answer = this.#options.apiVersions(frame, connection)
      if (includes(ApiVersions.request.versions, header.apiVersion)) this.#state = 'handshake'
      return answer
    }
    if (header.apiKey === SaslHandshake.key) return this.#handshake(header, connection)
    const name = apiByKey(header.apiKey)?.name
    return this.#fail(
      connection,
      `${name} before logging in: does the client know that it must (security.protocol, sasl.mechanism)?`,
      undefined,
    )
  }

  #handshake(header: RequestHeader, connection: Connection): Answer | Promise<Answer> {
    if (!includes(SaslHandshake.request.versions, header.apiVersion))
      return this.#fail(connection, 'SaslHandshake in a version that is not served', undefined)
    const { mechanism } = decode(SaslHandshake.request, header.apiVersion, header.reader)
    const { mechanisms } = this.#options
    const answer = (error: 'NONE' | 'UNSUPPORTED_SASL_MECHANISM'): Answer =>
      encodeResponse(SaslHandshake, header.apiVersion, header.correlationId, {
        errorCode: errorCode(error),
        mechanisms: [...mechanisms.keys()],
      })
    const offered = mechanisms.get(mechanism)
    if (offered === undefined) return this.#fail(connection, 'a mechanism that is not offered', answer('UNSUPPORTED_SASL_MECHANISM'))
    this.#wrongMechanism = this.#mechanism !== '' && this.#mechanism !== mechanism
    if (!this.#wrongMechanism) this.#mechanism = mechanism
    this.#server = offered.server()
    this.#state = header.apiVersion === 0 ? 'raw tokens' : 'authenticate'
    return answer('NONE')
  }

  async #authenticate(header: RequestHeader, connection: Connection): Promise<Answer> {
    const { apiKey, apiVersion, correlationId } = header
    if (apiKey !== SaslAuthenticate.key) {
      const api = apiByKey(apiKey)!
      const body = includes(api.request.versions, apiVersion)
        ? bodyWithError(api.response, errorCode('ILLEGAL_SASL_STATE'), `${api.name} in the middle of logging in`)
        : undefined
      const answer = body === undefined ? undefined : encodeResponse(api, apiVersion, correlationId, body)
      return this.#fail(connection, `${api.name} in the middle of logging in`, answer)
    }
    if (!includes(SaslAuthenticate.request.versions, apiVersion))
      return this.#fail(connection, 'SaslAuthenticate in a version that is not served', undefined)
    const { authBytes } = decode(SaslAuthenticate.request, apiVersion, header.reader)
    try {
      const step = await this.#evaluate(authBytes)
      const sessionLifetimeMs = step.principal === undefined ? 0 : this.#complete(step)
      return encodeResponse(SaslAuthenticate, apiVersion, correlationId, {
        errorCode: 0,
        errorMessage: null,
        authBytes: step.challenge,
        sessionLifetimeMs,
      })
    } catch (error) {
      const told = error instanceof SaslRefused ? error.tellsClient : undefined
      const when = this.#completedAt === -Infinity ? 'authentication' : 're-authentication'
      const answer = encodeResponse(SaslAuthenticate, apiVersion, correlationId, {
        errorCode: errorCode('SASL_AUTHENTICATION_FAILED'),
        errorMessage: told ?? `Authentication failed during ${when} due to invalid credentials with SASL mechanism ${this.#mechanism}`,
        authBytes: Buffer.alloc(0),
      })
      return this.#fail(connection, messageOf(error), this.#wrongMechanism ? undefined : answer)
    }
  }

  async #token(token: Buffer, connection: Connection): Promise<Answer> {
    try {
      const step = await this.#evaluate(token)
      if (step.principal !== undefined) this.#complete(step)
      const length = Buffer.alloc(4)
      length.writeInt32BE(step.challenge.length)
      return [length, step.challenge]
    } catch (error) {
      return this.#fail(connection, messageOf(error), undefined)
    }
  }

  async #evaluate(token: Buffer): Promise<SaslStep> {
    if (this.#wrongMechanism) throw new SaslRefused(`another mechanism than the first time, which was ${this.#mechanism}`)
    const step = await this.#server!.evaluate(token)
    const { session } = this.#options
    if (step.principal !== undefined && this.#completedAt !== -Infinity && step.principal !== session.principal) {
      const change = `from ${session.principal.replace(':', '.')}: ${step.principal.replace(':', '.')}`
      throw new SaslRefused('another user than the first time', `Cannot change principals during re-authentication ${change}`)
    }
    return step
  }

  /** Answers for how many milliseconds the log-in is good; 0 for as long as the connection lives. */
  #complete({ principal, expiresAt }: SaslStep): number {
    const { clock, session, mechanisms, onComplete } = this.#options
    const { maxReauthMs } = mechanisms.get(this.#mechanism)!
    const lifetimes = [
      ...(maxReauthMs > 0 ? [maxReauthMs] : []),
      ...(expiresAt === undefined ? [] : [Math.max(0, expiresAt - clock.now())]),
    ]
    this.#completedAt = clock.monotonic()
    this.#expiresAt = lifetimes.length === 0 ? Infinity : this.#completedAt + Math.min(...lifetimes)
    this.#server = undefined
    this.#state = 'complete'
    session.loggedIn(principal!)
    onComplete()
    return lifetimes.length === 0 ? 0 : Math.min(...lifetimes)
  }

  /** Says no, but not at once (KIP-306): who tries passwords shall wait. */
  async #fail(connection: Connection, why: string, answer: Answer): Promise<Answer> {
    const { clock, logger, session, failureDelayMs } = this.#options
    this.#state = 'failed'
    this.#server = undefined
    logger.warn(
      { remote: session.remote, listener: session.listener.name, mechanism: this.#mechanism, reason: why },
      `log-in of ${session.remote} at ${session.listener.name} failed: ${why}`,
    )
    // After the frame has been taken: its slot keeps the connection open until it is answered.
    await Promise.resolve()
    connection.finish()
    if (failureDelayMs > 0) await sleep(clock, failureDelayMs)
    return answer
  }
}
