import type { AssignedMember, Assignment } from '../../core/client/assignors/assignor.ts'
import { tpKey } from '../../core/cluster/topic-partition.ts'
import type { TopicPartition } from '../../core/client/types.ts'
import { assignGroup } from '../../pipelines/assign/assign-group.ts'
import { fold, type PipelineSubscription, readAssignment, writeMessage } from '../../pipelines/assign/messages.ts'

export interface PartModel {
  readonly topics: readonly string[]
  readonly partitions: number
  readonly stateful: boolean
}

export interface GroupModelOptions {
  readonly parts: readonly PartModel[]
  readonly standbys?: number
  readonly acceptableRecoveryLag?: number
  readonly maxWarmups?: number
  /** Records in the changelogs of each task. */
  readonly stateRecords?: number
}

interface MemberModel {
  readonly process: string
  previous: readonly TopicPartition[]
  generation: number
  /** By the first partition of the task: how far its copy is. */
  copies: Map<string, { tp: TopicPartition; offset: number }>
}

/** A group of workers without a cluster: rounds of the assignor, and what members come to have between them. */
export class TaskGroup {
  readonly options: Required<GroupModelOptions>
  readonly members: Map<string, MemberModel>
  standbys: Map<string, { tp: TopicPartition; warmup: boolean }[]>
  #generation: number

  constructor(options: GroupModelOptions) {
    this.options = { standbys: 0, acceptableRecoveryLag: 10_000, maxWarmups: 2, stateRecords: 100, ...options }
    this.members = new Map()
    this.standbys = new Map()
    this.#generation = 0
  }

  join(id: string, process: string = id): void {
    this.members.set(id, { process, previous: [], generation: -1, copies: new Map() })
  }

  leave(id: string): void {
    this.members.delete(id)
  }

  /** One rebalance; members are told, and the active ones have all of the state then. @param shuffled the order in which members and parts come */
  round(shuffled: <T>(list: readonly T[]) => T[] = (list) => [...list]): Map<string, string[]> {
    const assignment = this.assign(shuffled)
    this.#generation++
    for (const [id, member] of this.members) {
      member.previous = assignment.get(id)!
      member.generation = this.#generation
      const told = readAssignment(assignment.userData!.get(id)!)!
      this.standbys.set(
        id,
        told.standbys.map(({ topic, partition, warmup }) => ({ tp: { topic, partition }, warmup })),
      )
      const copies = new Map<string, { tp: TopicPartition; offset: number }>()
      for (const tp of this.#firsts(member.previous)) copies.set(tpKey(tp), { tp, offset: this.options.stateRecords })
      for (const { tp } of this.standbys.get(id)!) copies.set(tpKey(tp), member.copies.get(tpKey(tp)) ?? { tp, offset: 0 })
      member.copies = copies
    }
    return new Map([...this.members].map(([id, { previous }]) => [id, previous.map(tpKey).toSorted()]))
  }

  /** All copies come to have everything. */
  warmUp(): void {
    for (const { copies } of this.members.values()) for (const copy of copies.values()) copy.offset = this.options.stateRecords
  }

  assign(shuffled: <T>(list: readonly T[]) => T[] = (list) => [...list]): Assignment {
    const { parts } = this.options
    const topics = new Map(parts.flatMap((part) => part.topics.map((topic) => [topic, Array.from({ length: part.partitions }, () => [])])))
    const members = [...this.members].map(([id, member]): AssignedMember => {
      return {
        memberId: `member-${id}`,
        groupInstanceId: id,
        topics: shuffled(parts.flatMap((part) => part.topics)),
        ownedPartitions: [],
        generation: member.generation,
        rackId: null,
        userData: writeMessage(this.#subscription(member, shuffled)),
      }
    })
    const assignment = assignGroup(shuffled(members), topics)
    const named: Assignment = new Map([...this.members.keys()].map((id) => [id, assignment.get(`member-${id}`)!]))
    named.userData = new Map([...this.members.keys()].map((id) => [id, assignment.userData!.get(`member-${id}`)!]))
    return named
  }

  /** The partition of the first topic of each stateful part that is among them: names the task. */
  #firsts(partitions: readonly TopicPartition[]): TopicPartition[] {
    const firsts = new Set(this.options.parts.filter(({ stateful }) => stateful).map(({ topics }) => topics.toSorted()[0]!))
    return partitions.filter(({ topic }) => firsts.has(topic))
  }

  #subscription({ process, previous, generation, copies }: MemberModel, shuffled: <T>(list: readonly T[]) => T[]): PipelineSubscription {
    const { standbys, acceptableRecoveryLag, maxWarmups, stateRecords, parts } = this.options
    return {
      process,
      unique: 0,
      digest: 'd',
      endpoint: '',
      standbys,
      acceptableRecoveryLag,
      maxWarmups,
      parts: shuffled(parts.map(({ topics, stateful }) => ({ topics: shuffled(topics), stateful }))),
      previous: fold(previous),
      generation,
      copies: shuffled([...copies.values()].map(({ tp, offset }) => ({ ...tp, offset, end: stateRecords }))),
    }
  }
}
