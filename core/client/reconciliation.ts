/** A partition by the id of its topic: a topic that is created again under its name is another one. */
export interface TopicIdPartition {
  readonly topicId: string
  readonly partition: number
}

/** What a heartbeat is to say. */
export interface Beat {
  /** 0 joins. */
  readonly epoch: number
  /** Null: as in the heartbeat before. */
  readonly owned: readonly TopicIdPartition[] | null
  /** Everything is to be said again, because the coordinator may not have heard, or we its answer. */
  readonly full: boolean
}

export const idKey = ({ topicId, partition }: TopicIdPartition): string => `${topicId}-${partition}`

/**
 * A member of a group of KIP-848 on its way from the partitions that it holds to those that the coordinator wants it to hold; no I/O.
 * The rule that keeps a partition from having two owners: the member never says that it owns less than it may come to own with what it has
 * been told. The coordinator gives a partition away only when it has heard that.
 */
export class Reconciliation {
  #epoch: number
  #told: boolean
  #owes: boolean
  #target: ReadonlyMap<string, TopicIdPartition>
  #held: ReadonlyMap<string, TopicIdPartition>
  #taking: ReadonlyMap<string, TopicIdPartition> | undefined

  constructor() {
    this.#epoch = 0
    this.#told = false
    this.#owes = false
    this.#target = new Map()
    this.#held = new Map()
    this.#taking = undefined
  }

  /** The member's epoch; 0 while it is none. */
  get epoch(): number {
    return this.#epoch
  }

  get target(): Iterable<TopicIdPartition> {
    return this.#target.values()
  }

  /** The coordinator waits to hear what the member holds now, and no step that is under way would change that. */
  get owes(): boolean {
    return this.#owes && this.#taking === undefined
  }

  /** Whether there is a step to take, with the topics that are known by name. */
  isDue(isKnown: (topicId: string) => boolean): boolean {
    if (this.#epoch === 0 || this.#taking !== undefined) return false
    for (const key of this.#held.keys()) if (!this.#target.has(key)) return true
    for (const [key, { topicId }] of this.#target) if (!this.#held.has(key) && isKnown(topicId)) return true
    return false
  }

  /** What the next heartbeat says. It counts as said until {@link Reconciliation.failed}. */
  beat(): Beat {
    const full = !this.#told
    const owned = full || this.owes ? this.#mayOwn() : null
    this.#told = true
    if (this.owes) this.#owes = false
    return { epoch: this.#epoch, owned, full }
  }

  /** @param assignment null: as told before */
  answered(epoch: number, assignment: readonly TopicIdPartition[] | null): void {
    this.#epoch = epoch
    if (assignment === null) return
    const target = byKey(assignment)
    // What is taken back before a step was made for it leaves no step to make, and has to be acknowledged all the same.
    this.#owes ||= [...this.#target.keys()].some((key) => !target.has(key))
    this.#target = target
  }

  /** Nobody knows whether the coordinator has had the last heartbeat, or there is more to say than usual. */
  failed(): void {
    this.#told = false
  }

  /** Takes the step that is due. Returns what the member holds when it is done. */
  begin(isKnown: (topicId: string) => boolean): TopicIdPartition[] {
    const meant = [...this.#target.values()].filter((tp) => this.#held.has(idKey(tp)) || isKnown(tp.topicId))
    this.#taking = byKey(meant)
    return meant
  }

  /** The step is done, and this is what the member holds. */
  finished(held: readonly TopicIdPartition[]): void {
    this.#taking = undefined
    this.#held = byKey(held)
    this.#owes = true
  }

  /** The coordinator has given the member up, or it has left: it holds nothing, and may join. */
  lose(): void {
    this.#epoch = 0
    this.#told = false
    this.#owes = false
    this.#target = new Map()
    this.#held = new Map()
    this.#taking = undefined
  }

  #mayOwn(): TopicIdPartition[] {
    return [...new Map([...this.#held, ...(this.#taking ?? []), ...this.#target]).values()]
  }
}

function byKey(partitions: readonly TopicIdPartition[]): Map<string, TopicIdPartition> {
  return new Map(partitions.map((tp) => [idKey(tp), tp]))
}
