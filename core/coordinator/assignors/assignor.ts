import type { Partitions } from '../partitions.ts'

/** A member as assignors see it. */
export interface AssignorMember {
  readonly id: string
  readonly instanceId: string | null
  /** Ids of the topics it wants that exist. */
  readonly topicIds: ReadonlySet<string>
  /** What it was to have before. */
  readonly previous: Partitions
}

export interface AssignorInput {
  /** In the order of their ids. */
  readonly members: readonly AssignorMember[]
  /** Partitions of each topic that a member wants. */
  readonly partitionsOf: (topicId: string) => number
}

export type TargetAssignment = Map<string, Map<string, Set<number>>>

/** Says who shall have which partitions. */
export type Assignor = (input: AssignorInput) => TargetAssignment

/** True when all members want the same topics. */
export function isHomogeneous(members: readonly AssignorMember[]): boolean {
  const first = members[0]?.topicIds
  if (first === undefined) return true
  return members.every(({ topicIds }) => topicIds.size === first.size && [...topicIds].every((id) => first.has(id)))
}
