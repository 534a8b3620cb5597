import type { GroupMetadata } from './types.ts'

/** The generations of a group that one member has been through, in order; epochs where the protocol is that of KIP-848. */
export class Generations {
  readonly #groupId: string
  readonly #groupInstanceId: string | null
  readonly #order: WeakMap<GroupMetadata, number>
  #current: GroupMetadata
  #count: number
  #ended: boolean

  constructor(groupId: string, groupInstanceId: string | null) {
    this.#groupId = groupId
    this.#groupInstanceId = groupInstanceId
    this.#order = new WeakMap()
    this.#count = 0
    this.#ended = false
    this.#current = this.#next(-1, '')
  }

  /** The same object until the generation changes. */
  get current(): GroupMetadata {
    return this.#current
  }

  set(generation: number, memberId: string): void {
    if (!this.#ended && this.#current.generation === generation && this.#current.memberId === memberId) return
    this.#ended = false
    this.#current = this.#next(generation, memberId)
  }

  /**
   * The member is none any more. It goes by its last generation until it is one again, because the coordinator refuses that: who commits as nobody
   * is trusted.
   */
  end(): void {
    this.#ended = true
  }

  /** Whether `group` is this member at `since` or after it. False for a member that is another. */
  isSince(group: GroupMetadata, since: GroupMetadata): boolean {
    const [at, first] = [this.#order.get(group), this.#order.get(since)]
    return at !== undefined && first !== undefined && at >= first
  }

  #next(generation: number, memberId: string): GroupMetadata {
    const group = Object.freeze({ groupId: this.#groupId, generation, memberId, groupInstanceId: this.#groupInstanceId })
    this.#order.set(group, this.#count++)
    return group
  }
}
