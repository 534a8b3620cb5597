import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { EventHub } from '../base/event-hub.ts'
import type { Logger } from '../base/logger.ts'

/** From one line about the same trouble to the next, at first; doubled with each line up to the longest. */
const REPEAT_MS = 10_000
const REPEAT_MAX_MS = 300_000

interface Trouble {
  readonly since: number
  times: number
  /** Milliseconds of throttling; 0 for others. */
  sum: number
  nextLineAt: number
  pauseMs: number
}

/**
 * What goes wrong with the brokers of a cluster, as a person at night wants to read it: a line when it begins, one now and then while it lasts,
 * and one when it is over; never one per retry.
 */
export class Incidents {
  readonly events: EventHub<{ error: { message: string; cause: unknown } }>
  readonly #clock: Clock
  readonly #logger: Logger
  /** By address: as many as there are brokers. */
  readonly #unreachable: Map<string, Trouble>
  readonly #throttled: Map<string, Trouble>
  readonly #coordinators: Map<string, number>

  constructor(clock: Clock, logger: Logger) {
    this.events = new EventHub()
    this.#clock = clock
    this.#logger = logger
    this.#unreachable = new Map()
    this.#throttled = new Map()
    this.#coordinators = new Map()
  }

  /** A connection ended, and not by us. Brokers end idle ones too. */
  lost(remote: string, cause: Error | undefined): void {
    const why = cause === undefined ? 'the broker ended it' : messageOf(cause)
    this.#logger.info({ broker: remote, cause: why }, 'client: a connection was lost')
  }

  /** An attempt to connect failed. */
  unreachable(remote: string, cause: unknown): void {
    const trouble = this.#note(this.#unreachable, remote, 0)
    if (trouble === undefined) return
    const { times: attempts, since } = trouble
    const forMs = Math.round(this.#clock.monotonic() - since)
    this.#logger.warn({ broker: remote, attempts, forMs, cause: messageOf(cause) }, 'client: a broker cannot be reached')
    this.events.emit('error', { message: `broker ${remote} cannot be reached: ${messageOf(cause)}`, cause })
  }

  /** An attempt to connect succeeded. */
  reached(remote: string): void {
    const trouble = this.#unreachable.get(remote)
    if (trouble === undefined) return
    this.#unreachable.delete(remote)
    const afterMs = Math.round(this.#clock.monotonic() - trouble.since)
    this.#logger.info({ broker: remote, attempts: trouble.times, afterMs }, 'client: a broker is reached again')
  }

  /** The broker makes us wait, since a quota is used up. */
  throttled(remote: string, api: string, throttleTimeMs: number): void {
    const key = `${remote} ${api}`
    const trouble = this.#note(this.#throttled, key, throttleTimeMs)
    if (trouble === undefined) return
    const { times: answers, sum: throttledMs } = trouble
    this.#logger.warn({ broker: remote, api, throttleTimeMs, answers, throttledMs }, 'client: a quota is used up, the broker throttles')
    const message = `broker ${remote} throttles ${api} by ${throttleTimeMs} ms`
    this.events.emit('error', { message, cause: undefined })
  }

  /** Who coordinates a group or transactional id. */
  coordinator(what: string, node: number): void {
    const before = this.#coordinators.get(what)
    this.#coordinators.set(what, node)
    if (before === undefined) this.#logger.debug({ what, broker: node }, 'client: found the coordinator')
    else if (before !== node) this.#logger.info({ what, from: before, broker: node }, 'client: the coordinator has moved')
  }

  /** Counts it. Undefined: there was a line about it a moment ago. */
  #note(troubles: Map<string, Trouble>, key: string, amount: number): Trouble | undefined {
    const now = this.#clock.monotonic()
    let trouble = troubles.get(key)
    // What was quiet for as long as the longest pause is over, and begins anew.
    if (trouble === undefined || now - trouble.nextLineAt > REPEAT_MAX_MS) {
      trouble = { since: now, times: 0, sum: 0, nextLineAt: now, pauseMs: REPEAT_MS }
      troubles.set(key, trouble)
    }
    trouble.times++
    trouble.sum += amount
    if (now < trouble.nextLineAt) return undefined
    trouble.nextLineAt = now + trouble.pauseMs
    trouble.pauseMs = Math.min(trouble.pauseMs * 2, REPEAT_MAX_MS)
    return trouble
  }
}
