import type { Principal } from './principal.ts'

/** One step of a log-in, as the broker sees it. */
export interface SaslStep {
  /** What is sent to the client. */
  readonly challenge: Buffer
  /** Who the client is, once that is proven. */
  readonly principal?: Principal
  /** When what the client logged in with stops being valid, in milliseconds since 1970. */
  readonly expiresAt?: number
}

/** The broker's side of one log-in by one mechanism. */
export interface SaslServer {
  /**
   * @param response is lent for the time of the call: what is looked at later must be copied
   * @throws SaslRefused
   */
  evaluate(response: Buffer): SaslStep | Promise<SaslStep>
}

/** Makes a fresh {@link SaslServer} for each log-in. */
export type SaslServerFactory = () => SaslServer

/**
 * The log-in has failed.
 * The message is for our log. What the client is told never says whether the user exists; `tellsClient` is for what may be said.
 */
export class SaslRefused extends Error {
  readonly tellsClient: string | undefined

  constructor(message: string, tellsClient?: string) {
    super(message)
    this.name = 'SaslRefused'
    this.tellsClient = tellsClient
  }
}

/** The client's side of one log-in. */
export interface SaslClient {
  /** What is sent first. */
  first(): Promise<Buffer>
  /** The answer to a challenge; undefined when the log-in is complete. @throws MoldauError AUTHENTICATION_FAILED */
  next(challenge: Buffer): Promise<Buffer | undefined>
}

export const EMPTY_CHALLENGE: Buffer = Buffer.alloc(0)
