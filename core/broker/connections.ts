import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Backlog } from '../net/backlog.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import { Connection } from '../net/connection.ts'
import type { Answer } from '../net/connection.ts'
import type { Transport } from '../net/transport.ts'
import type { Session } from './session.ts'

/** How long a stopping broker waits for answers to leave and clients to go. */
const FINISH_MS = 3000

/** How long a client may leave an answer with us while the backlog is full: clients themselves give up after so long (`request.timeout.ms`). */
const STALLED_MS_MAX = 30_000

const GONE = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

export interface ConnectionsOptions {
  handle: (frame: Buffer, connection: Connection, session: Session) => Answer | Promise<Answer>
  backlog: Backlog
  clock: Clock
  logger: Logger
  /** A connection that says nothing for this long is ended. */
  idleMs: number
  /** Trimmed now and then. */
  buffers: BufferPool
}

/** All open connections of a broker. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open: Set<Connection>
  #made: number
  #sweep: Timer | undefined
  #relief: Timer | undefined
  #onEmpty: (() => void) | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#open = new Set()
    this.#made = 0
    this.#sweep = undefined
    this.#relief = undefined
    options.backlog.onFull = () => (this.#relief ??= this.#relieveLater())
    this.#onEmpty = undefined
  }

  get size(): number {
    return this.#open.size
  }

  add(transport: Transport, session: Session): void {
    const { clock, backlog } = this.#options
    const handle = (frame: Buffer, from: Connection): Answer | Promise<Answer> => this.#options.handle(frame, from, session)
    const onClose = (closed: Connection, error?: Error): void => this.#closed(closed, error)
    const connection = new Connection(transport, { handle, clock, backlog, number: this.#made++, onClose })
    this.#open.add(connection)
    this.#sweep ??= this.#sweepLater()
  }

  /** Answers what has been asked, reads no more, and ends every connection; those that do not go are cut. */
  async finish(): Promise<void> {
    this.#sweep?.cancel()
    this.#relief?.cancel()
    if (this.#open.size === 0) return
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve))
    for (const connection of this.#open) connection.finish()
    const patience = setTimeout(() => this.#cut(), FINISH_MS)
    await empty
    clearTimeout(patience)
  }

  #cut(): void {
    for (const connection of this.#open) connection.destroy()
  }

  #closed(connection: Connection, error: Error | undefined): void {
    this.#open.delete(connection)
    if (error !== undefined && !isGone(error)) {
      this.#options.logger.warn({ remote: connection.remote, err: error }, `connection of ${connection.remote} ended: ${error.message}`)
    }
    if (this.#open.size === 0) {
      this.#options.buffers.trim()
      this.#sweep?.cancel()
      this.#sweep = undefined
      this.#relief?.cancel()
      this.#relief = undefined
      this.#onEmpty?.()
    }
  }

  /** As long as the backlog is full, those who have not read for long lose their connection, and what waits for them. */
  #relieveLater(): Timer {
    const { backlog, clock, logger } = this.#options
    return clock.after(1000, () => {
      for (const connection of this.#open) {
        if (!backlog.isFull) break
        if (connection.stalledMs < STALLED_MS_MAX) continue
        const { remote } = connection
        logger.warn(
          { remote, backlogBytes: backlog.bytes },
          `closing the connection of ${remote}, which does not read its answers, to free memory`,
        )
        connection.destroy()
      }
      this.#relief = backlog.isFull && this.#open.size > 0 ? this.#relieveLater() : undefined
    })
  }

  #sweepLater(): Timer {
    return this.#options.clock.after(Math.max(1000, this.#options.idleMs / 4), () => {
      this.#options.buffers.trim()
      for (const connection of this.#open) if (connection.idleMs > this.#options.idleMs) connection.destroy()
      this.#sweep = this.#open.size === 0 ? undefined : this.#sweepLater()
    })
  }
}

/** The other side went away: that is how connections end, and not worth a warning. */
function isGone(error: Error): boolean {
  return GONE.has((error as NodeJS.ErrnoException).code ?? '')
}
