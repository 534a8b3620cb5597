import type { Clock } from '../base/clock.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { Assignment } from './assignment.ts'
import type { GroupMember } from './group-member.ts'
import type { RebalanceListener } from './types.ts'

export interface RebalancesOptions {
  clock: Clock
  member: GroupMember
  /** The partitions that are read: emptied before a join, filled after it. */
  assignment: Assignment
  onAssigned: () => void
}

/** Takes a consumer through rebalances, inside of poll: partitions are given up, the group is joined, partitions are received. */
export class Rebalances {
  listener: RebalanceListener
  readonly #options: RebalancesOptions
  #joining: Promise<TopicPartition[]> | undefined

  constructor(options: RebalancesOptions) {
    this.listener = {}
    this.#options = options
    this.#joining = undefined
  }

  /**
   * Sees to a rebalance that is due. A join that takes longer than the poll goes on, and the next poll takes it up.
   *
   * @returns false: the time is over and the group has not settled
   */
  async settle(deadline: number): Promise<boolean> {
    const { member } = this.#options
    if (member.fatal !== undefined) throw member.fatal
    while (member.joinNeeded || this.#joining !== undefined) {
      if (this.#joining === undefined) {
        await this.#give()
        this.#joining = member.join()
        // It is awaited by this poll or by a later one.
        this.#joining.catch(() => {})
      }
      const assigned = await this.#within(this.#joining, deadline)
      if (assigned === undefined) return false
      this.#joining = undefined
      await this.#receive(assigned)
    }
    return true
  }

  /** Gives all partitions up, as the eager protocol wants before each join. */
  async #give(): Promise<void> {
    const { member, assignment } = this.#options
    const partitions = assignment.partitions()
    if (partitions.length > 0) {
      if (member.lost) await this.listener.onLost?.(partitions)
      else await this.listener.onRevoked?.(partitions)
    }
    assignment.clear()
  }

  async #receive(assigned: readonly TopicPartition[]): Promise<void> {
    const { assignment, onAssigned } = this.#options
    for (const tp of assigned) assignment.add(tp, 'committed')
    await this.listener.onAssigned?.(assignment.partitions())
    onAssigned()
  }

  async #within<T>(work: Promise<T>, deadline: number): Promise<T | undefined> {
    const { clock } = this.#options
    let timer: { cancel(): void } | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = clock.after(Math.max(0, deadline - clock.monotonic()), () => resolve(undefined))
    })
    try {
      return await Promise.race([work, late])
    } catch (error) {
      this.#joining = undefined
      throw error
    } finally {
      timer?.cancel()
    }
  }
}
