import { type AssignedMember, type Assignment, type GroupTopics, inOrder } from '../../core/client/assignors/assignor.ts'
import { Claims } from '../../core/client/assignors/claims.ts'
import type { TopicPartition } from '../../core/client/types.ts'
import { fold, type PipelineSubscription, readSubscription, unfold, writeMessage } from './messages.ts'
import { partitionsOf, partsOf, type PartTopics, taskId } from './parts.ts'
import { keyOf } from '../slices.ts'
import { place, type Placement, type PlacingMember, type TaskToPlace } from './place.ts'

interface Member {
  readonly id: string
  readonly topics: ReadonlySet<string>
  /** undefined of a stranger in the group. */
  readonly said: PipelineSubscription | undefined
}

/** A task, by topics. */
interface Task extends TaskToPlace {
  readonly partitions: readonly TopicPartition[]
}

/**
 * Shares the tasks of a pipeline out among the workers of its group: see {@link place}. Tells each what to keep copies of, and who has
 * what.
 */
export function assignGroup(group: readonly AssignedMember[], topics: GroupTopics): Assignment {
  const members = inOrder(group).map((member): Member => ({
    id: member.memberId,
    topics: new Set(member.topics),
    said: readSubscription(member.userData),
  }))
  const tasks = partsOf(
    members.flatMap(({ said }) => said?.parts ?? []),
    topics,
  ).flatMap((part) => tasksOf(part, members, topics))
  const byPartition = new Map(tasks.flatMap((task) => task.partitions.map((partition) => [keyOf(partition), task] as const)))
  const ends = endsOf(members, byPartition)
  const placing = placingMembers(members, byPartition, ends)
  const most = (of: (said: PipelineSubscription) => number): number => Math.max(0, ...members.map(({ said }) => (said ? of(said) : 0)))
  const placement = place(tasks, placing, (task) => ends.get(task.id) ?? 0, {
    standbys: most(({ standbys }) => standbys),
    acceptableRecoveryLag: most(({ acceptableRecoveryLag }) => acceptableRecoveryLag),
    maxWarmups: most(({ maxWarmups }) => maxWarmups),
  })
  return tell(members, placement, new Map(tasks.map((task) => [task.id, task])))
}

/** The tasks of a part. When nobody knows all of its topics, each topic goes by itself. */
function tasksOf(part: PartTopics, members: readonly Member[], topics: GroupTopics): Task[] {
  const tasks: Task[] = []
  for (let partition = 0; partition < part.partitions; partition++) {
    const partitions = partitionsOf(part, partition, topics)
    const able = membersWith(partitions, members)
    const groups = able.length > 0 ? [partitions] : partitions.map((one) => [one])
    for (const each of groups) {
      const only = each.length < partitions.length ? { ...part, key: each[0]!.topic } : part
      const { key, stateful } = only
      tasks.push({ id: taskId(only, partition), part: key, stateful, members: membersWith(each, members), partitions: each })
    }
  }
  return tasks
}

function membersWith(partitions: readonly TopicPartition[], members: readonly Member[]): number[] {
  return [...members.keys()].filter((member) => partitions.every(({ topic }) => members[member]!.topics.has(topic)))
}

/** By task, how many records there are in its changelogs, as far as somebody knows. */
function endsOf(members: readonly Member[], tasks: ReadonlyMap<string, Task>): Map<string, number> {
  const ends = new Map<string, number>()
  for (const { said } of members) {
    for (const copy of said?.copies ?? []) {
      const id = tasks.get(keyOf(copy))?.id
      if (id !== undefined) ends.set(id, Math.max(ends.get(id) ?? 0, copy.end))
    }
  }
  return ends
}

function placingMembers(members: readonly Member[], tasks: ReadonlyMap<string, Task>, ends: ReadonlyMap<string, number>): PlacingMember[] {
  const claims = new Claims(
    members.map(({ id, said }) => ({ memberId: id, partitions: unfold(said?.previous ?? []), generation: said?.generation ?? -1 })),
  )
  return members.map(({ id, said }) => {
    const owned = new Set<string>()
    for (const partition of unfold(said?.previous ?? [])) {
      const task = tasks.get(keyOf(partition))
      if (task !== undefined && claims.ownerOf(partition) === id) owned.add(task.id)
    }
    const lags = new Map<string, number>()
    for (const copy of said?.copies ?? []) {
      const task = tasks.get(keyOf(copy))
      if (task !== undefined) lags.set(task.id, Math.max(0, ends.get(task.id)! - copy.offset))
    }
    return { process: said?.process ?? id, owned, lags }
  })
}

function tell(members: readonly Member[], { active, standby, warmup }: Placement, tasks: ReadonlyMap<string, Task>): Assignment {
  const partitions: Assignment = new Map(members.map(({ id }, i) => [id, active[i]!.flatMap((task) => tasks.get(task)!.partitions)]))
  const copyOf = (task: string, isWarmup: boolean) => ({ ...tasks.get(task)!.partitions[0]!, warmup: isWarmup })
  const whereabouts = members.map(({ id, said }, i) => ({
    endpoint: said?.endpoint ?? '',
    active: fold(partitions.get(id)!),
    standby: fold(standby[i]!.flatMap((task) => tasks.get(task)!.partitions)),
  }))
  const userData = new Map<string, Buffer>()
  for (const [i, { id, said }] of members.entries()) {
    if (said === undefined) continue
    const standbys = [...standby[i]!.map((task) => copyOf(task, false)), ...warmup[i]!.map((task) => copyOf(task, true))]
    userData.set(id, writeMessage({ digest: said.digest, standbys, members: whereabouts }))
  }
  partitions.userData = userData
  return partitions
}
