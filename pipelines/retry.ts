import { sleep } from '../core/base/clock.ts'
import { MoldauError, messageOf } from '../core/base/errors.ts'
import type { Settings } from './options.ts'

const BACKOFF_MS = 50
const BACKOFF_MAX_MS = 2000

/** Answers of the group coordinator after which a member has to join again before it may commit. */
const rejoinCodes = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'])
/** Answers that say that another process has the same identity. */
const fencedCodes = new Set(['FENCED_INSTANCE_ID', 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'])

/** The name of the protocol's error, when it is one. */
export function kafkaCode(error: unknown): string | undefined {
  return error instanceof MoldauError && 'kafkaCode' in error ? String(error.kafkaCode) : undefined
}

/** The member of the group is not what it was: what was read does not count, join again. */
export function mustRejoin(error: unknown): boolean {
  return rejoinCodes.has(kafkaCode(error) ?? '')
}

export function isFenced(error: unknown): boolean {
  return error instanceof MoldauError && (error.code === 'FENCED' || fencedCodes.has(kafkaCode(error) ?? ''))
}

/** Says who fenced whom, and what to do. */
export function fenced(settings: Settings, pipeline: string, cause: unknown): MoldauError {
  return new MoldauError(
    'FENCED',
    `pipeline "${pipeline}": another process runs it with the same applicationId '${settings.applicationId}' and instanceId ` +
      `'${settings.instanceId}', and has taken over (${messageOf(cause)}). Give each process an instanceId of its own`,
    { cause },
  )
}

/** Counts attempts of one thing: how long to wait before the next, or that it has been long enough. */
export class Patience {
  readonly #settings: Settings
  readonly #until: number
  #backoff: number

  constructor(settings: Settings) {
    this.#settings = settings
    this.#until = settings.clock.monotonic() + settings.retryMs
    this.#backoff = BACKOFF_MS
  }

  /** Waits before the next attempt. @throws the error itself when it will not pass, or has not for `retryMs` */
  async wait(error: unknown): Promise<void> {
    const retriable = error instanceof MoldauError && error.retriable && !mustRejoin(error) && !isFenced(error)
    if (!retriable || this.#settings.clock.monotonic() >= this.#until) throw error
    await sleep(this.#settings.clock, this.#backoff)
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF_MAX_MS)
  }
}
