import type { Clock } from '../base/clock.ts'

/** How much of a token's life passes before a new one is asked for: Kafka's `sasl.login.refresh.window.factor`. */
const REFRESH_AFTER = 0.8

interface Kept {
  token: string
  /** Wall time in milliseconds since 1970. */
  refreshAt: number
  expiresAt: number
}

/**
 * Gets tokens for log-ins and keeps each until most of its life is over: the connections of a client share one, and none logs in with one that
 * is about to expire. A token that does not tell its end (no JSON Web Token with `exp`) is asked for anew each time.
 */
export class TokenCache {
  readonly #get: () => string | Promise<string>
  readonly #clock: Clock
  #kept: Kept | undefined
  #asking: Promise<string> | undefined

  constructor(get: () => string | Promise<string>, clock: Clock) {
    this.#get = get
    this.#clock = clock
    this.#kept = undefined
    this.#asking = undefined
  }

  /** @throws what the provider throws, unless there is a token that is still good */
  async token(): Promise<string> {
    const kept = this.#kept
    if (kept !== undefined && this.#clock.now() < kept.refreshAt) return kept.token
    try {
      return await (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)))
    } catch (error) {
      if (kept !== undefined && this.#clock.now() < kept.expiresAt) return kept.token
      throw error
    }
  }

  async #ask(): Promise<string> {
    const token = await this.#get()
    const expiresAt = expiryOf(token)
    const now = this.#clock.now()
    this.#kept = expiresAt === undefined ? undefined : { token, expiresAt, refreshAt: now + (expiresAt - now) * REFRESH_AFTER }
    return token
  }
}

/** Milliseconds since 1970; undefined where the token does not say. */
function expiryOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown } | null
    return typeof claims?.exp === 'number' ? claims.exp * 1000 : undefined
  } catch {
    return undefined
  }
}
