import { messageOf } from '../../core/base/errors.ts'
import { within } from '../../core/client/farewell.ts'
import type { Settings } from '../options.ts'
import { endOffsets } from '../restore.ts'
import { keyOf } from '../slices.ts'
import type { Assigned } from '../task-maker.ts'
import { changelogsOf, type Copy } from './copy.ts'

/** How long a rebalance waits to hear where changelogs end, in milliseconds: without it a task that comes back may have more to read. */
const ENDS_MS = 2000

interface Left {
  readonly assigned: Assigned
  /** The generation of the group in which it was worked on. */
  readonly generation: number
  /** Where its changelogs ended when it was given up; undefined when that could not be found out. */
  positions: Map<string, number> | undefined
}

/**
 * Tasks that were given up in a rebalance, with their state: an eager rebalance takes everything first and gives most of it back. What comes
 * back at once goes on as it is, what comes back later reads what others have written meanwhile.
 */
export class Suspended {
  readonly #settings: Settings
  readonly #left: Map<string, Left>

  constructor(settings: Settings) {
    this.#settings = settings
    this.#left = new Map()
  }

  add(assigned: Assigned, generation: number): void {
    this.#left.set(assigned.id, { assigned, generation, positions: undefined })
  }

  clear(): void {
    this.#left.clear()
  }

  /** Finds out where the changelogs end, as long as nobody else can write to them. Gives up after a while. */
  async locate(): Promise<void> {
    const left = [...this.#left.values()].filter(({ assigned, positions }) => positions === undefined && assigned.task.stores.length > 0)
    if (left.length === 0) return
    const all = left.map((one) => ({ one, changelogs: changelogsOf(this.#settings, one.assigned) }))
    const finding = this.#ends(all.flatMap(({ changelogs }) => changelogs))
    if (!(await within(this.#settings.clock, ENDS_MS, finding))) return
    const ends = await finding
    if (ends === undefined) return
    for (const { one, changelogs } of all) {
      // Nothing of an epoch is in flight in a copy.
      one.assigned.task.rollback()
      one.positions = new Map(changelogs.map((changelog) => [keyOf(changelog), ends.get(keyOf(changelog))!]))
    }
  }

  /** A task that nobody can have worked on since: it is given back in the next generation. */
  takeUntouched(id: string, generation: number): Assigned | undefined {
    const left = this.#left.get(id)
    if (left === undefined || generation !== left.generation + 1) return undefined
    this.#left.delete(id)
    return left.assigned
  }

  /** The state of a task as it was when it was given up. */
  takeCopy(id: string): Copy | undefined {
    const left = this.#left.get(id)
    if (left?.positions === undefined) return undefined
    this.#left.delete(id)
    return { assigned: left.assigned, positions: left.positions }
  }

  /** Those that know how much they have. */
  get copies(): Copy[] {
    return [...this.#left.values()].flatMap(({ assigned, positions }) => (positions === undefined ? [] : [{ assigned, positions }]))
  }

  async #ends(changelogs: Parameters<typeof endOffsets>[1]): Promise<Map<string, number> | undefined> {
    try {
      return await endOffsets(this.#settings, changelogs)
    } catch (error) {
      this.#settings.logger.warn({ err: error }, `the ends of changelogs could not be found out: ${messageOf(error)}`)
      return undefined
    }
  }
}
