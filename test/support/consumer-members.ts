import type { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { encodeVersioned, decodeVersioned } from '../../core/protocol/versioned.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../core/protocol/messages/consumer-protocol.ts'
import { KafkaError } from '../../core/protocol/errors.ts'
import { listOf, setsOf } from '../../core/coordinator/partitions.ts'
import type { JoinReply } from '../../core/coordinator/group-replies.ts'
import type { MemoryTopics } from './memory-topics.ts'

export type Owned = ReadonlySet<string>

/** A member of a group as a client plays it: what it believes to own, and what it does when told. */
export interface TestMember {
  readonly name: string
  /** `topic-partition`, as the member sees it. */
  owned: Set<string>
  epoch: number
  /** False when it has to begin anew. */
  joined: boolean
  readonly options: MemberOptions
  /** Gives up everything, to begin anew. */
  reset(): void
  beat(groups: GroupCoordinator, lost?: boolean): Promise<string>
  leave(groups: GroupCoordinator): Promise<string>
}

export interface MemberOptions {
  topics?: string[]
  regex?: string
  instanceId?: string
  assignor?: string
  rebalanceTimeoutMs?: number
}

const nameOf = (error: unknown): string => {
  if (error instanceof KafkaError) return error.kafkaCode
  throw error
}

/** Speaks the new protocol (KIP-848), as a client does that reports what it owns only when that is what it was told to own. */
export class NewMember implements TestMember {
  readonly name: string
  readonly group: string
  readonly options: MemberOptions
  readonly #topics: MemoryTopics
  owned: Set<string>
  epoch: number
  joined: boolean
  /** Told, and not yet acted upon. */
  pending: Map<string, Set<number>> | null
  #acknowledges: boolean
  /** The answer before did not come: everything is said again, and the answer then says everything as well. */
  #repeats: boolean

  constructor(name: string, topics: MemoryTopics, options: MemberOptions = {}, group = 'g') {
    this.name = name
    this.group = group
    this.options = options
    this.#topics = topics
    this.owned = new Set()
    this.epoch = 0
    this.joined = false
    this.pending = null
    this.#acknowledges = false
    this.#repeats = false
  }

  /** Gives up what it shall not have any more, and takes what it shall have. */
  reconcile(): void {
    if (this.pending === null) return
    this.owned = new Set()
    for (const [topicId, ids] of this.pending) {
      for (const id of ids) this.owned.add(`${this.#topics.byId(topicId)?.name ?? topicId}-${id}`)
    }
    this.pending = null
    this.#acknowledges = true
  }

  async beat(groups: GroupCoordinator, lost = false): Promise<string> {
    const joins = !this.joined
    const { options } = this
    if (this.#repeats && !joins) {
      this.reconcile()
      this.#acknowledges = true
    }
    const says = joins || this.#repeats
    if (joins) {
      this.owned = new Set()
      this.pending = null
      this.epoch = 0
    }
    const request = {
      memberId: this.name,
      memberEpoch: this.epoch,
      instanceId: options.instanceId ?? null,
      rackId: null,
      rebalanceTimeoutMs: says ? (options.rebalanceTimeoutMs ?? 60_000) : -1,
      clientId: 'c',
      clientHost: '/h',
      topicNames: says ? (options.topics ?? []) : null,
      topicRegex: says ? (options.regex ?? null) : null,
      serverAssignor: says ? (options.assignor ?? null) : null,
      owned: joins ? new Map() : this.#acknowledges ? this.#byId() : null,
      mayDescribe: () => true,
    }
    try {
      const reply = await groups.consumerHeartbeat(this.group, request)
      if (lost) {
        this.#repeats = true
        return 'LOST'
      }
      this.joined = true
      this.#repeats = false
      this.epoch = reply.memberEpoch
      if (reply.assignment !== null) this.pending = setsOf(reply.assignment)
      this.#acknowledges = false
      return 'NONE'
    } catch (error) {
      const name = nameOf(error)
      if (['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID', 'GROUP_ID_NOT_FOUND', 'FENCED_INSTANCE_ID'].includes(name)) this.reset()
      return name
    }
  }

  reset(): void {
    this.owned = new Set()
    this.pending = null
    this.joined = false
  }

  #byId(): Map<string, Set<number>> {
    const list = [...this.owned].map((each) => {
      const cut = each.lastIndexOf('-')
      return { topicId: this.#topics.get(each.slice(0, cut))?.id ?? each.slice(0, cut), partitions: [Number(each.slice(cut + 1))] }
    })
    return setsOf(list)
  }

  async leave(groups: GroupCoordinator, epoch = -1): Promise<string> {
    this.reset()
    const request = { memberId: this.name, memberEpoch: epoch, instanceId: this.options.instanceId ?? null, rackId: null, owned: null }
    const nothing = { rebalanceTimeoutMs: -1, clientId: 'c', clientHost: '/h', topicNames: null, topicRegex: null, serverAssignor: null }
    try {
      await groups.consumerHeartbeat(this.group, { ...request, ...nothing, mayDescribe: () => true })
      return 'NONE'
    } catch (error) {
      return nameOf(error)
    }
  }
}

/** Speaks the classic protocol, and gives up everything before it joins again, or (cooperative) only what it does not get back. */
export class ClassicMember implements TestMember {
  readonly name: string
  readonly group: string
  readonly options: MemberOptions & { cooperative?: boolean }
  owned: Set<string>
  epoch: number
  joined: boolean
  memberId: string
  #rejoins: boolean
  readonly #topics: MemoryTopics

  constructor(name: string, topics: MemoryTopics, options: MemberOptions & { cooperative?: boolean } = {}, group = 'g') {
    this.name = name
    this.group = group
    this.options = options
    this.#topics = topics
    this.owned = new Set()
    this.epoch = -1
    this.joined = false
    this.memberId = ''
    this.#rejoins = true
  }

  async beat(groups: GroupCoordinator, lost = false): Promise<string> {
    try {
      if (this.#rejoins || !this.joined) return await this.#rejoin(groups, lost)
      const error = groups.heartbeat(this.group, {
        memberId: this.memberId,
        instanceId: this.options.instanceId ?? null,
        generation: this.epoch,
      })
      if (lost) return 'LOST'
      return this.#told(error)
    } catch (error) {
      return this.#told(nameOf(error))
    }
  }

  #told(error: string): string {
    if (error === 'REBALANCE_IN_PROGRESS') this.#rejoins = true
    else if (error !== 'NONE') {
      this.reset()
      if (error !== 'ILLEGAL_GENERATION') this.memberId = ''
    }
    return error
  }

  reset(): void {
    this.owned = new Set()
    this.joined = false
    this.#rejoins = true
  }

  async #rejoin(groups: GroupCoordinator, lost: boolean): Promise<string> {
    if (this.options.cooperative !== true) this.owned = new Set()
    const joined = await groups.join(this.group, {
      memberId: this.memberId,
      instanceId: this.options.instanceId ?? null,
      clientId: 'c',
      clientHost: '/h',
      protocolType: 'consumer',
      protocols: [{ name: this.options.cooperative === true ? 'cooperative-sticky' : 'range', metadata: this.#subscription() }],
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? 60_000,
      requiresKnownMemberId: true,
      supportsSkippingAssignment: true,
    })
    if (joined.error === 'MEMBER_ID_REQUIRED') {
      this.memberId = joined.memberId
      return joined.error
    }
    if (joined.error !== 'NONE') return this.#told(joined.error)
    if (lost) return 'LOST'
    this.memberId = joined.memberId
    this.epoch = joined.generation
    this.joined = true
    const identity = { memberId: this.memberId, instanceId: this.options.instanceId ?? null }
    const protocol = { protocolType: joined.protocolType, protocolName: joined.protocolName }
    const assignments = joined.leader === joined.memberId && !joined.skipAssignment ? this.#assign(joined.members) : []
    const synced = await groups.sync(this.group, { ...identity, generation: this.epoch, ...protocol, assignments })
    if (synced.error !== 'NONE') return this.#told(synced.error)
    const assigned = decodeVersioned(ConsumerProtocolAssignment, synced.assignment, 'as newest').assignedPartitions
    const before = this.owned
    this.owned = new Set(assigned.flatMap(({ topic, partitions }) => partitions.map((id) => `${topic}-${id}`)))
    // Whoever has given something up tells so by joining again.
    this.#rejoins = this.options.cooperative === true && [...before].some((each) => !this.owned.has(each))
    return 'NONE'
  }

  /** The leader's part in a group of the classic protocol: partitions in turn. */
  #assign(members: JoinReply['members']): { memberId: string; assignment: Buffer }[] {
    const lists = members.map(({ metadata }) => ({
      topics: decodeVersioned(ConsumerProtocolSubscription, metadata).topics,
      all: new Map<string, number[]>(),
    }))
    for (const topic of new Set(lists.flatMap(({ topics }) => topics))) {
      const subscribers = lists.filter(({ topics }) => topics.includes(topic))
      for (let id = 0; id < (this.#topics.get(topic)?.partitions ?? 0); id++) {
        const { all } = subscribers[id % subscribers.length]!
        all.set(topic, [...(all.get(topic) ?? []), id])
      }
    }
    return members.map(({ memberId }, i) => {
      const assignedPartitions = [...lists[i]!.all].map(([topic, partitions]) => ({ topic, partitions }))
      return { memberId, assignment: encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions }) }
    })
  }

  #subscription(): Buffer {
    const lists = setsOf(
      [...this.owned].map((each) => {
        const cut = each.lastIndexOf('-')
        return { topicId: each.slice(0, cut), partitions: [Number(each.slice(cut + 1))] }
      }),
    )
    const ownedPartitions = listOf(lists).map(({ topicId, partitions }) => ({ topic: topicId, partitions }))
    return encodeVersioned(ConsumerProtocolSubscription, 1, { topics: this.options.topics ?? [], ownedPartitions })
  }

  async leave(groups: GroupCoordinator): Promise<string> {
    const { memberId } = this
    this.reset()
    this.memberId = ''
    try {
      return (await groups.leave(this.group, [{ memberId, instanceId: this.options.instanceId ?? null }]))[0]!
    } catch (error) {
      return nameOf(error)
    }
  }
}
