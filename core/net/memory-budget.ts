import type { Clock, Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'

/** How long a request may take to arrive while others wait for memory: clients themselves give up after so long (`request.timeout.ms`). */
const ARRIVAL_MS_MAX = 30_000

/**
 * Memory that requests may take, over all connections (Kafka's `queued.max.request.bytes`): what has come of those that arrive in pieces, until they have
 * been read. Kafka counts a request that arrives by the length it claims, so that a few bytes can hold up everybody, and some of them, such as that of
 * a member who waits for the others of its group, until they are answered: then the others cannot be heard.
 *
 * When nothing is left no request begins to arrive, and of those that have begun only the first is read on: it will be complete, over the bound by its
 * own length at most, and gives its memory back. One that is not complete in time loses its connection, as long as others wait. One whose connection is
 * not read for a while, since its client is over a quota, keeps what has come, and the others go on one after the other.
 */
export class MemoryBudget {
  readonly #bytesMax: number
  readonly #clock: Clock
  /** Those that arrive, the first first. */
  readonly #begun: Set<MemoryShare>
  readonly #waiting: Map<MemoryShare, () => void>
  #used: number
  #timer: Timer | undefined

  constructor(bytesMax: number, clock: Clock) {
    this.#bytesMax = bytesMax
    this.#clock = clock
    this.#begun = new Set()
    this.#waiting = new Map()
    this.#used = 0
    this.#timer = undefined
  }

  get used(): number {
    return this.#used
  }

  /** @param cut ends the connection, whose request does not arrive */
  share(cut: (error: MoldauError) => void): MemoryShare {
    return new MemoryShare(this, cut)
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  /** Lets those go on who wait, in their order, as far as there is room. */
  give(bytes: number): void {
    this.#used -= bytes
    for (const share of Array.from(this.#waiting.keys())) {
      if (this.#used >= this.#bytesMax) break
      this.#wake(share)
    }
    this.#wakeFirst()
  }

  hasRoomFor(share: MemoryShare): boolean {
    return this.#used < this.#bytesMax || (this.#first ?? share) === share
  }

  begin(share: MemoryShare): void {
    this.#begun.add(share)
  }

  end(share: MemoryShare): void {
    this.#begun.delete(share)
  }

  /** It does not arrive any further until it begins again, nor waits for room. */
  suspend(share: MemoryShare): void {
    this.forget(share)
    if (this.#begun.delete(share)) this.#wakeFirst()
  }

  wait(share: MemoryShare, resume: () => void): void {
    this.#waiting.set(share, resume)
    this.#timer ??= this.#watch()
  }

  forget(share: MemoryShare): void {
    this.#waiting.delete(share)
    if (this.#waiting.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  get #first(): MemoryShare | undefined {
    return this.#begun.values().next().value
  }

  /** Whoever has begun first goes on; where nobody has, whoever waits first begins. */
  #wakeFirst(): void {
    const next = this.#first ?? this.#waiting.keys().next().value
    if (next !== undefined) this.#wake(next)
  }

  #wake(share: MemoryShare): void {
    const resume = this.#waiting.get(share)
    if (resume === undefined) return
    this.forget(share)
    resume()
  }

  #watch(): Timer {
    const first = this.#first
    return this.#clock.after(ARRIVAL_MS_MAX, () => {
      if (first !== undefined && first === this.#first) {
        this.end(first)
        first.cut()
      }
      this.#timer = this.#waiting.size === 0 ? undefined : this.#watch()
    })
  }
}

/** What one connection has of a {@link MemoryBudget} for the request that arrives on it. */
export class MemoryShare {
  readonly #budget: MemoryBudget
  readonly #cut: (error: MoldauError) => void
  #taken: number

  constructor(budget: MemoryBudget, cut: (error: MoldauError) => void) {
    this.#budget = budget
    this.#cut = cut
    this.#taken = 0
  }

  /** False when nothing more may be read: then {@link whenRoom}. */
  get hasRoom(): boolean {
    return this.#budget.hasRoomFor(this)
  }

  /** So many bytes of a request have come. */
  take(bytes: number): void {
    if (this.#taken === 0) this.#budget.begin(this)
    this.#taken += bytes
    this.#budget.take(bytes)
  }

  /** The request is complete; its bytes are still here. */
  complete(): void {
    this.#budget.end(this)
  }

  /** The connection is not read for now. */
  suspend(): void {
    this.#budget.suspend(this)
  }

  /** The connection is read again. */
  resume(): void {
    if (this.#taken > 0) this.#budget.begin(this)
  }

  /** Nobody looks at the bytes of the request any more. */
  give(): void {
    const taken = this.#taken
    if (taken === 0) return
    this.#taken = 0
    this.#budget.end(this)
    this.#budget.give(taken)
  }

  /** Calls `resume` once, when there may be room again. Asked for twice it is called once. */
  whenRoom(resume: () => void): void {
    this.#budget.wait(this, resume)
  }

  /** The connection has ended. */
  release(): void {
    this.#budget.forget(this)
    this.give()
  }

  cut(): void {
    const seconds = ARRIVAL_MS_MAX / 1000
    const why = `a request was begun and is not complete after ${seconds} s, while others wait for memory (queued.max.request.bytes)`
    this.#cut(new MoldauError('TIMEOUT', why))
  }
}
