import type { Clock, Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { type DiskWork, THREADS_MAX, diskLoad, diskThreads, threadPoolSize } from '../base/thread-pool.ts'

/** Between two looks: what is found at both has taken at least so long. */
const LOOK_MS = 5000
/** Between two lines in the log. */
const REMINDER_MS = 60_000
/** What the command `moldau` asks for. */
const THREADS_WANTED = 16
/** Named in a line. */
const PATHS_MAX = 3

/** Tells when the disk takes long over a sync, and what helps when others stand in line behind it. One pool of threads serves the whole process. */
export class DiskWatch {
  readonly #clock: Clock
  readonly #logger: Logger
  #seen: ReadonlySet<DiskWork>
  #quietUntil: number
  #timer: Timer

  constructor({ clock, logger }: { clock: Clock; logger: Logger }) {
    this.#clock = clock
    this.#logger = logger
    this.#seen = new Set()
    this.#quietUntil = -Infinity
    this.#timer = this.#lookLater()
  }

  stop(): void {
    this.#timer.cancel()
  }

  #lookLater(): Timer {
    return this.#clock.after(LOOK_MS, () => {
      this.#look()
      this.#timer = this.#lookLater()
    })
  }

  #look(): void {
    const { underWay, waiting } = diskLoad()
    const slow = underWay.filter((work) => this.#seen.has(work))
    this.#seen = new Set(underWay)
    const now = this.#clock.monotonic()
    if (slow.length === 0 || now < this.#quietUntil) return
    this.#quietUntil = now + REMINDER_MS
    const paths = slow.slice(0, PATHS_MAX).map(({ path }) => path)
    this.#logger.warn(
      { slow: slow.length, paths, waiting, remedy: remedy(waiting) },
      `the disk is slow: syncs have taken more than ${LOOK_MS / 1000} s so far, and who waits for them waits as long`,
    )
  }
}

function remedy(waiting: number): string {
  if (waiting === 0) return 'see the system log, and what else uses this disk'
  const threads = threadPoolSize()
  const more = Math.min(Math.max(THREADS_WANTED, threads * 2), THREADS_MAX)
  return `all ${diskThreads()} threads that may wait for the disk do, and syncs of others stand in line behind them: start this process with UV_THREADPOOL_SIZE=${more} in its environment (now ${threads})`
}
