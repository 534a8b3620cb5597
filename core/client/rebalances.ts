import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { Assignment } from './assignment.ts'
import type { Generations } from './generations.ts'
import type { MeantPartition, Membership } from './membership.ts'
import type { GroupMetadata, RebalanceListener } from './types.ts'

export interface RebalancesOptions {
  member: Membership
  generations: Generations
  /** The partitions that are read: what the member gives up is taken out, what it gets is put in. */
  assignment: Assignment
  /** Partitions are about to be given up: the last moment to commit. */
  beforeRevoked: () => Promise<void>
  onAssigned: () => void
  /** A join that was on its way has come to an end: {@link Rebalances.settle} takes it up. */
  onJoined: () => void
}

interface Hold {
  partition: MeantPartition
  /** Under which generation the member came to hold it. */
  since: GroupMetadata
}

/**
 * Takes a consumer through rebalances, inside of poll, from the partitions that it holds to those that are meant for it. What stays is read all
 * the while; only what goes is revoked, and only what is new is assigned. The eager protocol has everything given up first.
 */
export class Rebalances {
  listener: RebalanceListener
  readonly #options: RebalancesOptions
  readonly #held: Map<string, Hold>
  #joining: boolean
  #joined: { meant: readonly MeantPartition[] | undefined } | { error: unknown } | undefined
  /** Keys of what is being given up: the listener has been called for it. */
  readonly #going: Set<string>
  #ended: boolean

  constructor(options: RebalancesOptions) {
    this.listener = {}
    this.#options = options
    this.#held = new Map()
    this.#joining = false
    this.#joined = undefined
    this.#going = new Set()
    this.#ended = false
  }

  /** Whether this member holds the partition now. */
  holds(tp: TopicPartition): boolean {
    return this.#held.has(tpKey(tp))
  }

  /** Whether this member has held the partition without a break since it was `group`. */
  holdsSince(tp: TopicPartition, group: GroupMetadata): boolean {
    const hold = this.#held.get(tpKey(tp))
    return hold !== undefined && this.#options.generations.isSince(group, hold.since)
  }

  /** Of a partition that is held, where the group tells it. */
  topicIdOf(tp: TopicPartition): string | undefined {
    return this.#held.get(tpKey(tp))?.partition.topicId
  }

  /** Whether {@link Rebalances.settle} would do something. */
  get ready(): boolean {
    const { member } = this.#options
    return member.fatal !== undefined || this.#joined !== undefined || (member.due && !this.#joining)
  }

  /** Sees to a rebalance that is due. Does not wait for other members: a join goes on by itself, and a later call takes it up. */
  async settle(): Promise<void> {
    const { member } = this.#options
    while (!this.#ended) {
      if (member.fatal !== undefined) throw member.fatal
      const joined = this.#joined
      if (joined !== undefined) {
        this.#joined = undefined
        if ('error' in joined) throw joined.error
        if (joined.meant !== undefined && !member.lost) await this.#receive(joined.meant)
      } else if (!this.ready) return
      else await this.#begin()
    }
  }

  /**
   * The member is about to go, for good or for a while: nothing is held any more, and the listener hears of that while the partitions are still
   * ours. What a rebalance is giving up already is left to it.
   */
  async end(): Promise<void> {
    this.#ended = true
    await this.#give(
      this.#partitions().filter((tp) => !this.#going.has(tpKey(tp))),
      async () => {},
    )
  }

  #partitions(): MeantPartition[] {
    return Array.from(this.#held.values(), ({ partition }) => partition)
  }

  async #begin(): Promise<void> {
    const { member } = this.#options
    const held = this.#partitions()
    const kept = new Set(member.lost ? [] : member.keeps(held).map(tpKey))
    await this.#give(held.filter((tp) => !kept.has(tpKey(tp))))
    if (member.fatal !== undefined || this.#ended) return
    this.#joining = true
    void this.#join()
  }

  async #join(): Promise<void> {
    const { member, onJoined } = this.#options
    try {
      this.#joined = { meant: await member.join(this.#partitions()) }
    } catch (error) {
      this.#joined = { error }
    }
    this.#joining = false
    onJoined()
  }

  /** Partitions go, even if the listener throws. */
  async #give(partitions: readonly MeantPartition[], beforeRevoked = this.#options.beforeRevoked): Promise<void> {
    if (partitions.length === 0) return
    const { member, assignment } = this.#options
    const plain = partitions.map(({ topic, partition }) => ({ topic, partition }))
    for (const tp of partitions) this.#going.add(tpKey(tp))
    try {
      // Whose membership has ended for good has been replaced.
      if (member.lost || member.fatal !== undefined) await this.listener.onLost?.(plain)
      else {
        await beforeRevoked()
        await this.listener.onRevoked?.(plain)
      }
    } finally {
      for (const tp of partitions) {
        assignment.remove(tp)
        this.#held.delete(tpKey(tp))
        this.#going.delete(tpKey(tp))
      }
    }
  }

  /** From what is held to what is meant, whatever the listener says. */
  async #receive(meant: readonly MeantPartition[]): Promise<void> {
    const wanted = new Map(meant.map((tp) => [tpKey(tp), tp]))
    const gone = this.#partitions().filter((tp) => {
      const stays = wanted.get(tpKey(tp))
      return stays === undefined || stays.topicId !== tp.topicId
    })
    try {
      await this.#give(gone)
    } finally {
      await this.#take(meant, gone.length > 0)
    }
  }

  async #take(meant: readonly MeantPartition[], revoked: boolean): Promise<void> {
    const { member, assignment, onAssigned } = this.#options
    // Revoking may have taken so long that the group went on without this member.
    if (member.lost || member.fatal !== undefined || this.#ended) return
    const added = meant.filter((tp) => !this.#held.has(tpKey(tp)))
    const since = member.metadata
    for (const partition of added) {
      this.#held.set(tpKey(partition), { partition, since })
      assignment.add(partition, 'committed')
    }
    member.reconciled(this.#partitions(), revoked)
    try {
      await this.listener.onAssigned?.(added.map(({ topic, partition }) => ({ topic, partition })))
    } finally {
      onAssigned()
    }
  }
}
